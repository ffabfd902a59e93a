//! Native histograms in the real store: what queries, tiers and recording rules make of them.
#![allow(clippy::unwrap_used, reason = "a test ends at its first fault")]

use std::sync::Arc;

use alerting::rules::evaluate::{Environment, GroupState, evaluate_group};
use alerting::rules::{NameScheme, parse_rule_file};
use model::{
    Buckets, Histogram, HistogramSample, Labels, ResetHint, Sample, Series, SeriesBatch, SeriesWrite,
    TenantId,
};
use promql::{Answer, Options, Value};
use stdx::HumanDuration;
use tsdb::{Config, Db};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// The first moment of a day.
const DAY0: i64 = 1_700_006_400_000;
const DAYS: i64 = 12;

/// A latency of which one is observed every second: nine of ten below a second, one of ten below eight.
fn latency(at_ms: i64) -> Histogram {
    let count = ((at_ms - DAY0) / 1000) as f64;
    Histogram {
        count,
        sum: count,
        positive: Buckets::from_sorted([(0, count * 0.9), (3, count * 0.1)]),
        ..Histogram::default()
    }
}

fn series(name: &str) -> Series {
    Series::new(Labels::from_pairs([("__name__", name), ("job", "shop")]))
}

/// A store that holds raw samples of some days only, and rollups of all: a histogram and a number each minute.
fn filled(dir: &std::path::Path) -> Db {
    let config = Config {
        retention: HumanDuration::from_secs(4 * 86_400),
        ..Config::in_dir(dir)
    };
    let (db, _) = Db::open(config, DAY0).unwrap();
    for day in 0..DAYS {
        let mut batch = SeriesBatch::new(TenantId::DEFAULT);
        let times = (DAY0 + day * DAY..DAY0 + (day + 1) * DAY).step_by(MINUTE as usize);
        let histograms = times
            .clone()
            .map(|at_ms| HistogramSample::new(at_ms, Arc::new(latency(at_ms))));
        batch.push_histograms(series("latency"), histograms.collect());
        let numbers: Vec<Sample> = times.map(|at_ms| Sample { at_ms, value: 1.0 }).collect();
        batch.push(series("latency_number"), &numbers);
        let now_ms = DAY0 + (day + 1) * DAY;
        assert_eq!(db.append(&batch, now_ms).unwrap().refused, []);
        db.maintain(now_ms).unwrap();
    }
    db
}

fn ask(db: &Db, text: &str, at_ms: i64) -> Answer {
    let expr = promql::parse(text).unwrap();
    promql::instant(&expr, db, at_ms, &Options::default()).unwrap()
}

/// The only number of an answer.
fn number(db: &Db, text: &str, at_ms: i64) -> f64 {
    let Value::Vector(samples) = ask(db, text, at_ms).value else {
        panic!("{text} is a vector")
    };
    let [sample] = samples.as_slice() else {
        panic!("{text} gave {samples:?}")
    };
    sample.value.as_float().unwrap()
}

fn is_close(left: f64, right: f64) -> bool {
    (left - right).abs() <= 1e-9 * right.abs()
}

#[test]
fn histograms_are_asked_for_in_every_tier() {
    let dir = tempfile::tempdir().unwrap();
    let db = filled(dir.path());
    let now_ms = DAY0 + DAYS * DAY - HOUR;
    // Windows of whole hours: numbers are read as rollups, histograms as they were measured.
    assert!(is_close(
        number(&db, "count_over_time(latency_number[6h])", now_ms),
        360.0
    ));
    assert!(is_close(
        number(&db, "count_over_time(latency[6h])", now_ms),
        360.0
    ));
    assert!(is_close(
        number(&db, "histogram_count(rate(latency[5m]))", now_ms),
        1.0
    ));
    let quantile = number(
        &db,
        "histogram_quantile(0.95, sum by (job) (rate(latency[1h])))",
        now_ms,
    );
    assert!(is_close(quantile, 2.0_f64.powf(2.5)), "{quantile}");
    // So long ago only rollups are left: the last histogram of each stretch.
    let long_ago_ms = DAY0 + 2 * DAY;
    assert!(is_close(
        number(&db, "histogram_count(rate(latency[6h]))", long_ago_ms),
        1.0
    ));
    let fraction = number(&db, "histogram_fraction(0, 1, latency)", long_ago_ms);
    assert!(is_close(fraction, 0.9), "{fraction}");
    assert!(
        ask(&db, "rate(latency[6h])", long_ago_ms)
            .statistics
            .resolution_ms_max
            > 0
    );
}

#[test]
fn a_recording_rule_stores_histograms() {
    let dir = tempfile::tempdir().unwrap();
    let db = filled(dir.path());
    let rules = r"
groups:
  - name: latencies
    rules:
      - record: job:latency
        expr: sum by (job) (latency)
      - record: job:latency:rate5m
        expr: sum by (job) (rate(latency[5m]))
      - record: job:latency:negative
        expr: -latency
      - alert: Slow
        expr: latency
        annotations: {value: '{{ $value }}'}
";
    let parsed = parse_rule_file("rules.yml", rules, NameScheme::Utf8).unwrap();
    let at_ms = DAY0 + DAYS * DAY - MINUTE;
    let url = "http://localhost";
    let env = Environment {
        reader: &db,
        writer: &db,
        external_labels: &Labels::empty(),
        external_url: url,
        started_ms: 0,
        interval_ms: MINUTE,
        subquery_step_ms: promql::limits::SUBQUERY_STEP_MS,
    };
    let outcome = evaluate_group(&parsed.groups[0], &GroupState::default(), &env, at_ms);
    // Negative counts are no histogram that a store takes.
    assert_eq!((outcome.failures, outcome.samples_refused), (0, 1));
    let Value::Vector(negative) = ask(&db, "job:latency:negative", at_ms).value else {
        panic!("a selector gives a vector")
    };
    assert_eq!(negative, []);
    let Value::Vector(samples) = ask(&db, "job:latency", at_ms).value else {
        panic!("a selector gives a vector")
    };
    let promql::Point::Histogram(recorded) = &samples[0].value else {
        panic!("{samples:?}")
    };
    assert_eq!(recorded.count, latency(at_ms).count);
    // What was known about the reset of the source says nothing of what is recorded.
    assert_eq!(recorded.reset_hint, ResetHint::Unknown);
    let rate = number(&db, "histogram_count(job:latency:rate5m)", at_ms);
    assert!(is_close(rate, 1.0));
    // A histogram has no value of its own.
    let alerts = &outcome.state.rules[3].alerts;
    let alert = alerts.values().next().unwrap();
    assert_eq!(alert.annotations.get("value"), Some("0"));
}

#[test]
fn answers_are_printed_with_their_buckets() {
    let dir = tempfile::tempdir().unwrap();
    let db = filled(dir.path());
    let answer = ask(&db, "latency", DAY0 + DAYS * DAY - MINUTE);
    let body = String::from_utf8(web::answer_json(answer)).unwrap();
    let count = latency(DAY0 + DAYS * DAY - MINUTE).count;
    let expected = format!(
        r#""histogram":[{},{{"count":"{count}","sum":"{count}","buckets":[[0,"0.5","1","{}"],[0,"4","8","{}"]]}}]"#,
        (DAY0 + DAYS * DAY - MINUTE) / 1000,
        count * 0.9,
        count * 0.1,
    );
    assert!(body.contains(&expected), "{body}");
}
