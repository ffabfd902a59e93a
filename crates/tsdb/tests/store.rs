//! The store through its doors: what is taken, what is refused, what survives.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests fail as tests do"
)]

use std::path::Path;
use std::sync::Arc;

use model::{
    BUCKETS_PER_SIDE_MAX, Buckets, Exemplar, Histogram, HistogramSample, Labels, Matcher, MetricKind,
    MetricMetadata, NO_START, Refusal, SampleColumns, Selector, Series, SeriesBatch, SeriesRead, SeriesWrite,
    TenantId, TimeRange,
};
use stdx::HumanDuration;
use tsdb::{Config, Db, OpenReport, TierRetention};

/// A time on a block's edge.
const T0: i64 = 1_700_006_400_000;
const HOUR: i64 = 3_600_000;

fn open(dir: &Path, now_ms: i64) -> (Db, OpenReport) {
    Db::open(Config::in_dir(dir), now_ms).unwrap()
}

fn series(name: &str) -> Series {
    Series::new(Labels::from_pairs([("__name__", name), ("job", "test")]))
}

fn put(db: &Db, name: &str, at_ms: i64, value: f64, now_ms: i64) -> model::Accepted {
    let mut batch = SeriesBatch::new(TenantId::DEFAULT);
    batch.push_one(series(name), at_ms, value);
    db.append(&batch, now_ms).unwrap()
}

fn read(db: &Db, name: &str) -> Vec<(i64, f64)> {
    let selector = Selector {
        tenant: TenantId::DEFAULT,
        matchers: vec![Matcher::equal("__name__", name)],
        range: TimeRange::ALL,
    };
    let mut columns = SampleColumns::default();
    for series in db.select(&selector).unwrap() {
        series.read(TimeRange::ALL, &mut columns).unwrap();
    }
    columns
        .iter()
        .map(|sample| (sample.at_ms, sample.value))
        .collect()
}

fn files(dir: &Path) -> Vec<std::path::PathBuf> {
    let Ok(entries) = std::fs::read_dir(dir) else {
        return Vec::new();
    };
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn samples_are_judged_by_age_future_and_time_stamp() {
    let dir = tempfile::tempdir().unwrap();
    let (db, _) = open(dir.path(), T0);
    let check = |at_ms, value, refusal: Option<Refusal>| {
        let accepted = put(&db, "a", at_ms, value, T0);
        let expected: Vec<_> = refusal.into_iter().map(|refusal| (refusal, 1)).collect();
        assert_eq!(
            (accepted.stored, accepted.refused),
            (u64::from(expected.is_empty()), expected)
        );
    };
    check(T0, 1.0, None);
    check(T0, 1.0, None);
    check(T0, 2.0, Some(Refusal::DuplicateTimestamp));
    check(T0 - HOUR, 3.0, None);
    check(T0 - HOUR - 1, 3.0, Some(Refusal::TooOld));
    check(T0 + 600_000, 4.0, None);
    check(T0 + 600_001, 4.0, Some(Refusal::TooFarInFuture));
    assert_eq!(read(&db, "a"), [(T0 - HOUR, 3.0), (T0, 1.0), (T0 + 600_000, 4.0)]);
}

#[test]
fn a_batch_may_repeat_series_and_times() {
    let dir = tempfile::tempdir().unwrap();
    let (db, _) = open(dir.path(), T0);
    let mut batch = SeriesBatch::new(TenantId::DEFAULT);
    for (at_ms, value) in [(T0 + 2, 2.0), (T0, 0.0), (T0 + 1, 1.0), (T0, 0.0), (T0 + 1, 9.0)] {
        batch.push_one(series("a"), at_ms, value);
    }
    let accepted = db.append(&batch, T0).unwrap();
    assert_eq!(
        (accepted.stored, accepted.refused),
        (4, vec![(Refusal::DuplicateTimestamp, 1)])
    );
    assert_eq!(read(&db, "a"), [(T0, 0.0), (T0 + 1, 1.0), (T0 + 2, 2.0)]);
}

#[test]
fn tenants_do_not_see_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let (db, _) = open(dir.path(), T0);
    let mut batch = SeriesBatch::new(TenantId(5));
    batch.push_one(series("a"), T0, 5.0);
    db.append(&batch, T0).unwrap();
    put(&db, "a", T0, 1.0, T0);
    for round in 0..2 {
        assert_eq!(read(&db, "a"), [(T0, 1.0)], "round {round}");
        let values = db
            .label_values(TenantId(5), "__name__", TimeRange::ALL, &[])
            .unwrap();
        assert_eq!(values, ["a"]);
        assert!(
            db.label_names(TenantId(6), TimeRange::ALL, &[])
                .unwrap()
                .is_empty()
        );
        db.flush(T0).unwrap();
    }
}

#[test]
fn the_limit_of_series_refuses_only_new_ones() {
    let dir = tempfile::tempdir().unwrap();
    let config = Config {
        active_series_max: 2,
        ..Config::in_dir(dir.path())
    };
    let (db, _) = Db::open(config, T0).unwrap();
    put(&db, "a", T0, 1.0, T0);
    put(&db, "b", T0, 1.0, T0);
    assert_eq!(put(&db, "c", T0, 1.0, T0).refused, [(Refusal::TooManySeries, 1)]);
    assert_eq!(put(&db, "a", T0 + 1, 1.0, T0).stored, 1);
}

#[test]
fn a_key_is_answered_once_and_remembered_over_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let mut batch = SeriesBatch::new(TenantId::DEFAULT);
    batch.key = Some(77);
    batch.push_one(series("a"), T0, 1.0);
    batch.push_one(series("a"), T0 + 86_400_000, 1.0);
    let (db, _) = open(dir.path(), T0);
    let first = db.append(&batch, T0).unwrap();
    assert_eq!((first.stored, first.refused_count()), (1, 1));
    let mut other = SeriesBatch::new(TenantId::DEFAULT);
    other.key = Some(77);
    other.push_one(series("b"), T0, 1.0);
    assert_eq!(db.append(&other, T0 + 1).unwrap(), first);
    drop(db);
    let (db, _) = open(dir.path(), T0 + 800_000);
    assert_eq!(db.append(&other, T0 + 800_000).unwrap(), first);
    assert!(read(&db, "b").is_empty());
    assert_eq!(db.append(&other, T0 + 900_001).unwrap().stored, 1);
    assert_eq!(read(&db, "b"), [(T0, 1.0)]);
}

#[test]
fn maintenance_moves_old_samples_to_blocks_and_shortens_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let (db, _) = open(dir.path(), T0);
    let mut expected = Vec::new();
    let mut now_ms = T0;
    while now_ms < T0 + 9 * HOUR {
        expected.push((now_ms, (now_ms % 977) as f64));
        put(&db, "a", now_ms, (now_ms % 977) as f64, now_ms);
        if now_ms == T0 {
            put(&db, "gone", now_ms, 7.0, now_ms);
        }
        now_ms += 60_000;
        db.maintain(now_ms).unwrap();
        if now_ms % (40 * 60_000) == 0 {
            assert_eq!(read(&db, "a"), expected);
        }
    }
    assert_eq!(files(&dir.path().join("blocks")).len(), 4);
    let statistics = db.statistics(TenantId::DEFAULT, 5).unwrap();
    assert_eq!((statistics.head_series, statistics.blocks), (1, 4));
    assert_eq!(statistics.head_range.unwrap().from_ms(), T0 + 8 * HOUR);
    assert!(statistics.head_chunks <= 2);
    drop(db);
    let (db, report) = open(dir.path(), now_ms);
    assert!(report.damage.is_empty(), "{report:?}");
    assert!(report.records < 200 && report.samples == 60, "{report:?}");
    assert_eq!(read(&db, "a"), expected);
    assert_eq!(read(&db, "gone"), [(T0, 7.0)]);
}

#[test]
fn a_source_with_old_time_stamps_makes_few_blocks() {
    let dir = tempfile::tempdir().unwrap();
    let (db, _) = open(dir.path(), T0);
    let mut expected = Vec::new();
    // Five hours behind, a sample a minute, for three hours.
    for minute in 0..180 {
        let at_ms = T0 + minute * 60_000;
        let now_ms = at_ms + 5 * HOUR;
        put(&db, "late", at_ms, 1.0, now_ms);
        expected.push((at_ms, 1.0));
        db.maintain(now_ms).unwrap();
    }
    let blocks = files(&dir.path().join("blocks")).len();
    assert!((2..=8).contains(&blocks), "{blocks} blocks");
    assert_eq!(read(&db, "late"), expected);
}

#[test]
fn late_samples_after_a_flush_are_checked_against_blocks() {
    let dir = tempfile::tempdir().unwrap();
    let (db, _) = open(dir.path(), T0);
    for at_ms in [T0, T0 + 10, T0 + 20] {
        put(&db, "a", at_ms, 1.0, T0);
    }
    db.flush(T0).unwrap();
    assert_eq!(
        put(&db, "a", T0 + 10, 2.0, T0).refused,
        [(Refusal::DuplicateTimestamp, 1)]
    );
    assert_eq!(put(&db, "a", T0 + 10, 1.0, T0).stored, 1);
    assert_eq!(put(&db, "a", T0 + 5, 5.0, T0).stored, 1);
    db.flush(T0).unwrap();
    assert_eq!(
        files(&dir.path().join("blocks")).len(),
        1,
        "the day's blocks are merged"
    );
    let expected = [(T0, 1.0), (T0 + 5, 5.0), (T0 + 10, 1.0), (T0 + 20, 1.0)];
    assert_eq!(read(&db, "a"), expected);
    drop(db);
    assert_eq!(read(&open(dir.path(), T0).0, "a"), expected);
}

#[test]
fn a_series_that_comes_back_is_still_checked_against_blocks() {
    let dir = tempfile::tempdir().unwrap();
    let (db, _) = open(dir.path(), T0);
    put(&db, "a", T0, 1.0, T0);
    db.flush(T0).unwrap();
    let later_ms = T0 + 5 * HOUR;
    db.maintain(later_ms).unwrap();
    assert_eq!(db.statistics(TenantId::DEFAULT, 1).unwrap().head_series, 0);
    assert_eq!(put(&db, "a", T0 - 10, 2.0, later_ms).stored, 1);
    assert_eq!(
        put(&db, "a", T0, 3.0, later_ms).refused,
        [(Refusal::DuplicateTimestamp, 1)]
    );
    assert_eq!(read(&db, "a"), [(T0 - 10, 2.0), (T0, 1.0)]);
}

#[test]
fn samples_survive_where_the_whole_log_was_removed_before() {
    let dir = tempfile::tempdir().unwrap();
    let (db, _) = open(dir.path(), T0);
    for step in 0..4 {
        put(&db, "a", T0 + step, 1.0, T0);
        db.flush(T0).unwrap();
    }
    db.maintain(T0 + HOUR).unwrap();
    assert!(files(&dir.path().join("log")).is_empty());
    drop(db);
    let (db, _) = open(dir.path(), T0);
    put(&db, "a", T0 + 9, 2.0, T0);
    drop(db);
    assert_eq!(read(&open(dir.path(), T0).0, "a").last(), Some(&(T0 + 9, 2.0)));
}

const NOT_KEPT: TierRetention = TierRetention {
    keep: HumanDuration::from_secs(0),
    bytes: None,
};

#[test]
fn a_selection_keeps_reading_what_is_flushed_and_expired_under_it() {
    let dir = tempfile::tempdir().unwrap();
    let config = Config {
        retention: HumanDuration::from_secs(2 * 3600),
        // Else samples stay until they are rolled up.
        minutes: NOT_KEPT,
        hours: NOT_KEPT,
        ..Config::in_dir(dir.path())
    };
    let (db, _) = Db::open(config, T0).unwrap();
    put(&db, "a", T0, 1.0, T0);
    let selector = Selector {
        tenant: TenantId::DEFAULT,
        matchers: Vec::new(),
        range: TimeRange::ALL,
    };
    let before_flush = db.select(&selector).unwrap();
    db.flush(T0).unwrap();
    let after_flush = db.select(&selector).unwrap();
    put(&db, "a", T0 + 1, 2.0, T0);
    let check = |selected: &[Arc<dyn model::SelectedSeries>], expected: &[i64]| {
        let mut columns = SampleColumns::default();
        selected[0].read(TimeRange::ALL, &mut columns).unwrap();
        assert_eq!(columns.at_ms, expected);
    };
    check(&before_flush, &[T0]);
    check(&after_flush, &[T0]);
    let path = files(&dir.path().join("blocks")).remove(0);
    db.maintain(T0 + 5 * HOUR).unwrap();
    assert!(path.exists(), "a block that is read stays");
    check(&after_flush, &[T0]);
    drop((before_flush, after_flush));
    assert!(!path.exists());
    assert!(read(&db, "a").is_empty());
}

#[test]
fn the_limit_of_bytes_gives_up_the_oldest_blocks() {
    let dir = tempfile::tempdir().unwrap();
    let config = Config {
        retention_bytes: Some(45_000),
        ..Config::in_dir(dir.path())
    };
    let (db, _) = Db::open(config, T0).unwrap();
    let mut now_ms = T0;
    for _ in 0..12 {
        let mut batch = SeriesBatch::new(TenantId::DEFAULT);
        for step in 0..1000 {
            let value = f64::from_bits(
                0x3ff0_0000_0000_0000 | (now_ms as u64 + step).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 12,
            );
            batch.push_one(series("a"), now_ms + step as i64, value);
        }
        db.append(&batch, now_ms).unwrap();
        db.flush(now_ms).unwrap();
        now_ms += HOUR;
    }
    let samples = read(&db, "a");
    let blocks = files(&dir.path().join("blocks"));
    let bytes: u64 = blocks.iter().map(|path| path.metadata().unwrap().len()).sum();
    assert!(
        bytes <= 45_000 && !blocks.is_empty(),
        "{bytes} bytes in {} blocks",
        blocks.len()
    );
    assert_eq!(samples.len() % 1000, 0);
    assert_eq!(samples.last().unwrap().0, now_ms - HOUR + 999);
}

#[test]
fn metadata_survives_log_and_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    let entry = |name: &str, help: &str| MetricMetadata {
        name: name.into(),
        kind: MetricKind::Gauge,
        help: help.into(),
        unit: "s".into(),
    };
    let (db, _) = open(dir.path(), T0);
    db.describe(TenantId::DEFAULT, &[entry("b", "old"), entry("a", "x")])
        .unwrap();
    db.describe(TenantId::DEFAULT, &[entry("b", "new")]).unwrap();
    drop(db);
    let expected = vec![entry("a", "x"), entry("b", "new")];
    for hours in 0..3 {
        let now_ms = T0 + hours * 4 * HOUR;
        let (db, _) = open(dir.path(), now_ms);
        assert_eq!(db.metadata(TenantId::DEFAULT, None).unwrap(), expected);
        assert_eq!(db.metadata(TenantId::DEFAULT, Some("b")).unwrap(), expected[1..]);
        assert!(db.metadata(TenantId(1), None).unwrap().is_empty());
        put(&db, "a", now_ms, 1.0, now_ms);
        db.maintain(now_ms + 4 * HOUR).unwrap();
    }
}

#[test]
fn a_damaged_block_is_named_and_the_rest_answers() {
    let dir = tempfile::tempdir().unwrap();
    let (db, _) = open(dir.path(), T0);
    put(&db, "a", T0, 1.0, T0);
    db.flush(T0).unwrap();
    put(&db, "a", T0 + 25 * HOUR, 2.0, T0 + 25 * HOUR);
    db.flush(T0 + 25 * HOUR).unwrap();
    drop(db);
    let blocks = files(&dir.path().join("blocks"));
    let flip = |path: &Path, place: usize| {
        let mut bytes = std::fs::read(path).unwrap();
        bytes[place] ^= 1;
        std::fs::write(path, bytes).unwrap();
    };
    // A chunk lies right behind the header of 16 bytes; the end is the trailer.
    flip(&blocks[1], 18);
    let (db, report) = open(dir.path(), T0);
    assert!(report.damage.is_empty());
    assert_eq!(read(&db, "a"), [(T0, 1.0)]);
    assert!(db.damage()[0].contains("chunk at offset 16"), "{:?}", db.damage());
    let selector = Selector {
        tenant: TenantId::DEFAULT,
        matchers: vec![Matcher::equal("__name__", "a")],
        range: TimeRange::ALL,
    };
    let series = db.select(&selector).unwrap().remove(0);
    assert!(series.damaged_files().is_empty(), "nothing was read yet");
    series
        .read(TimeRange::at(T0), &mut SampleColumns::default())
        .unwrap();
    assert!(series.damaged_files().is_empty(), "that block is whole");
    series
        .read(TimeRange::ALL, &mut SampleColumns::default())
        .unwrap();
    assert_eq!(
        series.damaged_files(),
        [blocks[1].file_name().unwrap().to_str().unwrap()]
    );
    drop(series);
    drop(db);
    let length = std::fs::metadata(&blocks[0]).unwrap().len() as usize;
    flip(&blocks[0], length - 1);
    flip(&blocks[1], 18);
    let (db, report) = open(dir.path(), T0);
    let name = blocks[0].file_name().unwrap().to_str().unwrap();
    assert!(
        report.damage[0].contains(name) && report.damage[0].contains("quarantine"),
        "{:?}",
        report.damage
    );
    assert_eq!(read(&db, "a"), [(T0 + 25 * HOUR, 2.0)]);
    assert_eq!(files(&dir.path().join("quarantine")).len(), 1);
}

#[test]
fn a_damaged_record_costs_its_own_samples_even_where_it_defines_series() {
    let dir = tempfile::tempdir().unwrap();
    let (db, _) = open(dir.path(), T0);
    for step in 0..5 {
        put(&db, "a", T0 + step, step as f64, T0);
    }
    drop(db);
    let log = files(&dir.path().join("log")).remove(0);
    let mut bytes = std::fs::read(&log).unwrap();
    // Into the payload of record 0: 32 bytes of segment header, 24 of frame header.
    bytes[60] ^= 0x40;
    std::fs::write(&log, bytes).unwrap();
    let (db, report) = open(dir.path(), T0);
    assert_eq!(
        read(&db, "a"),
        [(T0 + 1, 1.0), (T0 + 2, 2.0), (T0 + 3, 3.0), (T0 + 4, 4.0)]
    );
    assert!(
        report.damage[0].contains("record 0 at offset 32"),
        "{:?}",
        report.damage
    );
}

#[test]
fn a_closed_store_takes_nothing_and_a_folder_has_one_owner() {
    let dir = tempfile::tempdir().unwrap();
    let (db, _) = open(dir.path(), T0);
    let error = Db::open(Config::in_dir(dir.path()), T0).unwrap_err();
    let text = std::error::Error::source(&error).unwrap().to_string();
    assert!(text.contains("in use by another process"), "{text}");
    db.close();
    let mut batch = SeriesBatch::new(TenantId::DEFAULT);
    batch.push_one(series("a"), T0, 1.0);
    assert!(matches!(db.append(&batch, T0), Err(model::WriteError::Closed)));
    assert!(db.maintain(T0).is_err());
}

fn histogram_sample(at_ms: i64, count: u32) -> HistogramSample {
    HistogramSample {
        at_ms,
        value: Arc::new(Histogram {
            schema: 3,
            count: f64::from(count),
            sum: f64::from(count) * 0.25,
            positive: Buckets::from_sorted([(-3, f64::from(count) - 1.0), (7, 1.0)]),
            ..Histogram::default()
        }),
        // Not told at first, then one start for half an hour.
        start_ms: if at_ms < T0 + 900_000 {
            NO_START
        } else {
            at_ms.div_euclid(1_800_000) * 1_800_000
        },
    }
}

fn read_histograms(db: &Db) -> Vec<HistogramSample> {
    let selector = Selector {
        tenant: TenantId::DEFAULT,
        matchers: vec![Matcher::equal("__name__", "latency")],
        range: TimeRange::ALL,
    };
    let mut found = Vec::new();
    for series in db.select(&selector).unwrap() {
        series.read_histograms(TimeRange::ALL, &mut found).unwrap();
    }
    found
}

#[test]
fn histograms_are_kept_in_memory_in_blocks_and_over_restarts() {
    let dir = tempfile::tempdir().unwrap();
    let (mut db, _) = open(dir.path(), T0);
    let series = Series::new(Labels::from_pairs([("__name__", "latency")]));
    let append = |db: &Db, samples: &[HistogramSample], now_ms: i64| {
        let mut batch = SeriesBatch::new(TenantId::DEFAULT);
        batch.push_histograms(series.clone(), samples.to_vec());
        db.append(&batch, now_ms).unwrap()
    };
    let mut expected: Vec<HistogramSample> = Vec::new();
    // A hundred at a time, two days long, with restarts, flushes and repetitions between them.
    for round in 0..20 {
        let start_ms = T0 + round * 100 * 30_000;
        let now_ms = start_ms + 100 * 30_000;
        let samples: Vec<HistogramSample> = (0..100)
            .map(|step| histogram_sample(start_ms + step * 30_000, 5 + (round * 100 + step) as u32))
            .collect();
        let accepted = append(&db, &samples, now_ms);
        assert_eq!((accepted.stored, accepted.histograms_stored), (100, 100));
        expected.extend(samples);
        match round % 4 {
            0 => db.flush(now_ms).unwrap(),
            1 => {
                drop(db);
                db = open(dir.path(), now_ms).0;
            }
            2 => db.maintain(now_ms).unwrap(),
            _ => {}
        }
        let repeated = append(&db, &expected[expected.len() - 150.min(expected.len())..], now_ms);
        assert_eq!(repeated.refused, []);
        assert_eq!(read_histograms(&db), expected, "round {round}");
    }
    let last_ms = expected.last().unwrap().at_ms;
    let other = append(&db, &[histogram_sample(last_ms, 3)], last_ms);
    assert_eq!(other.refused, [(Refusal::DuplicateTimestamp, 1)]);
    db.flush(last_ms).unwrap();
    drop(db);
    assert_eq!(read_histograms(&open(dir.path(), last_ms).0), expected);
}

#[test]
fn what_could_not_be_read_back_is_refused_and_the_rest_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let (db, _) = open(dir.path(), T0);
    let mut batch = SeriesBatch::new(TenantId::DEFAULT);
    let latency = Series::new(Labels::from_pairs([("__name__", "latency")]));
    let wide = Histogram {
        positive: Buckets::from_sorted((0..=BUCKETS_PER_SIDE_MAX as i32).map(|index| (index, 1.0))),
        ..Histogram::default()
    };
    let wide = HistogramSample::new(T0 + 1, Arc::new(wide));
    batch.push_histograms(latency.clone(), vec![histogram_sample(T0, 5), wide]);
    let exemplar = |count: usize| Exemplar {
        labels: Labels::from_pairs((0..count).map(|number| (format!("l{number}"), "x"))),
        value: 0.5,
        at_ms: T0,
    };
    batch.push_exemplar(latency.clone(), exemplar(4097));
    batch.push_exemplar(latency, exemplar(1));
    let long = Labels::from_pairs([("__name__", "long".to_owned()), ("v", "x".repeat(64 << 10))]);
    batch.push_one(Series::new(long.clone()), T0, 1.0);
    batch.push_one(series("short"), T0, 1.0);
    let accepted = db.append(&batch, T0).unwrap();
    assert_eq!((accepted.stored, accepted.exemplars_stored), (2, 1));
    let mut refused = accepted.refused;
    refused.sort_by_key(|(reason, _)| reason.as_str());
    assert_eq!(
        refused,
        [
            (Refusal::LabelsTooLong, 1),
            (Refusal::TooManyBuckets, 1),
            (Refusal::TooManyLabels, 1)
        ]
    );
    let mut old = db.backfill(TenantId::DEFAULT, T0);
    let mut column = SampleColumns::default();
    column.push(T0 - 1, 1.0);
    old.add(&long, &column).unwrap();
    assert_eq!(
        old.finish().unwrap().accepted.refused,
        [(Refusal::LabelsTooLong, 1)]
    );
    db.flush(T0).unwrap();
    drop(db);
    let (db, report) = open(dir.path(), T0);
    assert!(report.damage.is_empty(), "{report:?}");
    assert_eq!(read_histograms(&db), [histogram_sample(T0, 5)]);
    assert_eq!(read(&db, "short"), [(T0, 1.0)]);
}

#[test]
fn a_batch_too_large_to_be_read_back_is_refused_and_others_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let (db, _) = open(dir.path(), T0);
    put(&db, "before", T0, 1.0, T0);
    // 130 MiB of definitions, which zstd would make a few kilobytes.
    let mut batch = SeriesBatch::new(TenantId::DEFAULT);
    let value = "x".repeat(63 << 10);
    for number in 0..2120 {
        let labels = Labels::from_pairs([("__name__", format!("large_{number}")), ("v", value.clone())]);
        batch.push_one(Series::new(labels), T0, 1.0);
    }
    let refused = db.append(&batch, T0).unwrap_err();
    assert!(matches!(refused, model::WriteError::TooLarge { .. }), "{refused}");
    put(&db, "after", T0, 2.0, T0);
    drop(db);
    let (db, report) = open(dir.path(), T0);
    assert!(report.damage.is_empty(), "{report:?}");
    assert_eq!(
        (read(&db, "before"), read(&db, "after")),
        (vec![(T0, 1.0)], vec![(T0, 2.0)])
    );
}

#[test]
fn a_batch_of_more_histograms_than_a_record_may_hold_is_refused_and_others_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let (db, _) = open(dir.path(), T0);
    let largest = Arc::new(Histogram {
        positive: Buckets::from_sorted((0..BUCKETS_PER_SIDE_MAX as i32).map(|index| (index, 1.0))),
        ..Histogram::default()
    });
    let batch = |times: std::ops::Range<i64>| {
        let mut batch = SeriesBatch::new(TenantId::DEFAULT);
        for at_ms in times {
            let sample = HistogramSample::new(at_ms, Arc::clone(&largest));
            batch.push_histograms(series("latency"), vec![sample]);
        }
        batch
    };
    assert_eq!(db.append(&batch(T0..T0 + 9), T0).unwrap().histograms_stored, 9);
    // Half a MiB each.
    let refused = db.append(&batch(T0 + 9..T0 + 600), T0).unwrap_err();
    assert!(
        matches!(refused, model::WriteError::TooLarge { got, max } if got > max),
        "{refused}"
    );
    drop(db);
    let (db, report) = open(dir.path(), T0);
    assert!(report.damage.is_empty(), "{report:?}");
    let times: Vec<i64> = read_histograms(&db).iter().map(|sample| sample.at_ms).collect();
    assert_eq!(times, (T0..T0 + 9).collect::<Vec<_>>());
}

#[test]
fn exemplars_are_found_and_survive_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let (db, _) = open(dir.path(), T0);
    let series = Series::new(Labels::from_pairs([("__name__", "latency_bucket"), ("le", "1")]));
    let exemplar = |at_ms: i64| Exemplar {
        labels: Labels::from_pairs([("trace_id", format!("t{at_ms}"))]),
        value: 0.5,
        at_ms,
    };
    let mut batch = SeriesBatch::new(TenantId::DEFAULT);
    for at_ms in [T0, T0 + 5, T0 + 5] {
        batch.push_exemplar(series.clone(), exemplar(at_ms));
    }
    assert!(db.append(&batch, T0).unwrap().exemplars_stored >= 2);
    let find = |db: &Db| {
        let wanted = [vec![Matcher::equal("le", "1")], vec![Matcher::equal("le", "2")]];
        db.exemplars(
            TenantId::DEFAULT,
            TimeRange::new(T0 + 1, T0 + 9).unwrap(),
            &wanted,
        )
        .unwrap()
    };
    let found = find(&db);
    assert_eq!(found[0].0, *series.labels());
    assert_eq!(found[0].1.first(), Some(&exemplar(T0 + 5)));
    drop(db);
    assert_eq!(find(&open(dir.path(), T0).0), found);
}

#[test]
fn a_metric_without_end_is_cut_and_named_and_others_are_not_disturbed() {
    let dir = tempfile::tempdir().unwrap();
    let config = Config {
        series_per_metric_max: 50,
        ..Config::in_dir(dir.path())
    };
    let (db, _) = Db::open(config, T0).unwrap();
    put(&db, "steady", T0, 1.0, T0);
    let mut batch = SeriesBatch::new(TenantId::DEFAULT);
    for number in 0..1000 {
        let labels = Labels::from_pairs([("__name__", "endless".to_owned()), ("id", number.to_string())]);
        batch.push_one(Series::new(labels), T0, 1.0);
    }
    let accepted = db.append(&batch, T0).unwrap();
    assert_eq!(
        (accepted.stored, accepted.refused),
        (50, vec![(Refusal::TooManySeriesOfMetric, 950)])
    );
    assert_eq!(put(&db, "steady", T0 + 1, 2.0, T0).stored, 1);
    assert_eq!(put(&db, "new", T0 + 1, 2.0, T0).stored, 1);
    let statistics = db.statistics(TenantId::DEFAULT, 5).unwrap();
    assert_eq!(statistics.series_refused_by_metric, [("endless".to_owned(), 950)]);
}

#[test]
fn a_crowd_of_fresh_samples_goes_to_a_block_and_what_follows_is_judged_as_before() {
    let dir = tempfile::tempdir().unwrap();
    let (db, _) = open(dir.path(), T0);
    // Noise takes all of its eight bytes.
    let mut bits = 0x9e37_79b9_7f4a_7c15_u64;
    let mut noise = move || {
        bits ^= bits << 13;
        bits ^= bits >> 7;
        bits ^= bits << 17;
        f64::from_bits(bits >> 2)
    };
    let mut number = 0;
    while !db.is_crowded() {
        let mut batch = SeriesBatch::new(TenantId::DEFAULT);
        let mut samples = Vec::new();
        for _ in 0..100_000 {
            number += 1;
            samples.push(model::Sample {
                at_ms: T0 + number,
                value: noise(),
            });
        }
        batch.push(series("noise"), &samples);
        assert_eq!(db.append(&batch, T0 + number).unwrap().stored, 100_000);
    }
    let now_ms = T0 + number;
    put(&db, "noise", now_ms + 10, 1.0, now_ms);
    let blocks = || files(&dir.path().join("blocks")).len();
    assert_eq!(blocks(), 0, "nothing is old enough");
    db.maintain(now_ms).unwrap();
    assert_eq!((blocks(), db.is_crowded()), (1, false));
    assert_eq!(put(&db, "noise", now_ms + 9, 0.5, now_ms).stored, 1);
    let again = put(&db, "noise", now_ms + 10, 2.0, now_ms);
    assert_eq!(again.refused, [(Refusal::DuplicateTimestamp, 1)]);
    drop(db);
    let (db, _) = open(dir.path(), now_ms);
    assert!(read(&db, "noise").len() == number as usize + 2);
}
