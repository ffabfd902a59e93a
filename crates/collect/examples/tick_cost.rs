//! What watching this machine costs: runs the collector for some seconds beside some sleeping processes and prints its
//! share of one core.
//!
//! `cargo run --release -p collect --example tick_cost -- [SECONDS] [PROCESSES]`

use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use collect::{Config, Host, HostDeps, Roots, Telemetry};
use model::{Accepted, MetricMetadata, SeriesBatch, SeriesWrite, TenantId, WriteError};
use stdx::SystemClock;
use stdx::outlet::Outlet;
use tokio_util::sync::CancellationToken;

/// Counts samples and forgets them, so that only reading is measured.
#[derive(Debug, Default)]
struct Forgetful {
    samples: AtomicU64,
    batches: AtomicU64,
}

impl SeriesWrite for Forgetful {
    fn append(&self, batch: &SeriesBatch, _now_ms: i64) -> Result<Accepted, WriteError> {
        self.samples
            .fetch_add(batch.sample_count() as u64, Ordering::Relaxed);
        self.batches.fetch_add(1, Ordering::Relaxed);
        Ok(Accepted::default())
    }

    fn describe(&self, _tenant: TenantId, _metadata: &[MetricMetadata]) -> Result<(), WriteError> {
        Ok(())
    }
}

/// CPU time of all threads that live now, in nanoseconds.
fn cpu_nanoseconds() -> u64 {
    let tasks = std::fs::read_dir("/proc/self/task")
        .into_iter()
        .flatten()
        .flatten();
    tasks
        .filter_map(|task| std::fs::read_to_string(task.path().join("schedstat")).ok())
        .filter_map(|stat| stat.split(' ').next()?.parse::<u64>().ok())
        .sum()
}

fn number(place: usize, default: u64) -> u64 {
    std::env::args()
        .nth(place)
        .and_then(|word| word.parse().ok())
        .unwrap_or(default)
}

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stdout, reason = "an example shows what it measured")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (seconds, processes) = (number(1, 60), number(2, 200));
    let mut sleepers: Vec<Child> = (0..processes)
        .map(|_| Command::new("sleep").arg("100000").spawn())
        .collect::<Result<_, _>>()?;
    let writer = Arc::new(Forgetful::default());
    let deps = HostDeps {
        writer: Arc::clone(&writer) as Arc<dyn SeriesWrite>,
        clock: SystemClock::shared(),
        ticks: Outlet::new(4),
        telemetry: Telemetry::default(),
    };
    let host = Host::new(Config::default(), Roots::default(), deps)?;
    let stop = CancellationToken::new();
    let running = tokio::spawn(host.run(stop.clone()));
    // The first readings prepare the series.
    tokio::time::sleep(Duration::from_millis(2500)).await;
    let before = (
        cpu_nanoseconds(),
        writer.samples.load(Ordering::Relaxed),
        writer.batches.load(Ordering::Relaxed),
    );
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let spent = cpu_nanoseconds().saturating_sub(before.0) as f64 / 1e9;
    let samples = writer.samples.load(Ordering::Relaxed) - before.1;
    let batches = writer.batches.load(Ordering::Relaxed) - before.2;
    stop.cancel();
    running.await??;
    for sleeper in &mut sleepers {
        sleeper.kill()?;
        sleeper.wait()?;
    }
    println!(
        "{seconds} s, {batches} readings, {samples} samples, {processes} sleepers: {:.3} % of one core, {:.3} ms a reading",
        spent / seconds as f64 * 100.0,
        spent / batches.max(1) as f64 * 1e3
    );
    Ok(())
}
