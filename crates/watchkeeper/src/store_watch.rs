//! Stands before the stores: remembers why writing fails, and keeps some of the disk free.
//!
//! What comes from outside (scrapes, pushes, log lines) is refused while less than a little space is left. With that little
//! the vitals of this machine, the own metrics and the decisions about alerts go on, so that somebody is told; and blocks
//! can still be written, which is what makes the log shorter.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use model::{
    Accepted, Backfill, LogAccepted, LogRows, LogWrite, MetricMetadata, Refusal, Series, SeriesBatch,
    SeriesNumber, SeriesWrite, TenantId, WriteError,
};
use parking_lot::Mutex;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use stdx::HumanBytes;
use stdx::clock::SharedClock;

/// How often the filesystem is asked at most.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Bytes that are kept free where the configuration names none, on a large filesystem ...
const FREE_BYTES_MIN: u64 = 64 << 20;

/// ... and the share of a smaller one: one part of so many.
const FREE_SHARE_MIN: u64 = 20;

/// What is known of the way into the store.
#[derive(Debug)]
pub(crate) struct StoreWatch {
    dir: PathBuf,
    clock: SharedClock,
    /// As configured; 0 keeps nothing free.
    free_bytes_min: Option<u64>,
    space: Mutex<Space>,
    /// Why the last write failed, if it did.
    failing: Mutex<Option<String>>,
    /// Why the last write of log lines failed, if it did.
    lines_failing: Mutex<Option<String>>,
    low: Gauge,
    samples_refused: Counter,
    lines_refused: Counter,
}

/// What the filesystem said last.
#[derive(Debug, Default)]
struct Space {
    looked_at: Option<Duration>,
    /// What is wrong with it.
    fault: Option<String>,
}

// === impl StoreWatch ===

impl StoreWatch {
    /// Watches the filesystem of `dir`.
    pub(crate) fn new(dir: PathBuf, free_bytes_min: Option<u64>, clock: SharedClock) -> Arc<Self> {
        Arc::new(Self {
            dir,
            clock,
            free_bytes_min,
            space: Mutex::default(),
            failing: Mutex::default(),
            lines_failing: Mutex::default(),
            low: Gauge::default(),
            samples_refused: Counter::default(),
            lines_refused: Counter::default(),
        })
    }

    /// Adds its metrics to the registry of the process.
    pub(crate) fn register(&self, registry: &mut Registry) {
        let room = registry.sub_registry_with_prefix("watchkeeper_store");
        room.register(
            "low_on_space",
            "Whether samples from outside are refused because the disk is nearly full",
            self.low.clone(),
        );
        room.register(
            "samples_refused_for_space",
            "Samples from outside that were refused because the disk is nearly full",
            self.samples_refused.clone(),
        );
        room.register(
            "lines_refused_for_space",
            "Log lines that were refused because the disk is nearly full",
            self.lines_refused.clone(),
        );
    }

    /// A way into `store` for what comes from outside; it is closed while there is too little space.
    pub(crate) fn for_others(self: &Arc<Self>, store: Arc<dyn SeriesWrite>) -> Arc<dyn SeriesWrite> {
        self.watched(store, true)
    }

    /// A way into `store` for what this process says itself, which goes on to the last byte.
    pub(crate) fn for_own(self: &Arc<Self>, store: Arc<dyn SeriesWrite>) -> Arc<dyn SeriesWrite> {
        self.watched(store, false)
    }

    /// A way into `store` for log lines, all of which come from outside.
    pub(crate) fn for_lines(self: &Arc<Self>, store: Arc<dyn LogWrite>) -> Arc<dyn LogWrite> {
        let watch = Arc::clone(self);
        Arc::new(WatchedLines { store, watch })
    }

    fn watched(self: &Arc<Self>, store: Arc<dyn SeriesWrite>, leaves_space: bool) -> Arc<dyn SeriesWrite> {
        let watch = Arc::clone(self);
        Arc::new(Watched {
            store,
            watch,
            leaves_space,
        })
    }

    /// Why samples are not taken, for people; `None` where they are.
    pub(crate) fn fault(&self) -> Option<String> {
        self.low_space()
            .or_else(|| self.failing.lock().clone())
            .or_else(|| self.lines_failing.lock().clone())
    }

    /// What is wrong with the space on disk.
    fn low_space(&self) -> Option<String> {
        let now = self.clock.monotonic();
        let mut space = self.space.lock();
        let fresh = |at: &Duration| now.saturating_sub(*at) < LOOK_EVERY;
        if !space.looked_at.as_ref().is_some_and(fresh) {
            space.looked_at = Some(now);
            let before = space.fault.is_some();
            space.fault = self.look();
            self.low.set(i64::from(space.fault.is_some()));
            match &space.fault {
                Some(fault) if !before => tracing::error!(fault, "samples and log lines are refused"),
                None if before => tracing::warn!("there is space again, samples and log lines are taken"),
                _ => {}
            }
        }
        space.fault.clone()
    }

    fn look(&self) -> Option<String> {
        let facts = rustix::fs::statvfs(&self.dir).ok()?;
        let all = facts.f_blocks.saturating_mul(facts.f_frsize);
        let free = facts.f_bavail.saturating_mul(facts.f_frsize);
        let default = || FREE_BYTES_MIN.min(all / FREE_SHARE_MIN);
        let least = self.free_bytes_min.unwrap_or_else(default);
        (free < least).then(|| {
            format!(
                "the disk is full: the filesystem of {} has {} left, and the last {} are kept free \
                 (storage.free_space_min); make room, and samples are taken again at once",
                self.dir.display(),
                HumanBytes(free),
                HumanBytes(least)
            )
        })
    }
}

/// Remembers how a write ended.
fn note<T>(failing: &Mutex<Option<String>>, result: &Result<T, WriteError>) {
    match result {
        Ok(_) => {
            let mut failing = failing.lock();
            if failing.is_some() {
                *failing = None;
            }
        }
        Err(error @ WriteError::Log { .. }) => *failing.lock() = Some(error.to_string()),
        Err(_) => {}
    }
}

/// A way into the store.
#[derive(Debug)]
struct Watched {
    store: Arc<dyn SeriesWrite>,
    watch: Arc<StoreWatch>,
    /// Whether it closes while there is too little space.
    leaves_space: bool,
}

impl SeriesWrite for Watched {
    fn append(&self, batch: &SeriesBatch, now_ms: i64) -> Result<Accepted, WriteError> {
        if let Some(reason) = self.watch.low_space().filter(|_| self.leaves_space) {
            self.watch.samples_refused.inc_by(batch.sample_count() as u64);
            return Err(WriteError::Log { reason });
        }
        let result = self.store.append(batch, now_ms);
        note(&self.watch.failing, &result);
        result
    }

    fn number(&self, tenant: TenantId, series: &Series) -> Result<Option<SeriesNumber>, Refusal> {
        self.store.number(tenant, series)
    }

    fn newest_ms(&self, numbers: &[SeriesNumber]) -> Vec<Option<i64>> {
        self.store.newest_ms(numbers)
    }

    fn backfill(&self, tenant: TenantId, now_ms: i64) -> Option<Box<dyn Backfill>> {
        self.store.backfill(tenant, now_ms)
    }

    fn describe(&self, tenant: TenantId, metadata: &[MetricMetadata]) -> Result<(), WriteError> {
        self.store.describe(tenant, metadata)
    }
}

/// A way into the store of log lines.
#[derive(Debug)]
struct WatchedLines {
    store: Arc<dyn LogWrite>,
    watch: Arc<StoreWatch>,
}

impl LogWrite for WatchedLines {
    fn append(&self, rows: &LogRows, now_ns: i64) -> Result<LogAccepted, WriteError> {
        if let Some(reason) = self.watch.low_space() {
            self.watch.lines_refused.inc_by(rows.line_count() as u64);
            return Err(WriteError::Log { reason });
        }
        let result = self.store.append(rows, now_ns);
        note(&self.watch.lines_failing, &result);
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Labels;
    use stdx::clock::SystemClock;

    fn batch() -> SeriesBatch {
        let mut batch = SeriesBatch::new(TenantId::DEFAULT);
        let series = Series::new(Labels::from_pairs([("__name__", "a")]));
        batch.push_one(series, 1_000, 1.0);
        batch
    }

    #[test]
    fn what_comes_from_outside_is_refused_where_space_is_low_and_the_own_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let (db, _) = tsdb::Db::open(tsdb::Config::in_dir(folder.path()), 1_000).unwrap();
        let db: Arc<dyn SeriesWrite> = Arc::new(db);
        let watch = |least| StoreWatch::new(folder.path().to_owned(), least, SystemClock::shared());

        // No filesystem has so much left.
        let low = watch(Some(u64::MAX));
        let error = low
            .for_others(Arc::clone(&db))
            .append(&batch(), 1_000)
            .unwrap_err();
        assert!(error.to_string().contains("storage.free_space_min"), "{error}");
        assert_eq!(
            low.for_own(Arc::clone(&db))
                .append(&batch(), 1_000)
                .unwrap()
                .stored,
            1
        );
        assert!(low.fault().unwrap().contains("make room"));
        assert_eq!((low.low.get(), low.samples_refused.get()), (1, 1));

        let mut rows = LogRows::new(TenantId::DEFAULT);
        rows.begin_stream(Labels::from_pairs([("app", "a")]));
        rows.push(1, "a line", []);
        let lines: Arc<dyn LogWrite> = model::MemoryLogs::new();
        let error = low.for_lines(Arc::clone(&lines)).append(&rows, 1).unwrap_err();
        assert!(error.to_string().contains("storage.free_space_min"), "{error}");
        assert_eq!(low.lines_refused.get(), 1);

        let enough = watch(Some(0));
        assert_eq!(enough.for_lines(lines).append(&rows, 1).unwrap().stored, 1);
        assert_eq!(enough.for_others(db).append(&batch(), 1_000).unwrap().stored, 1);
        assert_eq!((enough.fault(), enough.low.get()), (None, 0));
    }
}
