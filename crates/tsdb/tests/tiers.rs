//! Years of samples through all tiers: what a coarse question is answered, and what that reads.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests fail as tests do"
)]

use std::path::Path;
use std::sync::Arc;

use model::{
    Labels, Matcher, Rollups, SampleColumns, SelectedSeries, Selector, Series, SeriesBatch, SeriesRead,
    SeriesWrite, Statistic, TenantId, TimeRange,
};
use stdx::HumanDuration;
use tsdb::{Config, Db, SeriesRetention};

const MINUTE: i64 = 60_000;
/// Between two samples.
const STEP: i64 = 5 * MINUTE;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// The first moment of a day.
const DAY0: i64 = 1_700_006_400_000;

fn days(days: u64) -> HumanDuration {
    HumanDuration::from_secs(days * 86_400)
}

fn labels(name: &str, job: &str) -> Labels {
    Labels::from_pairs([("__name__", name), ("job", job)])
}

/// A gauge that swings over a day with noise in hundredths, or a counter that starts again every eleven days.
fn value(name: &str, at_ms: i64) -> f64 {
    let number = at_ms.div_euclid(STEP);
    let noise = (number.wrapping_mul(0x9e37_79b9_7f4a_7c15_u64 as i64) >> 50) as f64;
    match name {
        "gauge" => {
            let swing = (at_ms.rem_euclid(DAY) as f64 / DAY as f64 * std::f64::consts::TAU).sin();
            (5000.0 + 1000.0 * swing + noise % 100.0).round() / 100.0
        }
        _ => (number.rem_euclid(11 * 24 * 12) * 7) as f64,
    }
}

fn measured(name: &str, from_ms: i64, to_ms: i64) -> SampleColumns {
    let mut columns = SampleColumns::default();
    for at_ms in (from_ms..to_ms).step_by(STEP as usize) {
        columns.push(at_ms, value(name, at_ms));
    }
    columns
}

fn open(dir: &Path, raw: HumanDuration, now_ms: i64) -> Db {
    let config = Config {
        retention: raw,
        ..Config::in_dir(dir)
    };
    Db::open(config, now_ms).unwrap().0
}

fn in_tier(db: &Db, matcher: Matcher, range: TimeRange, resolution_ms: i64) -> Vec<Arc<dyn SelectedSeries>> {
    let selector = Selector {
        tenant: TenantId::DEFAULT,
        matchers: vec![matcher],
        range,
    };
    db.select_in_tier(&selector, resolution_ms).unwrap()
}

fn read(db: &Db, name: &str, range: TimeRange, resolution_ms: i64) -> Rollups {
    let mut rollups = Rollups::of(&Statistic::ALL);
    for series in in_tier(db, Matcher::equal("__name__", name), range, resolution_ms) {
        series.read_rollups(range, &mut rollups).unwrap();
    }
    rollups
}

fn expected(name: &str, range: TimeRange, resolution_ms: i64) -> Rollups {
    let samples = measured(
        name,
        (range.from_ms() - 2 * HOUR).div_euclid(STEP) * STEP,
        range.to_ms() + 1,
    );
    let mut rollups = Rollups::of(&Statistic::ALL);
    rollups.roll_up(&samples, resolution_ms, range);
    rollups
}

fn bytes_read(db: &Db, tier: &str) -> u64 {
    let label = vec![("tier".to_owned(), tier.to_owned())];
    db.telemetry().bytes_read.get_or_create(&label).get()
}

fn put(db: &Db, name: &str, job: &str, samples: &SampleColumns, now_ms: i64) {
    let mut bulk = db.backfill(TenantId::DEFAULT, now_ms);
    bulk.add(&labels(name, job), samples).unwrap();
    bulk.finish().unwrap();
}

#[test]
fn three_years_are_answered_by_the_hour_alone() {
    let dir = tempfile::tempdir().unwrap();
    let end = DAY0 + 3 * 365 * DAY;
    let db = open(dir.path(), days(7), DAY0);
    for month in 0..=36 {
        let (from, to) = (DAY0 + month * 30 * DAY, (DAY0 + (month + 1) * 30 * DAY).min(end));
        for name in ["gauge", "counter"] {
            put(&db, name, "a", &measured(name, from, to), to);
        }
        db.maintain(to).unwrap();
    }
    let now = end + 3 * DAY;
    db.maintain(now).unwrap();
    db.flush(now).unwrap();
    // The last year, up to the day before the newest that is rolled up.
    let year = TimeRange::new(end - 364 * DAY + HOUR, end - DAY).unwrap();
    let before = ["raw", "1m", "1h"].map(|tier| bytes_read(&db, tier));
    for name in ["gauge", "counter"] {
        let (found, expected) = (read(&db, name, year, HOUR), expected(name, year, HOUR));
        assert_eq!(found.at_ms.len(), 363 * 24);
        assert!(found == expected, "{name}");
    }
    let after = ["raw", "1m", "1h"].map(|tier| bytes_read(&db, tier));
    assert_eq!(after[..2], before[..2], "raw and minutes were not read");
    // The oldest year is over, the middle one is there by the hour, the last month by the minute.
    assert!(
        read(
            &db,
            "gauge",
            TimeRange::new(DAY0, DAY0 + 100 * DAY).unwrap(),
            HOUR
        )
        .is_empty()
    );
    let month = TimeRange::new(end - 20 * DAY + MINUTE, end - 2 * DAY).unwrap();
    assert!(read(&db, "counter", month, MINUTE) == expected("counter", month, MINUTE));
    let tiers = db.tiers(TenantId::DEFAULT).unwrap();
    let since_days = |place: usize| (now - tiers[place].since_ms) / DAY;
    assert_eq!(tiers.len(), 3);
    assert!((5..=9).contains(&since_days(0)), "{tiers:?}");
    assert!((28..=35).contains(&since_days(1)), "{tiers:?}");
    assert!((364..=365 + 181).contains(&since_days(2)), "{tiers:?}");
}

#[test]
fn what_a_question_reads_of_a_tier_is_told_to_the_byte() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path(), days(7), DAY0);
    let end = DAY0 + 40 * DAY;
    put(&db, "gauge", "a", &measured("gauge", DAY0, end), end);
    db.maintain(end).unwrap();
    let range = TimeRange::new(DAY0 + HOUR, end - 5 * DAY).unwrap();
    let found = in_tier(&db, Matcher::equal("__name__", "gauge"), range, HOUR);
    let series = found.first().unwrap();
    let told = |statistics: &[Statistic]| series.extent(range, statistics).bytes;
    for wanted in [
        &[Statistic::Count][..],
        &[Statistic::Sum, Statistic::Count],
        &[Statistic::Min, Statistic::Max, Statistic::Last],
    ] {
        let before = bytes_read(&db, "1h");
        series.read_rollups(range, &mut Rollups::of(wanted)).unwrap();
        assert_eq!(told(wanted), bytes_read(&db, "1h") - before, "{wanted:?}");
    }
    assert!(2 * told(&[Statistic::Count]) < told(&[Statistic::Sum]));
}

#[test]
fn a_damaged_statistic_costs_its_stretches_and_shifts_no_others() {
    let dir = tempfile::tempdir().unwrap();
    let end = DAY0 + 30 * DAY;
    let range = TimeRange::new(DAY0 + HOUR, end - 5 * DAY).unwrap();
    {
        let db = open(dir.path(), days(7), DAY0);
        put(&db, "gauge", "a", &measured("gauge", DAY0, end), end);
        db.maintain(end).unwrap();
    }
    let expected = expected("gauge", range, HOUR);
    let is_expected = |found: &Rollups, place: usize| {
        let at_ms = found.at_ms[place];
        let whole = expected.at_ms.binary_search(&at_ms).unwrap();
        let same = |statistic| found.column(statistic)[place] == expected.column(statistic)[whole];
        // The hour that ends with a day has its last sample from the next day, which stands alone where the day is damaged.
        (same(Statistic::Sum) && same(Statistic::Count)) || at_ms % DAY == 0
    };
    let mut damaged = 0;
    for file in std::fs::read_dir(dir.path().join("blocks")).unwrap() {
        let path = file.unwrap().path();
        let whole = std::fs::read(&path).unwrap();
        // Chunks follow the header of 16 bytes.
        for place in (20..whole.len().min(1200)).step_by(45) {
            let mut bytes = whole.clone();
            bytes[place] ^= 1;
            std::fs::write(&path, bytes).unwrap();
            let mut found = Rollups::of(&[Statistic::Sum, Statistic::Count]);
            let mut is_told = false;
            {
                let db = open(dir.path(), days(7), end);
                for series in in_tier(&db, Matcher::equal("__name__", "gauge"), range, HOUR) {
                    series.read_rollups(range, &mut found).unwrap();
                    is_told |= series.damaged_files() == [path.file_name().unwrap().to_str().unwrap()];
                }
                is_told |= !db.damage().is_empty() && !path.exists();
            }
            let column = |statistic| found.column(statistic) == expected.column(statistic);
            let is_whole =
                found.at_ms == expected.at_ms && column(Statistic::Sum) && column(Statistic::Count);
            assert!(is_whole || is_told, "byte {place} of {}", path.display());
            damaged += usize::from(!is_whole);
            assert_eq!(found.column(Statistic::Sum).len(), found.len());
            assert_eq!(found.column(Statistic::Count).len(), found.len());
            assert!((0..found.len()).all(|place| is_expected(&found, place)));
        }
        std::fs::write(&path, whole).unwrap();
    }
    assert!(damaged > 10, "{damaged}");
}

/// A store with one block of what was measured of each of these series, from one time to another; the file.
fn one_block(dir: &Path, series: &[(&str, i64, i64)]) -> std::path::PathBuf {
    let db = open(dir, days(7), DAY0 + DAY);
    let mut bulk = db.backfill(TenantId::DEFAULT, DAY0 + DAY);
    for &(name, from, to) in series {
        bulk.add(&labels(name, "a"), &measured(name, from, to)).unwrap();
    }
    bulk.finish().unwrap();
    let mut files = std::fs::read_dir(dir.join("blocks")).unwrap();
    files.next().unwrap().unwrap().path()
}

#[test]
fn damage_met_while_a_day_is_rolled_up_costs_what_is_damaged() {
    let (noon, end) = (DAY0 + 12 * HOUR, DAY0 + DAY);
    let halves = [("counter", DAY0, noon), ("other", noon, end)];
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let whole = one_block(dirs[0].path(), &[("gauge", DAY0, end)]);
    let other = one_block(dirs[1].path(), &halves);
    let bytes = std::fs::read(&other).unwrap();
    let range = TimeRange::new(DAY0 + HOUR, end - HOUR).unwrap();
    let (mut missing, mut aside) = (0, 0);
    for place in (17..bytes.len()).step_by(23) {
        let dir = tempfile::tempdir().unwrap();
        let copies = dir.path().join("blocks");
        std::fs::create_dir(&copies).unwrap();
        std::fs::copy(&whole, copies.join(whole.file_name().unwrap())).unwrap();
        let mut bytes = bytes.clone();
        bytes[place] ^= 1;
        let damaged = copies.join(other.file_name().unwrap());
        std::fs::write(&damaged, bytes).unwrap();
        // Rolled up where the damage is met, at the latest the next time; then what was measured goes.
        let db = open(dir.path(), days(7), end);
        for now in [end + 2 * DAY, end + 3 * DAY, end + 20 * DAY] {
            db.maintain(now).unwrap();
        }
        assert_eq!(db.tiers(TenantId::DEFAULT).unwrap()[0].since_ms, i64::MIN, "gone");
        assert!(
            read(&db, "gauge", range, HOUR) == expected("gauge", range, HOUR),
            "{place}"
        );
        for (name, from, to) in halves {
            let mut expected = Rollups::of(&Statistic::ALL);
            expected.roll_up(&measured(name, from, to), HOUR, range);
            let found = read(&db, name, range, HOUR);
            let is_whole = found == expected;
            assert!(is_whole || found.is_empty(), "{place}: {name} is one chunk");
            missing += usize::from(!is_whole);
        }
        aside += usize::from(dir.path().join("quarantine").exists());
    }
    assert!(missing > 5 && aside > 2, "{missing}, {aside}");
}

#[test]
fn a_counter_that_starts_again_after_a_night_is_known_by_its_end_of_the_day_before() {
    let dir = tempfile::tempdir().unwrap();
    let end = DAY0 + 4 * DAY;
    let mut counted = SampleColumns::default();
    let mut push = |from: i64, to: i64, gain: f64| {
        for (number, at_ms) in (from..to).step_by(MINUTE as usize).enumerate() {
            counted.push(at_ms, gain * number as f64);
        }
    };
    // Each morning it counts faster: after an hour it is beyond where it ended the day before.
    for (day, gain) in [1.0, 100.0, 10_000.0].into_iter().enumerate() {
        let midnight = DAY0 + day as i64 * DAY;
        push(midnight + 8 * HOUR, midnight + 16 * HOUR, gain);
    }
    {
        let db = open(dir.path(), days(7), DAY0);
        put(&db, "counter", "a", &counted, end);
        db.maintain(end + 2 * DAY).unwrap();
    }
    let db = open(dir.path(), days(7), end + 2 * DAY);
    let range = TimeRange::new(DAY0, end).unwrap();
    let mut expected = Rollups::of(&Statistic::ALL);
    for resolution_ms in [MINUTE, HOUR] {
        expected.clear();
        expected.roll_up(&counted, resolution_ms, range);
        assert!(expected.column(Statistic::Lost).contains(&479.0));
        let before = bytes_read(&db, "raw");
        assert!(read(&db, "counter", range, resolution_ms) == expected);
        assert_eq!(bytes_read(&db, "raw"), before, "out of the tier alone");
    }
}

#[test]
fn what_is_not_rolled_up_yet_is_rolled_up_for_whoever_asks() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path(), days(7), DAY0);
    let end = DAY0 + 5 * DAY;
    put(&db, "gauge", "a", &measured("gauge", DAY0, end), end);
    db.maintain(end).unwrap();
    // Newer ones in memory, across the hour.
    let mut batch = SeriesBatch::new(TenantId::DEFAULT);
    for sample in measured("gauge", end, end + 3 * HOUR).iter() {
        batch.push_one(Series::new(labels("gauge", "a")), sample.at_ms, sample.value);
    }
    db.append(&batch, end + 3 * HOUR).unwrap();
    let range = TimeRange::new(DAY0 + HOUR, end + 2 * HOUR).unwrap();
    assert!(read(&db, "gauge", range, HOUR) == expected("gauge", range, HOUR));
    // Late samples of a day that is rolled up: the day is made anew.
    let late: SampleColumns = {
        let mut columns = SampleColumns::default();
        columns.push(DAY0 + 31 * MINUTE, 1e9);
        columns
    };
    put(&db, "gauge", "a", &late, end);
    for _ in 0..2 {
        let first = TimeRange::at(DAY0 + HOUR);
        let rollups = read(&db, "gauge", first, HOUR);
        assert_eq!(rollups.column(Statistic::Count), [13.0]);
        assert_eq!(rollups.column(Statistic::Max), [1e9]);
        db.maintain(end + 3 * HOUR).unwrap();
    }
    drop(db);
    let db = open(dir.path(), days(7), end);
    assert_eq!(
        read(&db, "gauge", TimeRange::at(DAY0 + HOUR), HOUR).column(Statistic::Max),
        [1e9]
    );
    assert_eq!(read(&db, "gauge", TimeRange::at(DAY0 + 9 * HOUR), HOUR).len(), 1);
}

#[test]
fn what_is_deleted_is_gone_from_all_tiers_and_stays_gone() {
    let dir = tempfile::tempdir().unwrap();
    let mut db = open(dir.path(), days(7), DAY0);
    let end = DAY0 + 6 * DAY;
    for job in ["a", "b"] {
        put(&db, "gauge", job, &measured("gauge", DAY0, end), end);
    }
    db.maintain(end).unwrap();
    let deleted = TimeRange::new(DAY0 + DAY + HOUR, DAY0 + 2 * DAY - 1).unwrap();
    db.delete(TenantId::DEFAULT, &[Matcher::equal("job", "b")], deleted, end)
        .unwrap();
    let count = |db: &Db, job: &str, range: TimeRange| {
        let selector = Selector {
            tenant: TenantId::DEFAULT,
            matchers: vec![Matcher::equal("job", job)],
            range,
        };
        let mut samples = SampleColumns::default();
        for series in db.select(&selector).unwrap() {
            series.read(range, &mut samples).unwrap();
        }
        let mut rollups = Rollups::of(&[Statistic::Count]);
        for series in db.select_in_tier(&selector, HOUR).unwrap() {
            series.read_rollups(range, &mut rollups).unwrap();
        }
        (samples.len(), rollups.len())
    };
    let before = bytes(dir.path());
    for round in 0..3 {
        // Of the hour that ends with the first deleted moment the rest is rolled up again.
        assert_eq!(
            count(&db, "b", deleted),
            (0, usize::from(round > 0)),
            "round {round}"
        );
        assert_eq!(count(&db, "a", deleted), (23 * 12, 23));
        assert_eq!(
            count(&db, "b", TimeRange::new(DAY0, end).unwrap()).0,
            (5 * 24 + 1) * 12
        );
        match round {
            0 => db.bury(end).unwrap(),
            _ => {
                drop(db);
                db = open(dir.path(), days(7), end);
            }
        }
    }
    assert!(bytes(dir.path()) < before, "what is deleted leaves the disk");
    // What comes later is not concerned.
    let again = measured("gauge", DAY0 + DAY + HOUR, DAY0 + DAY + 2 * HOUR);
    put(&db, "gauge", "b", &again, end);
    assert_eq!(count(&db, "b", deleted).0, 12);
}

#[test]
fn series_are_kept_for_a_time_of_their_own() {
    let dir = tempfile::tempdir().unwrap();
    let config = Config {
        series_retention: vec![SeriesRetention {
            matchers: vec![Matcher::equal("job", "debug")],
            resolution_ms: None,
            keep: days(2),
        }],
        ..Config::in_dir(dir.path())
    };
    let (db, _) = Db::open(config, DAY0).unwrap();
    let end = DAY0 + 6 * DAY;
    for job in ["debug", "other"] {
        put(&db, "gauge", job, &measured("gauge", DAY0, end), end);
    }
    db.maintain(end).unwrap();
    let count = |job: &str, range: TimeRange| {
        let mut samples = SampleColumns::default();
        for series in in_tier(&db, Matcher::equal("job", job), range, 0) {
            series.read(range, &mut samples).unwrap();
        }
        samples.len()
    };
    let all = TimeRange::new(DAY0, end).unwrap();
    assert_eq!(count("other", all), 6 * 24 * 12);
    assert_eq!(count("debug", all), 2 * 24 * 12);
    let old = TimeRange::new(DAY0 + HOUR, DAY0 + 2 * DAY).unwrap();
    assert_eq!(in_tier(&db, Matcher::equal("job", "debug"), old, HOUR).len(), 0);
    assert_eq!(in_tier(&db, Matcher::equal("job", "other"), old, HOUR).len(), 1);
}

fn bytes(dir: &Path) -> u64 {
    let blocks = std::fs::read_dir(dir.join("blocks")).unwrap();
    blocks.map(|block| block.unwrap().metadata().unwrap().len()).sum()
}

#[test]
fn deletions_that_wait_have_room_for_so_many_regular_expressions_and_a_restart_reads_them() {
    let dir = tempfile::tempdir().unwrap();
    let mut db = open(dir.path(), days(7), DAY0);
    let end = DAY0 + DAY;
    for job in ["a", "b"] {
        put(&db, "gauge", job, &measured("gauge", DAY0, end), end);
    }
    db.maintain(end).unwrap();
    // 4 MiB each; no series is met, so that nothing is written again.
    let heavy = |number: usize| {
        let matching = Matcher::matching("zone", &format!(r"\pL{{80}}{number}")).unwrap();
        db.delete(
            TenantId::DEFAULT,
            &[Matcher::equal("job", "a"), matching],
            TimeRange::ALL,
            end,
        )
    };
    (0..4).for_each(|number| heavy(number).unwrap());
    let refused = heavy(4).unwrap_err().to_string();
    assert!(refused.contains("clean_tombstones"), "{refused}");
    let deleted = |db: &Db| {
        let selector = Selector {
            tenant: TenantId::DEFAULT,
            matchers: vec![Matcher::equal("job", "b")],
            range: TimeRange::ALL,
        };
        db.select(&selector).unwrap().is_empty()
    };
    db.delete(
        TenantId::DEFAULT,
        &[Matcher::equal("job", "b")],
        TimeRange::ALL,
        end,
    )
    .unwrap();
    drop(db);
    db = open(dir.path(), days(7), end);
    assert!(deleted(&db));
    // Carried out, they make room.
    db.bury(end).unwrap();
    db.delete(
        TenantId::DEFAULT,
        &[Matcher::matching("zone", r"\pL{80}x").unwrap()],
        TimeRange::ALL,
        end,
    )
    .unwrap();
}
