//! A log that is read while it is written.
#![allow(clippy::unwrap_used, reason = "a test ends at its first fault")]

use std::sync::Arc;

use disk::{LocalStorage, Position, Tail, TailStep, Wal, WalConfig};

fn open(dir: &tempfile::TempDir, segment_bytes: u64) -> Arc<Wal> {
    let config = WalConfig {
        segment_bytes,
        ..WalConfig::in_dir(dir.path().join("wal"), dir.path().join("quarantine"))
    };
    let (wal, _) = Wal::open(LocalStorage::shared(), config, &mut |_| Ok(())).unwrap();
    Arc::new(wal)
}

fn append(wal: &Wal, text: &str) {
    wal.append(
        7,
        |_, out| out.extend_from_slice(text.as_bytes()),
        |result| result.unwrap(),
    );
}

/// Everything there is, as text.
fn rest(tail: &mut Tail) -> Vec<String> {
    let mut read = Vec::new();
    loop {
        match tail.next_step().unwrap() {
            TailStep::Record { kind: 7, payload } => read.push(String::from_utf8(payload).unwrap()),
            TailStep::Damaged { bytes } => read.push(format!("damaged {bytes}")),
            TailStep::End => return read,
            other @ TailStep::Record { .. } => panic!("{other:?}"),
        }
    }
}

#[test]
fn records_are_read_as_they_come_and_from_any_place_again() {
    let dir = tempfile::tempdir().unwrap();
    let wal = open(&dir, 200);
    let mut tail = Tail::new(Arc::clone(&wal), Position::default());
    assert_eq!(rest(&mut tail), Vec::<String>::new());
    let mut places = Vec::new();
    let mut written = Vec::new();
    for number in 0..40 {
        let text = format!("record {number} {}", "x".repeat(number));
        append(&wal, &text);
        assert_eq!(rest(&mut tail), std::slice::from_ref(&text));
        written.push(text);
        places.push(tail.position());
    }
    assert!(wal.segments().len() > 5);
    drop((wal, tail));

    let wal = open(&dir, 200);
    append(&wal, "after");
    written.push("after".to_owned());
    for (read_before, place) in places.iter().enumerate() {
        let mut tail = Tail::new(Arc::clone(&wal), *place);
        assert_eq!(rest(&mut tail), written[read_before + 1..]);
    }
}

#[test]
fn segments_that_are_removed_are_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    let wal = open(&dir, 100);
    for number in 0..10 {
        append(&wal, &format!("record {number} {}", "x".repeat(100)));
    }
    let mut tail = Tail::new(Arc::clone(&wal), Position::default());
    assert!(matches!(tail.next_step().unwrap(), TailStep::Record { .. }));
    let keep_from = wal.segments()[6];
    wal.remove_oldest(|segment| segment < keep_from).unwrap();
    let left = rest(&mut tail);
    assert!(left.len() == 4 && left[0].starts_with("record 6"), "{left:?}");
}

#[test]
fn damage_costs_the_record_it_is_in() {
    let dir = tempfile::tempdir().unwrap();
    let wal = open(&dir, 1 << 20);
    for text in ["one", "two", "three"] {
        append(&wal, text);
    }
    let path = dir
        .path()
        .join("wal")
        .join(format!("{:010}.wal", wal.segments()[0]));
    let mut bytes = std::fs::read(&path).unwrap();
    let place = bytes.windows(3).position(|three| three == b"two").unwrap();
    bytes[place] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let mut tail = Tail::new(wal, Position::default());
    assert_eq!(rest(&mut tail), ["one", "damaged 32", "three"]);
}
