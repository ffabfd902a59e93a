//! The store itself: what the roof opens, asks and maintains.
//!
//! In: batches and questions through the doors of `model`, the time as an argument.  Out: answers, and what was damaged.
//! Owns: the order of things: log before memory, segments before the log's end.
//! Invariants: any life of a store reads as the plain one does (`tests/same_as_memory.rs`).
//! Not here: the parts it joins: `buffer`, `segment`, `record`, and the log, which is `disk`'s.
//! Start at: [`Lake::open`].

use std::path::PathBuf;
use std::sync::Arc;

use disk::{FolderLock, LocalStorage, SharedStorage, Wal, WalConfig};
use model::{ReadError, TenantId};
use parking_lot::{Condvar, Mutex, RwLock};

use crate::buffer::Buffers;
use crate::config::Config;
use crate::error::LakeError;
use crate::keys::Keys;
use crate::limits::DAMAGE_REMEMBERED_MAX;
use crate::record;
use crate::segment::Segment;
use crate::telemetry::Telemetry;

mod append;
mod log_number;
mod maintain;
mod merge;
mod read;
mod read_ahead;
mod read_segment;

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
    _lock: FolderLock,
}

/// Everything that is kept.
#[derive(Debug, Default)]
struct Held {
    buffers: Buffers,
    /// Sorted by the time of the latest line.
    segments: Arc<Vec<Arc<Segment>>>,
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
    /// Opens the store in `config.dir`, creating it where there is none.
    pub fn open(config: Config, telemetry: Telemetry, now_ms: i64) -> Result<(Self, OpenReport), LakeError> {
        Self::open_on(LocalStorage::shared(), config, telemetry, now_ms)
    }

    /// The same, on files of the caller's choice.
    pub fn open_on(
        storage: SharedStorage,
        config: Config,
        telemetry: Telemetry,
        now_ms: i64,
    ) -> Result<(Self, OpenReport), LakeError> {
        let failed = |source| LakeError::Open {
            dir: config.dir.clone(),
            source,
        };
        let segment_dir = config.dir.join("segments");
        storage
            .create_dir_all(&segment_dir)
            .map_err(disk::DiskError::io("create the folder of segments", &segment_dir))
            .map_err(failed)?;
        let lock = FolderLock::take(&config.dir).map_err(failed)?;
        disk::publish::remove_unfinished(&*storage, &segment_dir).map_err(failed)?;
        let mut opening = Opening {
            config: &config,
            storage: &storage,
            telemetry: &telemetry,
            report: OpenReport::default(),
            held: Held::default(),
            keys: Keys::default(),
        };
        opening.find_segments(&segment_dir, now_ms).map_err(failed)?;
        let wal = opening.replay().map_err(failed)?;
        let (report, held, keys) = (opening.report, opening.held, opening.keys);
        let inner = Inner {
            wal,
            held: RwLock::new(held),
            keys: Mutex::new(keys),
            room: Condvar::new(),
            damage: Mutex::new(report.damage.clone()),
            storage,
            telemetry,
            config,
            maintaining: Mutex::default(),
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

    fn segment_dir(&self) -> PathBuf {
        self.config.dir.join("segments")
    }

    /// Tells the gauges.
    fn tell(&self) {
        let held = self.held.read();
        let bytes: u64 = held.segments.iter().map(|segment| segment.bytes()).sum();
        self.telemetry.segments.set(held.segments.len() as i64);
        self.telemetry.buffer_bytes.set(held.buffers.bytes() as i64);
        let disk_bytes = bytes + self.wal.disk_bytes();
        self.telemetry.disk_bytes.set(disk_bytes as i64);
    }
}

/// A store while it is opened.
struct Opening<'o> {
    config: &'o Config,
    storage: &'o SharedStorage,
    telemetry: &'o Telemetry,
    report: OpenReport,
    held: Held,
    keys: Keys,
}

impl Opening<'_> {
    fn damage(&mut self, what: String) {
        tracing::error!(damage = what, "store of logs damaged");
        self.telemetry.damage.inc();
        self.report.damage.push(what);
    }

    fn find_segments(&mut self, dir: &std::path::Path, now_ms: i64) -> Result<(), disk::DiskError> {
        let names =
            (self.storage.list(dir)).map_err(disk::DiskError::io("list the folder of segments", dir))?;
        let mut found = Vec::new();
        for name in names {
            let path = dir.join(&name);
            if path.extension().is_none_or(|ending| ending != Segment::ENDING) {
                continue;
            }
            match Segment::open(self.storage, &path, &self.telemetry.bytes_read) {
                Ok(segment) => found.push(Arc::new(segment)),
                Err(ReadError::Damaged { place, reason }) => {
                    let aside = set_aside(&**self.storage, self.config, &path);
                    self.damage(format!(
                        "{place}: {reason}; {aside}; all other segments answer; restore the file from a backup into {}",
                        dir.display()
                    ));
                }
                Err(error) => self.damage(format!("segment {}: {error}; it does not answer", path.display())),
            }
        }
        // A crash between publishing a merged segment and removing what it stands for leaves both.
        let merged: Vec<_> = found
            .iter()
            .flat_map(|segment| segment.contents().sources.clone())
            .collect();
        for segment in &found {
            if merged.contains(&segment.id()) {
                segment.remove();
            }
            for (key, at_ms) in &segment.contents().keys {
                self.keys
                    .remember(segment.contents().tenant, *key, *at_ms, now_ms);
            }
        }
        found.retain(|segment| !merged.contains(&segment.id()));
        self.report.segments = found.len() as u64;
        sort_segments(&mut found);
        self.held.segments = Arc::new(found);
        Ok(())
    }

    /// Up to which segment of the log the lines of a tenant are sealed.
    fn sealed_before(&self, tenant: TenantId) -> u64 {
        let segments = self.held.segments.iter().map(|segment| segment.contents());
        let own = segments.filter(|contents| contents.tenant == tenant);
        own.map(|contents| contents.log_before).max().unwrap_or_default()
    }

    fn replay(&mut self) -> Result<Wal, disk::DiskError> {
        let segments = self.held.segments.iter();
        let kept = log_number::read(&**self.storage, &self.config.dir);
        let mut wal_config =
            WalConfig::in_dir(self.config.dir.join("log"), self.config.dir.join("quarantine"));
        wal_config.segment_min = segments
            .map(|segment| segment.contents().log_before)
            .max()
            .unwrap_or(1)
            .max(kept)
            .max(1);
        wal_config.telemetry = self.telemetry.log.clone();
        let storage = Arc::clone(self.storage);
        let (wal, replayed) = Wal::open(storage, wal_config, &mut |record| {
            if record.kind != record::BATCH {
                return Err(format!("a record of unknown kind {}", record.kind));
            }
            let (rows, came_ms) = record::decode_batch(record.payload).map_err(|error| error.to_string())?;
            if record.segment < self.sealed_before(rows.tenant) {
                return Ok(());
            }
            // Judged as it was when it came.
            let is_new = rows
                .key
                .is_none_or(|key| self.keys.remember(rows.tenant, key, came_ms, came_ms));
            if is_new {
                self.report.lines += rows.line_count() as u64;
                self.held.buffers.add(record.segment, &Arc::new(rows), came_ms);
            }
            Ok(())
        })?;
        self.report.records = replayed.records;
        for damage in replayed.damage {
            self.damage(damage.to_string());
        }
        Ok(wal)
    }
}

/// Moves a damaged segment out of the way; tells people what became of it.
fn set_aside(storage: &dyn disk::Storage, config: &Config, path: &std::path::Path) -> String {
    match disk::quarantine(storage, path, &config.dir.join("quarantine")) {
        Ok(place) => format!("set aside as {}", place.display()),
        Err(error) => format!("it could not be set aside: {error}"),
    }
}

/// The order in which segments are held.
fn sort_segments(segments: &mut [Arc<Segment>]) {
    segments.sort_by_key(|segment| (segment.contents().max_ns, segment.id()));
}
