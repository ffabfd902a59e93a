//! The collector at work: a thread that reads this machine on schedule and stores what it read.

use std::fmt;
use std::future::Future;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
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
use crate::config::{Choices, Config};
use crate::error::Error;
use crate::roots::Roots;
use crate::schedule::Schedule;
use crate::sources::{self, Opening};
use crate::telemetry::Telemetry;
use crate::view::{HostSummary, ProcessTable, Tick};

mod identity;

/// This machine, watched.
pub struct Host {
    config: Config,
    choices: Choices,
    roots: Roots,
    instance: Arc<str>,
    deps: HostDeps,
    running: AtomicBool,
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
    /// Reads who the machine is, and nothing else yet.
    pub fn new(config: Config, roots: Roots, deps: HostDeps) -> Result<Arc<Self>, Error> {
        config.validate()?;
        let summary = identity::read(&roots)?;
        let instance: Arc<str> = Arc::from(summary.name.as_str());
        let choices = config.choices()?;
        Ok(Arc::new(Self {
            config,
            choices,
            roots,
            instance,
            deps,
            running: AtomicBool::new(false),
            shown: Mutex::new(Shown {
                summary,
                processes: Arc::default(),
            }),
            described: OnceLock::new(),
        }))
    }

    /// Opens every source of this machine, then reads and stores, the first time at once, until `stop` is cancelled.
    /// Work happens on a thread of its own, so this may be awaited anywhere. A panic of that thread goes on in the
    /// caller, who may run again: sources are opened anew.
    pub fn run(
        self: &Arc<Self>,
        stop: CancellationToken,
    ) -> impl Future<Output = Result<(), Error>> + Send + 'static {
        let host = Arc::clone(self);
        async move {
            if host.running.swap(true, Ordering::AcqRel) {
                return Err(Error::AlreadyRunning);
            }
            let running = Running(Arc::clone(&host));
            let (stop_sender, stop_receiver): (Sender<()>, Receiver<()>) = channel();
            let (ended_sender, ended) = oneshot::channel::<()>();
            let worker = Arc::clone(&host);
            let name = "collect-host";
            let thread = thread::Builder::new().name(name.into()).spawn(move || {
                // Dropped when the thread ends, in whatever way; the later one first.
                let _ended = ended_sender;
                let _running = running;
                worker.tick_until(&mut worker.open(), &stop_receiver);
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

    fn open(&self) -> Collector {
        let opening = Opening {
            config: &self.config,
            choices: &self.choices,
            roots: &self.roots,
            telemetry: &self.deps.telemetry,
            usage: sources::ask_kernel_for_usage(),
        };
        Collector::new(&opening, &self.instance, Arc::clone(&self.deps.clock))
    }

    fn tick_until(&self, collector: &mut Collector, stop: &Receiver<()>) {
        let clock = &self.deps.clock;
        let mut schedule = Schedule::new(self.config.interval.0, clock.monotonic(), clock.now_ms());
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

/// Held by the thread that reads; its end, by a panic too, lets another one start.
struct Running(Arc<Host>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.store(false, Ordering::Release);
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host")
            .field("interval", &self.config.interval)
            .field("summary", &self.shown.lock().summary)
            .finish_non_exhaustive()
    }
}
