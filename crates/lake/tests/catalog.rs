//! What a start makes of the catalog and of the files that are there; and which segments a question opens.

#![allow(clippy::unwrap_used, reason = "a test ends at its first fault")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use lake::{Config, Lake, OpenReport, Parts, Telemetry};
use model::{
    Direction, Labels, LogBatch, LogFlow, LogRead, LogRows, LogSelection, LogWrite, Matcher, ReadError,
    Searched, StreamSelection, TenantId,
};
use state::{LogSegmentChange, LogSegmentRow, State};
use ulid::Ulid;

mod support;

const NOW_MS: i64 = 1_800_000_000_000;
const NOW_NS: i64 = NOW_MS * 1_000_000;
const HOUR_NS: i64 = 3_600_000_000_000;

fn batch(number: u64, tenant: u32) -> LogRows {
    let mut rows = LogRows::new(TenantId(tenant));
    rows.begin_stream(Labels::from_pairs([("app", format!("app-{number}"))]));
    for line in 0..300 {
        let text = format!("batch {number} line {line} with id={:016x}", number * 300 + line);
        rows.push(NOW_NS - HOUR_NS, &text, []);
    }
    rows
}

fn open(dir: &Path) -> (Lake, OpenReport, Telemetry) {
    let config = Config {
        dir: dir.to_owned(),
        ..Config::default()
    };
    let telemetry = Telemetry::default();
    let parts = Parts::new(support::catalog(dir), telemetry.clone());
    let (lake, report) = Lake::open(config, parts, NOW_MS).unwrap();
    (lake, report, telemetry)
}

/// A store with a segment for each of these batches.
fn filled(dir: &Path, batches: std::ops::Range<u64>) {
    let (lake, ..) = open(dir);
    for number in batches {
        lake.append(&batch(number, 0), NOW_NS).unwrap();
        lake.flush(NOW_MS).unwrap();
    }
}

fn selection(matchers: Vec<Matcher>) -> LogSelection {
    LogSelection {
        matchers,
        from_ns: 0,
        to_ns: i64::MAX,
        direction: Direction::Forward,
        ..LogSelection::default()
    }
}

/// How many lines there are of every batch, each once.
fn counts(lake: &Lake) -> Result<BTreeMap<String, usize>, ReadError> {
    let mut lines = BTreeMap::new();
    let mut counts = BTreeMap::new();
    let mut take = |batch: &LogBatch<'_>| {
        for place in 0..batch.times_ns.len() {
            *lines.entry(batch.lines.get(place).to_owned()).or_insert(0) += 1;
        }
        *counts
            .entry(batch.stream.get("app").unwrap_or_default().to_owned())
            .or_default() += batch.times_ns.len();
        LogFlow::More
    };
    lake.read(&selection(vec![Matcher::not_equal("app", "")]), &mut take)?;
    assert!(lines.values().all(|count| *count == 1), "a line is there twice");
    Ok(counts)
}

fn apps(numbers: impl IntoIterator<Item = u64>) -> BTreeMap<String, usize> {
    numbers
        .into_iter()
        .map(|number| (format!("app-{number}"), 300))
        .collect()
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(dir.join("segments"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
}

fn on_state<T>(dir: &Path, ask: impl AsyncFnOnce(State) -> Result<T, state::Error>) -> T {
    let state = support::state(dir);
    support::wait(ask(state)).unwrap()
}

fn rows(dir: &Path) -> Vec<LogSegmentRow> {
    on_state(dir, async |state| state.log_segments().await)
}

#[test]
fn a_lost_catalog_is_rebuilt_by_the_start() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 0..3);
    let before = rows(dir.path());
    assert_eq!(before.len(), 3);
    for name in ["state.db", "state.db-wal", "state.db-shm"] {
        let _ = std::fs::remove_file(dir.path().join(name));
    }
    let (lake, report, _) = open(dir.path());
    assert_eq!((report.segments, report.damage.len()), (3, 0));
    assert_eq!(counts(&lake).unwrap(), apps(0..3));
    assert_eq!(rows(dir.path()), before);
}

#[test]
fn a_file_that_was_announced_and_not_added_goes() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 0..2);
    // As after a crash between the file and its row.
    let half = Ulid::generate();
    let path = dir.path().join(format!("segments/{half}.segment"));
    std::fs::copy(&files(dir.path())[0], &path).unwrap();
    on_state(dir.path(), async |state| {
        state.add_log_leftovers(vec![half]).await
    });
    std::fs::write(dir.path().join("log-before"), "0\n").unwrap();
    let (lake, report, _) = open(dir.path());
    assert_eq!((report.segments, report.damage.len()), (2, 0));
    assert_eq!(counts(&lake).unwrap(), apps(0..2));
    assert!(!path.exists());
    let leftovers = on_state(dir.path(), async |state| state.log_leftovers().await);
    assert_eq!(leftovers, []);
}

#[test]
fn a_file_that_only_an_old_catalog_calls_left_over_is_set_aside() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 0..2);
    // As after the database came from a backup that was made before the segment was added.
    let lost = rows(dir.path())[0].id;
    on_state(dir.path(), async |state| {
        let change = LogSegmentChange {
            gone: vec![lost],
            ..LogSegmentChange::default()
        };
        state.change_log_segments(change).await
    });
    let (lake, report, _) = open(dir.path());
    assert_eq!(counts(&lake).unwrap().len(), 1);
    assert!(report.damage[0].contains("set aside"), "{:?}", report.damage);
    let name = format!("{lost}.segment");
    assert!(dir.path().join("quarantine").join(&name).exists());
    drop(lake);
    // Put back it answers.
    std::fs::rename(
        dir.path().join("quarantine").join(&name),
        dir.path().join("segments").join(&name),
    )
    .unwrap();
    assert_eq!(counts(&open(dir.path()).0).unwrap(), apps(0..2));
}

#[test]
fn of_a_merged_segment_and_its_sources_one_answers() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 0..7);
    let sources = rows(dir.path());
    let kept: Vec<_> = files(dir.path())
        .into_iter()
        .map(|path| (path.clone(), std::fs::read(path).unwrap()))
        .collect();
    filled(dir.path(), 7..8);
    let merged = rows(dir.path());
    assert_eq!((merged.len(), merged[0].rows), (1, 8 * 300));
    assert_eq!(files(dir.path()).len(), 1, "what was merged is removed");
    // The files are back, as from a backup, and the catalog is one from before the merge.
    for (path, bytes) in &kept {
        std::fs::write(path, bytes).unwrap();
    }
    on_state(dir.path(), async |state| {
        state.replace_log_segments(sources).await
    });
    let (lake, report, _) = open(dir.path());
    assert_eq!((report.segments, report.damage.len()), (1, 0));
    assert_eq!(counts(&lake).unwrap(), apps(0..8));
    assert_eq!(files(dir.path()).len(), 1);
}

#[test]
fn a_segment_whose_file_is_gone_is_named_and_the_others_answer() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 0..3);
    let gone = &files(dir.path())[1];
    let bytes = std::fs::read(gone).unwrap();
    std::fs::remove_file(gone).unwrap();
    let (lake, report, _) = open(dir.path());
    assert_eq!(counts(&lake).unwrap(), apps([0, 2]));
    assert_eq!(report.damage.len(), 1);
    let name = gone.file_name().unwrap().to_str().unwrap();
    assert!(report.damage[0].contains(name), "{:?}", report.damage);
    assert!(report.damage[0].contains("backup"), "{:?}", report.damage);
    drop(lake);
    // It answers again once it is there.
    std::fs::write(gone, bytes).unwrap();
    let (lake, report, _) = open(dir.path());
    assert_eq!(report.damage.len(), 0);
    assert_eq!(counts(&lake).unwrap(), apps(0..3));
}

#[test]
fn a_segment_of_a_newer_version_stays_where_it_is() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 0..2);
    let newer = &files(dir.path())[0];
    let mut bytes = std::fs::read(newer).unwrap();
    bytes[7] = 9;
    std::fs::write(newer, bytes).unwrap();
    for name in ["state.db", "state.db-wal", "state.db-shm"] {
        let _ = std::fs::remove_file(dir.path().join(name));
    }
    let (lake, report, _) = open(dir.path());
    assert_eq!(counts(&lake).unwrap(), apps([1]));
    assert!(report.damage[0].contains("version 9"), "{:?}", report.damage);
    assert!(newer.exists());
}

#[test]
fn a_rebuilt_catalog_keeps_the_row_of_what_cannot_be_read_now() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 0..2);
    let before = rows(dir.path());
    let newer = &files(dir.path())[0];
    let mut bytes = std::fs::read(newer).unwrap();
    bytes[7] = 9;
    std::fs::write(newer, bytes).unwrap();
    let config = Config {
        dir: dir.path().to_owned(),
        ..Config::default()
    };
    let parts = Parts::new(support::catalog(dir.path()), Telemetry::default());
    let rebuilt = lake::doctor::rebuild_catalog(&config, &parts).unwrap();
    assert_eq!((rebuilt.segments, rebuilt.kept_unread.len()), (1, 1));
    assert!(!rebuilt.is_whole());
    assert_eq!(rows(dir.path()), before);
}

#[test]
fn a_segment_whose_contents_are_damaged_is_named_once_and_set_aside() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 0..3);
    let damaged = &files(dir.path())[1];
    let mut bytes = std::fs::read(damaged).unwrap();
    let last = bytes.len() - 30;
    bytes[last] ^= 4;
    std::fs::write(damaged, bytes).unwrap();
    let (lake, ..) = open(dir.path());
    let error = counts(&lake).unwrap_err();
    let name = damaged.file_name().unwrap().to_str().unwrap();
    assert!(error.to_string().contains(name), "{error}");
    lake.maintain(NOW_MS).unwrap();
    assert_eq!(counts(&lake).unwrap(), apps([0, 2]));
    assert!(!damaged.exists());
    assert!(dir.path().join("quarantine").join(name).exists());
    assert_eq!(lake.damage().len(), 1);
    drop(lake);
    assert_eq!(counts(&open(dir.path()).0).unwrap(), apps([0, 2]));
}

#[test]
fn a_reader_keeps_what_it_reads_although_it_is_merged_meanwhile() {
    let dir = tempfile::tempdir().unwrap();
    let (lake, ..) = open(dir.path());
    for number in 0..7 {
        lake.append(&batch(number, 0), NOW_NS).unwrap();
        lake.flush(NOW_MS).unwrap();
    }
    drop(lake);
    // Nothing is open yet.
    let (lake, ..) = open(dir.path());
    let mut lines = 0;
    let mut is_merged = false;
    let mut take = |batch: &LogBatch<'_>| {
        if !is_merged {
            is_merged = true;
            lake.append(&self::batch(7, 0), NOW_NS).unwrap();
            lake.flush(NOW_MS).unwrap();
            assert_eq!(rows(dir.path()).len(), 1);
        }
        lines += batch.times_ns.len();
        LogFlow::More
    };
    let all = LogSelection {
        direction: Direction::Backward,
        ..selection(Vec::new())
    };
    lake.read(&all, &mut take).unwrap();
    assert_eq!(lines, 7 * 300);
    lake.maintain(NOW_MS).unwrap();
    assert_eq!(files(dir.path()).len(), 1, "nobody reads them any more");
    assert_eq!(counts(&lake).unwrap(), apps(0..8));
}

/// A store with `count` segments, an hour of each; `apps` services take turns.
fn long_history(dir: &Path, count: u64, apps: u64) {
    filled(dir, 0..apps);
    let originals = rows(dir);
    let mut added = Vec::new();
    for number in 0..count - apps {
        let original = &originals[(number % apps) as usize];
        let id = Ulid::from_parts(NOW_MS as u64 - number, u128::from(number));
        let from = dir.join(format!("segments/{}.segment", original.id));
        std::fs::hard_link(from, dir.join(format!("segments/{id}.segment"))).unwrap();
        let past_ns = (number as i64 + 1) * HOUR_NS / 8;
        added.push(LogSegmentRow {
            id,
            min_ns: original.min_ns - past_ns,
            max_ns: original.max_ns - past_ns,
            // Too large for being merged.
            line_bytes: 1 << 30,
            ..original.clone()
        });
    }
    on_state(dir, async |state| {
        let change = LogSegmentChange {
            added,
            ..LogSegmentChange::default()
        };
        state.change_log_segments(change).await
    });
}

#[test]
fn a_question_opens_the_segments_that_can_answer_it_and_no_others() {
    const COUNT: u64 = 1000;
    let dir = tempfile::tempdir().unwrap();
    long_history(dir.path(), COUNT, 5);
    let (lake, report, telemetry) = open(dir.path());
    assert_eq!(report.segments, COUNT);
    assert_eq!(telemetry.segments_opened.get(), 0, "a start opens none");
    let ask = |selection: &LogSelection| -> Searched {
        lake.read_counted(selection, &mut |_| LogFlow::More).unwrap()
    };

    // By time: the segments of about five hours, eight of each.
    let by_time = ask(&LogSelection {
        from_ns: NOW_NS - 10 * HOUR_NS,
        to_ns: NOW_NS - 5 * HOUR_NS,
        ..selection(Vec::new())
    });
    let read = by_time.read + by_time.ruled_out_by_stream;
    assert!((39..=41).contains(&by_time.opened), "{by_time:?}");
    assert_eq!(read, by_time.opened, "{by_time:?}");
    assert_eq!(by_time.ruled_out_by_time, COUNT - by_time.opened, "{by_time:?}");

    // By stream: one of five.
    let by_stream = ask(&selection(vec![Matcher::equal("app", "app-3")]));
    assert_eq!(by_stream.read, COUNT / 5, "{by_stream:?}");
    assert_eq!(by_stream.ruled_out_by_stream, COUNT * 4 / 5, "{by_stream:?}");
    let by_none = ask(&selection(vec![Matcher::equal("app", "none")]));
    assert_eq!(
        (by_none.opened, by_none.ruled_out_by_stream),
        (0, COUNT),
        "{by_none:?}"
    );

    // By text: filters of all, lines of those that may have it.
    let by_text = ask(&LogSelection {
        holds: vec![vec!["id=000000000000000a".to_owned()]],
        ..selection(Vec::new())
    });
    assert_eq!(by_text.read, COUNT / 5, "{by_text:?}");
    assert_eq!(by_text.ruled_out_by_text, COUNT * 4 / 5, "{by_text:?}");

    // Not more is kept open than may be.
    let kept = telemetry.contents_bytes.get();
    assert!(kept > 0 && kept <= 64 << 20, "{kept}");

    let streams = lake.streams(&StreamSelection {
        any_of: vec![vec![Matcher::equal("app", "app-1")]],
        from_ns: 0,
        to_ns: i64::MAX,
        ..StreamSelection::default()
    });
    let streams = streams.unwrap();
    assert_eq!((streams.len(), streams[0].pieces), (1, COUNT / 5));
}

#[test]
fn trickles_of_many_tenants_are_merged_over_time() {
    let dir = tempfile::tempdir().unwrap();
    let (lake, ..) = open(dir.path());
    for number in 0..3 {
        for tenant in 1..6 {
            lake.append(&batch(number, tenant), NOW_NS).unwrap();
        }
        lake.flush(NOW_MS).unwrap();
    }
    assert_eq!(rows(dir.path()).len(), 15);
    let later_ms = NOW_MS + lake::limits::TRICKLE_WAIT_MS + 1;
    lake.flush(later_ms).unwrap();
    let merged = rows(dir.path());
    assert_eq!(merged.len(), 5);
    assert!(merged.iter().all(|row| row.rows == 900));
    assert_eq!(files(dir.path()).len(), 5);
}

#[test]
fn labels_that_would_fill_a_segment_go_into_several() {
    let dir = tempfile::tempdir().unwrap();
    let (lake, ..) = open(dir.path());
    for half in 0..2 {
        let mut rows = LogRows::new(TenantId::DEFAULT);
        for number in 0..300 {
            let long = "x".repeat(120_000);
            rows.begin_stream(Labels::from_pairs([
                ("app", "shop".to_owned()),
                ("long", format!("{half} {number} {long}")),
            ]));
            rows.push(NOW_NS - number, &format!("half {half} number {number}"), []);
        }
        lake.append(&rows, NOW_NS).unwrap();
    }
    lake.flush(NOW_MS).unwrap();
    let count = |lake: &Lake| counts(lake).unwrap();
    let expected = BTreeMap::from([("shop".to_owned(), 600)]);
    assert_eq!(count(&lake), expected);
    assert_eq!(rows(dir.path()).len(), 2);
    drop(lake);
    assert_eq!(count(&open(dir.path()).0), expected);
}
