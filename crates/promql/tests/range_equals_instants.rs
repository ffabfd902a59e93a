//! The value at a step of a range query is that of an instant query at the step's time.

#![allow(clippy::unwrap_used, reason = "a test ends at its first fault")]

use std::sync::Arc;

use model::{
    Buckets, Histogram, HistogramSample, Labels, NO_START, Sample, Series, SeriesBatch, SeriesWrite, TenantId,
};
use promql::{Options, Point, Value};
use proptest::prelude::*;
use testkit::MemorySeries;

const QUERIES: [&str; 42] = [
    "gauge",
    "gauge offset 35s",
    "gauge @ 200 + gauge",
    "rate(counter_total[2m])",
    "increase(counter_total[45s] offset -30s)",
    "irate(counter_total[90s])",
    "delta(gauge[1m] smoothed)",
    "increase(counter_total[1m] anchored)",
    "gauge smoothed",
    "avg_over_time(gauge[1m:7s])",
    "quantile_over_time(0.3, gauge[3m])",
    "predict_linear(gauge[3m] @ 300, 60)",
    "deriv(gauge[2m])",
    "sum by (job) (gauge)",
    "quantile without (job) (0.5, gauge)",
    "stddev(gauge)",
    "gauge > 3",
    "3 < bool gauge",
    "gauge and on (job) counter_total",
    "gauge or counter_total",
    "gauge unless ignoring (job) counter_total",
    "gauge * on (job) group_left counter_total",
    "gauge + on (job) fill (1) counter_total{job=\"a\"}",
    "absent_over_time(gauge{job=\"a\"}[20s])",
    "timestamp(gauge)",
    "count_values(\"value\", floor(gauge))",
    "latency",
    "latency smoothed",
    "rate(latency[2m])",
    "increase(latency[1m] anchored)",
    "delta(latency[1m] smoothed)",
    "irate(latency[90s])",
    "avg_over_time(latency[2m])",
    "sum_over_time(latency[3m:20s])",
    "resets(latency[3m]) + changes(latency[3m])",
    "histogram_quantile(0.7, latency)",
    "sum(latency) / 3",
    "latency + latency offset 30s",
    "latency or gauge",
    "timestamp(latency)",
    "start_timestamp(counter_total)",
    "start_timestamp(latency) + on (job) resets(counter_total[2m])",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_step_is_an_instant(
        samples in proptest::collection::vec((0i64..600, -9i32..10, 0usize..5), 1..80),
        from in 0i64..400,
        step in 1i64..90,
        query in prop::sample::select(QUERIES.to_vec()),
    ) {
        let store = MemorySeries::new();
        for (place, (at, value_of, which)) in samples.iter().enumerate() {
            let at_ms = at * 1000;
            // Every now and then a series ends.
            let value = if place % 11 == 10 { model::STALE_NAN } else { f64::from(*value_of) };
            match which {
                0 => store.add(&[("__name__", "gauge"), ("job", "a")], &[(at_ms, value)]),
                1 => store.add(&[("__name__", "gauge"), ("job", "b")], &[(at_ms, value)]),
                2 | 3 => add_histogram(&store, at_ms, *value_of, *which),
                // Every now and then a number stands among the histograms.
                4 if value_of % 5 == 0 => store.add(&[("__name__", "latency"), ("job", "a")], &[(at_ms, value)]),
                _ => add_started(&store, at_ms, value.abs(), *value_of),
            }
        }
        let expr = promql::parse(query).unwrap();
        let options = Options { lookback_ms: 60_000, ..Options::default() };
        let (from_ms, to_ms, step_ms) = (from * 1000, (from + 8 * step) * 1000, step * 1000);
        let range = promql::range(&expr, store.as_ref(), from_ms, to_ms, step_ms, &options);
        let Ok(range) = range else {
            // What fails over a range fails at one of its steps.
            let fails = (0..=8).any(|place| {
                promql::instant(&expr, store.as_ref(), from_ms + place * step_ms, &options).is_err()
            });
            prop_assert!(fails);
            return Ok(());
        };
        let Value::Matrix(matrix) = range.value else { panic!("a range query gives a matrix") };
        for place in 0..=8 {
            let at_ms = from_ms + place * step_ms;
            let instant = promql::instant(&expr, store.as_ref(), at_ms, &options).unwrap();
            let Value::Vector(mut vector) = instant.value else { panic!("not a vector") };
            vector.sort_by(|left, right| left.labels.cmp(&right.labels));
            let wanted: Vec<(String, String)> =
                vector.iter().map(|s| (s.labels.to_string(), shown(&s.value))).collect();
            let got: Vec<(String, String)> = matrix
                .iter()
                .filter_map(|series| {
                    let number = series.samples.iter().find(|sample| sample.at_ms == at_ms);
                    let histogram = series.histograms.iter().find(|sample| sample.at_ms == at_ms);
                    let point = match (number, histogram) {
                        (Some(sample), None) => Point::Float(sample.value),
                        (None, Some(sample)) => Point::Histogram(Arc::clone(&sample.value)),
                        (None, None) => return None,
                        both => panic!("{both:?}"),
                    };
                    Some((series.labels.to_string(), shown(&point)))
                })
                .collect();
            prop_assert_eq!(got, wanted, "{} at {}", query, at_ms);
        }
    }
}

/// All NaNs are one.
fn bits(value: f64) -> u64 {
    if value.is_nan() {
        f64::NAN.to_bits()
    } else {
        value.to_bits()
    }
}

/// Numbers by their bits, histograms with all they have.
fn shown(point: &Point) -> String {
    match point {
        Point::Float(value) => format!("{:x}", bits(*value)),
        Point::Histogram(histogram) => format!("{histogram:?}"),
    }
}

/// When what was taken at a time began: often not known, at times long ago, at times behind the sample itself.
fn start_of(at_ms: i64, value: i32) -> i64 {
    if value < 0 {
        NO_START
    } else {
        at_ms + 10_000 - i64::from(value) * 10_000
    }
}

fn add_started(store: &MemorySeries, at_ms: i64, value: f64, which: i32) {
    let labels = Labels::from_pairs([("__name__", "counter_total"), ("job", "a")]);
    let mut batch = SeriesBatch::new(TenantId::DEFAULT);
    let starts = [start_of(at_ms, which)];
    batch.push_started(Series::new(labels), &[Sample { at_ms, value }], &starts);
    store.append(&batch, 0).unwrap();
}

/// A histogram of one of two layouts; every now and then its count falls.
fn add_histogram(store: &MemorySeries, at_ms: i64, value: i32, which: usize) {
    let count = f64::from(value + 10) + at_ms as f64 / 1000.0;
    let histogram = Histogram {
        schema: which as i8 - 2,
        zero_threshold: 0.001,
        count,
        sum: count,
        positive: Buckets::from_sorted(
            [(0, count / 2.0), (value, count / 2.0)]
                .map(|(i, c)| (i.max(0), c))
                .into_iter()
                .take(1 + usize::from(value > 0)),
        ),
        ..Histogram::default()
    };
    let labels = Labels::from_pairs([("__name__", "latency"), ("job", "a")]);
    let mut batch = SeriesBatch::new(TenantId::DEFAULT);
    let sample = HistogramSample {
        at_ms,
        value: Arc::new(histogram),
        start_ms: start_of(at_ms, value),
    };
    batch.push_histograms(Series::new(labels), vec![sample]);
    store.append(&batch, 0).unwrap();
}
