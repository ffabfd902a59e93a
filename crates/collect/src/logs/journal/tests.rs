//! The journal, read by the real `journalctl` from real files, by followers that end at any moment.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Instant;

use model::{LogAccepted, LogWrite, WriteError};
use parking_lot::Mutex;
use stdx::SystemClock;

use super::*;
use crate::logs::LogsTelemetry;

const PATIENCE: Duration = Duration::from_secs(20);
const WRITER: &str = "/lib/systemd/systemd-journal-remote";

/// What was handed over, each key once.
#[derive(Debug, Default)]
struct Shelf {
    lines: Mutex<Vec<String>>,
    keys: Mutex<Vec<u128>>,
    /// Batches are stored, and nobody hears of it.
    is_deaf: AtomicBool,
}

impl LogWrite for Shelf {
    fn append(&self, rows: &LogRows, _now_ns: i64) -> Result<LogAccepted, WriteError> {
        let key = rows.key.unwrap();
        let is_repeated = self.keys.lock().contains(&key);
        if !is_repeated {
            self.keys.lock().push(key);
            for (labels, of_stream) in rows.streams() {
                let lines =
                    of_stream.map(|row| format!("{}: {}", labels.get("service_name").unwrap(), row.line()));
                self.lines.lock().extend(lines);
            }
        }
        if self.is_deaf.load(Ordering::SeqCst) {
            return Err(WriteError::Closed);
        }
        Ok(LogAccepted {
            stored: rows.line_count() as u64,
            is_repeated,
            refused: Vec::new(),
        })
    }
}

/// Whether the programs are there; says so where they are not.
fn can_run() -> bool {
    let has = |program: &str| {
        Command::new(program)
            .arg("--version")
            .output()
            .is_ok_and(|done| done.status.success())
    };
    let all = has("journalctl") && has(WRITER);
    if !all {
        println!("skipped: needs journalctl and {WRITER}; install systemd and systemd-journal-remote");
    }
    all
}

/// Adds entries to the journal in a folder, with these numbers.
fn write(folder: &Path, numbers: std::ops::Range<u64>) {
    let name = format!("{}.journal", numbers.start);
    let mut child = Command::new(WRITER)
        .arg(format!("--output={}", folder.join(name).display()))
        .args(["--compress=no", "-"])
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut text = Vec::new();
    for number in numbers {
        let at_us = 1_714_557_600_000_000 + number * 1000;
        write!(
            text,
            "__REALTIME_TIMESTAMP={at_us}\n__MONOTONIC_TIMESTAMP={number}\n_BOOT_ID=0123456789abcdef0123456789abcdef\n\
             _MACHINE_ID=0123456789abcdef0123456789abcdef\n_HOSTNAME=db1\n_SYSTEMD_UNIT=shop.service\nPRIORITY=3\n"
        )
        .unwrap();
        // A message of two lines and with a byte that is no text has its length before it.
        let message = format!("order {number}\n  of \u{e9}");
        text.extend_from_slice(b"MESSAGE\n");
        text.extend_from_slice(&(message.len() as u64).to_le_bytes());
        text.extend_from_slice(message.as_bytes());
        text.extend_from_slice(b"\n\n");
    }
    child.stdin.take().unwrap().write_all(&text).unwrap();
    assert!(child.wait().unwrap().success());
}

struct Place {
    folder: tempfile::TempDir,
    shelf: Arc<Shelf>,
    telemetry: LogsTelemetry,
    read_from: ReadFrom,
    running: Option<(Stop, JoinHandle<()>)>,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("journal")).unwrap();
        std::fs::create_dir(folder.path().join("data")).unwrap();
        Self {
            folder,
            shelf: Arc::default(),
            telemetry: LogsTelemetry::default(),
            read_from: ReadFrom::Beginning,
            running: None,
        }
    }

    fn journal(&self) -> PathBuf {
        self.folder.path().join("journal")
    }

    fn start(&mut self, journalctl: &str) {
        let shelf: Arc<dyn LogWrite> = Arc::<Shelf>::clone(&self.shelf);
        let deps = GathererDeps {
            files: Arc::clone(&shelf),
            journal: shelf,
            folder: self.folder.path().join("data"),
            clock: SystemClock::shared(),
            telemetry: self.telemetry.clone(),
        };
        let config = Journald {
            enabled: true,
            journalctl: journalctl.to_owned(),
            directory: Some(self.journal().display().to_string()),
            units: vec!["shop.service".to_owned()],
            matches: vec!["PRIORITY=3".to_owned()],
            read_from: self.read_from,
            ..Journald::default()
        };
        let stop = Stop::new().unwrap();
        let own = stop.clone();
        let thread = std::thread::spawn(move || Journal::open(config, deps, own).unwrap().run());
        self.running = Some((stop, thread));
    }

    fn end(&mut self) {
        if let Some((stop, thread)) = self.running.take() {
            stop.set();
            thread.join().unwrap();
        }
    }

    fn until(&self, count: u64) {
        self.until_these(0..count);
    }

    fn until_these(&self, numbers: std::ops::Range<u64>) {
        let expected: Vec<String> = numbers
            .map(|number| format!("shop: order {number}\n  of \u{e9}"))
            .collect();
        let start = Instant::now();
        loop {
            let mut lines = self.shelf.lines.lock().clone();
            lines.sort_by_key(|line| {
                line.split([' ', '\n'])
                    .nth(2)
                    .map(|number| number.parse::<u64>().unwrap())
            });
            if lines == expected {
                return;
            }
            assert!(
                start.elapsed() < PATIENCE,
                "there are {} lines: {lines:?}",
                lines.len()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.end();
    }
}

#[test]
fn entries_are_read_as_they_come_and_once_over_restarts() {
    if !can_run() {
        return;
    }
    let mut place = Place::new();
    write(&place.journal(), 0..50);
    place.start("journalctl");
    place.until(50);
    write(&place.journal(), 50..80);
    place.until(80);
    place.end();
    write(&place.journal(), 80..90);
    // Stored, but nobody hears of it before the end.
    place.shelf.is_deaf.store(true, Ordering::SeqCst);
    place.start("journalctl");
    place.until(90);
    place.end();
    write(&place.journal(), 90..100);
    place.shelf.is_deaf.store(false, Ordering::SeqCst);
    place.start("journalctl");
    place.until(100);
    assert_eq!(place.telemetry.repeated.get_or_create(&of(SOURCE)).get(), 1);
}

#[test]
fn a_reader_that_ends_is_started_again_behind_the_last_entry() {
    if !can_run() {
        return;
    }
    let mut place = Place::new();
    write(&place.journal(), 0..10);
    // Prints what is there and ends.
    let script = place.folder.path().join("short");
    let text = "#!/bin/sh\nset -- \"$@\"\nfor a; do shift; [ \"$a\" = --follow ] || set -- \"$@\" \"$a\"; done\nexec journalctl \"$@\"\n";
    std::fs::write(&script, text).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&script, mode).unwrap();
    place.start(script.to_str().unwrap());
    place.until(10);
    write(&place.journal(), 10..20);
    place.until(20);
    assert!(place.telemetry.journal_restarts.get() >= 1);
}

#[test]
fn a_reader_that_is_not_there_is_said_and_tried_again() {
    let mut place = Place::new();
    place.start("/nowhere/journalctl");
    let start = Instant::now();
    while place.telemetry.journal_restarts.get() < 2 {
        assert!(start.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn what_comes_before_the_first_batch_is_read_though_only_new_entries_are_wanted() {
    if !can_run() {
        return;
    }
    for old in [0, 10] {
        let mut place = Place::new();
        place.read_from = ReadFrom::End;
        if old > 0 {
            write(&place.journal(), 0..old);
        }
        place.start("journalctl");
        let kept = place.folder.path().join("data/journal-position.json");
        let start = Instant::now();
        while !kept.exists() {
            assert!(start.elapsed() < PATIENCE);
            std::thread::sleep(Duration::from_millis(20));
        }
        place.end();
        write(&place.journal(), old..old + 5);
        place.start("journalctl");
        place.until_these(old..old + 5);
        write(&place.journal(), old + 5..old + 10);
        place.until_these(old..old + 10);
    }
}
