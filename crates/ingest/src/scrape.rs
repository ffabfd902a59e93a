//! Scrapes targets: which there are, a loop for each, and what is known of them.
//!
//! In: [`GlobalConfig`] and [`ScrapeConfig`]s.  Out: samples through the door, [`Targets`] for pages, [`TargetNews`].
//! Owns: one task per target and one per search of service discovery, all inside [`Scraper::run`].
//! Invariants: a configuration that cannot be used changes nothing (`tests/reload.rs`); a target that did not change
//! keeps its loop over a reload (`tests/reload.rs`); a loop that panics is counted and started again.
//! Not here: what is done with a body (`intake`).
//! Start at: [`Scraper::apply`] and [`Scraper::run`].

mod discovery;
mod entry;
mod failure_log;
mod fetch;
mod looping;
mod pools;
pub mod status;
mod target;
mod timing;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use model::SeriesWrite;
use parking_lot::Mutex;
use stdx::clock::SharedClock;
use stdx::outlet::Outlet;
use tokio::sync::Notify;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;
use tracing::error;

use crate::config::{GlobalConfig, ScrapeConfig, validate};
use crate::error::IngestError;
use crate::limits::{DISCOVERY_SETTLE, RESTART_AFTER_PANIC};
use crate::telemetry::Telemetry;
use discovery::{News, Search};
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
    /// Told by searches that found something new.
    found: Arc<Notify>,
}

impl Scraper {
    /// A scraper without targets.
    pub fn new(deps: ScraperDeps) -> Arc<Self> {
        let found = Arc::new(Notify::new());
        let news = News {
            changed: Arc::clone(&found),
            telemetry: deps.telemetry.clone(),
        };
        Arc::new(Self {
            deps: Arc::new(deps),
            pools: Mutex::new(Pools::new(news)),
            changed: Notify::new(),
            found,
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
        let mut files = interval(pools::FILES_LOOK_EVERY);
        files.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first tick is now; files were read when the configuration was taken.
        files.tick().await;
        let findings = self.follow_findings();
        tokio::pin!(findings);
        loop {
            self.start_what_is_new(&mut tasks, &stop);
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = self.changed.notified() => {}
                () = &mut findings => {}
                _ = files.tick() => {
                    let scraper = Arc::clone(&self);
                    // A panic would show in the pools' next use; looking again is all there is to do.
                    let _ = tokio::task::spawn_blocking(move || scraper.look_at_files()).await;
                }
                Some(ended) = tasks.set.join_next_with_id(), if !tasks.set.is_empty() => {
                    if let Some(owner) = tasks.ended(ended) {
                        self.deps.telemetry.loops_restarted.inc();
                        tasks.start(owner, &self.deps, &stop, RESTART_AFTER_PANIC);
                    }
                }
            }
        }
        while tasks.set.join_next().await.is_some() {}
    }

    fn start_what_is_new(&self, tasks: &mut Tasks, stop: &CancellationToken) {
        let (entries, searches) = {
            let pools = self.pools.lock();
            (pools.unstarted(), pools.unstarted_searches())
        };
        for entry in entries {
            entry.started.store(true, Ordering::SeqCst);
            tasks.start(Owner::Target(entry), &self.deps, stop, Duration::ZERO);
        }
        for search in searches {
            search.started.store(true, Ordering::SeqCst);
            tasks.start(Owner::Search(search), &self.deps, stop, Duration::ZERO);
        }
    }

    /// Makes targets of what searches find. News gather for a while, because an event seldom comes alone.
    async fn follow_findings(self: &Arc<Self>) {
        loop {
            self.found.notified().await;
            sleep(DISCOVERY_SETTLE).await;
            let scraper = Arc::clone(self);
            // A panic would show in the pools' next use, as above.
            let _ = tokio::task::spawn_blocking(move || scraper.take_in_findings()).await;
            self.changed.notify_one();
        }
    }

    fn look_at_files(&self) {
        self.pools.lock().look_at_files(&self.deps.telemetry);
    }

    fn take_in_findings(&self) {
        self.pools.lock().take_in_findings(&self.deps.telemetry);
    }
}

/// The running tasks and whose they are.
#[derive(Debug, Default)]
struct Tasks {
    set: JoinSet<()>,
    owners: HashMap<Id, Owner>,
}

/// What a task is for.
#[derive(Debug, Clone)]
enum Owner {
    Target(Arc<Entry>),
    Search(Arc<Search>),
}

impl Tasks {
    fn start(&mut self, owner: Owner, deps: &Arc<ScraperDeps>, stop: &CancellationToken, wait: Duration) {
        let (deps, stop) = (Arc::clone(deps), stop.clone());
        let task = match owner.clone() {
            Owner::Target(entry) => self.set.spawn(async move {
                sleep(wait).await;
                looping::run(entry, deps, stop).await;
            }),
            Owner::Search(search) => self.set.spawn(async move {
                sleep(wait).await;
                search.run(stop).await;
            }),
        };
        self.owners.insert(task.id(), owner);
    }

    /// Forgets a task that ended; gives its owner back where it ended by a panic.
    fn ended(&mut self, ended: Result<(Id, ()), JoinError>) -> Option<Owner> {
        match ended {
            Ok((id, ())) => {
                self.owners.remove(&id);
                None
            }
            Err(failed) => {
                let owner = self.owners.remove(&failed.id())?;
                match &owner {
                    Owner::Target(entry) => {
                        error!(url = %entry.spec.url, error = %failed, "a scrape loop panicked and starts again");
                    }
                    Owner::Search(search) => {
                        error!(?search, error = %failed, "a search for targets panicked and starts again");
                    }
                }
                failed.is_panic().then_some(owner)
            }
        }
    }
}
