//! Files of every released format stay readable. `fixtures/v1` is a whole store of version 1: a block, a checkpoint, a log;
//! `fixtures/v2` one with starts, whose chunks and records are of version 2; `fixtures/v3` one with histograms, whose block is of
//! version 2, and `fixtures/v1-histograms` the same of version 1.
//!
//! Written once by [`write_fixture`], [`write_started`] and [`write_counted`] with `WATCHKEEPER_WRITE_FIXTURE`,
//! `WATCHKEEPER_WRITE_STARTED` or `WATCHKEEPER_WRITE_COUNTED` naming an empty folder; never written again.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests fail as tests do"
)]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use disk::LocalStorage;
use model::{
    Histogram, HistogramSample, Labels, Matcher, MetricKind, MetricMetadata, NO_START, STALE_NAN, Sample,
    SampleColumns, Selector, Series, SeriesBatch, SeriesRead, SeriesWrite, TenantId, TimeRange,
};
use tsdb::block::Block;
use tsdb::{Config, Db};

const T0: i64 = 1_700_006_400_000;

fn values(number: i64) -> Vec<(i64, f64)> {
    let strange = [f64::NAN, -0.0, f64::INFINITY, f64::from_bits(1), 0.1, STALE_NAN];
    let plain = (0..600).map(|step| (T0 + step * 15_000, (step * 7 % 100 + number) as f64 / 4.0));
    let strange = strange
        .iter()
        .enumerate()
        .map(|(place, &value)| (T0 + 9_100_000 + place as i64, value));
    plain.chain(strange).collect()
}

fn series(number: i64) -> Series {
    Series::new(Labels::from_pairs([
        ("__name__", "fixture".to_owned()),
        ("number", format!("\u{e4}{number}")),
    ]))
}

fn metadata() -> MetricMetadata {
    MetricMetadata {
        name: "fixture".into(),
        kind: MetricKind::Gauge,
        help: "of version 1".into(),
        unit: "".into(),
    }
}

/// The first 500 samples of three series in blocks, the rest in the log.
fn write_fixture(dir: &Path) {
    let now_ms = T0 + 10_000_000;
    let (db, _) = Db::open(Config::in_dir(dir), now_ms).unwrap();
    db.describe(TenantId::DEFAULT, &[metadata()]).unwrap();
    for half in 0..2 {
        let mut batch = SeriesBatch::new(TenantId::DEFAULT);
        batch.key = Some(half + 1);
        for number in 0..3 {
            for (place, (at_ms, value)) in values(number).into_iter().enumerate() {
                if (place >= 500) == (half == 1) {
                    batch.push_one(series(number), at_ms, value);
                }
            }
        }
        db.append(&batch, now_ms).unwrap();
        if half == 0 {
            db.flush(now_ms).unwrap();
        }
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Checks a copy of a fixture.
fn check_stored(fixture: &str, check: fn(&Path)) {
    let fixtures = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    check_copy(&fixtures.join(fixture), check);
}

/// Writes a store into the folder that a variable of the environment names, or into one that goes again, and checks a copy.
fn check_written(variable: &str, write: fn(&Path), check: fn(&Path)) {
    let dir = tempfile::tempdir().unwrap();
    let dir = std::env::var_os(variable).map_or(dir.path().to_owned(), PathBuf::from);
    write(&dir);
    check_copy(&dir, check);
}

fn check_copy(dir: &Path, check: fn(&Path)) {
    let copied = tempfile::tempdir().unwrap();
    copy(dir, copied.path());
    check(copied.path());
}

fn check(dir: &Path) {
    let (db, report) = Db::open(Config::in_dir(dir), T0 + 10_000_000).unwrap();
    assert_eq!((report.damage.len(), report.blocks), (0, 1), "{report:?}");
    assert_eq!(
        report.samples,
        3 * 106,
        "what the checkpoint covers is not read again"
    );
    let selector = Selector {
        tenant: TenantId::DEFAULT,
        matchers: vec![Matcher::equal("__name__", "fixture")],
        range: TimeRange::ALL,
    };
    let selected = db.select(&selector).unwrap();
    assert_eq!(selected.len(), 3);
    for (number, selected) in selected.iter().enumerate() {
        assert_eq!(selected.labels(), series(number as i64).labels());
        let mut columns = SampleColumns::default();
        selected.read(TimeRange::ALL, &mut columns).unwrap();
        let bits: Vec<(i64, u64)> = columns
            .iter()
            .map(|sample| (sample.at_ms, sample.value.to_bits()))
            .collect();
        let expected: Vec<(i64, u64)> = values(number as i64)
            .iter()
            .map(|(at_ms, value)| (*at_ms, value.to_bits()))
            .collect();
        assert_eq!(bits, expected);
    }
    assert_eq!(db.metadata(TenantId::DEFAULT, None).unwrap(), [metadata()]);
    let mut repeated = SeriesBatch::new(TenantId::DEFAULT);
    repeated.key = Some(2);
    assert_eq!(db.append(&repeated, T0 + 10_000_000).unwrap().stored, 3 * 106);
}

#[test]
fn version_1_reads() {
    check_stored("v1", check);
}

#[test]
fn what_is_written_today_reads_the_same() {
    check_written("WATCHKEEPER_WRITE_FIXTURE", write_fixture, check);
}

/// The series of the second fixture: buckets that lean on each other, of which some have starts, and native histograms.
fn started(number: i64) -> Series {
    let name = if number < 4 { "started_bucket" } else { "started" };
    let bound = if number < 4 {
        format!("{number}.0")
    } else {
        String::new()
    };
    Series::new(Labels::from_pairs([("__name__", name.to_owned()), ("le", bound)]))
}

/// One start for all, that of the sample before, or none.
fn start_of(number: i64, at_ms: i64) -> i64 {
    match number {
        0 | 1 => T0 - 12_345,
        2 | 4 => at_ms - 15_000,
        _ => NO_START,
    }
}

fn started_samples(number: i64) -> Vec<(Sample, i64)> {
    let samples = (0..600).map(|step| Sample {
        at_ms: T0 + step * 15_000,
        value: (step * 3 + number) as f64,
    });
    samples
        .map(|sample| (sample, start_of(number, sample.at_ms)))
        .collect()
}

fn started_histograms() -> Vec<HistogramSample> {
    let sample = |step: i64| HistogramSample {
        at_ms: T0 + step * 15_000,
        value: Arc::new(Histogram {
            count: step as f64,
            ..Histogram::default()
        }),
        start_ms: start_of(4, T0 + step * 15_000),
    };
    (0..600).map(sample).collect()
}

/// The first 500 samples of each series in a block, the rest in the log.
fn write_started(dir: &Path) {
    let now_ms = T0 + 10_000_000;
    let (db, _) = Db::open(Config::in_dir(dir), now_ms).unwrap();
    for places in [0..500, 500..600] {
        let mut batch = SeriesBatch::new(TenantId::DEFAULT);
        for number in 0..4 {
            let (samples, starts): (Vec<Sample>, Vec<i64>) =
                started_samples(number)[places.clone()].iter().copied().unzip();
            batch.push_started(started(number), &samples, &starts);
        }
        batch.push_histograms(started(4), started_histograms()[places.clone()].to_vec());
        db.append(&batch, now_ms).unwrap();
        if places.start == 0 {
            db.flush(now_ms).unwrap();
        }
    }
}

fn check_started(dir: &Path) {
    let (db, report) = Db::open(Config::in_dir(dir), T0 + 10_000_000).unwrap();
    assert_eq!((report.damage.len(), report.blocks), (0, 1), "{report:?}");
    assert_eq!(report.samples, 5 * 100);
    let selector = Selector {
        tenant: TenantId::DEFAULT,
        matchers: Vec::new(),
        range: TimeRange::ALL,
    };
    let selected = db.select(&selector).unwrap();
    for number in 0..4 {
        let labels = started(number);
        let found = selected.iter().find(|found| found.labels() == labels.labels());
        let mut columns = SampleColumns::default();
        found.unwrap().read(TimeRange::ALL, &mut columns).unwrap();
        let read = columns.iter().enumerate();
        let read: Vec<(Sample, i64)> = read
            .map(|(place, sample)| (sample, columns.starts.get(place)))
            .collect();
        assert_eq!(read, started_samples(number), "{number}");
    }
    let mut histograms = Vec::new();
    let labels = started(4);
    let found = selected.iter().find(|found| found.labels() == labels.labels());
    found
        .unwrap()
        .read_histograms(TimeRange::ALL, &mut histograms)
        .unwrap();
    assert_eq!(histograms, started_histograms());
}

#[test]
fn version_2_reads() {
    check_stored("v2", check_started);
}

#[test]
fn what_is_written_today_with_starts_reads_the_same() {
    check_written("WATCHKEEPER_WRITE_STARTED", write_started, check_started);
}

/// The series of the third fixture: of four histograms the buckets, whose bounds are powers of four, and the counts.
fn counted() -> Vec<(Labels, Vec<Sample>)> {
    let mut series = Vec::new();
    for number in 0..4_i64 {
        let of = |metric: &str, le: String| {
            Labels::from_pairs([
                ("__name__", metric.to_owned()),
                ("le", le),
                ("number", number.to_string()),
            ])
        };
        for bound in 0..=3_u32 {
            let samples = (0..400).map(|step| Sample {
                at_ms: T0 + step * 15_000,
                value: (step * (number + 3) * i64::from(bound + 1) + step * step % 7) as f64,
            });
            let samples: Vec<Sample> = samples.collect();
            if bound == 3 {
                series.push((of("counted_count", String::new()), samples.clone()));
                series.push((of("counted_bucket", "+Inf".to_owned()), samples));
            } else {
                series.push((of("counted_bucket", 4_u64.pow(bound).to_string()), samples));
            }
        }
    }
    series
}

/// Places of `samples`, each series of them in one block.
fn flush_counted(db: &Db, places: std::ops::Range<usize>) {
    let now_ms = T0 + 10_000_000;
    let mut batch = SeriesBatch::new(TenantId::DEFAULT);
    for (labels, samples) in counted() {
        for sample in &samples[places.clone()] {
            batch.push_one(Series::new(labels.clone()), sample.at_ms, sample.value);
        }
    }
    db.append(&batch, now_ms).unwrap();
    db.flush(now_ms).unwrap();
}

fn write_counted(dir: &Path) {
    let (db, _) = Db::open(Config::in_dir(dir), T0 + 10_000_000).unwrap();
    flush_counted(&db, 0..200);
}

/// The block reads, and so does what it becomes together with another.
fn check_counted(dir: &Path) {
    let now_ms = T0 + 10_000_000;
    let (db, report) = Db::open(Config::in_dir(dir), now_ms).unwrap();
    assert_eq!((report.damage.len(), report.blocks), (0, 1), "{report:?}");
    let check = |count: usize| {
        for (labels, samples) in counted() {
            let matchers = labels.iter().map(|(name, value)| Matcher::equal(name, value));
            let selected = db.select(&Selector {
                tenant: TenantId::DEFAULT,
                matchers: matchers.collect(),
                range: TimeRange::ALL,
            });
            let mut columns = SampleColumns::default();
            selected.unwrap()[0].read(TimeRange::ALL, &mut columns).unwrap();
            assert_eq!(columns.iter().collect::<Vec<_>>(), samples[..count], "{labels:?}");
        }
    };
    check(200);
    // What is written now is merged with it.
    flush_counted(&db, 200..400);
    check(400);
    drop(db);
    let blocks: Vec<_> = std::fs::read_dir(dir.join("blocks")).unwrap().collect();
    let [Ok(merged)] = &blocks[..] else {
        panic!("{blocks:?}")
    };
    let merged = Block::open(&LocalStorage::shared(), &merged.path()).unwrap();
    assert_eq!(
        merged.contents().series_count as usize,
        counted().len(),
        "each series once"
    );
}

#[test]
fn version_3_reads() {
    for fixture in ["v1-histograms", "v3"] {
        check_stored(fixture, check_counted);
    }
}

#[test]
fn what_is_written_today_of_histograms_reads_the_same() {
    check_written("WATCHKEEPER_WRITE_COUNTED", write_counted, check_counted);
}
