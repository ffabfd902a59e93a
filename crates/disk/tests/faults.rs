//! A failing disk loses nothing acknowledged and acknowledges nothing lost.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests fail as tests do"
)]

mod support {
    pub(crate) mod faulty;
}

use std::path::Path;
use std::sync::atomic::Ordering;

use disk::{DiskError, SharedStorage, Wal, WalConfig};
use support::faulty::FaultyStorage;

fn open(storage: &SharedStorage, dir: &Path) -> (Wal, Vec<Vec<u8>>) {
    let config = WalConfig::in_dir(dir.join("log"), dir.join("quarantine"));
    let mut read = Vec::new();
    let (wal, _) = Wal::open(SharedStorage::clone(storage), config, &mut |record| {
        read.push(record.payload.to_vec());
        Ok(())
    })
    .unwrap();
    (wal, read)
}

fn append(wal: &Wal, payload: &[u8]) -> Result<(), DiskError> {
    wal.append(7, |_, out| out.extend_from_slice(payload), |result| result)
}

#[test]
fn short_writes_are_finished() {
    let dir = tempfile::tempdir().unwrap();
    let (storage, faults) = FaultyStorage::with_faults();
    faults.short_write_bytes.store(5, Ordering::SeqCst);
    let (wal, _) = open(&storage, dir.path());
    append(&wal, b"written in many small pieces").unwrap();
    assert_eq!(
        open(&storage, dir.path()).1,
        [b"written in many small pieces".to_vec()]
    );
}

#[test]
fn a_full_disk_refuses_and_writing_resumes_once_there_is_room() {
    let dir = tempfile::tempdir().unwrap();
    let (storage, faults) = FaultyStorage::with_faults();
    let (wal, _) = open(&storage, dir.path());
    append(&wal, b"before").unwrap();
    faults.full.store(true, Ordering::SeqCst);
    for _ in 0..3 {
        let error = append(&wal, &[1; 300]).unwrap_err().to_string();
        assert!(
            error.contains(".wal") && error.contains("no storage space"),
            "{error}"
        );
    }
    faults.full.store(false, Ordering::SeqCst);
    append(&wal, b"after").unwrap();
    assert_eq!(
        open(&storage, dir.path()).1,
        [b"before".to_vec(), b"after".to_vec()]
    );
}

#[test]
fn a_failed_sync_is_never_tried_again_on_the_same_file() {
    let dir = tempfile::tempdir().unwrap();
    let (storage, faults) = FaultyStorage::with_faults();
    let (wal, _) = open(&storage, dir.path());
    append(&wal, b"before").unwrap();
    assert_eq!(wal.segments(), [1]);
    faults.sync_fails.store(true, Ordering::SeqCst);
    let syncs = faults.syncs.load(Ordering::SeqCst);
    let error = append(&wal, b"lost").unwrap_err().to_string();
    assert!(
        error.contains("cannot sync the log segment") && error.contains("lost a write"),
        "{error}"
    );
    assert_eq!(faults.syncs.load(Ordering::SeqCst), syncs + 1);
    faults.sync_fails.store(false, Ordering::SeqCst);
    append(&wal, b"after").unwrap();
    assert_eq!(wal.segments().len(), 2);
    assert_eq!(
        open(&storage, dir.path()).1,
        [b"before".to_vec(), b"after".to_vec()]
    );
}

#[test]
fn a_failing_group_fails_everybody_in_it() {
    let dir = tempfile::tempdir().unwrap();
    let (storage, faults) = FaultyStorage::with_faults();
    let (wal, _) = open(&storage, dir.path());
    faults.sync_fails.store(true, Ordering::SeqCst);
    std::thread::scope(|scope| {
        for thread in 0..8_u8 {
            let wal = &wal;
            scope.spawn(move || (0..20).for_each(|_| assert!(append(wal, &[thread]).is_err())));
        }
    });
    assert!(open(&storage, dir.path()).1.is_empty());
}
