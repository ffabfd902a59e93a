//! No reading takes more than it may, and one that nobody waits for ends though it hands nothing over.

#![allow(clippy::unwrap_used, reason = "a test ends at its first fault")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use lake::{Config, Lake, Parts, Telemetry};
use model::{
    Direction, Labels, LogFlow, LogRead, LogRows, LogSelection, LogWrite, ReadBudget, ReadError, TenantId,
};

mod support;

const NOW_MS: i64 = 1_800_000_000_000;
const NOW_NS: i64 = NOW_MS * 1_000_000;

fn store(dir: &Path) -> Lake {
    let config = Config {
        dir: dir.to_owned(),
        ..Config::default()
    };
    let parts = Parts::new(support::catalog(dir), Telemetry::default());
    let (lake, _) = Lake::open(config, parts, NOW_MS).unwrap();
    for number in 0..4_i64 {
        let mut rows = LogRows::new(TenantId::DEFAULT);
        rows.begin_stream(Labels::from_pairs([("app", "shop")]));
        for line in 0..5_000 {
            let text = format!("order {} of {number}: {}", line * 7, "x".repeat(line % 50));
            rows.push(NOW_NS - 1_000_000 * (number * 10_000 + line as i64), &text, []);
        }
        lake.append(&rows, NOW_NS).unwrap();
        lake.flush(NOW_MS).unwrap();
    }
    lake
}

/// How many lines hold the text, and how many bytes were read for it.
fn read(
    lake: &Lake,
    text: &str,
    direction: Direction,
    budget: Arc<ReadBudget>,
) -> Result<(usize, u64), ReadError> {
    let selection = LogSelection {
        from_ns: 0,
        to_ns: i64::MAX,
        direction,
        holds: vec![vec![text.to_owned()]],
        budget: Some(Arc::clone(&budget)),
        ..LogSelection::default()
    };
    let mut lines = 0;
    lake.read(&selection, &mut |batch| {
        lines += batch.times_ns.len();
        LogFlow::More
    })?;
    Ok((lines, budget.bytes()))
}

#[test]
fn bytes_are_limited() {
    let dir = tempfile::tempdir().unwrap();
    let lake = store(dir.path());
    for direction in [Direction::Forward, Direction::Backward] {
        let (lines, bytes) = read(&lake, "order", direction, ReadBudget::new(None, None, None)).unwrap();
        assert_eq!(lines, 20_000);
        assert!(bytes > 0);
        let exact = ReadBudget::new(None, None, Some(bytes));
        assert_eq!(read(&lake, "order", direction, exact).unwrap().0, 20_000);
        let less = ReadBudget::new(None, None, Some(bytes - 1));
        let refused = read(&lake, "order", direction, less).unwrap_err();
        assert!(matches!(refused, ReadError::TooMuch { .. }), "{refused}");
    }
}

#[test]
fn what_finds_nothing_ends_too() {
    let dir = tempfile::tempdir().unwrap();
    let lake = store(dir.path());
    // Letters that words of some lines have, so that pages must be read to know.
    let text = "xxxxxxxxxxxxx of";
    for direction in [Direction::Forward, Direction::Backward] {
        let unlimited = ReadBudget::new(None, None, None);
        assert_eq!(read(&lake, text, direction, unlimited).unwrap().0, 0);
        let late = ReadBudget::new(Some(Instant::now()), None, None);
        let left = ReadBudget::new(None, Some(Arc::new(AtomicBool::new(true))), None);
        for budget in [late, left] {
            let ended = read(&lake, "order", direction, budget).unwrap_err();
            assert!(matches!(ended, ReadError::Interrupted), "{ended}");
        }
    }
}
