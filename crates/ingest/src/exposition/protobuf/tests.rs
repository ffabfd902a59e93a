//! Messages that are whole, broken and absurd.

use proptest::prelude::*;

use super::wire::{BucketSpan, Histogram};
use super::*;

fn delimited(families: &[MetricFamily]) -> Vec<u8> {
    families
        .iter()
        .flat_map(MetricFamily::encode_length_delimited_to_vec)
        .collect()
}

fn family(name: &str, kind: MetricType, unit: &str) -> MetricFamily {
    MetricFamily {
        name: name.to_owned(),
        r#type: kind as i32,
        unit: unit.to_owned(),
        ..MetricFamily::default()
    }
}

#[test]
fn families_come_one_by_one_and_errors_name_theirs() {
    let body = delimited(&[
        family("a_total", MetricType::Counter, ""),
        family("b_seconds", MetricType::Gauge, "seconds"),
        family("c", MetricType::Gauge, "seconds"),
    ]);
    let read: Vec<_> = families(&body).collect();
    let names: Vec<&str> = read
        .iter()
        .flatten()
        .map(|family| family.head.name.as_str())
        .collect();
    assert_eq!(names, ["a_total", "b_seconds"]);
    let error = read.last().unwrap().as_ref().unwrap_err().to_string();
    assert_eq!(error, "message 3: unit \"seconds\" not a suffix of metric \"c\"");

    let check = |body: &[u8], expected: &str| {
        let error = families(body).find_map(Result::err).unwrap().to_string();
        assert!(error.contains(expected), "{error}");
    };
    check(
        &body[..body.len() - 1],
        "message 3: it should have 14 bytes, the body has 13 more",
    );
    check(&[0xff; 12], "its length is not a varint");
    check(&[2, 0xff, 0xff], "message 1");
    check(
        &[0xff, 0xff, 0xff, 0xff, 0x0f, 1],
        "it should have 4294967295 bytes",
    );
    check(&[0], "no name");
    check(
        &delimited(&[family("a_seconds_total", MetricType::Counter, "bytes")]),
        "not a suffix",
    );
    assert!(
        families(&delimited(&[family(
            "a_bytes_total",
            MetricType::Counter,
            "bytes"
        )]))
        .all(|one| one.is_ok())
    );
}

#[test]
fn metrics_come_one_by_one_wherever_the_name_stands() {
    // Two metrics, the name, a metric that is none, and one that nobody comes to.
    let message = [
        b"\x22\x02\x30\x05\x22\x00\x0a\x01n".as_slice(),
        b"\x22\x01\xff\x22\x00",
    ]
    .concat();
    let body = [&[message.len() as u8], message.as_slice()].concat();
    let family = families(&body).next().unwrap().unwrap();
    assert_eq!(family.head.name, "n");
    let metrics: Vec<_> = family.metrics().collect();
    let [Ok(first), Ok(second), Err(error)] = &metrics[..] else {
        panic!("{metrics:?}");
    };
    assert_eq!((first.timestamp_ms, second.timestamp_ms), (5, 0));
    assert!(error.to_string().starts_with("message 1: "), "{error}");
}

#[test]
fn both_forms_of_counting_give_the_same_native_histogram() {
    let spans = vec![
        BucketSpan {
            offset: -1,
            length: 2,
        },
        BucketSpan { offset: 3, length: 2 },
    ];
    let integer = Histogram {
        sample_count: 9,
        sample_sum: 12.5,
        schema: 3,
        zero_threshold: 0.001,
        zero_count: 2,
        positive_span: spans.clone(),
        positive_delta: vec![1, 1, -2, 4],
        ..Histogram::default()
    };
    let float = Histogram {
        sample_count: 0,
        sample_count_float: 9.0,
        zero_count: 0,
        zero_count_float: 2.0,
        positive_delta: Vec::new(),
        positive_count: vec![1.0, 2.0, 0.0, 4.0],
        ..integer.clone()
    };
    let one = integer.native(MetricKind::Histogram).unwrap();
    assert_eq!(one, float.native(MetricKind::Histogram).unwrap());
    let filled: Vec<(i32, f64)> = one.positive.iter().filter(|(_, count)| *count > 0.0).collect();
    assert_eq!(filled, [(-1, 1.0), (0, 2.0), (5, 4.0)]);
    assert_eq!(
        (one.count, one.sum, one.schema, one.zero_count),
        (9.0, 12.5, 3, 2.0)
    );
    let gauge = integer.native(MetricKind::GaugeHistogram).unwrap();
    assert_eq!(gauge.reset_hint, ResetHint::Gauge);
}

#[test]
fn native_histograms_that_are_none_are_refused() {
    let good = Histogram {
        sample_count: 1,
        positive_span: vec![BucketSpan { offset: 0, length: 1 }],
        positive_delta: vec![1],
        ..Histogram::default()
    };
    assert!(good.native(MetricKind::Histogram).is_ok());
    let check = |change: fn(&mut Histogram), expected: &str| {
        let mut changed = good.clone();
        change(&mut changed);
        let error = changed.native(MetricKind::Histogram).unwrap_err();
        assert!(error.contains(expected), "{error}");
    };
    check(|h| h.schema = 53, "schema 53 is unknown");
    check(|h| h.schema = -53, "schema -53 is unknown");
    check(
        |h| h.positive_span[0].length = u32::MAX,
        "describe 4294967295 positive buckets",
    );
    check(
        |h| h.positive_delta = vec![-1],
        "negative or undefined bucket count",
    );
    check(
        |h| {
            h.positive_span[0].length = 3;
            h.positive_delta = vec![i64::MAX, 1, 0];
        },
        "negative or undefined bucket count",
    );
}

proptest! {
    #[test]
    fn no_bytes_panic(body in proptest::collection::vec(any::<u8>(), 0..300)) {
        for family in families(&body).flatten() {
            for histogram in family.metrics().flatten().filter_map(|metric| metric.histogram) {
                if let Ok(native) = histogram.native(family.head.kind()) {
                    prop_assert_eq!(native.validate(), Ok(()));
                }
            }
        }
    }

    #[test]
    fn what_is_handed_out_is_valid(
        schema in -60..60_i32,
        spans in proptest::collection::vec((any::<i32>(), 0..4_u32), 0..5),
        deltas in proptest::collection::vec(-3..5_i64, 0..12),
    ) {
        let histogram = Histogram {
            sample_count: 5,
            schema,
            positive_span: spans.iter().map(|(offset, length)| BucketSpan { offset: *offset, length: *length }).collect(),
            positive_delta: deltas,
            ..Histogram::default()
        };
        if let Ok(native) = histogram.native(MetricKind::Histogram) {
            prop_assert_eq!(native.validate(), Ok(()));
        }
    }
}
