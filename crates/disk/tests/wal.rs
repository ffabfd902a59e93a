//! What the log acknowledges is read back, whatever happened to its files.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests fail as tests do"
)]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use disk::{DamageKind, LocalStorage, ReplayReport, Wal, WalConfig};
use proptest::prelude::*;

fn open(dir: &Path, segment_bytes: u64) -> (Wal, Vec<Vec<u8>>, ReplayReport) {
    let config = WalConfig {
        segment_bytes,
        ..WalConfig::in_dir(dir.join("log"), dir.join("quarantine"))
    };
    let mut read = Vec::new();
    let (wal, report) = Wal::open(LocalStorage::shared(), config, &mut |record| {
        assert_eq!(record.kind, 7);
        read.push(record.payload.to_vec());
        Ok(())
    })
    .unwrap();
    (wal, read, report)
}

fn append(wal: &Wal, payload: &[u8]) {
    wal.append(7, |_, out| out.extend_from_slice(payload), |result| result)
        .unwrap();
}

fn segment(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("log/{number:010}.wal"))
}

fn flip(path: &Path, offset: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[offset] ^= 0x10;
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn records_are_read_in_order_over_segments_and_restarts() {
    let dir = tempfile::tempdir().unwrap();
    let mut expected = Vec::new();
    for round in 0..3_u8 {
        let (wal, read, report) = open(dir.path(), 200);
        assert_eq!((read, report.damage), (expected.clone(), vec![]));
        for number in 0..20_u8 {
            let payload = vec![round * 20 + number; usize::from(number)];
            append(&wal, &payload);
            expected.push(payload);
        }
        assert!(wal.segments().len() > 3);
        let bytes: u64 = wal
            .segments()
            .iter()
            .map(|&n| std::fs::metadata(segment(dir.path(), n)).unwrap().len())
            .sum();
        assert_eq!(wal.disk_bytes(), bytes);
    }
}

#[test]
fn a_torn_tail_is_cut_and_named_once() {
    let dir = tempfile::tempdir().unwrap();
    let (wal, ..) = open(dir.path(), 1 << 20);
    append(&wal, b"whole");
    append(&wal, b"this one is torn");
    drop(wal);
    let path = segment(dir.path(), 1);
    let length = std::fs::metadata(&path).unwrap().len();
    std::fs::OpenOptions::new()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(length - 9)
        .unwrap();
    let (wal, read, report) = open(dir.path(), 1 << 20);
    assert_eq!(read, [b"whole".to_vec()]);
    let damage = &report.damage[0];
    assert_eq!(
        (damage.kind, damage.record, damage.offset),
        (DamageKind::TornTail, 1, 64)
    );
    assert!(
        damage
            .to_string()
            .contains("0000000001.wal, record 1 at offset 64"),
        "{damage}"
    );
    append(&wal, b"after");
    drop(wal);
    let (_, read, report) = open(dir.path(), 1 << 20);
    assert_eq!(
        (read, report.damage),
        (vec![b"whole".to_vec(), b"after".to_vec()], vec![])
    );
}

#[test]
fn a_damaged_record_costs_itself_alone_and_is_kept_aside() {
    // Where in the frame of record 1 (offset 64, payload from 88) a bit flips: marker, length, record number, payload.
    for offset in [64, 72, 81, 88, 95] {
        let dir = tempfile::tempdir().unwrap();
        let (wal, ..) = open(dir.path(), 1 << 20);
        for payload in [b"recordA1", b"recordB2", b"recordC3", b"recordD4"] {
            append(&wal, payload);
        }
        drop(wal);
        flip(&segment(dir.path(), 1), offset);
        for _ in 0..2 {
            let (_, read, report) = open(dir.path(), 1 << 20);
            assert_eq!(
                read,
                [b"recordA1".to_vec(), b"recordC3".to_vec(), b"recordD4".to_vec()]
            );
            let damage = &report.damage[0];
            assert_eq!(
                (damage.kind, damage.record, damage.offset),
                (DamageKind::Record, 1, 64)
            );
            let copy = std::fs::read(damage.copy.as_ref().unwrap()).unwrap();
            assert_eq!(copy.len(), 32);
        }
    }
}

#[test]
fn a_damaged_segment_header_costs_no_record() {
    let dir = tempfile::tempdir().unwrap();
    let (wal, ..) = open(dir.path(), 1 << 20);
    append(&wal, b"one");
    append(&wal, b"two");
    drop(wal);
    flip(&segment(dir.path(), 1), 13);
    let (_, read, report) = open(dir.path(), 1 << 20);
    assert_eq!(read, [b"one".to_vec(), b"two".to_vec()]);
    assert_eq!(report.damage.len(), 1);
}

#[test]
fn a_record_that_carries_a_frame_is_not_taken_for_one() {
    let dir = tempfile::tempdir().unwrap();
    let (wal, ..) = open(dir.path(), 1 << 20);
    append(&wal, b"first");
    drop(wal);
    let inner = std::fs::read(segment(dir.path(), 1)).unwrap();
    let (wal, ..) = open(dir.path(), 1 << 20);
    append(&wal, &inner);
    append(&wal, b"last");
    drop(wal);
    flip(&segment(dir.path(), 2), 40);
    let (_, read, _) = open(dir.path(), 1 << 20);
    assert_eq!(read, [b"first".to_vec(), b"last".to_vec()]);
}

#[test]
fn a_record_its_owner_does_not_understand_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let (wal, ..) = open(dir.path(), 1 << 20);
    append(&wal, b"odd");
    append(&wal, b"even");
    drop(wal);
    let config = WalConfig::in_dir(dir.path().join("log"), dir.path().join("quarantine"));
    let mut visit = |record: disk::Record<'_>| {
        if record.record == 0 {
            Err("odd indeed".into())
        } else {
            Ok(())
        }
    };
    let (_, report) = Wal::open(LocalStorage::shared(), config, &mut visit).unwrap();
    assert_eq!(report.records, 1);
    assert!(report.damage[0].to_string().contains("odd indeed"));
}

#[test]
fn many_threads_share_syncs_and_are_applied_in_the_order_of_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let (wal, ..) = open(dir.path(), 4096);
    let wal = Arc::new(wal);
    let applied = Arc::new(parking_lot::Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for thread in 0..16_u8 {
            let (wal, applied) = (Arc::clone(&wal), Arc::clone(&applied));
            scope.spawn(move || {
                for number in 0..25_u8 {
                    let payload = vec![thread, number];
                    wal.append(
                        7,
                        |_, out| out.extend_from_slice(&payload),
                        |result| {
                            result.unwrap();
                            applied.lock().push(payload.clone());
                        },
                    );
                    if number == 12 {
                        wal.rotate();
                    }
                }
            });
        }
    });
    wal.close();
    wal.append(
        7,
        |_, _| (),
        |result| assert!(matches!(result, Err(disk::DiskError::Closed))),
    );
    let applied = applied.lock().clone();
    let (_, read, _) = open(dir.path(), 4096);
    assert_eq!(read.len(), 400);
    assert_eq!(read, applied);
}

#[test]
fn old_segments_go_from_the_oldest_on() {
    let dir = tempfile::tempdir().unwrap();
    let (wal, ..) = open(dir.path(), 64);
    for number in 0..6_u8 {
        append(&wal, &[number; 64]);
    }
    assert_eq!(wal.remove_oldest(|segment| segment != 4).unwrap(), 3);
    assert_eq!(wal.segments(), [4, 5, 6]);
    assert_eq!(wal.remove_oldest(|_| true).unwrap(), 2);
    let (_, read, _) = open(dir.path(), 64);
    assert_eq!(read, [vec![5; 64]]);
}

#[test]
fn only_names_as_the_log_writes_them_are_segments() {
    let dir = tempfile::tempdir().unwrap();
    let (wal, ..) = open(dir.path(), 1 << 20);
    append(&wal, b"one");
    drop(wal);
    let written = std::fs::read(segment(dir.path(), 1)).unwrap();
    for name in [
        "5.wal",
        "+0000000005.wal",
        "00000000005.wal",
        "18446744073709551615.wal",
    ] {
        std::fs::write(dir.path().join("log").join(name), &written).unwrap();
    }
    // Of eleven digits: it comes after those of ten, whatever the order of names.
    std::fs::write(dir.path().join("log/10000000000.wal"), &written).unwrap();
    let (wal, read, report) = open(dir.path(), 1 << 20);
    assert_eq!((read, report.damage), (vec![b"one".to_vec(); 2], vec![]));
    append(&wal, b"two");
    assert_eq!(wal.segments(), [1, 10_000_000_000, 10_000_000_001]);
    wal.rotate();
    append(&wal, b"three");
    drop(wal);
    let (_, read, _) = open(dir.path(), 1 << 20);
    let expected: [&[u8]; 4] = [b"one", b"one", b"two", b"three"];
    assert_eq!(read, expected);
}

#[test]
fn a_segment_number_never_comes_twice() {
    let dir = tempfile::tempdir().unwrap();
    let config = WalConfig {
        segment_min: 9,
        ..WalConfig::in_dir(dir.path().join("log"), dir.path().join("quarantine"))
    };
    let (wal, _) = Wal::open(LocalStorage::shared(), config, &mut |_| Ok(())).unwrap();
    append(&wal, b"x");
    assert_eq!(wal.segments(), [9]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Whatever bytes a log folder holds, opening it neither panics nor invents records.
    #[test]
    fn any_damage_leaves_a_subset_in_order(
        payloads in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 1..12),
        flips in proptest::collection::vec((any::<prop::sample::Index>(), 0_u8..8), 1..4),
        cut in 0_usize..60,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let (wal, ..) = open(dir.path(), 1 << 20);
        for payload in &payloads {
            append(&wal, payload);
        }
        drop(wal);
        let path = segment(dir.path(), 1);
        let mut bytes = std::fs::read(&path).unwrap();
        for (index, bit) in &flips {
            let at = index.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
        bytes.truncate(bytes.len() - cut.min(bytes.len()));
        std::fs::write(&path, bytes).unwrap();
        let (_, read, _) = open(dir.path(), 1 << 20);
        let mut rest = payloads.iter();
        prop_assert!(read.iter().all(|record| rest.any(|payload| payload == record)));
        let (_, again, _) = open(dir.path(), 1 << 20);
        prop_assert_eq!(read, again);
    }
}
