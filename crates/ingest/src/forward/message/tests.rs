//! What is written, read back by the decoders of the other side.

use std::sync::Arc;

use model::{
    Buckets, Exemplar, Histogram, HistogramSample, Labels, MetricKind, MetricMetadata, ResetHint, STALE_NAN,
    Sample, Series, SeriesBatch, SeriesNumber, SeriesWrite, TenantId,
};
use parking_lot::Mutex;
use proptest::prelude::*;

use super::record::{self, Named};
use super::*;
use crate::push::remote_write::Version;
use crate::push::{Encoding, Origin, Push};
use crate::telemetry::PushTelemetry;

/// A store that keeps what it is given as text.
#[derive(Debug, Default)]
struct Written {
    rows: Mutex<Vec<String>>,
}

fn text(
    labels: &Labels,
    samples: &[Sample],
    histograms: &[HistogramSample],
    exemplars: &[Exemplar],
) -> Vec<String> {
    let floats = samples
        .iter()
        .map(|one| format!("{labels} {:x} @{}", one.value.to_bits(), one.at_ms));
    let histograms = histograms
        .iter()
        .map(|one| format!("{labels} {:?} @{}", one.value, one.at_ms));
    let exemplars = exemplars.iter().map(|one| format!("{labels} # {one:?}"));
    floats.chain(histograms).chain(exemplars).collect()
}

impl SeriesWrite for Written {
    fn append(&self, batch: &SeriesBatch, _: i64) -> Result<model::Accepted, model::WriteError> {
        let mut rows = self.rows.lock();
        for (series, samples) in batch.iter() {
            rows.extend(text(series.labels(), samples, &[], &[]));
        }
        for (series, histograms) in batch.histograms() {
            rows.extend(text(series.labels(), &[], histograms, &[]));
        }
        for (series, exemplar) in batch.exemplars() {
            rows.extend(text(series.labels(), &[], &[], std::slice::from_ref(exemplar)));
        }
        Ok(model::Accepted::default())
    }

    fn describe(&self, _: TenantId, metadata: &[MetricMetadata]) -> Result<(), model::WriteError> {
        self.rows
            .lock()
            .extend(metadata.iter().map(|metric| format!("{metric:?}")));
        Ok(())
    }
}

fn labels(name: &str) -> Labels {
    Labels::from_pairs([("__name__", name), ("job", "a \"b\""), ("ü", "\n")])
}

fn histogram(counts: &[f64]) -> Histogram {
    Histogram {
        reset_hint: ResetHint::No,
        schema: -2,
        zero_threshold: 0.5,
        zero_count: 2.0,
        count: 2.0 + counts.iter().sum::<f64>(),
        sum: -7.25,
        positive: Buckets::from_sorted((-3..).zip(counts.iter().copied())),
        negative: Buckets::from_sorted([(4, 1.0), (90, 1.0)]),
        custom_bounds: Arc::from([]),
    }
}

fn rows() -> Vec<Row> {
    let at = |at_ms, value| HistogramSample::new(at_ms, Arc::new(value));
    let custom = Histogram {
        schema: model::histogram::CUSTOM_BUCKETS,
        custom_bounds: Arc::from([0.5, 2.0]),
        count: 3.0,
        positive: Buckets::from_sorted([(0, 1.0), (2, 2.0)]),
        ..Histogram::default()
    };
    vec![
        Row {
            labels: labels("a"),
            samples: vec![
                Sample {
                    at_ms: -5,
                    value: 1.5,
                },
                Sample {
                    at_ms: 1_700_000_000_000,
                    value: STALE_NAN,
                },
            ],
            exemplars: vec![Exemplar {
                labels: Labels::from_pairs([("trace_id", "x")]),
                value: 0.5,
                at_ms: 7,
            }],
            ..Row::default()
        },
        Row {
            labels: labels("h"),
            histograms: vec![
                at(1, histogram(&[1.0, 3.0, 2.0])),
                at(2, histogram(&[1.5, 0.25])),
                at(3, custom),
                at(
                    4,
                    Histogram {
                        sum: STALE_NAN,
                        ..Histogram::default()
                    },
                ),
            ],
            ..Row::default()
        },
    ]
}

fn metadata() -> MetricMetadata {
    MetricMetadata {
        name: Arc::from("a"),
        kind: MetricKind::Counter,
        help: Arc::from("Help."),
        unit: Arc::from("seconds"),
    }
}

fn received(bytes: &[u8], version: Version) -> Vec<String> {
    let store = Arc::new(Written::default());
    let push = Push::new(Arc::<Written>::clone(&store), PushTelemetry::default());
    let packed = snap::raw::Encoder::new().compress_vec(bytes).unwrap();
    let outcome = push
        .remote_write(&packed, Encoding::Snappy, version, Origin::alone(0))
        .unwrap();
    assert_eq!(outcome.faults, Vec::<String>::new());
    let mut rows = store.rows.lock().clone();
    rows.sort();
    rows
}

#[test]
fn requests_of_both_versions_are_read_as_they_were_meant() {
    let rows = rows();
    let mut expected: Vec<String> = rows
        .iter()
        .flat_map(|row| text(&row.labels, &row.samples, &row.histograms, &row.exemplars))
        .collect();
    expected.sort();
    assert_eq!(received(&v1::request(rows.iter()), Version::V1), expected);

    let mut request = v2::Request::new();
    for row in &rows {
        request.series(&row.labels, &row.samples, &row.histograms, &row.exemplars, None);
    }
    assert_eq!(received(&request.finish(), Version::V2), expected);
}

#[test]
fn metadata_go_out_in_both_versions() {
    let metric = metadata();
    assert_eq!(
        received(&v1::metadata(std::slice::from_ref(&metric)), Version::V1),
        [format!("{metric:?}")]
    );
    let row = Row {
        labels: Labels::from_pairs([("__name__", "a")]),
        samples: vec![Sample { at_ms: 1, value: 2.0 }],
        ..Row::default()
    };
    let mut request = v2::Request::new();
    request.series(&row.labels, &row.samples, &[], &[], Some(&metric));
    assert!(received(&request.finish(), Version::V2).contains(&format!("{metric:?}")));
}

fn record(batch: &SeriesBatch, named: Named<'_>) -> Vec<u8> {
    let mut bytes = 77_u64.to_le_bytes().to_vec();
    bytes.extend(record::encode(batch, named));
    bytes
}

#[test]
fn records_hold_what_the_batch_held() {
    let mut batch = SeriesBatch::new(TenantId::DEFAULT);
    for row in rows() {
        let series = Series::new(row.labels);
        batch.push(series.clone(), &row.samples);
        if !row.histograms.is_empty() {
            batch.push_histograms(series.clone(), row.histograms);
        }
        for exemplar in row.exemplars {
            batch.push_exemplar(series.clone(), exemplar);
        }
    }
    let known = [None, Some((3, Series::new(labels("numbered"))))];
    let number = |generation| SeriesNumber { slot: 1, generation };
    for at_ms in [1, 2] {
        batch.push_numbered(number(3), at_ms, 9.0);
    }
    let bytes = record(&batch, Named(&known));
    assert_eq!(record::sample_count(&bytes), Some(77));
    let (read, _) = record::decode(&bytes).unwrap();
    let mut merged = Rows::default();
    for row in read {
        merged.add(row);
    }
    let mut expected = rows();
    expected.insert(
        1,
        Row {
            labels: labels("numbered"),
            samples: vec![Sample { at_ms: 1, value: 9.0 }, Sample { at_ms: 2, value: 9.0 }],
            ..Row::default()
        },
    );
    let as_text = |rows: &[Row]| -> Vec<Vec<String>> {
        rows.iter()
            .map(|row| text(&row.labels, &row.samples, &row.histograms, &row.exemplars))
            .collect()
    };
    let found: Vec<Row> = merged.list().iter().map(|(_, row)| row.clone()).collect();
    assert_eq!(as_text(&found), as_text(&expected));
    assert_eq!(
        Named(&known).find(number(2)),
        None,
        "another series had this place"
    );

    let mut bytes = vec![0; 8];
    bytes.extend(record::encode_metadata(&[metadata()]));
    assert_eq!(record::decode(&bytes), Ok((Vec::new(), vec![metadata()])));
}

proptest! {
    #[test]
    fn no_record_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = record::decode(&bytes);
        let mut packed = vec![0; 8];
        packed.extend(snap::raw::Encoder::new().compress_vec(&bytes).unwrap());
        let _ = record::decode(&packed);
    }

    #[test]
    fn samples_survive_the_queue(
        series in proptest::collection::vec(("[a-z]{1,4}", "(?s).{1,8}", proptest::collection::vec((any::<i64>(), any::<u64>()), 1..5)), 0..20)
    ) {
        let mut batch = SeriesBatch::new(TenantId::DEFAULT);
        let mut expected = Vec::new();
        for (name, value, samples) in &series {
            let labels = Labels::from_pairs([("__name__", name.as_str()), ("v", value.as_str())]);
            let samples: Vec<Sample> =
                samples.iter().map(|(at_ms, bits)| Sample { at_ms: *at_ms, value: f64::from_bits(*bits) }).collect();
            expected.extend(text(&labels, &samples, &[], &[]));
            batch.push(Series::new(labels), &samples);
        }
        let (rows, _) = record::decode(&record(&batch, Named(&[]))).unwrap();
        let found: Vec<String> = rows.iter().flat_map(|row| text(&row.labels, &row.samples, &[], &[])).collect();
        prop_assert_eq!(found, expected);
    }
}
