//! How fast a file is read and cut into lines, and what many idle files cost: `follow_speed [MEGABYTES] [FILES]`.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measurement prints what it measured"
)]

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use collect::logs::LogsConfig;
use collect::{Gatherer, GathererDeps, LogsTelemetry};
use model::{LogAccepted, LogRows, LogWrite, WriteError};
use tokio_util::sync::CancellationToken;

/// Counts and keeps nothing.
#[derive(Debug, Default)]
struct Nowhere {
    lines: AtomicU64,
    batches: AtomicU64,
}

impl LogWrite for Nowhere {
    fn append(&self, rows: &LogRows, _now_ns: i64) -> Result<LogAccepted, WriteError> {
        self.lines.fetch_add(rows.line_count() as u64, Ordering::Relaxed);
        self.batches.fetch_add(1, Ordering::Relaxed);
        Ok(LogAccepted::default())
    }
}

fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

/// Writes a log of so many megabytes; gives back its bytes and its lines.
fn write_large(path: &Path, megabytes: usize) -> (usize, u64) {
    let mut file = std::io::BufWriter::new(std::fs::File::create(path).unwrap());
    let (mut written, mut lines) = (0, 0_u64);
    while written < megabytes * 1_000_000 {
        let line = format!(
            "2024-05-01T10:00:00.000Z level=info order={lines} {}\n",
            "some more text ".repeat(12)
        );
        file.write_all(line.as_bytes()).unwrap();
        written += line.len();
        lines += 1;
    }
    file.flush().unwrap();
    (written, lines)
}

fn gatherer(folder: &Path, store: &Arc<Nowhere>) -> Arc<Gatherer> {
    let writer: Arc<dyn LogWrite> = Arc::<Nowhere>::clone(store);
    let text = format!("[{{include: ['{}/*.log']}}]", folder.display());
    let config = LogsConfig {
        files: stdx::yaml::read(&text).unwrap(),
        ..LogsConfig::default()
    };
    let deps = GathererDeps {
        files: Arc::clone(&writer),
        journal: writer,
        folder: folder.join("data"),
        clock: stdx::SystemClock::shared(),
        telemetry: LogsTelemetry::default(),
    };
    Gatherer::new(config, deps)
}

fn wait_for(store: &Nowhere, lines: u64) {
    while store.lines.load(Ordering::Relaxed) < lines {
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// What files cost that nobody writes to, and what they cost when all are written to.
fn measure_many(folder: &Path, files: usize, store: &Nowhere) {
    let path = |number: usize| folder.join(format!("{number}.log"));
    let lines = store.lines.load(Ordering::Relaxed);
    for number in 0..files {
        std::fs::write(path(number), "one line\n").unwrap();
    }
    wait_for(store, lines + files as u64);
    std::thread::sleep(Duration::from_secs(1));
    let cpu = cpu_seconds();
    std::thread::sleep(Duration::from_secs(20));
    let idle = (cpu_seconds() - cpu) / 20.0;
    println!(
        "{files} files that nobody writes to: {:.3} % of a core",
        idle * 100.0
    );

    let (cpu, batches) = (cpu_seconds(), store.batches.load(Ordering::Relaxed));
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(10) {
        for number in 0..files {
            let mut file = std::fs::OpenOptions::new()
                .append(true)
                .open(path(number))
                .unwrap();
            file.write_all(b"another line\n").unwrap();
        }
        std::thread::sleep(Duration::from_millis(500));
    }
    let busy = (cpu_seconds() - cpu) / start.elapsed().as_secs_f64();
    let batches = store.batches.load(Ordering::Relaxed) - batches;
    println!(
        "{files} files with about two lines a second each, writing included: {:.1} % of a core, {batches} batches in 10 s",
        busy * 100.0
    );
}

fn main() {
    let mut arguments = std::env::args()
        .skip(1)
        .map(|text| text.parse::<usize>().unwrap());
    let (megabytes, files) = (arguments.next().unwrap_or(1000), arguments.next().unwrap_or(1000));
    let folder = tempfile::tempdir().unwrap();
    let (written, lines) = write_large(&folder.path().join("large.log"), megabytes);
    let store = Arc::new(Nowhere::default());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let stop = CancellationToken::new();
    let (start, cpu) = (Instant::now(), cpu_seconds());
    let (gatherer, token) = (gatherer(folder.path(), &store), stop.clone());
    let running = std::thread::spawn(move || runtime.block_on(gatherer.follow_files(token)).unwrap());
    wait_for(&store, lines);
    let (spent, cpu) = (start.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    let (rate, cpu_rate) = (written as f64 / spent / 1e6, written as f64 / cpu / 1e6);
    println!("one file of {megabytes} MB, {lines} lines: {rate:.0} MB/s, {cpu_rate:.0} MB a second of CPU");
    measure_many(folder.path(), files, &store);
    stop.cancel();
    running.join().unwrap();
}
