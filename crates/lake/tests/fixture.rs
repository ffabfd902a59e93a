//! A segment of version 1, written once and kept for ever: what is read of it must stay what was put in.

#![allow(clippy::unwrap_used, reason = "a test ends at its first fault")]

use std::path::Path;

use lake::{Config, Lake, Parts, Telemetry};
use model::{Direction, Labels, LogBatch, LogFlow, LogRead, LogRows, LogSelection, LogWrite, TenantId};

mod support;

const NOW_MS: i64 = 1_800_000_000_000;
const NAME: &str = "01M8ZZZZZZZZZZZZZZZZZZZZZZ.segment";

fn fixture() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/version-1.segment")
}

/// Lines of every form: words, numbers, hexadecimal numbers, dictionaries, texts, whole lines; with and without metadata.
fn rows() -> LogRows {
    let mut rows = LogRows::new(TenantId::DEFAULT);
    rows.key = Some(42);
    let at_ns = |number: i64| NOW_MS * 1_000_000 - 60_000_000_000 + number * 1_000_000;
    rows.begin_stream(Labels::from_pairs([("app", "shop"), ("pod", "shop-1")]));
    for number in 0..600 {
        let level = ["info", "warn", "error"][number as usize % 3];
        let id = (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let line = format!(
            r#"{{"level":"{level}","ms":{},"id":"{id:016x}"}}"#,
            number * 7 % 900
        );
        let pairs = [
            ("trace", format!("{number:08x}")),
            ("user", format!("u{}", number % 5)),
        ];
        let count = [0, 2, 1][number as usize % 3];
        let pairs = pairs
            .iter()
            .take(count)
            .map(|(name, value)| (*name, value.as_str()));
        rows.push(at_ns(number), &line, pairs);
    }
    rows.begin_stream(Labels::from_pairs([("app", "mail")]));
    for number in 0..40 {
        let line = match number % 4 {
            0 => String::new(),
            1 => format!(
                "ünï{number} {}",
                "x".repeat(usize::try_from(number).unwrap_or_default() * 50)
            ),
            2 => format!("2026-11-22 06:35:{number:02} user {} logged in", number * number),
            _ => format!("once {}", "(".repeat(usize::try_from(number).unwrap_or_default())),
        };
        rows.push(at_ns(number), &line, []);
    }
    rows
}

type Line = (i64, String, Vec<(String, String)>);

fn sorted(mut lines: Vec<Line>) -> Vec<Line> {
    lines.sort();
    lines
}

fn open(dir: &Path) -> (Lake, lake::OpenReport) {
    let config = Config {
        dir: dir.to_owned(),
        ..Config::default()
    };
    let parts = Parts::new(support::catalog(dir), Telemetry::default());
    Lake::open(config, parts, NOW_MS).unwrap()
}

#[test]
fn a_segment_of_version_1_reads_as_it_was_written() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("segments")).unwrap();
    std::fs::copy(fixture(), dir.path().join("segments").join(NAME)).unwrap();
    let (lake, report) = open(dir.path());
    assert_eq!((report.segments, report.damage), (1, Vec::new()));
    let selection = LogSelection {
        from_ns: 0,
        to_ns: i64::MAX,
        direction: Direction::Forward,
        ..LogSelection::default()
    };
    let mut read = Vec::new();
    let mut take = |batch: &LogBatch<'_>| {
        for (place, at_ns) in batch.times_ns.iter().enumerate() {
            let pairs = batch.metadata.get(place).iter();
            let pairs = pairs.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            read.push((*at_ns, batch.lines.get(place).to_owned(), pairs.collect()));
        }
        LogFlow::More
    };
    lake.read(&selection, &mut take).unwrap();
    let rows = rows();
    let expected = rows.streams().flat_map(|(_, lines)| {
        lines.map(|row| {
            let pairs = row.metadata();
            let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
            (row.at_ns(), row.line().to_owned(), pairs.collect())
        })
    });
    assert_eq!(sorted(read), sorted(expected.collect()));
    // And the key of its batch is known.
    assert!(
        lake.append(&rows, NOW_MS * 1_000_000).unwrap().is_repeated,
        "the key is known"
    );
}

#[test]
#[ignore = "writes the fixture; once for every version of the form"]
fn write_the_fixture() {
    let dir = tempfile::tempdir().unwrap();
    let (lake, _) = open(dir.path());
    lake.append(&rows(), NOW_MS * 1_000_000).unwrap();
    lake.flush(NOW_MS).unwrap();
    let mut written = std::fs::read_dir(dir.path().join("segments")).unwrap();
    std::fs::copy(written.next().unwrap().unwrap().path(), fixture()).unwrap();
}
