//! The walk of a line of a file: written by a program, read while files are renamed, copied and truncated, stored once although the
//! process is killed again and again.
#![allow(clippy::unwrap_used, reason = "a test ends at its first fault")]

mod support;

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use support::{PATIENCE, Server};

/// A program that writes numbered lines, and what turns its files over.
struct Program {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<u64>,
}

/// How a file is turned over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    Rename,
    CopyAndTruncate,
}

impl Program {
    /// Writes about a thousand lines a second; turns the file over now and then, three of the old ones are kept. A
    /// file that came and went between two looks is seen by nobody, so each has one of the `looks` at least.
    fn start(path: PathBuf, turn: Turn, looks: Arc<AtomicU64>) -> Self {
        let stop: Arc<AtomicBool> = Arc::default();
        let told = Arc::clone(&stop);
        let thread = std::thread::spawn(move || write_lines(&path, turn, &looks, &told));
        Self { stop, thread }
    }

    /// Ends it; gives back how many lines it wrote.
    fn end(self) -> u64 {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.join().unwrap()
    }
}

fn append(path: &Path) -> File {
    OpenOptions::new().append(true).create(true).open(path).unwrap()
}

fn write_lines(path: &Path, turn: Turn, looks: &AtomicU64, told: &AtomicBool) -> u64 {
    let mut file = append(path);
    let (mut number, mut written, mut looks_before) = (0, 0, 0);
    while !told.load(Ordering::SeqCst) {
        for _ in 0..10 {
            // Now and then a line comes in two pieces.
            let line = format!(
                "n={number} of {turn:?} level=info {}\n",
                "x".repeat(number as usize % 200)
            );
            let middle = line.len() / 2;
            file.write_all(&line.as_bytes()[..middle]).unwrap();
            file.write_all(&line.as_bytes()[middle..]).unwrap();
            number += 1;
            written += 1;
        }
        let looked = looks.load(Ordering::SeqCst);
        if written >= 4_000 && looked > looks_before {
            turn_over(path, turn);
            file = append(path);
            (written, looks_before) = (0, looked);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    number
}

fn turn_over(path: &Path, turn: Turn) {
    let old = |number: usize| PathBuf::from(format!("{}.{number}", path.display()));
    for number in (1..3).rev() {
        let _ = std::fs::rename(old(number), old(number + 1));
    }
    match turn {
        Turn::Rename => std::fs::rename(path, old(1)).unwrap(),
        Turn::CopyAndTruncate => {
            std::fs::copy(path, old(1)).unwrap();
            File::options()
                .write(true)
                .open(path)
                .unwrap()
                .set_len(0)
                .unwrap();
        }
    }
}

/// How often each number is stored, of one job.
async fn numbers(server: &Server, job: &str) -> BTreeMap<u64, u64> {
    let mut numbers = BTreeMap::new();
    let now_ms = u64::try_from(stdx::SystemClock::shared().now_ms()).unwrap();
    let (mut from_ns, to_ns) = ((now_ms - 3_600_000) * 1_000_000, (now_ms + 3_600_000) * 1_000_000);
    // In pages, as a page of lines has at most 5,000.
    loop {
        let query = format!("%7Bjob%3D%22{job}%22%7D");
        let answer = server
            .get(&format!(
                "/loki/api/v1/query_range?query={query}&limit=5000&direction=forward&start={from_ns}&end={to_ns}"
            ))
            .await;
        let streams = answer["data"]["result"]
            .as_array()
            .unwrap_or_else(|| panic!("{answer}"));
        let mut lines = Vec::new();
        for stream in streams {
            for value in stream["values"].as_array().unwrap() {
                let at_ns: u64 = value[0].as_str().unwrap().parse().unwrap();
                lines.push((at_ns, value[1].as_str().unwrap().to_owned()));
            }
        }
        lines.sort();
        for (_, line) in &lines {
            let number = line
                .strip_prefix("n=")
                .unwrap_or_else(|| panic!("half a line: {line:?}"));
            *numbers
                .entry(number.split(' ').next().unwrap().parse().unwrap())
                .or_default() += 1;
        }
        match lines.last() {
            Some((last, _)) if lines.len() == 5000 => from_ns = last + 1,
            _ => return numbers,
        }
    }
}

fn kills() -> u64 {
    let wanted = std::env::var("WATCHKEEPER_KILLS").ok();
    wanted.map_or(6, |wanted| wanted.parse().unwrap())
}

#[tokio::test]
async fn every_line_is_stored_once_over_kills_and_rotation() {
    let folder = tempfile::tempdir().unwrap();
    let logs = folder.path().join("logs");
    std::fs::create_dir(&logs).unwrap();
    let config = format!(
        "
server: {{grpc_listen: 'off', otlp_http_listen: 'off'}}
collect: {{host: false, self: false}}
log_files:
  - include: ['{logs}/renamed.log', '{logs}/renamed.log.*']
    labels: {{job: renamed}}
  - include: ['{logs}/renamed-alone.log']
    labels: {{job: renamed-alone}}
  - include: ['{logs}/copied.log*']
    labels: {{job: copied}}
  - include: ['{logs}/copied-alone.log']
    labels: {{job: copied-alone}}
",
        logs = logs.display()
    );
    std::fs::write(folder.path().join("watchkeeper.yaml"), config).unwrap();
    let jobs = [
        ("renamed", Turn::Rename),
        ("renamed-alone", Turn::Rename),
        ("copied", Turn::CopyAndTruncate),
        ("copied-alone", Turn::CopyAndTruncate),
    ];
    let looks: Arc<AtomicU64> = Arc::default();
    let programs = jobs.map(|(job, turn)| {
        let path = logs.join(format!("{job}.log"));
        (job, Program::start(path, turn, Arc::clone(&looks)))
    });
    for round in 0..kills() {
        let server = Server::start_again(folder.path());
        // A time that is another one each round and the same in every run.
        let mixed = (round + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        tokio::time::sleep(Duration::from_millis(200 + mixed % 1_300)).await;
        looks.fetch_add(1, Ordering::SeqCst);
        server.kill();
    }
    let server = Server::start_again(folder.path());
    tokio::time::sleep(Duration::from_millis(500)).await;
    let written = programs.map(|(job, program)| (job, program.end()));
    for (job, count) in written {
        let start = Instant::now();
        let stored = loop {
            let stored = numbers(&server, job).await;
            if stored.len() as u64 >= count || start.elapsed() > PATIENCE {
                break stored;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        };
        let missing: Vec<u64> = (0..count).filter(|number| !stored.contains_key(number)).collect();
        let twice: Vec<_> = stored.iter().filter(|(_, times)| **times > 1).collect();
        assert!(
            missing.is_empty() && twice.is_empty(),
            "{job}: of {count} lines {} are missing ({:?}..), {} are there more than once ({:?}..)",
            missing.len(),
            missing.first(),
            twice.len(),
            twice.first()
        );
        assert!(count > 1_000, "{job}: too little was written");
    }
    assert!(server.stop());
}
