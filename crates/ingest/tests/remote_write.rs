//! Remote write into a real store: what is known by number and what is named are the same series; any bytes are refused or taken.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::sync::Arc;

use ingest::push::remote_write::Version;
use ingest::push::{Encoding, Origin};
use ingest::{Push, PushTelemetry};
use model::{HistogramSample, SampleColumns, Selector, SeriesRead, TenantId, TimeRange};
use proptest::prelude::*;
use testkit::MemorySeries;

fn push_to(store: &Arc<MemorySeries>) -> Push {
    Push::new(Arc::<MemorySeries>::clone(store), PushTelemetry::default())
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn bytes(out: &mut Vec<u8>, field: u64, value: &[u8]) {
    varint(out, field << 3 | 2);
    varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

fn sample(at_ms: i64, value: f64) -> Vec<u8> {
    let mut out = vec![0x09];
    out.extend(value.to_le_bytes());
    out.push(0x10);
    varint(&mut out, at_ms as u64);
    out
}

/// A request of either version with one sample of every series.
fn request(version: Version, series: &[Vec<(String, String)>], at_ms: i64) -> Vec<u8> {
    let mut symbols: Vec<&str> = vec![""];
    let mut body = Vec::new();
    for (place, labels) in series.iter().enumerate() {
        let mut message = Vec::new();
        match version {
            Version::V1 => {
                for (name, value) in labels {
                    let mut pair = Vec::new();
                    bytes(&mut pair, 1, name.as_bytes());
                    bytes(&mut pair, 2, value.as_bytes());
                    bytes(&mut message, 1, &pair);
                }
            }
            Version::V2 => {
                let mut numbers = Vec::new();
                for text in labels.iter().flat_map(|(name, value)| [name, value]) {
                    let number = symbols.iter().position(|known| known == text).unwrap_or_else(|| {
                        symbols.push(text);
                        symbols.len() - 1
                    });
                    varint(&mut numbers, number as u64);
                }
                bytes(&mut message, 1, &numbers);
            }
        }
        bytes(&mut message, 2, &sample(at_ms, place as f64));
        bytes(&mut body, if version == Version::V1 { 1 } else { 5 }, &message);
    }
    if version == Version::V2 {
        for symbol in symbols {
            bytes(&mut body, 4, symbol.as_bytes());
        }
    }
    body
}

fn store_all(version: Version, series: &[Vec<(String, String)>]) -> Vec<(model::Labels, Vec<(i64, f64)>)> {
    let store = MemorySeries::new();
    let push = push_to(&store);
    for step in 0..3 {
        let body = request(version, series, 1000 * step);
        let outcome = push
            .remote_write(&body, Encoding::Identity, version, Origin::alone(0))
            .unwrap();
        assert_eq!(outcome.complaint(), None);
    }
    store.dump()
}

/// The times of all samples of a series, and their starts.
fn starts_of(store: &MemorySeries) -> Vec<(i64, i64)> {
    let selector = Selector {
        tenant: TenantId::DEFAULT,
        matchers: Vec::new(),
        range: TimeRange::ALL,
    };
    let (mut samples, mut histograms) = (SampleColumns::default(), Vec::new());
    for series in store.select(&selector).unwrap() {
        series.read(TimeRange::ALL, &mut samples).unwrap();
        series.read_histograms(TimeRange::ALL, &mut histograms).unwrap();
    }
    let counted = (0..samples.len()).filter_map(|place| samples.counted(place));
    counted
        .chain(histograms.iter().map(HistogramSample::counted))
        .map(|times| (times.at_ms, times.start_ms))
        .collect()
}

#[test]
fn symbols_count_as_often_as_they_become_labels_or_metadata() {
    // Of a few bytes each: series, series with a histogram, with an exemplar, and with metadata.
    let labels = [0x0a, 2, 1, 2].as_slice();
    let kinds: [&[u8]; 5] = [
        &[0x12, 0],
        &[0x1a, 0],
        &[0x22, 4, 0x0a, 2, 1, 2],
        &[0x2a, 2, 0x18, 2],
        // Without a name: refused one by one.
        &[0x0a, 1, 1, 0x12, 0],
    ];
    for kind in kinds {
        let send = |series: usize| {
            let mut body = Vec::new();
            for symbol in ["", "__name__", &"x".repeat(60_000)] {
                bytes(&mut body, 4, symbol.as_bytes());
            }
            for _ in 0..series {
                bytes(&mut body, 5, &[labels, kind].concat());
            }
            let push = push_to(&MemorySeries::new());
            push.remote_write(&body, Encoding::Identity, Version::V2, Origin::alone(0))
        };
        assert!(send(100).is_ok(), "{kind:?}");
        let refused = send(6_000).unwrap_err().to_string();
        assert!(refused.contains("bytes of samples and labels"), "{refused}");
    }
}

#[test]
fn version_2_tells_starts_with_samples_or_for_the_whole_series() {
    let started = |at_ms: i64, start_ms: i64| {
        let mut message = sample(at_ms, 1.0);
        message.push(3 << 3);
        varint(&mut message, start_ms as u64);
        message
    };
    let mut numbers = Vec::new();
    for number in [1, 2] {
        varint(&mut numbers, number);
    }
    let mut own = Vec::new();
    bytes(&mut own, 1, &numbers);
    bytes(&mut own, 2, &started(1000, 500));
    bytes(&mut own, 2, &sample(2000, 1.0));
    bytes(&mut own, 2, &started(3000, 2500));
    let mut whole = Vec::new();
    bytes(&mut whole, 1, &numbers);
    bytes(&mut whole, 2, &sample(4000, 1.0));
    bytes(&mut whole, 2, &started(5000, 4500));
    whole.push(6 << 3);
    varint(&mut whole, 700);
    let mut histogram = Vec::new();
    bytes(&mut histogram, 1, &numbers);
    let mut of_histogram = vec![15 << 3];
    varint(&mut of_histogram, 6000);
    // Field 17.
    varint(&mut of_histogram, 17 << 3);
    varint(&mut of_histogram, 5500);
    bytes(&mut histogram, 3, &of_histogram);
    let mut body = Vec::new();
    for message in [&own, &whole, &histogram] {
        bytes(&mut body, 5, message);
    }
    for symbol in ["", "__name__", "c_total"] {
        bytes(&mut body, 4, symbol.as_bytes());
    }
    let store = MemorySeries::new();
    let outcome = push_to(&store)
        .remote_write(&body, Encoding::Identity, Version::V2, Origin::alone(0))
        .unwrap();
    assert_eq!(outcome.complaint(), None);
    assert_eq!(
        starts_of(&store),
        [
            (1000, 500),
            (2000, 0),
            (3000, 2500),
            (4000, 700),
            (5000, 4500),
            (6000, 5500)
        ]
    );
}

proptest! {
    #[test]
    fn both_versions_make_the_same_series(
        names in proptest::collection::btree_set("[a-z]{1,12}", 1..8),
        labels in proptest::collection::btree_map("[a-z]{1,8}", "[^\u{0}]{1,20}", 0..5),
    ) {
        let series: Vec<Vec<(String, String)>> = names
            .iter()
            .map(|name| {
                let others = labels.iter().map(|(name, value)| (name.clone(), value.clone()));
                std::iter::once(("__name__".to_owned(), name.clone())).chain(others).collect()
            })
            .collect();
        let stored = store_all(Version::V1, &series);
        prop_assert_eq!(stored.len(), series.len());
        prop_assert!(stored.iter().all(|(_, samples)| samples.len() == 3));
        prop_assert_eq!(stored, store_all(Version::V2, &series));
    }

    #[test]
    fn any_bytes_are_taken_or_refused(body: Vec<u8>) {
        let push = push_to(&MemorySeries::new());
        for version in [Version::V1, Version::V2] {
            let _ = push.remote_write(&body, Encoding::Identity, version, Origin::alone(0));
        }
        for encoding in [Encoding::Snappy, Encoding::Zstd, Encoding::Gzip] {
            let _ = push.remote_write(&body, encoding, Version::V1, Origin::alone(0));
        }
    }
}
