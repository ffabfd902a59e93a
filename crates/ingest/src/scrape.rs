//! Scrapes targets: which there are, a loop for each, and what is known of them.
//!
//! In: [`GlobalConfig`] and [`ScrapeConfig`]s.  Out: samples through the door, [`Targets`] for pages, [`TargetNews`].
//! Owns: one task per target and one per job with files of targets, all inside [`Scraper::run`].
//! Invariants: a configuration that cannot be used changes nothing (`tests/reload.rs`); a target that did not change
//! keeps its loop over a reload (`tests/reload.rs`); a loop that panics is counted and started again.
//! Not here: what is done with a body (`intake`).
//! Start at: [`Scraper::apply`] and [`Scraper::run`].

mod client;
mod entry;
mod fetch;
mod file_sd;
mod looping;
mod pools;
pub mod status;
mod target;
mod timing;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use model::SeriesWrite;
use parking_lot::Mutex;
use stdx::clock::SharedClock;
use stdx::outlet::Outlet;
use tokio::sync::Notify;
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::error;

use crate::config::{GlobalConfig, ScrapeConfig, validate};
use crate::error::IngestError;
use crate::limits::RESTART_AFTER_PANIC;
use crate::telemetry::Telemetry;
use entry::Entry;
use pools::Pools;
use status::{TargetNews, Targets};

/// What the scraper works with.
#[derive(Debug, Clone)]
pub struct ScraperDeps {
    /// Where samples go.
    pub writer: Arc<dyn SeriesWrite>,
    /// The time.
    pub clock: SharedClock,
    /// Where changes of health are told.
    pub news: Outlet<TargetNews>,
    /// What is counted.
    pub telemetry: Telemetry,
}

/// Scrapes what its configuration names, as long as [`run`](Self::run) runs.
#[derive(Debug)]
pub struct Scraper {
    deps: Arc<ScraperDeps>,
    pools: Mutex<Pools>,
    changed: Notify,
}

impl Scraper {
    /// A scraper without targets.
    pub fn new(deps: ScraperDeps) -> Arc<Self> {
        Arc::new(Self {
            deps: Arc::new(deps),
            pools: Mutex::default(),
            changed: Notify::new(),
        })
    }

    /// Takes a configuration in place of the one before. Targets that are the same go on undisturbed; those that are
    /// gone end stale. Where it returns an error, nothing has changed. Reads files of certificates and targets.
    pub fn apply(&self, global: &GlobalConfig, configs: Vec<ScrapeConfig>) -> Result<(), IngestError> {
        let messages = validate(global, &configs);
        if !messages.is_empty() {
            return Err(IngestError::InvalidConfig { messages });
        }
        self.pools.lock().apply(global, configs, &self.deps.telemetry)?;
        self.changed.notify_one();
        Ok(())
    }

    /// What is scraped and what was dropped, now.
    pub fn targets(&self) -> Targets {
        self.pools.lock().targets()
    }

    /// Scrapes until `stop` is cancelled. Series are not ended then: the process is expected back. May run again after
    /// it ended, by a panic too.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let mut tasks = Tasks::default();
        // What an earlier run had started ended with it.
        self.pools.lock().all_unstarted();
        loop {
            for entry in self.pools.lock().unstarted() {
                tasks.start(entry, &self.deps, &stop);
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = self.changed.notified() => {}
                () = tokio::time::sleep(pools::FILES_LOOK_EVERY) => {
                    let scraper = Arc::clone(&self);
                    // A panic would show in the pools' next use; looking again is all there is to do.
                    let _ = tokio::task::spawn_blocking(move || scraper.look_at_files()).await;
                }
                Some(ended) = tasks.set.join_next_with_id(), if !tasks.set.is_empty() => {
                    if let Some(entry) = tasks.ended(ended) {
                        self.deps.telemetry.loops_restarted.inc();
                        tasks.start_again(entry, &self.deps, &stop);
                    }
                }
            }
        }
        while tasks.set.join_next().await.is_some() {}
    }

    fn look_at_files(&self) {
        self.pools
            .lock()
            .look_at_files(self.deps.clock.monotonic(), &self.deps.telemetry);
    }
}

/// The running loops and whose they are.
#[derive(Debug, Default)]
struct Tasks {
    set: JoinSet<()>,
    owners: HashMap<Id, Arc<Entry>>,
}

impl Tasks {
    fn start(&mut self, entry: Arc<Entry>, deps: &Arc<ScraperDeps>, stop: &CancellationToken) {
        entry.started.store(true, Ordering::SeqCst);
        let task = self
            .set
            .spawn(looping::run(Arc::clone(&entry), Arc::clone(deps), stop.clone()));
        self.owners.insert(task.id(), entry);
    }

    fn start_again(&mut self, entry: Arc<Entry>, deps: &Arc<ScraperDeps>, stop: &CancellationToken) {
        let run = looping::run_again(
            Arc::clone(&entry),
            Arc::clone(deps),
            stop.clone(),
            RESTART_AFTER_PANIC,
        );
        let task = self.set.spawn(run);
        self.owners.insert(task.id(), entry);
    }

    /// Forgets a task that ended; gives its target back where it ended by a panic.
    fn ended(&mut self, ended: Result<(Id, ()), JoinError>) -> Option<Arc<Entry>> {
        match ended {
            Ok((id, ())) => {
                self.owners.remove(&id);
                None
            }
            Err(failed) => {
                let entry = self.owners.remove(&failed.id())?;
                error!(url = %entry.spec.url, error = %failed, "a scrape loop panicked and starts again");
                failed.is_panic().then_some(entry)
            }
        }
    }
}
