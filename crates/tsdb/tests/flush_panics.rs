//! A flush that panics: what it was about stays, and the next one takes it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests fail as tests do"
)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use disk::SharedStorage;
use faulty::FaultyStorage;
use model::{
    Histogram, HistogramSample, Labels, SampleColumns, Selector, Series, SeriesBatch, SeriesRead,
    SeriesWrite, TenantId, TimeRange,
};
use tsdb::{Config, Db};

#[path = "../../disk/tests/support/faulty.rs"]
mod faulty;

/// A time on a block's edge.
const T0: i64 = 1_700_006_400_000;

fn series(name: &str) -> Series {
    Series::new(Labels::from_pairs([("__name__", name)]))
}

fn put_sample(db: &Db, tenant: TenantId, at_ms: i64) {
    let mut batch = SeriesBatch::new(tenant);
    batch.push_one(series("a"), at_ms, 1.0);
    assert_eq!(db.append(&batch, T0).unwrap().stored, 1);
}

/// Of another series, which has nothing else.
fn put_histogram(db: &Db, tenant: TenantId, at_ms: i64) {
    let mut batch = SeriesBatch::new(tenant);
    let histogram = HistogramSample::new(at_ms, Arc::new(Histogram::default()));
    batch.push_histograms(series("d"), vec![histogram]);
    assert_eq!(db.append(&batch, T0).unwrap().stored, 1);
}

/// The times of samples and of histograms.
fn times(db: &Db, tenant: TenantId) -> (Vec<i64>, Vec<i64>) {
    let all = Selector {
        tenant,
        matchers: Vec::new(),
        range: TimeRange::ALL,
    };
    let (mut columns, mut histograms) = (SampleColumns::default(), Vec::new());
    for series in db.select(&all).unwrap() {
        series.read(TimeRange::ALL, &mut columns).unwrap();
        series.read_histograms(TimeRange::ALL, &mut histograms).unwrap();
    }
    let of_histograms = histograms.iter().map(|sample| sample.at_ms).collect();
    (columns.at_ms, of_histograms)
}

#[test]
fn a_flush_that_panics_loses_nothing_and_the_next_one_seals_all() {
    let dir = tempfile::tempdir().unwrap();
    let (storage, faults) = FaultyStorage::with_faults();
    let open = || Db::open_on(SharedStorage::clone(&storage), Config::in_dir(dir.path()), T0).unwrap();
    let (db, _) = open();
    let tenants = [TenantId::DEFAULT, TenantId(7)];
    for &tenant in &tenants {
        put_sample(&db, tenant, T0);
        put_histogram(&db, tenant, T0);
    }
    let read_all = |db: &Db, samples: &[i64]| {
        for &tenant in &tenants {
            assert_eq!(times(db, tenant), (samples.to_vec(), vec![T0]));
        }
    };
    faults.create_panics.store(true, Ordering::SeqCst);
    assert!(catch_unwind(AssertUnwindSafe(|| db.flush(T0))).is_err());
    faults.create_panics.store(false, Ordering::SeqCst);
    read_all(&db, &[T0]);
    for tenant in tenants {
        put_sample(&db, tenant, T0 + 1);
    }
    db.flush(T0).unwrap();
    read_all(&db, &[T0, T0 + 1]);
    drop(db);
    // What was sealed leaves the log: only blocks have it now.
    let (db, report) = open();
    assert_eq!((report.samples, report.blocks), (0, 2), "{report:?}");
    read_all(&db, &[T0, T0 + 1]);
}
