//! Segments in an object store that works, fails, is slow, is full, or answers twice: nothing acknowledged is lost, nothing is there twice.

#![allow(clippy::unwrap_used, reason = "a test ends at its first fault")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures::TryStreamExt;
use lake::{Config, Lake, Objects, Parts, Telemetry};
use model::{
    Direction, Labels, LogBatch, LogFlow, LogRead, LogRows, LogSelection, LogWrite, ReadError, TenantId,
};
use object_store::ObjectStore;
use object_store::memory::InMemory;

mod support;
#[path = "support/objects.rs"]
mod support_objects;

use support_objects::faulty;

const NOW_MS: i64 = 1_800_000_000_000;
const NOW_NS: i64 = NOW_MS * 1_000_000;

fn batch(number: u64) -> LogRows {
    let mut rows = LogRows::new(TenantId::DEFAULT);
    rows.key = Some(u128::from(number));
    rows.begin_stream(Labels::from_pairs([("app", "shop")]));
    for line in 0..3000 {
        let text = format!(
            "batch {number} line {line} id={:016x}",
            (number * 3000 + line) * 7919
        );
        rows.push(NOW_NS - 1, &text, []);
    }
    rows
}

fn try_open(dir: &Path, objects: Option<&Objects>) -> Result<(Lake, Telemetry), lake::LakeError> {
    let config = Config {
        dir: dir.to_owned(),
        ..Config::default()
    };
    let telemetry = Telemetry::default();
    let parts = Parts {
        objects: objects.cloned(),
        ..Parts::new(support::catalog(dir), telemetry.clone())
    };
    Ok((Lake::open(config, parts, NOW_MS)?.0, telemetry))
}

fn open(dir: &Path, objects: &Objects) -> (Lake, Telemetry) {
    try_open(dir, Some(objects)).unwrap()
}

/// How often every line is there that holds a text.
fn lines(lake: &Lake, text: &str) -> Result<BTreeMap<String, usize>, ReadError> {
    let selection = LogSelection {
        from_ns: 0,
        to_ns: i64::MAX,
        direction: Direction::Forward,
        holds: vec![vec![text.to_owned()]],
        ..LogSelection::default()
    };
    let mut counts = BTreeMap::new();
    let mut take = |batch: &LogBatch<'_>| {
        for place in 0..batch.times_ns.len() {
            let line = batch.lines.get(place);
            if line.contains(text) {
                *counts.entry(line.to_owned()).or_default() += 1;
            }
        }
        LogFlow::More
    };
    lake.read(&selection, &mut take)?;
    Ok(counts)
}

fn assert_holds(lake: &Lake, batches: impl IntoIterator<Item = u64>) {
    let mut expected = BTreeMap::new();
    for number in batches {
        for (_, rows) in batch(number).streams() {
            expected.extend(rows.map(|row| (row.line().to_owned(), 1)));
        }
    }
    assert!(lines(lake, "batch").unwrap() == expected);
}

fn objects_in(store: &dyn ObjectStore) -> usize {
    support::wait(store.list(None).try_collect::<Vec<_>>())
        .unwrap()
        .len()
}

fn copies(dir: &Path) -> usize {
    std::fs::read_dir(dir.join("segments")).unwrap().count()
}

#[test]
fn segments_are_read_from_the_object_store_in_parts() {
    let dir = tempfile::tempdir().unwrap();
    let memory: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    // No copy stays.
    let (objects, _) = faulty(Arc::clone(&memory), 0);
    let (lake, _) = open(dir.path(), &objects);
    for number in 0..3 {
        lake.append(&batch(number), NOW_NS).unwrap();
        lake.flush(NOW_MS).unwrap();
    }
    assert_eq!((objects_in(&*memory), copies(dir.path())), (3, 0));
    assert_holds(&lake, 0..3);
    drop(lake);
    let (lake, telemetry) = open(dir.path(), &objects);
    assert_holds(&lake, 0..3);
    let needle = format!("id={:016x}", 4000 * 7919);
    assert_eq!(lines(&lake, &needle).unwrap().len(), 1);
    assert!(telemetry.object_bytes_received.get() > 0);
    // Merged ones take the place of their sources there too.
    for number in 3..8 {
        lake.append(&batch(number), NOW_NS).unwrap();
        lake.flush(NOW_MS).unwrap();
    }
    assert_holds(&lake, 0..8);
    lake.maintain(NOW_MS).unwrap();
    assert_eq!(objects_in(&*memory), 1);
    // And the catalog comes back from what is there.
    drop(lake);
    for name in ["state.db", "state.db-wal", "state.db-shm"] {
        let _ = std::fs::remove_file(dir.path().join(name));
    }
    assert_holds(&open(dir.path(), &objects).0, 0..8);
}

#[test]
fn copies_stay_as_far_as_there_is_room() {
    let dir = tempfile::tempdir().unwrap();
    let memory: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let (objects, faults) = faulty(memory, 1 << 30);
    let (lake, telemetry) = open(dir.path(), &objects);
    for number in 0..3 {
        lake.append(&batch(number), NOW_NS).unwrap();
        lake.flush(NOW_MS).unwrap();
    }
    assert_eq!(copies(dir.path()), 3);
    let all = telemetry.copy_bytes.get() as u64;
    // Copies answer while the store is down.
    faults.down.store(true, Ordering::SeqCst);
    assert_holds(&lake, 0..3);
    faults.down.store(false, Ordering::SeqCst);
    drop(lake);
    let less = Objects {
        cache_bytes: all * 2 / 3,
        ..objects
    };
    let (lake, telemetry) = open(dir.path(), &less);
    lake.maintain(NOW_MS).unwrap();
    assert!(telemetry.copy_bytes.get() as u64 <= all * 2 / 3);
    assert!((1..3).contains(&copies(dir.path())));
    assert_holds(&lake, 0..3);
}

#[test]
fn a_store_that_fails_keeps_the_log_and_recovers_without_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let memory: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let (objects, faults) = faulty(Arc::clone(&memory), 0);
    let (lake, telemetry) = open(dir.path(), &objects);
    lake.append(&batch(0), NOW_NS).unwrap();
    lake.flush(NOW_MS).unwrap();
    for (number, fault) in [&faults.down, &faults.full].into_iter().enumerate() {
        let number = number as u64 + 1;
        fault.store(true, Ordering::SeqCst);
        lake.append(&batch(number), NOW_NS).unwrap();
        assert!(lake.flush(NOW_MS).is_err());
        fault.store(false, Ordering::SeqCst);
        assert_holds(&lake, 0..=number);
        lake.flush(NOW_MS).unwrap();
        assert_holds(&lake, 0..=number);
    }
    assert!(telemetry.object_retries.get() > 0);
    assert!(telemetry.maintenance_failures.get() >= 2);
    drop(lake);
    // While it is down a start answers from what is known, and says what it cannot read.
    faults.down.store(true, Ordering::SeqCst);
    let (lake, _) = open(dir.path(), &objects);
    let error = lines(&lake, "batch").err().unwrap().to_string();
    assert!(
        error.contains("s3://bucket/logs/one/segments/") && error.contains("503"),
        "{error}"
    );
    faults.down.store(false, Ordering::SeqCst);
    assert_holds(&lake, 0..3);
    assert_eq!(objects_in(&*memory), 3);
}

#[test]
fn a_failed_seal_survives_a_crash() {
    let dir = tempfile::tempdir().unwrap();
    let memory: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let (objects, faults) = faulty(Arc::clone(&memory), 0);
    let (lake, _) = open(dir.path(), &objects);
    lake.append(&batch(0), NOW_NS).unwrap();
    // Kept, without anybody hearing of it: it must not answer beside the log.
    faults.answer_lost.store(true, Ordering::SeqCst);
    assert!(lake.flush(NOW_MS).is_err());
    assert!(faults.puts.load(Ordering::SeqCst) > 1, "it was tried again");
    drop(lake);
    faults.answer_lost.store(false, Ordering::SeqCst);
    let (lake, _) = open(dir.path(), &objects);
    assert_holds(&lake, 0..1);
    assert_eq!(objects_in(&*memory), 0, "what was not finished is removed");
    lake.flush(NOW_MS).unwrap();
    assert_holds(&lake, 0..1);
    assert_eq!(objects_in(&*memory), 1);
    // The client heard no answer and sends it again.
    assert!(lake.append(&batch(0), NOW_NS).unwrap().is_repeated);
}

#[test]
fn a_slow_store_is_given_up_and_tried_again() {
    let dir = tempfile::tempdir().unwrap();
    let (objects, faults) = faulty(Arc::new(InMemory::new()), 0);
    let (lake, _) = open(dir.path(), &objects);
    lake.append(&batch(0), NOW_NS).unwrap();
    faults.slow_ms.store(400, Ordering::SeqCst);
    let error = lake.flush(NOW_MS).unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("no answer within 0.3 s"), "{cause}");
    faults.slow_ms.store(20, Ordering::SeqCst);
    lake.flush(NOW_MS).unwrap();
    assert_holds(&lake, 0..1);
}

#[test]
fn a_store_on_this_machine_moves_to_the_object_store() {
    let dir = tempfile::tempdir().unwrap();
    let (lake, _) = try_open(dir.path(), None).unwrap();
    for number in 0..5 {
        lake.append(&batch(number), NOW_NS).unwrap();
        lake.flush(NOW_MS).unwrap();
    }
    drop(lake);
    let memory: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let (objects, _) = faulty(Arc::clone(&memory), 0);
    let (lake, _) = open(dir.path(), &objects);
    assert_holds(&lake, 0..5);
    lake.maintain(NOW_MS).unwrap();
    lake.maintain(NOW_MS).unwrap();
    assert_eq!((objects_in(&*memory), copies(dir.path())), (5, 0));
    assert_holds(&lake, 0..5);
}

#[test]
fn a_damaged_copy_is_dropped_and_the_object_answers() {
    let dir = tempfile::tempdir().unwrap();
    let (objects, _) = faulty(Arc::new(InMemory::new()), 1 << 30);
    let (lake, _) = open(dir.path(), &objects);
    let mut rows = batch(0);
    rows.key = None;
    lake.append(&rows, NOW_NS).unwrap();
    lake.flush(NOW_MS).unwrap();
    drop(lake);
    let copy = std::fs::read_dir(dir.path().join("segments"))
        .unwrap()
        .next()
        .unwrap();
    let copy = copy.unwrap().path();
    let mut bytes = std::fs::read(&copy).unwrap();
    let last = bytes.len() - 30;
    bytes[last] ^= 4;
    std::fs::write(&copy, bytes).unwrap();
    let (lake, _) = open(dir.path(), &objects);
    lake.maintain(NOW_MS).unwrap();
    let error = lines(&lake, "batch").err().unwrap();
    assert!(matches!(error, ReadError::Damaged { .. }), "{error}");
    lake.maintain(NOW_MS).unwrap();
    assert_holds(&lake, 0..1);
    assert!(!copy.exists());
}
