//! No query outlives its deadline, its asker or its limits.

#![allow(clippy::unwrap_used, reason = "a test ends at its first fault")]

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use model::{Labels, Sample, Series, SeriesBatch, SeriesWrite, TenantId};
use promql::{Answer, EvalError, Options, Point, Starts, Value};
use testkit::MemorySeries;

fn ask(query: &str, options: &Options) -> Result<Answer, EvalError> {
    let store = MemorySeries::new();
    for job in 0..50 {
        let job = job.to_string();
        let samples: Vec<(i64, f64)> = (0..100).map(|place| (place * 1000, place as f64)).collect();
        store.add(&[("__name__", "up"), ("job", &job)], &samples);
    }
    for bound in ["1", "+Inf"] {
        let samples: Vec<(i64, f64)> = (0..100).map(|place| (place * 1000, place as f64)).collect();
        store.add(&[("__name__", "up_bucket"), ("le", bound)], &samples);
    }
    let expr = promql::parse(query).unwrap();
    promql::range(&expr, store.as_ref(), 0, 100_000, 1000, options)
}

#[test]
fn a_passed_deadline_ends_the_query() {
    let deadline = Instant::now().checked_sub(Duration::from_millis(1));
    let options = Options {
        deadline,
        ..Options::default()
    };
    assert!(matches!(
        ask("sum(rate(up[1m]))", &options),
        Err(EvalError::Timeout)
    ));
}

#[test]
fn an_asker_that_left_ends_the_query() {
    let cancel = Some(Arc::new(AtomicBool::new(true)));
    let options = Options {
        cancel,
        ..Options::default()
    };
    assert!(matches!(ask("up", &options), Err(EvalError::Cancelled)));
}

#[test]
fn too_many_samples_are_refused() {
    let options = Options {
        samples_max: 1000,
        ..Options::default()
    };
    for query in ["up + up", "up", "rate(up[1m])"] {
        let error = ask(query, &options).unwrap_err();
        assert!(
            matches!(error, EvalError::WouldNotFit { .. }),
            "{query}: {error:?}"
        );
        assert!(
            error
                .to_string()
                .contains("the limit is 1000 samples (server.query_samples_max)"),
            "{error}"
        );
    }
    for query in ["sum(up)", "max_over_time((up * 2)[1m:10s])"] {
        let result = ask(query, &options);
        assert!(
            matches!(result, Err(EvalError::TooManySamples { samples_max: 1000 })),
            "{query}: {result:?}"
        );
    }
    let answer = ask("sum(up)", &Options::default()).unwrap();
    assert_eq!(answer.statistics.series_selected, 50);
    assert_eq!(answer.statistics.samples_read, 5000);
    assert!(answer.statistics.samples_held_max >= 5000);
}

#[test]
fn what_needs_too_much_memory_is_refused_before_it_is_read() {
    let options = Options {
        memory_max: 30_000,
        ..Options::default()
    };
    for query in ["up", "rate(up[1m])", "quantile(0.9, rate(up[1m]))", "topk(3, up)"] {
        let error = ask(query, &options).unwrap_err();
        assert!(
            matches!(error, EvalError::WouldNotFit { .. }),
            "{query}: {error:?}"
        );
        // 50 series of 101 steps of 8 bytes; what the parameter of an aggregation takes is held already.
        let text = error.to_string();
        let start = "query would hold about 1MiB of memory: 50 series at 101 steps, 5050 samples; the limit is 30000B \
                     (server.query_memory_max). With these series 7";
        assert!(
            text.starts_with(start) && text.contains(" steps would pass, with these steps 3"),
            "{text}"
        );
    }
    let options = Options {
        memory_max: 60_000,
        ..Options::default()
    };
    let error = ask("count_values(\"value\", up)", &options).unwrap_err();
    assert!(matches!(error, EvalError::TooMuchMemory { .. }), "{error:?}");
}

#[test]
fn sums_hold_no_series() {
    // Batches hold more series than there are here: what is left at the end is one column a group.
    for query in [
        "sum(up)",
        "avg by (job) (rate(up{job=\"1\"}[1m]))",
        "count(up)",
        "max(up)",
    ] {
        let options = Options {
            memory_max: 50_000,
            ..Options::default()
        };
        let answer = ask(query, &options).unwrap();
        assert!(
            answer.statistics.samples_held_max <= 50 * 101 + 1000,
            "{query}: {answer:?}"
        );
    }
}

#[test]
fn series_that_a_query_makes_are_counted_as_they_are_made() {
    // Either of these makes a series of 101 steps for each of its 101 values, from 10,100 samples at most.
    for query in [
        "count_values(\"value\", up)",
        "histogram_quantiles(up_bucket, \"q\", time() / 100)",
    ] {
        let options = |samples_max| Options {
            samples_max,
            ..Options::default()
        };
        let answer = ask(query, &options(1_000_000)).unwrap();
        assert!(answer.statistics.samples_held_max >= 10_000, "{query}");
        let result = ask(query, &options(9_000));
        assert!(
            matches!(result, Err(EvalError::TooManySamples { samples_max: 9000 })),
            "{query}: {result:?}"
        );
    }
}

#[test]
fn bad_steps_are_refused() {
    let store = MemorySeries::new();
    let expr = promql::parse("up").unwrap();
    let text = |from_ms, to_ms, step_ms| {
        promql::range(
            &expr,
            store.as_ref(),
            from_ms,
            to_ms,
            step_ms,
            &Options::default(),
        )
        .unwrap_err()
        .to_string()
    };
    assert!(text(0, 10, 0).contains("positive"));
    assert!(text(10, 0, 1).contains("before start"));
    assert!(text(0, i64::MAX, 1).contains("beyond all time"));
    assert!(text(0, 1_000_000_000_000, 1).contains("exceed the limit"));
}

#[test]
fn starts_are_left_out_of_account_where_they_are_not_wanted() {
    let store = MemorySeries::new();
    let mut batch = SeriesBatch::new(TenantId::DEFAULT);
    let samples = [10_000, 20_000, 30_000].map(|at_ms| Sample { at_ms, value: 3.0 });
    let series = Series::new(Labels::from_pairs([("__name__", "requests_total")]));
    batch.push_started(series, &samples, &[5_000, 15_000, 25_000]);
    store.append(&batch, 0).unwrap();
    let ask = |query: &str, starts| -> Vec<Point> {
        let options = Options {
            starts,
            ..Options::default()
        };
        let expr = promql::parse(query).unwrap();
        match promql::instant(&expr, store.as_ref(), 30_000, &options)
            .unwrap()
            .value
        {
            Value::Vector(samples) => samples.into_iter().map(|sample| sample.value).collect(),
            other => panic!("{other:?}"),
        }
    };
    let number = |value| vec![Point::Float(value)];
    assert_eq!(ask("increase(requests_total[30s])", Starts::Used), number(9.0));
    assert_eq!(ask("increase(requests_total[30s])", Starts::Ignored), number(0.0));
    assert_eq!(ask("resets(requests_total[30s])", Starts::Used), number(2.0));
    assert_eq!(ask("resets(requests_total[30s])", Starts::Ignored), number(0.0));
    // What a sample's start is, is told all the same.
    assert_eq!(
        ask("start_timestamp(requests_total)", Starts::Ignored),
        number(25.0)
    );
}
