//! Equal parts of a query are computed once, with the same answer as if they were not, and a query can be explained part by part.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test ends at its first fault"
)]

use std::sync::Arc;

use promql::{Answer, Explained, Options};
use testkit::MemorySeries;

fn store() -> Arc<MemorySeries> {
    let store = MemorySeries::new();
    for (job, factor) in [("x", 1.0), ("y", 2.5)] {
        let samples = |name: &str| {
            let samples: Vec<(i64, f64)> = (0..60)
                .map(|turn| (turn * 10_000, factor * turn as f64 * (name.len() as f64)))
                .collect();
            store.add(&[("__name__", name), ("job", job)], &samples);
        };
        samples("a_total");
        samples("bb_total");
    }
    store
}

fn ask(query: &str, options: &Options) -> Answer {
    let expr = promql::parse(query).unwrap();
    promql::range(&expr, store().as_ref(), 100_000, 500_000, 30_000, options).unwrap()
}

/// The same question, once with equal parts and once with parts that differ in their text only.
fn check(shared: &str, apart: &str, reused: u64) {
    let options = Options {
        explain: true,
        ..Options::default()
    };
    let (found, plain) = (ask(shared, &options), ask(apart, &options));
    assert_eq!(found.value, plain.value, "{shared}");
    assert_eq!(found.annotations, plain.annotations, "{shared}");
    let reuses = |answer: &Answer| sum(answer.explained.as_ref().unwrap(), |part| part.reused);
    assert_eq!((reuses(&found), reuses(&plain)), (reused, 0), "{shared}");
    let read = |answer: &Answer| sum(answer.explained.as_ref().unwrap(), |part| part.read.samples);
    assert_eq!(read(&found), found.statistics.samples_read, "{shared}");
    assert!(reused == 0 || read(&found) < read(&plain), "{shared}");
    assert_eq!(ask(shared, &Options::default()).value, plain.value, "{shared}");
}

fn sum(part: &Explained, of: fn(&Explained) -> u64) -> u64 {
    of(part) + part.parts.iter().map(|part| sum(part, of)).sum::<u64>()
}

#[test]
fn equal_parts_are_computed_once() {
    check(
        "a_total / (a_total + bb_total)",
        "a_total / (a_total offset 0s + bb_total)",
        1,
    );
    check(
        "sum(rate(a_total[1m])) / count(rate(a_total[1m]))",
        "sum(rate(a_total[1m])) / count(rate(a_total[60s] offset 0s))",
        1,
    );
    check(
        "sum by (job) (a_total) > 20 and sum by (job) (a_total) < 90 or sum by (job) (a_total) * 0",
        "sum by (job) (a_total) > 20 and sum by (job) (a_total offset 0s) < 90 or sum by (job) (a_total{job!=\"q\"}) * 0",
        2,
    );
    check(
        "max_over_time((a_total - a_total / 2)[2m:20s])",
        "max_over_time((a_total - (a_total offset 0s) / 2)[2m:20s])",
        1,
    );
    // At other steps it is another value.
    check(
        "a_total - max_over_time(a_total[2m:20s])",
        "a_total - max_over_time((a_total offset 0s)[2m:20s])",
        0,
    );
    check(
        "rate({__name__=~\"a.*\"}[1m]) + rate({__name__=~\"a.*\"}[1m])",
        "rate({__name__=~\"a.*\"}[1m]) + rate({__name__=~\"a.*\"}[60s] offset 0s)",
        1,
    );
}

#[test]
fn what_is_said_of_a_place_is_said_of_every_place() {
    let store = MemorySeries::new();
    store.add(
        &[("__name__", "gauge")],
        &[(0, 1.0), (10_000, 2.0), (20_000, 3.0)],
    );
    let expr = promql::parse("rate(gauge[1m]) + rate(gauge[1m])").unwrap();
    let answer = promql::instant(&expr, store.as_ref(), 20_000, &Options::default()).unwrap();
    assert_eq!(answer.annotations.infos.len(), 2, "{:?}", answer.annotations);
}

#[test]
fn every_part_tells_what_became_of_it() {
    let options = Options {
        explain: true,
        ..Options::default()
    };
    let answer = ask("sum by (job) (rate(a_total[1m])) > bool 3", &options);
    let whole = answer.explained.unwrap();
    assert_eq!(whole.part, "sum by (job) (rate(a_total[1m])) > bool 3");
    let [sum, three] = &whole.parts[..] else {
        panic!("{whole:?}")
    };
    assert_eq!((three.part.as_str(), three.computed), ("3", 1));
    assert_eq!(sum.part, "sum by (job) (rate(a_total[1m]))");
    let [rate] = &sum.parts[..] else { panic!("{sum:?}") };
    assert_eq!(rate.part, "rate(a_total[1m])");
    assert_eq!((rate.computed, rate.series, rate.read.series), (1, 2, 2));
    assert_eq!(rate.read.samples, answer.statistics.samples_read);
    assert!(rate.took <= whole.took, "{whole:?}");
    assert!(rate.parts.is_empty(), "a window is read by its function");
    assert_eq!(ask("a_total", &Options::default()).explained, None);
}
