//! The store itself: what the roof opens, asks and maintains.
//!
//! In: batches and questions through the doors of `model`, the time as an argument.  Out: answers, and what was damaged.
//! Owns: the order of things: log before memory, blocks before the checkpoint, the checkpoint before the log's end.
//! Invariants: any life of a store reads as the plain model does (`tests/simulation.rs`); what is acknowledged is seen
//! while blocks are made (`tests/concurrency.rs`).
//! Not here: the parts it joins: `head`, `blocks`, `record`, `checkpoint`, and the log, which is `disk`'s.
//! Start at: [`Db::open`].

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use disk::{FolderLock, LocalStorage, SharedStorage, Wal, WalConfig};
use parking_lot::{Mutex, RwLock};
use ulid::Ulid;

use crate::blocks::Blocks;
use crate::checkpoint::Checkpoint;
use crate::config::{Config, TenantLimits};
use crate::culprits::Culprits;
use crate::error::TsdbError;
use crate::exemplars::Exemplars;
use crate::head::Head;
use crate::keys::Keys;
use crate::report::OpenReport;
use crate::telemetry::Telemetry;

mod append;
pub mod backfill;
mod changes;
mod compact;
mod deletions;
mod flush;
mod found;
mod rare;
mod read;
mod read_tier;
mod replay;
mod roll_up;
mod series_walk;
mod snapshot;

use append::Echo;
use changes::Changes;
use deletions::Clean;
use replay::Replay;

/// A store of series in one folder. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Db {
    inner: Arc<Inner>,
}

/// What all clones share.
#[derive(Debug)]
pub(crate) struct Inner {
    config: Config,
    storage: SharedStorage,
    head: Head,
    blocks: Blocks,
    wal: Wal,
    echo: Mutex<Echo>,
    /// The newest time that a writer told.
    latest_ms: AtomicI64,
    culprits: Culprits,
    tenants: RwLock<TenantLimits>,
    exemplars: Exemplars,
    /// Damaged blocks, which are not merged with others.
    unmergeable: Mutex<BTreeSet<Ulid>>,
    /// Blocks of which a tier, by its resolution, has nothing to hold, or all that it would hold is damaged.
    hollow: Mutex<BTreeSet<(Ulid, i64)>>,
    clean: Mutex<Clean>,
    segments: Mutex<Segments>,
    keys: Keys,
    changes: Changes,
    checkpoint: RwLock<Checkpoint>,
    /// Whether the checkpoint in memory says more than the one on disk.
    checkpoint_stale: AtomicBool,
    /// The last flush of [`Db::maintain`]: the samples before when, and at what time.
    last_flush: Mutex<Option<(i64, i64)>>,
    /// When a flush failed last.
    flush_failed_ms: AtomicI64,
    /// Flushes and clean-ups happen one at a time.
    maintenance: Mutex<()>,
    closed: AtomicBool,
    telemetry: Telemetry,
    _lock: FolderLock,
}

/// What each log segment holds.
pub(crate) type Segments = BTreeMap<u64, SegmentFacts>;

/// What decides when a log segment may go.
#[derive(Debug, Clone, Copy)]
#[expect(
    clippy::struct_field_names,
    reason = "all three are times, and units stand last in names"
)]
pub(crate) struct SegmentFacts {
    /// The newest sample in it.
    max_ms: i64,
    /// When its first batch was taken in.
    first_now_ms: i64,
    /// When its last batch with a producer's key was.
    last_keyed_ms: i64,
}

impl Db {
    /// Opens the store in `config.dir`, creating it where there is none, and reads its log.
    pub fn open(config: Config, now_ms: i64) -> Result<(Self, OpenReport), TsdbError> {
        Self::open_on(LocalStorage::shared(), config, now_ms)
    }

    /// The same on another storage than the machine's own; how tests make a disk fail.
    pub fn open_on(
        storage: SharedStorage,
        config: Config,
        now_ms: i64,
    ) -> Result<(Self, OpenReport), TsdbError> {
        config.validate()?;
        let dir = config.dir.clone();
        let failed = |source| TsdbError::Open {
            dir: dir.clone(),
            source,
        };
        let lock = FolderLock::take(&dir).map_err(failed)?;
        let telemetry = Telemetry::default();
        let (checkpoint, checkpoint_damage) = Checkpoint::load(&*storage, &dir);
        let blocks = Blocks::open(&storage, &config, telemetry.clone()).map_err(failed)?;
        if let Some(text) = checkpoint_damage {
            blocks.name_damage(text);
        }
        let head = Head::new();
        let keys = Keys::default();
        let exemplars = Exemplars::keeping(config.exemplars_max);
        let wal_config = wal_config(&dir, &telemetry, &checkpoint);
        let mut replay = Replay::new((&head, &blocks, &keys, &exemplars), checkpoint, now_ms);
        let (wal, log_report) = Wal::open(SharedStorage::clone(&storage), wal_config, &mut |record| {
            replay.take(record)
        })
        .map_err(failed)?;
        let (checkpoint, segments, samples) = replay.finish();
        log_report
            .damage
            .iter()
            .for_each(|damage| blocks.name_damage(damage.to_string()));
        let inner = Inner {
            config,
            storage,
            head,
            blocks,
            wal,
            echo: Mutex::default(),
            latest_ms: AtomicI64::new(now_ms),
            culprits: Culprits::counting(telemetry.series_refused.clone()),
            tenants: RwLock::default(),
            exemplars,
            unmergeable: Mutex::default(),
            hollow: Mutex::default(),
            clean: Mutex::default(),
            segments: Mutex::new(segments),
            keys,
            changes: Changes::default(),
            checkpoint: RwLock::new(checkpoint),
            checkpoint_stale: AtomicBool::new(false),
            last_flush: Mutex::default(),
            flush_failed_ms: AtomicI64::new(i64::MIN),
            maintenance: Mutex::default(),
            closed: AtomicBool::new(false),
            telemetry,
            _lock: lock,
        };
        inner.count();
        let report = inner.report(log_report.records, samples);
        Ok((
            Self {
                inner: Arc::new(inner),
            },
            report,
        ))
    }

    /// Seals what is old enough into blocks, removes what retention allows, shortens the log. Call about once a minute.
    /// What fails is tried again at the next call; nothing is lost by a failure.
    pub fn maintain(&self, now_ms: i64) -> Result<(), TsdbError> {
        self.guarded(|inner| inner.maintain(now_ms))
    }

    /// Limits tenants from now on; series that are there stay.
    pub fn limit_tenants(&self, limits: TenantLimits) {
        *self.inner.tenants.write() = limits;
    }

    /// Whether memory holds so much that [`maintain`](Self::maintain) should be called before its time.
    pub fn is_crowded(&self) -> bool {
        self.inner.is_crowded()
    }

    /// Seals everything in memory into blocks, and merges blocks as far as they can be.
    pub fn flush(&self, now_ms: i64) -> Result<(), TsdbError> {
        self.guarded(|inner| inner.flush_all(now_ms))
    }

    /// Waits for writes under way and refuses all later ones. What is in memory is in the log as well and stays there.
    pub fn close(&self) {
        self.inner.closed.store(true, Ordering::SeqCst);
        // After maintenance that is under way, whose last act may be to write.
        let _maintenance = self.inner.maintenance.lock();
        self.inner.wal.close();
    }

    /// The store's own metrics.
    pub fn telemetry(&self) -> &Telemetry {
        &self.inner.telemetry
    }

    /// Damage met since the store was opened, one text each: place, what was done, what the operator can do.
    pub fn damage(&self) -> Vec<String> {
        self.inner.blocks.damage()
    }

    fn guarded(&self, work: impl FnOnce(&Inner) -> Result<(), TsdbError>) -> Result<(), TsdbError> {
        let _maintenance = self.inner.maintenance.lock();
        if self.inner.closed.load(Ordering::SeqCst) {
            return Err(TsdbError::Closed);
        }
        let result = work(&self.inner);
        self.inner.count();
        if result.is_err() {
            self.inner.telemetry.maintenance_failures.inc();
        }
        result
    }
}

impl Inner {
    /// What opening found, of which the log told `records` and `samples`.
    fn report(&self, records: u64, samples: u64) -> OpenReport {
        OpenReport {
            records,
            samples,
            series: self.head.series_count(),
            blocks: self.blocks.list().len() as u64,
            damage: self.blocks.damage(),
        }
    }

    /// The newest time that a writer told.
    fn latest_ms(&self) -> i64 {
        self.latest_ms.load(Ordering::Relaxed)
    }

    fn note_time(&self, now_ms: i64) {
        self.latest_ms.fetch_max(now_ms, Ordering::Relaxed);
    }

    fn disk_bytes(&self) -> u64 {
        self.blocks.disk_bytes().saturating_add(self.wal.disk_bytes())
    }

    fn count(&self) {
        self.telemetry.head_series.set(self.head.series_count() as i64);
        self.telemetry.disk_bytes.set(self.disk_bytes() as i64);
    }

    fn checkpoint_path(&self) -> PathBuf {
        self.config.dir.join(crate::checkpoint::FILE)
    }
}

fn wal_config(dir: &Path, telemetry: &Telemetry, checkpoint: &Checkpoint) -> WalConfig {
    WalConfig {
        telemetry: telemetry.log.clone(),
        segment_min: checkpoint.newest_segment().unwrap_or(1),
        ..WalConfig::in_dir(dir.join("log"), dir.join("quarantine"))
    }
}

impl SegmentFacts {
    /// Takes note of a batch, `keyed` where it has a producer's key.
    pub(crate) fn note(segments: &mut Segments, segment: u64, max_ms: Option<i64>, keyed: bool, now_ms: i64) {
        let facts = segments.entry(segment).or_insert(Self {
            max_ms: i64::MIN,
            first_now_ms: now_ms,
            last_keyed_ms: i64::MIN,
        });
        facts.max_ms = facts.max_ms.max(max_ms.unwrap_or(i64::MIN));
        if keyed {
            facts.last_keyed_ms = facts.last_keyed_ms.max(now_ms);
        }
    }
}
