//! What the process does for itself beside its rooms: maintain the store, keep its own metrics, pass news sideways.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use model::{Labels, SeriesWrite};
use parking_lot::Mutex;
use prometheus_client::registry::Registry;
use stdx::clock::SharedClock;
use stdx::outlet::{Inlet, News, Outlet};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::supervisor::Supervisor;

/// How often the store seals, expires and shortens its log.
const MAINTENANCE_INTERVAL_MS: i64 = 60_000;

/// How often the store is asked whether it wants that sooner.
const MAINTENANCE_LOOK: Duration = Duration::from_secs(1);

/// How often the store of log lines looks whether there is something to seal: at full speed it takes in what is worth a segment in
/// less than a second.
const LOG_MAINTENANCE_LOOK: Duration = Duration::from_millis(200);

/// How often elections of replicas are made durable where they have changed.
const ELECTIONS_INTERVAL: Duration = Duration::from_secs(5);

/// How often the process' own metrics become samples.
const OWN_METRICS_INTERVAL: Duration = Duration::from_secs(15);

/// Maintains the store of series once a minute, and sooner while it is crowded.
pub(crate) fn maintain_series(
    tasks: &mut Supervisor,
    db: &tsdb::Db,
    clock: &SharedClock,
    stop: &CancellationToken,
) {
    let (db, clock, token) = (db.clone(), Arc::clone(clock), stop.clone());
    tasks.watch("maintenance", stop.clone(), move || {
        let (db, clock, token) = (db.clone(), Arc::clone(&clock), token.clone());
        let last_ms = AtomicI64::new(i64::MIN);
        every(MAINTENANCE_LOOK, token, move || {
            let now_ms = clock.now_ms();
            let since_ms = now_ms.saturating_sub(last_ms.load(Ordering::Relaxed));
            if since_ms < MAINTENANCE_INTERVAL_MS && !db.is_crowded() {
                return;
            }
            last_ms.store(now_ms, Ordering::Relaxed);
            if let Err(error) = db.maintain(now_ms) {
                error!(
                    error = &error as &dyn std::error::Error,
                    "maintenance of the series store failed"
                );
            }
        })
    });
}

/// Maintains the store of log lines: it seals by what there is, not by the clock alone.
pub(crate) fn maintain_logs(
    tasks: &mut Supervisor,
    logs: &lake::Lake,
    clock: &SharedClock,
    stop: &CancellationToken,
) {
    let (logs, clock, token) = (logs.clone(), Arc::clone(clock), stop.clone());
    tasks.watch("maintenance of logs", stop.clone(), move || {
        let (logs, clock, token) = (logs.clone(), Arc::clone(&clock), token.clone());
        every(LOG_MAINTENANCE_LOOK, token, move || {
            if let Err(error) = logs.maintain(clock.now_ms()) {
                error!(
                    error = &error as &dyn std::error::Error,
                    "maintenance of the store of logs failed"
                );
            }
        })
    });
}

/// Keeps on disk which replica is heard of servers that send the same.
pub(crate) fn keep_elections(
    tasks: &mut Supervisor,
    push: &Arc<ingest::Push>,
    path: PathBuf,
    stop: &CancellationToken,
) {
    let (push, token) = (Arc::clone(push), stop.clone());
    tasks.watch("elections", stop.clone(), move || {
        let (push, path) = (Arc::clone(&push), path.clone());
        every(ELECTIONS_INTERVAL, token.clone(), move || {
            if let Err(error) = push.save_elections(&disk::LocalStorage, &path) {
                warn!(
                    error = &error as &dyn std::error::Error,
                    "elections of replicas not kept"
                );
            }
        })
    });
}

/// Stores the process' own metrics, by the path that a scraped page takes.
pub(crate) fn keep_own_metrics(
    tasks: &mut Supervisor,
    writer: Arc<dyn SeriesWrite>,
    registry: &Arc<Mutex<Registry>>,
    clock: &SharedClock,
    labels: Labels,
    stop: &CancellationToken,
) {
    let scrape = ingest::SelfScrape::new(writer, Arc::clone(clock), labels);
    let scrape = Arc::new(Mutex::new(scrape));
    let (registry, clock, token) = (Arc::clone(registry), Arc::clone(clock), stop.clone());
    tasks.watch("own metrics", stop.clone(), move || {
        let (scrape, registry, clock) = (Arc::clone(&scrape), Arc::clone(&registry), Arc::clone(&clock));
        every(OWN_METRICS_INTERVAL, token.clone(), move || {
            let mut page = String::new();
            if prometheus_client::encoding::text::encode(&mut page, &registry.lock()).is_err() {
                error!("own metrics cannot be encoded");
                return;
            }
            if let Err(error) = scrape.lock().take(&page, clock.now_ms()) {
                warn!(error = &error as &dyn std::error::Error, "own metrics not stored");
            }
        })
    });
}

/// Tells the rules at once when a target went down or came up.
pub(crate) async fn nudge_rules(
    mut targets: Inlet<ingest::TargetNews>,
    nudges: Outlet<alerting::Nudge>,
    stop: CancellationToken,
) {
    loop {
        let news = tokio::select! {
            () = stop.cancelled() => return,
            news = targets.next() => news,
        };
        match news {
            None => return,
            // A gap is news too: some target changed.
            Some(News::Item(_) | News::Gap(_)) => nudges.offer(alerting::Nudge { metric: "up".into() }),
        }
    }
}

/// Does blocking work at once and then in a fixed rhythm, until told to stop. A turn that was missed is left out.
async fn every(interval: Duration, stop: CancellationToken, work: impl Fn() + Send + Sync + 'static) {
    let work = Arc::new(work);
    let mut rhythm = tokio::time::interval(interval);
    rhythm.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = rhythm.tick() => {}
        }
        let turn = Arc::clone(&work);
        if let Err(ended) = tokio::task::spawn_blocking(move || turn()).await
            && let Ok(panic) = ended.try_into_panic()
        {
            std::panic::resume_unwind(panic);
        }
    }
}
