//! Disks that are full, fail or lie: nothing acknowledged is lost, nothing is there twice, and the store goes on once the disk does.

#![allow(clippy::unwrap_used, reason = "a test ends at its first fault")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::Ordering;

use disk::SharedStorage;
use lake::{Config, Lake, Parts, Telemetry};
use model::{
    Direction, Labels, LogBatch, LogFlow, LogRead, LogRows, LogSelection, LogWrite, Matcher, ReadError,
    TenantId, WriteError,
};

#[path = "../../disk/tests/support/faulty.rs"]
mod faulty;
mod support;

use faulty::FaultyStorage;

const NOW_MS: i64 = 1_800_000_000_000;
const NOW_NS: i64 = NOW_MS * 1_000_000;

fn batch(number: u64) -> LogRows {
    let mut rows = LogRows::new(TenantId::DEFAULT);
    rows.key = Some(u128::from(number));
    rows.begin_stream(Labels::from_pairs([("app", "shop")]));
    for line in 0..50 {
        rows.push(
            NOW_NS - 1,
            &format!("batch {number} line {line} with {:016x}", number * 50 + line),
            [],
        );
    }
    rows
}

fn open(storage: &SharedStorage, dir: &Path) -> Lake {
    let config = Config {
        dir: dir.to_owned(),
        ..Config::default()
    };
    let parts = Parts {
        storage: SharedStorage::clone(storage),
        ..Parts::new(support::catalog(dir), Telemetry::default())
    };
    Lake::open(config, parts, NOW_MS).unwrap().0
}

/// How often every line is there.
fn lines(lake: &Lake) -> Result<BTreeMap<String, usize>, ReadError> {
    let selection = LogSelection {
        tenant: TenantId::DEFAULT,
        matchers: vec![Matcher::equal("app", "shop")],
        from_ns: 0,
        to_ns: i64::MAX,
        direction: Direction::Forward,
        ..LogSelection::default()
    };
    let mut counts = BTreeMap::new();
    let mut take = |batch: &LogBatch<'_>| {
        for place in 0..batch.times_ns.len() {
            *counts.entry(batch.lines.get(place).to_owned()).or_default() += 1;
        }
        LogFlow::More
    };
    lake.read(&selection, &mut take)?;
    Ok(counts)
}

/// The lines of these batches are there once each, and no others.
fn assert_holds(lake: &Lake, batches: &[u64]) {
    let mut expected = BTreeMap::new();
    for number in batches {
        for (_, rows) in batch(*number).streams() {
            expected.extend(rows.map(|row| (row.line().to_owned(), 1)));
        }
    }
    assert_eq!(lines(lake).unwrap(), expected);
}

#[test]
fn a_full_disk_refuses_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (storage, faults) = FaultyStorage::with_faults();
    let lake = open(&storage, dir.path());
    lake.append(&batch(1), NOW_NS).unwrap();
    faults.full.store(true, Ordering::SeqCst);
    // Neither a batch nor a segment finds room; what was acknowledged answers.
    let refused = lake.append(&batch(2), NOW_NS).unwrap_err();
    assert!(matches!(refused, WriteError::Log { .. }), "{refused}");
    assert!(lake.flush(NOW_MS).is_err());
    assert_holds(&lake, &[1]);
    // The client tries again until there is room.
    faults.full.store(false, Ordering::SeqCst);
    assert!(!lake.append(&batch(2), NOW_NS).unwrap().is_repeated);
    assert!(lake.append(&batch(1), NOW_NS).unwrap().is_repeated);
    assert_holds(&lake, &[1, 2]);
    lake.flush(NOW_MS).unwrap();
    assert_holds(&lake, &[1, 2]);
    drop(lake);
    assert_holds(&open(&storage, dir.path()), &[1, 2]);
}

#[test]
fn a_segment_that_could_not_be_synced_does_not_answer_and_its_lines_do() {
    let dir = tempfile::tempdir().unwrap();
    let (storage, faults) = FaultyStorage::with_faults();
    let lake = open(&storage, dir.path());
    for number in 0..4 {
        lake.append(&batch(number), NOW_NS).unwrap();
    }
    faults.sync_fails.store(true, Ordering::SeqCst);
    assert!(lake.flush(NOW_MS).is_err());
    assert_holds(&lake, &[0, 1, 2, 3]);
    drop(lake);
    faults.sync_fails.store(false, Ordering::SeqCst);
    let lake = open(&storage, dir.path());
    assert_holds(&lake, &[0, 1, 2, 3]);
    lake.flush(NOW_MS).unwrap();
    assert_holds(&lake, &[0, 1, 2, 3]);
}

#[test]
fn a_damaged_segment_is_set_aside_and_the_others_answer() {
    let dir = tempfile::tempdir().unwrap();
    let (storage, _) = FaultyStorage::with_faults();
    let lake = open(&storage, dir.path());
    for number in 0..3 {
        lake.append(&batch(number), NOW_NS).unwrap();
        lake.flush(NOW_MS).unwrap();
    }
    drop(lake);
    let mut segments: Vec<_> = std::fs::read_dir(dir.path().join("segments"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    segments.sort();
    let mut bytes = std::fs::read(&segments[1]).unwrap();
    let last = bytes.len() - 30;
    bytes[last] ^= 4;
    std::fs::write(&segments[1], &bytes).unwrap();
    let lake = open(&storage, dir.path());
    assert_holds(&lake, &[0, 2]);
    let damage = lake.damage();
    assert!(damage.len() == 1 && damage[0].contains("set aside"), "{damage:?}");
    assert!(!segments[1].exists());
}

#[test]
fn retention_gives_up_what_is_old_or_too_much() {
    let dir = tempfile::tempdir().unwrap();
    let config = Config {
        dir: dir.path().to_owned(),
        ..Config::default()
    };
    let open = |config: &Config| {
        let parts = Parts::new(support::catalog(dir.path()), Telemetry::default());
        Lake::open(config.clone(), parts, NOW_MS).unwrap().0
    };
    let lake = open(&config);
    for number in 0..3 {
        lake.append(&batch(number), NOW_NS).unwrap();
        lake.flush(NOW_MS).unwrap();
    }
    drop(lake);
    // Room for one segment of three: the newest stays.
    let bytes: Vec<u64> = std::fs::read_dir(dir.path().join("segments"))
        .unwrap()
        .map(|entry| entry.unwrap().metadata().unwrap().len())
        .collect();
    let small = Config {
        retention_bytes: Some(bytes.iter().max().unwrap() + 200),
        ..config.clone()
    };
    let lake = open(&small);
    lake.maintain(NOW_MS).unwrap();
    assert_holds(&lake, &[2]);
    drop(lake);
    let lake = open(&config);
    lake.maintain(NOW_MS + config.retention.as_millis_i64() + 1)
        .unwrap();
    assert_holds(&lake, &[]);
}
