//! The store itself: what the roof opens, asks and maintains.
//!
//! In: batches and questions through the doors of `model`, the time as an argument.  Out: answers, and what was damaged.
//! Owns: the order of things: log before memory, segments before the log's end.
//! Invariants: any life of a store reads as the plain one does (`tests/same_as_memory.rs`).
//! Not here: the parts it joins: `buffer`, `segment`, `record`, and the log, which is `disk`'s.
//! Start at: [`Lake::open`].

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use disk::{FolderLock, LocalStorage, SharedStorage, Wal};
use model::ReadLineFilter;
use parking_lot::{Condvar, Mutex, RwLock};
use state::Lease;

use crate::buffer::Buffers;
use crate::catalog::Catalog;
use crate::config::Config;
use crate::error::LakeError;
use crate::files::{LocalFiles, RemoteFiles, SharedFiles};
use crate::keys::Keys;
use crate::limits::DAMAGE_REMEMBERED_MAX;
use crate::objects::Objects;
use crate::segment::Known;
use crate::telemetry::Telemetry;

mod append;
mod commit;
mod deletions;
mod hiding;
mod lease;
mod log_number;
mod maintain;
mod merge;
mod open;
mod passed_over;
mod read;
mod read_ahead;
mod read_segment;
mod segments;
pub(crate) mod take_in;

use commit::{Change, Leftover};
use deletions::Deletions;
use open::Opening;
use passed_over::PassedOver;
use segments::Segments;

/// A store of events in one folder. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Lake {
    inner: Arc<Inner>,
}

/// What all clones share.
#[derive(Debug)]
struct Inner {
    config: Config,
    storage: SharedStorage,
    files: SharedFiles,
    catalog: Catalog,
    /// Segments that are open.
    segments: Segments,
    wal: Wal,
    /// What answers now; the two change together.
    held: RwLock<Held>,
    keys: Mutex<Keys>,
    /// Tells appends that wait that there is room again.
    room: Condvar,
    damage: Mutex<Vec<String>>,
    telemetry: Telemetry,
    /// One at a time seals, merges and expires.
    maintaining: Mutex<()>,
    /// Why the last maintenance failed, if it did.
    failing: Mutex<Option<Failing>>,
    deletions: Deletions,
    /// When segments were looked into for streams whose time is over.
    looked_for_retention: Mutex<HashMap<ulid::Ulid, i64>>,
    /// Segments that maintenance could not read.
    passed_over: PassedOver,
    /// The time of the last maintenance.
    now_ms: AtomicI64,
    /// A change of the catalog of which nobody heard whether it was made.
    unsettled: Mutex<Option<Change>>,
    /// Files that go as soon as nobody reads them.
    leftovers: Mutex<Vec<Leftover>>,
    /// Segments whose contents cannot be read.
    broken: Mutex<Vec<Arc<Known>>>,
    /// Makes names of segments.
    ids: Mutex<ulid::Generator>,
    /// By which name it takes leases.
    owner: String,
    /// The right to merge and to remove.
    lease: Mutex<Option<Lease>>,
    /// When segments were last looked through for some to merge, and which change they had then.
    looked: Mutex<Option<(i64, u64)>>,
    _lock: FolderLock,
}

/// Maintenance that did not succeed.
#[derive(Debug)]
struct Failing {
    /// How often in a row.
    times: u32,
    /// Before when it is not tried again.
    again_ms: i64,
    reason: String,
}

/// Everything that is kept.
#[derive(Debug, Default)]
struct Held {
    buffers: Buffers,
    /// Sorted by the time of the latest line.
    segments: Arc<Vec<Arc<Known>>>,
    /// Counts the changes of which segments answer.
    changes: u64,
}

/// What a store is built of.
#[derive(Debug, Clone)]
pub struct Parts {
    /// The files of this machine.
    pub storage: SharedStorage,
    /// Which segments there are.
    pub catalog: Catalog,
    /// Where it counts.
    pub telemetry: Telemetry,
    /// Where segments lie, if that is not this machine.
    pub objects: Option<Objects>,
    /// Reads what is to be deleted; without it nothing can be.
    pub read_filter: Option<ReadLineFilter>,
}

impl Parts {
    /// A store on the files of this machine.
    pub fn new(catalog: Catalog, telemetry: Telemetry) -> Self {
        Self {
            storage: LocalStorage::shared(),
            catalog,
            telemetry,
            objects: None,
            read_filter: None,
        }
    }
}

/// What opening found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OpenReport {
    /// Records read from the log.
    pub records: u64,
    /// Lines read from the log into memory.
    pub lines: u64,
    /// Segments found whole.
    pub segments: u64,
    /// Damage found, one text each: file, record or part, offset, what was done and what the operator can do.
    pub damage: Vec<String>,
}

impl Lake {
    /// Opens the store in `config.dir`, creating it where there is none. Blocks until the log is read.
    pub fn open(config: Config, parts: Parts, now_ms: i64) -> Result<(Self, OpenReport), LakeError> {
        let failed = |source| LakeError::Open {
            dir: config.dir.clone(),
            source,
        };
        let (lock, files) = take_folder(&config, &parts)?;
        let Parts {
            storage,
            catalog,
            telemetry,
            read_filter,
            ..
        } = parts;
        let owner = lease::owner(&*storage, &config.dir).map_err(failed)?;
        let mut opening = Opening {
            config: &config,
            storage: &storage,
            files: &*files,
            catalog: &catalog,
            telemetry: &telemetry,
            report: OpenReport::default(),
            held: Held::default(),
            keys: Keys::default(),
        };
        opening.find_segments(now_ms)?;
        let wal = opening.replay().map_err(failed)?;
        let (deletions, faults) = Deletions::load(&catalog, read_filter)?;
        for fault in faults {
            opening.damage(fault);
        }
        let (report, held, mut keys) = (opening.report, opening.held, opening.keys);
        keys.begin(now_ms);
        let segments = Segments::new(Arc::clone(&files), config.contents_cache_bytes, telemetry.clone());
        let inner = Inner {
            wal,
            files,
            catalog,
            segments,
            held: RwLock::new(held),
            keys: Mutex::new(keys),
            room: Condvar::new(),
            damage: Mutex::new(report.damage.clone()),
            storage,
            telemetry,
            config,
            maintaining: Mutex::default(),
            failing: Mutex::default(),
            deletions,
            looked_for_retention: Mutex::default(),
            passed_over: PassedOver::default(),
            now_ms: AtomicI64::new(now_ms),
            unsettled: Mutex::default(),
            leftovers: Mutex::default(),
            broken: Mutex::default(),
            ids: Mutex::new(ulid::Generator::new()),
            owner,
            lease: Mutex::default(),
            looked: Mutex::default(),
            _lock: lock,
        };
        inner.tell();
        let lake = Self {
            inner: Arc::new(inner),
        };
        Ok((lake, report))
    }

    /// Seals what is due, merges small segments, expires old ones. To be called every second or so.
    pub fn maintain(&self, now_ms: i64) -> Result<(), LakeError> {
        self.inner.maintain(now_ms)
    }

    /// Seals everything and merges what is to be merged: afterwards all lines lie in their final form.
    pub fn flush(&self, now_ms: i64) -> Result<(), LakeError> {
        self.inner.flush(now_ms)
    }

    /// What was found damaged, newest last.
    pub fn damage(&self) -> Vec<String> {
        self.inner.damage.lock().clone()
    }

    /// Refuses all further batches and waits for those under way.
    pub fn close(&self) {
        self.inner.wal.close();
    }
}

impl Inner {
    /// Keeps damage for people, and counts it.
    fn name_damage(&self, what: String) {
        tracing::error!(damage = what, "log segment damaged");
        self.telemetry.damage.inc();
        let mut damage = self.damage.lock();
        if damage.len() == DAMAGE_REMEMBERED_MAX {
            damage.remove(0);
        }
        damage.push(what);
    }

    /// Tells the gauges.
    fn tell(&self) {
        let held = self.held.read();
        let bytes: u64 = held.segments.iter().map(|known| known.bytes).sum();
        self.telemetry.segments.set(held.segments.len() as i64);
        self.telemetry.buffer_bytes.set(held.buffers.bytes() as i64);
        let disk_bytes = bytes + self.wal.disk_bytes();
        self.telemetry.disk_bytes.set(disk_bytes as i64);
    }
}

/// Makes the folder this store's own, with the files of segments in it.
pub(crate) fn take_folder(config: &Config, parts: &Parts) -> Result<(FolderLock, SharedFiles), LakeError> {
    let failed = |source| LakeError::Open {
        dir: config.dir.clone(),
        source,
    };
    let storage = SharedStorage::clone(&parts.storage);
    let dir = config.dir.join("segments");
    (storage.create_dir_all(&dir))
        .map_err(disk::DiskError::io("create the folder of segments", &dir))
        .map_err(failed)?;
    let lock = FolderLock::take(&config.dir).map_err(failed)?;
    disk::publish::remove_unfinished(&*storage, &dir).map_err(failed)?;
    let Some(objects) = &parts.objects else {
        let quarantine_dir = open::quarantine_dir(&config.dir);
        return Ok((lock, Arc::new(LocalFiles::new(storage, dir, quarantine_dir))));
    };
    let place = dir.display().to_string();
    let files = RemoteFiles::new(objects, storage, dir, &parts.telemetry)
        .map_err(|source| LakeError::Files { place, source })?;
    Ok((lock, Arc::new(files)))
}

/// The order in which segments are held.
fn sort_segments(segments: &mut [Arc<Known>]) {
    segments.sort_by_key(|known| (known.max_ns, known.id));
}
