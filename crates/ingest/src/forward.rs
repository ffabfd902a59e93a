//! Sends everything that this process stores to other stores by remote write, through a queue on disk.
//!
//! In: batches on their way to the store ([`Tee`]), and `remote_write` sections.  Out: requests in Prometheus' remote write 1.0 and
//! 2.0 (prometheus.io/docs/specs/prw).
//! Owns: the queue's folder (docs/formats/remote-write-queue.md), and a task for each endpoint while [`Forwarder::run`] lives.
//! Invariants: what was acknowledged here reaches an endpoint that comes back, once, and in order for each series, over `kill
//! -9` too (`tests/forward.rs`); the queue is bounded, and what it drops is counted (`tests/forward.rs`).
//! Not here: taking remote write in (`push::remote_write`), the log itself (`disk`).
//! Start at: [`Forwarder::open`] and [`Forwarder::apply`].

mod cursor;
mod endpoint;
pub(crate) mod message;
mod outbound;
mod queue;
mod send;
mod tee;
mod telemetry;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use disk::SharedStorage;
use model::{Labels, SeriesWrite};
use parking_lot::Mutex;
use stdx::clock::SharedClock;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

pub use tee::Tee;
pub use telemetry::ForwardTelemetry;

use crate::config::remote::RemoteWrite;
use crate::error::IngestError;
use endpoint::Endpoint;
use queue::Queue;

/// Where the queue lies and how large it may be.
#[derive(Debug, Clone)]
pub struct Config {
    /// The folder of the queue.
    pub dir: PathBuf,
    /// Bytes of the queue on disk; beyond, the oldest samples are dropped and counted.
    pub queue_bytes_max: u64,
}

/// The way out to other stores.
#[derive(Debug)]
pub struct Forwarder {
    queue: Arc<Queue>,
    endpoints: Mutex<BTreeMap<String, Running>>,
    changed: Notify,
    clock: SharedClock,
    telemetry: ForwardTelemetry,
}

/// Endpoints that were made ready.
#[derive(Debug)]
pub struct Prepared(BTreeMap<String, Endpoint>);

/// Sections that are sound and yet cannot be sent to, each with the reason.
pub fn unusable(sections: &[RemoteWrite]) -> Vec<String> {
    sections.iter().filter_map(endpoint::fault).collect()
}

/// How many series a record of the queue holds, as it lies in the log; `None` where it is none.
pub fn record_series(record: &[u8]) -> Option<usize> {
    message::record::decode(record).ok().map(|(rows, _)| rows.len())
}

/// An endpoint, and what stops its task.
#[derive(Debug)]
struct Running {
    endpoint: Arc<Endpoint>,
    started: bool,
    stop: CancellationToken,
}

impl Forwarder {
    /// Opens the queue and counts what waits in it. Blocks on the disk.
    pub fn open(
        config: &Config,
        storage: SharedStorage,
        clock: SharedClock,
        telemetry: ForwardTelemetry,
    ) -> Result<Arc<Self>, IngestError> {
        let queue = Queue::open(config, storage, telemetry.clone())?;
        Ok(Arc::new(Self {
            queue: Arc::new(queue),
            endpoints: Mutex::default(),
            changed: Notify::new(),
            clock,
            telemetry,
        }))
    }

    /// Stands in front of a store and takes a copy of what it stores.
    pub fn tee(self: &Arc<Self>, store: Arc<dyn SeriesWrite>) -> Arc<Tee> {
        Tee::new(store, Arc::clone(&self.queue))
    }

    /// Makes sections ready to be applied; those that nothing can be sent to are left out ([`unusable`]). Reads certificates.
    ///
    /// # Errors
    /// A certificate that cannot be used.
    pub fn prepare(
        &self,
        sections: &[RemoteWrite],
        external_labels: &Labels,
    ) -> Result<Prepared, IngestError> {
        let mut endpoints: BTreeMap<String, Endpoint> = BTreeMap::new();
        for section in sections
            .iter()
            .filter(|section| endpoint::fault(section).is_none())
        {
            let first = endpoint::name(section);
            let names = (2..).map(|number| format!("{first}-{number}"));
            let free = |name: &String| !endpoints.contains_key(name);
            let Some(name) = std::iter::once(first.clone()).chain(names).find(free) else {
                continue;
            };
            let endpoint = Endpoint::new(&name, section, external_labels)?;
            endpoints.insert(name, endpoint);
        }
        Ok(Prepared(endpoints))
    }

    /// Takes what was prepared in place of what was before. Endpoints that are the same go on; new ones begin with what is
    /// stored from now on. Blocks on the disk.
    ///
    /// # Errors
    /// The disk that the queue is on fails.
    pub fn apply(&self, prepared: Prepared) -> Result<(), IngestError> {
        let names: Vec<String> = prepared.0.keys().cloned().collect();
        let mut endpoints = self.endpoints.lock();
        let mut next = BTreeMap::new();
        for (name, endpoint) in prepared.0 {
            let running = match endpoints.remove(&name) {
                Some(running) if running.endpoint.is_same(&endpoint) => running,
                other => {
                    if let Some(running) = other {
                        running.stop.cancel();
                    }
                    Running {
                        endpoint: Arc::new(endpoint),
                        started: false,
                        stop: CancellationToken::new(),
                    }
                }
            };
            next.insert(name, running);
        }
        for running in endpoints.values() {
            running.stop.cancel();
        }
        *endpoints = next;
        drop(endpoints);
        let served = self.queue.serve(&names);
        self.changed.notify_one();
        served
    }

    /// Sends until `stop` is cancelled. What was not sent by then stays in the queue. May run again after a panic.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let mut tasks: JoinSet<()> = JoinSet::new();
        for running in self.endpoints.lock().values_mut() {
            running.started = false;
        }
        loop {
            for (endpoint, own_stop) in self.unstarted() {
                info!(endpoint = endpoint.name(), "sending to a remote store");
                let (queue, clock) = (Arc::clone(&self.queue), Arc::clone(&self.clock));
                let telemetry = self.telemetry.clone();
                let stop = stop.clone();
                tasks.spawn(async move {
                    let run = outbound::run(&endpoint, &queue, &clock, &telemetry);
                    tokio::select! {
                        biased;
                        () = stop.cancelled() => {}
                        () = own_stop.cancelled() => {}
                        () = run => {}
                    }
                });
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = self.changed.notified() => {}
                Some(ended) = tasks.join_next() => {
                    if let Err(failed) = ended && failed.is_panic() {
                        error!("a task of remote write panicked");
                        std::panic::resume_unwind(failed.into_panic());
                    }
                }
            }
        }
        while tasks.join_next().await.is_some() {}
        if let Err(error) = self.queue.sync() {
            warn!(%error, "the places of remote write in its queue could not be made durable");
        }
    }

    fn unstarted(&self) -> Vec<(Arc<Endpoint>, CancellationToken)> {
        let mut endpoints = self.endpoints.lock();
        let new = endpoints.values_mut().filter(|running| !running.started);
        new.map(|running| {
            running.started = true;
            (Arc::clone(&running.endpoint), running.stop.clone())
        })
        .collect()
    }
}
