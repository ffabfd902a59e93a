//! Old samples in bulk: the right blocks, nothing known changed, nothing half there after a kill.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests fail as tests do"
)]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use model::{
    Buckets, Histogram, HistogramSample, Labels, Refusal, SampleColumns, Selector, Series, SeriesBatch,
    SeriesRead, SeriesWrite, TenantId, TimeRange,
};
use tsdb::{Config, Db};

/// The first moment of a day.
const DAY0: i64 = 1_700_006_400_000;
const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
const NOW: i64 = DAY0 + 10 * DAY + 5 * HOUR;
const DIR: &str = "WATCHKEEPER_TEST_BACKFILL_DIR";

type All = BTreeMap<(String, i64), u64>;

fn labels(name: &str) -> Labels {
    Labels::from_pairs([("__name__", name), ("job", "old")])
}

fn columns(samples: impl IntoIterator<Item = (i64, f64)>) -> SampleColumns {
    let mut columns = SampleColumns::default();
    samples
        .into_iter()
        .for_each(|(at_ms, value)| columns.push(at_ms, value));
    columns
}

fn read_all(db: &Db) -> All {
    let selector = Selector {
        tenant: TenantId::DEFAULT,
        matchers: Vec::new(),
        range: TimeRange::ALL,
    };
    let mut all = All::new();
    for series in db.select(&selector).unwrap() {
        let mut columns = SampleColumns::default();
        series.read(TimeRange::ALL, &mut columns).unwrap();
        for sample in columns.iter() {
            let name = series.labels().metric_name().to_owned();
            all.insert((name, sample.at_ms), sample.value.to_bits());
        }
    }
    all
}

fn blocks(dir: &Path) -> usize {
    std::fs::read_dir(dir.join("blocks")).unwrap().count()
}

fn put(db: &Db, name: &str, at_ms: i64, value: f64) -> model::Accepted {
    let mut batch = SeriesBatch::new(TenantId::DEFAULT);
    batch.push_one(Series::new(labels(name)), at_ms, value);
    db.append(&batch, NOW).unwrap()
}

#[test]
fn the_last_day_of_all_is_a_day_too() {
    let dir = tempfile::tempdir().unwrap();
    let (db, _) = Db::open(Config::in_dir(dir.path()), i64::MAX).unwrap();
    let mut backfill = db.backfill(TenantId::DEFAULT, i64::MAX);
    let last = [i64::MAX - 1, i64::MAX];
    backfill
        .add(&labels("a"), &columns(last.map(|at_ms| (at_ms, 1.0))))
        .unwrap();
    let histogram = HistogramSample::new(i64::MAX, Arc::new(Histogram::default()));
    backfill.add_histograms(&labels("h"), &[histogram]).unwrap();
    let done = backfill.finish().unwrap();
    assert_eq!((done.accepted.stored, done.accepted.histograms_stored), (3, 1));
    let times: Vec<i64> = read_all(&db).into_keys().map(|(_, at_ms)| at_ms).collect();
    assert_eq!(times, last);
}

#[test]
fn old_samples_lie_in_the_blocks_of_their_days_and_what_retention_leaves_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (db, _) = Db::open(Config::in_dir(dir.path()), NOW).unwrap();
    let mut backfill = db.backfill(TenantId::DEFAULT, NOW);
    let hours = (0..7 * 24).map(|hour| (DAY0 + hour * HOUR, hour as f64 + 0.25));
    backfill.add(&labels("b"), &columns(hours.clone())).unwrap();
    backfill.add(&labels("a"), &columns(hours.clone().rev())).unwrap();
    let outside = [
        (NOW - 365 * DAY - 1, 1.0),
        (NOW - 366 * DAY, 1.0),
        (NOW + 600_001, 1.0),
    ];
    backfill.add(&labels("a"), &columns(outside)).unwrap();
    let done = backfill.finish().unwrap();
    assert_eq!(done.accepted.stored, 2 * 7 * 24);
    assert_eq!((done.known, done.blocks_written), (0, 7));
    assert_eq!(done.refused(Refusal::TooOld), 2);
    assert_eq!(done.refused(Refusal::TooFarInFuture), 1);
    assert_eq!(blocks(dir.path()), 7);
    let expected: All = ["a", "b"]
        .iter()
        .flat_map(|name| {
            hours
                .clone()
                .map(|(at_ms, value)| (((*name).to_owned(), at_ms), value.to_bits()))
        })
        .collect();
    assert_eq!(read_all(&db), expected);
    // Durable without a flush: nothing of it is in the log.
    drop(db);
    let (db, report) = Db::open(Config::in_dir(dir.path()), NOW).unwrap();
    assert_eq!((report.samples, report.damage), (0, Vec::new()));
    assert_eq!(read_all(&db), expected);
}

#[test]
fn what_is_known_stays_and_the_same_bulk_twice_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (db, _) = Db::open(Config::in_dir(dir.path()), NOW).unwrap();
    put(&db, "a", NOW - 2000, 1.0);
    db.flush(NOW).unwrap();
    put(&db, "a", NOW - 1000, 2.0);
    let bulk = columns([
        (NOW - 3000, 9.0),
        (NOW - 2000, 9.0),
        (NOW - 1000, 9.0),
        (NOW, 9.0),
        (NOW, 8.0),
        (NOW, 9.0),
    ]);
    let give = || {
        let mut backfill = db.backfill(TenantId::DEFAULT, NOW);
        backfill.add(&labels("a"), &bulk).unwrap();
        backfill.finish().unwrap()
    };
    let first = give();
    assert_eq!(
        (first.accepted.stored, first.known, first.blocks_written),
        (3, 1, 1)
    );
    assert_eq!(first.refused(Refusal::DuplicateTimestamp), 3);
    let values = |db: &Db| -> Vec<f64> { read_all(db).into_values().map(f64::from_bits).collect() };
    assert_eq!(values(&db), [9.0, 1.0, 2.0, 9.0]);
    let second = give();
    assert_eq!(
        (second.accepted.stored, second.known, second.blocks_written),
        (3, 3, 0)
    );
    // Memory knows how far the bulk reached: a live sample of the same time is compared with it.
    assert_eq!(
        put(&db, "a", NOW, 7.0).refused,
        [(Refusal::DuplicateTimestamp, 1)]
    );
    assert_eq!(put(&db, "a", NOW, 9.0).stored, 1);
    assert_eq!(put(&db, "a", NOW + 1, 7.0).stored, 1);
    db.flush(NOW).unwrap();
    assert_eq!(values(&db), [9.0, 1.0, 2.0, 9.0, 7.0]);
}

#[test]
fn native_histograms_go_the_same_way() {
    let dir = tempfile::tempdir().unwrap();
    let (db, _) = Db::open(Config::in_dir(dir.path()), NOW).unwrap();
    let histogram = |at_ms, count: f64| {
        HistogramSample::new(
            at_ms,
            Arc::new(Histogram {
                schema: 2,
                count,
                positive: Buckets::from_sorted([(1, count)]),
                ..Histogram::default()
            }),
        )
    };
    let mut batch = SeriesBatch::new(TenantId::DEFAULT);
    batch.push_histograms(Series::new(labels("h")), vec![histogram(NOW, 1.0)]);
    assert_eq!(db.append(&batch, NOW).unwrap().histograms_stored, 1);
    let old: Vec<HistogramSample> = (0..100)
        .map(|hour| histogram(DAY0 + hour * HOUR, hour as f64))
        .collect();
    let mut given = old.clone();
    given.extend([
        histogram(NOW, 2.0),
        histogram(NOW - 370 * DAY, 1.0),
        old[7].clone(),
    ]);
    for known in [1, 101] {
        let mut backfill = db.backfill(TenantId::DEFAULT, NOW);
        backfill.add_histograms(&labels("h"), &given).unwrap();
        backfill.add(&labels("h"), &columns([(DAY0 + 1, 1.0)])).unwrap();
        let done = backfill.finish().unwrap();
        assert_eq!(done.accepted.histograms_stored, 101);
        assert_eq!(done.known, known + u64::from(known > 1));
        assert_eq!(done.refused(Refusal::DuplicateTimestamp), 1);
        assert_eq!(done.refused(Refusal::TooOld), 1);
    }
    let selector = Selector {
        tenant: TenantId::DEFAULT,
        matchers: Vec::new(),
        range: TimeRange::ALL,
    };
    let selected = db.select(&selector).unwrap();
    let mut read = Vec::new();
    selected[0].read_histograms(TimeRange::ALL, &mut read).unwrap();
    let mut expected = old;
    expected.push(histogram(NOW, 1.0));
    assert_eq!(read, expected);
}

#[test]
fn a_bulk_beyond_the_bound_of_memory_is_written_in_rounds_and_merged() {
    let dir = tempfile::tempdir().unwrap();
    let (db, _) = Db::open(Config::in_dir(dir.path()), NOW).unwrap();
    let mut backfill = db.backfill(TenantId::DEFAULT, NOW).gathering(20_000);
    let mut expected = All::new();
    // In an order that no block has: series after series, each in pieces that go back in time.
    for number in (0..200).rev() {
        for piece in (0..3).rev() {
            let name = format!("m{}", number * 7 % 200);
            let samples: Vec<(i64, f64)> = (0..50)
                .map(|step| (DAY0 + piece * DAY + step * HOUR / 5, (number * step) as f64 * 0.5))
                .collect();
            backfill
                .add(&labels(&name), &columns(samples.iter().copied()))
                .unwrap();
            expected.extend(
                samples
                    .iter()
                    .map(|(at_ms, value)| ((name.clone(), *at_ms), value.to_bits())),
            );
        }
    }
    let done = backfill.finish().unwrap();
    assert_eq!(done.accepted.stored as usize, expected.len());
    assert!(done.blocks_written > 30, "{done:?}");
    assert!(blocks(dir.path()) <= 6, "{} blocks", blocks(dir.path()));
    assert_eq!(read_all(&db), expected);
}

/// What every round of the killed process gives: the same bulk, so that rounds complete each other.
fn bulk() -> impl Iterator<Item = (Labels, SampleColumns)> {
    (0..60_i64).map(|number| {
        let samples = (0..400).map(move |step| (DAY0 + step * HOUR / 4, (number * 1000 + step) as f64));
        (labels(&format!("m{number}")), columns(samples))
    })
}

/// In one write, on a line of its own: the test harness prints beside it.
fn say(word: &str) {
    let mut out = std::io::stdout();
    out.write_all(format!("\n{word}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}

fn give_bulk(dir: &Path) {
    let (db, _) = Db::open(Config::in_dir(dir), NOW).unwrap();
    say("opened");
    let mut backfill = db.backfill(TenantId::DEFAULT, NOW).gathering(30_000);
    for (labels, columns) in bulk() {
        backfill.add(&labels, &columns).unwrap();
    }
    backfill.finish().unwrap();
    say("finished");
    // Stays, so that it is always killed and never ends by itself.
    std::thread::sleep(Duration::from_mins(1));
}

#[test]
fn a_killed_bulk_leaves_sound_samples_and_is_completed_by_giving_it_again() {
    if let Some(dir) = std::env::var_os(DIR) {
        give_bulk(Path::new(&dir));
        return;
    }
    let expected: All = bulk()
        .flat_map(|(labels, columns)| {
            let name = labels.metric_name().to_owned();
            let samples: Vec<_> = columns
                .iter()
                .map(|sample| ((name.clone(), sample.at_ms), sample.value.to_bits()))
                .collect();
            samples
        })
        .collect();
    let dir = tempfile::tempdir().unwrap();
    let mut partly = 0;
    for round in 0..12_u64 {
        let whole = round % 4 == 3;
        let finished = kill_within(dir.path(), whole, Duration::from_millis(5 + round * 17));
        let (db, report) = Db::open(Config::in_dir(dir.path()), NOW).unwrap();
        assert_eq!(report.damage, Vec::<String>::new(), "round {round}");
        let found = read_all(&db);
        for (key, bits) in &found {
            assert_eq!(expected.get(key), Some(bits), "round {round}: {key:?}");
        }
        assert!(!finished || found.len() == expected.len(), "round {round}");
        partly += usize::from(!found.is_empty() && found.len() < expected.len());
        if found.len() == expected.len() {
            drop(db);
            std::fs::remove_dir_all(dir.path().join("blocks")).unwrap();
        }
    }
    assert!(partly > 0, "no kill hit the middle of a bulk");
}

/// Kills the process so long after it opened the store, or once it has `finished`; says whether it had.
fn kill_within(dir: &Path, finished: bool, delay: Duration) -> bool {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "a_killed_bulk_leaves_sound_samples_and_is_completed_by_giving_it_again",
            "--nocapture",
        ])
        .env(DIR, dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok);
    lines.find(|line| line == "opened").expect("the child opened");
    if finished {
        lines.find(|line| line == "finished").expect("the child finished");
    } else {
        std::thread::sleep(delay);
    }
    // SIGKILL.
    child.kill().unwrap();
    child.wait().unwrap();
    finished || lines.any(|line| line == "finished")
}
