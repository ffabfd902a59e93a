//! The collector at work: a thread that reads this machine on schedule and stores what it read.

use std::fmt;
use std::future::Future;
use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, OnceLock};
use std::thread;

use model::{MetricMetadata, SeriesWrite, TenantId};
use parking_lot::Mutex;
use stdx::clock::SharedClock;
use stdx::outlet::Outlet;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::collector::Collector;
use crate::config::Config;
use crate::error::Error;
use crate::roots::Roots;
use crate::schedule::Schedule;
use crate::sources::{self, Opening};
use crate::telemetry::Telemetry;
use crate::view::{HostSummary, ProcessTable, Tick};

mod identity;

/// This machine, watched.
pub struct Host {
    interval: std::time::Duration,
    deps: HostDeps,
    collector: Mutex<Option<Collector>>,
    shown: Mutex<Shown>,
    described: OnceLock<()>,
}

/// What the collector needs of other rooms.
#[derive(Debug)]
pub struct HostDeps {
    /// Where samples go.
    pub writer: Arc<dyn SeriesWrite>,
    /// The time.
    pub clock: SharedClock,
    /// Offered a [`Tick`] after each reading is stored.
    pub ticks: Outlet<Tick>,
    /// This room's own counters.
    pub telemetry: Telemetry,
}

#[derive(Debug, Default)]
struct Shown {
    summary: HostSummary,
    processes: Arc<ProcessTable>,
}

impl Host {
    /// Opens every source of this machine. Reads who the machine is, and nothing else yet.
    pub fn new(config: Config, roots: Roots, deps: HostDeps) -> Result<Arc<Self>, Error> {
        config.validate()?;
        let summary = identity::read(&roots)?;
        let instance: Arc<str> = Arc::from(summary.name.as_str());
        let choices = config.choices()?;
        let opening = Opening {
            config: &config,
            choices: &choices,
            roots: &roots,
            telemetry: &deps.telemetry,
            usage: sources::ask_kernel_for_usage(),
        };
        let collector = Collector::new(&opening, &instance, Arc::clone(&deps.clock));
        Ok(Arc::new(Self {
            interval: config.interval.0,
            deps,
            collector: Mutex::new(Some(collector)),
            shown: Mutex::new(Shown {
                summary,
                processes: Arc::default(),
            }),
            described: OnceLock::new(),
        }))
    }

    /// Reads and stores, the first time at once, until `stop` is cancelled. Work happens on a thread of its own, so
    /// this may be awaited anywhere. A panic of that thread goes on in the caller.
    pub fn run(
        self: &Arc<Self>,
        stop: CancellationToken,
    ) -> impl Future<Output = Result<(), Error>> + Send + 'static {
        let host = Arc::clone(self);
        async move {
            let Some(mut collector) = host.collector.lock().take() else {
                return Err(Error::AlreadyRunning);
            };
            let (stop_sender, stop_receiver): (Sender<()>, Receiver<()>) = channel();
            let (ended_sender, ended) = oneshot::channel::<()>();
            let worker = Arc::clone(&host);
            let name = "collect-host";
            let thread = thread::Builder::new().name(name.into()).spawn(move || {
                // Dropped when the thread ends, in whatever way.
                let _ended = ended_sender;
                worker.tick_until(&mut collector, &stop_receiver);
                *worker.collector.lock() = Some(collector);
            });
            let thread = thread.map_err(|source| Error::Thread { name, source })?;
            let mut ended = ended;
            tokio::select! {
                () = stop.cancelled() => {
                    drop(stop_sender);
                    let _ = (&mut ended).await;
                }
                _ = &mut ended => {}
            }
            thread.join().map_err(|panic| resume_unwind(panic))
        }
    }

    /// This machine at a glance.
    pub fn summary(&self) -> HostSummary {
        self.shown.lock().summary.clone()
    }

    /// The processes that use most.
    pub fn processes(&self) -> ProcessTable {
        let table = Arc::clone(&self.shown.lock().processes);
        ProcessTable::clone(&table)
    }

    fn tick_until(&self, collector: &mut Collector, stop: &Receiver<()>) {
        let clock = &self.deps.clock;
        let mut schedule = Schedule::new(self.interval, clock.monotonic(), clock.now_ms());
        loop {
            match stop.recv_timeout(schedule.wait(clock.monotonic())) {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
            }
            // A wait may end a little early.
            if schedule.wait(clock.monotonic()).is_zero() {
                let due = schedule.take(clock.monotonic(), clock.now_ms());
                self.deps.telemetry.ticks_missed.inc_by(due.missed);
                self.tick(collector, due.at_ms);
            }
        }
    }

    fn tick(&self, collector: &mut Collector, at_ms: i64) {
        self.describe();
        let batch = collector.read(at_ms);
        {
            let mut shown = self.shown.lock();
            collector.facts.show(&mut shown.summary);
            shown.processes = Arc::clone(&collector.facts.processes);
        }
        let telemetry = &self.deps.telemetry;
        match self.deps.writer.append(&batch, self.deps.clock.now_ms()) {
            Ok(accepted) => {
                telemetry.samples.inc_by(accepted.stored);
                for (reason, count) in accepted.refused {
                    telemetry.count_dropped(reason.as_str(), count);
                }
                self.deps.ticks.offer(Tick { at_ms });
            }
            Err(error) => {
                let samples = batch.sample_count() as u64;
                telemetry.count_dropped("write_error", samples);
                warn!(%error, samples, "vitals not stored");
            }
        }
    }

    /// Tells the store once what the metrics mean; tried again on the next tick where the store could not take it.
    fn describe(&self) {
        if self.described.get().is_some() {
            return;
        }
        let metadata: Vec<MetricMetadata> = sources::metrics().map(|metric| metric.metadata()).collect();
        match self.deps.writer.describe(TenantId::DEFAULT, &metadata) {
            Ok(()) => {
                let _ = self.described.set(());
                info!(metrics = metadata.len(), "vitals of this machine are taken");
            }
            Err(error) => warn!(%error, "metadata not stored"),
        }
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host")
            .field("interval", &self.interval)
            .field("summary", &self.shown.lock().summary)
            .finish_non_exhaustive()
    }
}
