//! A process that appends is killed at random moments; every line that it said was acknowledged is there, once, also where
//! the client sends a batch again because it heard no answer.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests fail as tests do"
)]

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use lake::{Config, Lake, Parts, Telemetry};
use model::{
    Direction, Labels, LogBatch, LogFlow, LogRead, LogRows, LogSelection, LogWrite, Matcher, TenantId,
};
use object_store::local::LocalFileSystem;

mod support;
#[path = "support/objects.rs"]
mod support_objects;

const NOW_MS: i64 = 1_800_000_000_000;
/// Where segments lie in an object store, one request in so many fails, is slow, or is done without the answer being heard.
const FAULTS: u64 = 4;
const OBJECTS: &str = "WATCHKEEPER_TEST_CRASH_OBJECTS";
const DIR: &str = "WATCHKEEPER_TEST_CRASH_DIR";
const START: &str = "WATCHKEEPER_TEST_CRASH_START";
const LINES: i64 = 50;
const KILLS: i64 = 30;

fn open(dir: &Path, objects: Option<&Path>) -> Lake {
    let config = Config {
        dir: dir.to_owned(),
        seal_bytes: 60_000,
        ..Config::default()
    };
    let objects = objects.map(|place| {
        let store = LocalFileSystem::new_with_prefix(place).unwrap();
        let (objects, faults) = support_objects::faulty(Arc::new(store), 100_000);
        faults.one_in.store(FAULTS, Ordering::SeqCst);
        objects
    });
    let parts = Parts {
        objects,
        ..Parts::new(support::catalog(dir), Telemetry::default())
    };
    let (lake, report) = Lake::open(config, parts, NOW_MS).unwrap();
    assert!(
        report.damage.iter().all(|text| text.contains("unfinished write")),
        "{:?}",
        report.damage
    );
    lake
}

/// The batch of a step; the same whenever it is sent.
fn batch(step: i64) -> LogRows {
    let mut rows = LogRows::new(TenantId::DEFAULT);
    rows.key = Some(step as u128 + 1);
    for stream in 0..5 {
        rows.begin_stream(Labels::from_pairs([("stream", stream.to_string())]));
        for number in 0..LINES / 5 {
            let line = format!("step {step} number {} of the crash", stream * LINES / 5 + number);
            rows.push(NOW_MS * 1_000_000 - step, &line, []);
        }
    }
    rows
}

/// What the killed process does: appends without end while another thread seals and merges, and says each batch once it is
/// acknowledged.
fn append_for_ever(dir: &Path, start: i64) {
    let objects = std::env::var_os(OBJECTS);
    let lake = open(dir, objects.as_deref().map(Path::new));
    let maintained = lake.clone();
    let may_fail = objects.is_some();
    std::thread::spawn(move || {
        let started = Instant::now();
        loop {
            let done = maintained.maintain(NOW_MS + started.elapsed().as_millis() as i64);
            assert!(done.is_ok() || may_fail, "{done:?}");
            std::thread::sleep(Duration::from_millis(3));
        }
    });
    let mut out = std::io::stdout();
    for step in start.. {
        let accepted = lake.append(&batch(step), NOW_MS * 1_000_000).unwrap();
        assert_eq!(accepted.stored, LINES as u64);
        // In one write, on a line of its own: the test harness prints beside it.
        out.write_all(format!("\nacknowledged {step}\n").as_bytes())
            .unwrap();
        out.flush().unwrap();
    }
}

#[test]
fn everything_acknowledged_survives_kill_9_once() {
    if let (Some(dir), Ok(start)) = (std::env::var_os(DIR), std::env::var(START)) {
        append_for_ever(Path::new(&dir), start.parse().unwrap());
        return;
    }
    kill_again_and_again(None);
}

#[test]
fn everything_acknowledged_survives_kill_9_once_in_an_object_store_that_fails() {
    let objects = tempfile::tempdir().unwrap();
    kill_again_and_again(Some(objects.path()));
}

fn kill_again_and_again(objects: Option<&Path>) {
    let dir = tempfile::tempdir().unwrap();
    let mut next = 0;
    for round in 0..KILLS {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.envs(objects.map(|place| (OBJECTS, place)));
        let mut child = command
            .args([
                "--exact",
                "everything_acknowledged_survives_kill_9_once",
                "--nocapture",
            ])
            .env(DIR, dir.path())
            .env(START, next.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (mut running, mut killer) = (Some(child), None);
        for line in lines.map_while(Result::ok) {
            let Some(step) = line
                .strip_prefix("acknowledged ")
                .and_then(|step| step.parse::<i64>().ok())
            else {
                continue;
            };
            assert_eq!(step, next);
            // The step after it may be stored without its answer being heard: the next process sends it again.
            next = step + 1;
            if let Some(mut child) = running.take() {
                let delay = Duration::from_micros(500 + (round as u64 * 7919) % 120_000);
                killer = Some(std::thread::spawn(move || {
                    std::thread::sleep(delay);
                    // SIGKILL.
                    child.kill().unwrap();
                    child.wait().unwrap()
                }));
            }
        }
        assert!(!killer.expect("the child appended").join().unwrap().success());
        check(dir.path(), objects, next);
    }
    assert!(next > 5 * KILLS, "{next} acknowledged");
}

/// Opens what the killed process left and counts the lines of every step.
fn check(dir: &Path, objects: Option<&Path>, acknowledged: i64) {
    let lake = open(dir, objects);
    let selection = LogSelection {
        tenant: TenantId::DEFAULT,
        matchers: vec![Matcher::equal("none", "")],
        from_ns: 0,
        to_ns: i64::MAX,
        direction: Direction::Forward,
        ..LogSelection::default()
    };
    let mut counts: HashMap<String, usize> = HashMap::new();
    let mut take = |batch: &LogBatch<'_>| {
        for place in 0..batch.times_ns.len() {
            *counts.entry(batch.lines.get(place).to_owned()).or_default() += 1;
        }
        LogFlow::More
    };
    lake.read(&selection, &mut take).unwrap();
    for step in 0..acknowledged {
        for (_, rows) in batch(step).streams() {
            for row in rows {
                assert_eq!(counts.get(row.line()), Some(&1), "{:?}", row.line());
            }
        }
    }
    assert!(counts.values().all(|count| *count == 1), "a line is there twice");
    // At most the step whose answer was not heard is there beside them.
    assert!(
        counts.len() <= ((acknowledged + 1) * LINES) as usize,
        "{}",
        counts.len()
    );
}
