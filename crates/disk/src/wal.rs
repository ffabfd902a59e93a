//! The write-ahead log: many threads append, one sync serves all who wait, and what is acknowledged is durable.
//!
//! In: records from an engine.  Out: an acknowledgement per record, and at opening the records themselves.
//! Owns: the segments in the log's folder (docs/formats/wal.md); the threads are the callers' own.
//! Invariants: records are applied in the order of the log
//! (`tests/wal.rs::many_threads_share_syncs_and_are_applied_in_the_order_of_the_log`); after a failure nothing is written
//! to the same file (`tests/faults.rs::a_failed_sync_is_never_tried_again_on_the_same_file`).
//! Not here: reading damaged segments (`replay`), the bytes of frames (`frame`).
//! Start at: [`Wal::append`].

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::error::DiskError;
use crate::frame::{FRAME_ALIGNMENT, FRAME_HEADER_BYTES, FrameHeader, SEGMENT_HEADER_BYTES};
use crate::limits::{
    APPENDS_WAITING_MAX, BYTES_WAITING_MAX, RECORD_BYTES_MAX, SEGMENT_BYTES, SEGMENT_NUMBER_MAX,
};
use crate::replay::{Record, ReplayReport, SegmentFile};
use crate::storage::SharedStorage;
use crate::telemetry::Telemetry;

pub mod tail;
mod turn;
mod writer;

use turn::Turnstile;
use writer::Writer;

/// Where a log lives and how it behaves.
#[derive(Debug, Clone)]
pub struct WalConfig {
    /// The folder of the segments; nothing else may be in it.
    pub dir: PathBuf,
    /// Where copies of damaged bytes are kept.
    pub quarantine_dir: PathBuf,
    /// A segment is closed once it holds this many bytes.
    pub segment_bytes: u64,
    /// New segments get numbers from here on, even where the folder is empty. Who keeps segment numbers elsewhere gives
    /// the largest one here, so that no number ever comes twice.
    pub segment_min: u64,
    /// Counters to count in.
    pub telemetry: Telemetry,
}

impl WalConfig {
    /// The defaults, in `dir`.
    pub fn in_dir(dir: impl Into<PathBuf>, quarantine_dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            quarantine_dir: quarantine_dir.into(),
            segment_bytes: SEGMENT_BYTES,
            segment_min: 1,
            telemetry: Telemetry::default(),
        }
    }
}

/// A write-ahead log in a folder of numbered segments.
pub struct Wal {
    config: WalConfig,
    storage: SharedStorage,
    queue: Mutex<Queue>,
    written: Condvar,
    turnstile: Turnstile,
    writer: Mutex<Writer>,
    /// Bytes of every segment there is.
    segments: Mutex<BTreeMap<u64, u64>>,
    segment_bytes: AtomicU64,
}

/// Records that wait for the disk.
struct Queue {
    /// The segment that the next record goes to.
    segment: u64,
    marker: u32,
    segment_bytes: u64,
    next_record: u32,
    pending: Vec<Group>,
    pending_bytes: usize,
    next_ticket: u64,
    waiting: usize,
    /// Whether some thread is writing now.
    leading: bool,
    closed: bool,
}

/// Records of one segment that are written and synced together.
struct Group {
    segment: u64,
    marker: u32,
    bytes: Vec<u8>,
    records: u64,
    outcome: Outcome,
}

/// How writing a group ended, told to all who wait for it.
type Outcome = Arc<OnceLock<Result<(), Arc<str>>>>;

// === impl Wal ===

impl Wal {
    /// Opens the log in `config.dir`, hands every whole record to `visit` in the order of writing, names what is damaged.
    /// An error of `visit` says that a record makes no sense; it is treated as damage. New records go to a new segment.
    pub fn open(
        storage: SharedStorage,
        config: WalConfig,
        visit: &mut dyn FnMut(Record<'_>) -> Result<(), String>,
    ) -> Result<(Self, ReplayReport), DiskError> {
        storage
            .create_dir_all(&config.dir)
            .map_err(DiskError::io("create the log folder", &config.dir))?;
        let names = storage
            .list(&config.dir)
            .map_err(DiskError::io("list the log folder", &config.dir))?;
        let mut numbers: Vec<u64> = names.iter().filter_map(|name| parse_segment_name(name)).collect();
        // Names sort as their numbers do up to ten digits only.
        numbers.sort_unstable();
        let mut report = ReplayReport::default();
        let mut segments = BTreeMap::new();
        for &segment in &numbers {
            let file = SegmentFile {
                storage: &*storage,
                quarantine_dir: &config.quarantine_dir,
                path: config.dir.join(segment_name(segment)),
                segment,
                last: numbers.last() == Some(&segment),
            };
            segments.insert(segment, file.replay(visit, &mut report)?);
        }
        let mut queue = Queue {
            segment: numbers
                .last()
                .copied()
                .unwrap_or(0)
                .max(config.segment_min.saturating_sub(1))
                .min(SEGMENT_NUMBER_MAX),
            marker: 0,
            segment_bytes: 0,
            next_record: 0,
            pending: Vec::new(),
            pending_bytes: 0,
            next_ticket: 0,
            waiting: 0,
            leading: false,
            closed: false,
        };
        queue.turn_segment();
        let wal = Self {
            segment_bytes: AtomicU64::new(config.segment_bytes),
            config,
            storage,
            queue: Mutex::new(queue),
            written: Condvar::new(),
            turnstile: Turnstile::default(),
            writer: Mutex::new(Writer::default()),
            segments: Mutex::new(segments),
        };
        Ok((wal, report))
    }

    /// Appends one record. `encode` writes the payload, knowing the segment it will lie in; `apply` learns whether the
    /// record is durable. Both run in the order of the log: what a replay does first was applied first.
    pub fn append<R>(
        &self,
        kind: u8,
        encode: impl FnOnce(u64, &mut Vec<u8>),
        apply: impl FnOnce(Result<(), DiskError>) -> R,
    ) -> R {
        let mut queue = self.queue.lock();
        if let Err(error) = queue.admit() {
            drop(queue);
            if matches!(error, DiskError::Busy { .. }) {
                self.config.telemetry.busy.inc();
            }
            return apply(Err(error));
        }
        let (ticket, outcome) = match queue.enqueue(kind, self.segment_bytes.load(Ordering::Relaxed), encode)
        {
            Ok(place) => place,
            Err(error) => {
                drop(queue);
                return apply(Err(error));
            }
        };
        queue.waiting += 1;
        let outcome = self.see_through(&mut queue, &outcome);
        queue.waiting -= 1;
        drop(queue);
        let result = outcome.map_err(|reason| DiskError::Append {
            reason: reason.to_string(),
        });
        self.turnstile.pass(ticket, || apply(result))
    }

    /// Lets all later records go to a new segment and waits until all earlier ones were applied. Returns the number of
    /// the new segment.
    pub fn rotate(&self) -> u64 {
        let mut queue = self.queue.lock();
        if queue.segment_bytes > 0 {
            queue.turn_segment();
        }
        let segment = queue.segment;
        let ticket = queue.next_ticket;
        queue.next_ticket += 1;
        drop(queue);
        self.turnstile.pass(ticket, || segment)
    }

    /// Removes segments from the oldest on, as long as `removable` agrees. The segment being written always stays.
    pub fn remove_oldest(&self, mut removable: impl FnMut(u64) -> bool) -> Result<u64, DiskError> {
        let current = self.queue.lock().segment;
        let mut removed = 0;
        loop {
            let oldest = self
                .segments
                .lock()
                .first_key_value()
                .map(|(&segment, _)| segment);
            let Some(segment) = oldest.filter(|&segment| segment < current && removable(segment)) else {
                return Ok(removed);
            };
            let path = self.config.dir.join(segment_name(segment));
            self.storage
                .remove(&path)
                .map_err(DiskError::io("remove the log segment", &path))?;
            self.segments.lock().remove(&segment);
            removed += 1;
        }
    }

    /// Lets segments grow to so many bytes from now on, where what every segment starts with has become large.
    pub fn set_segment_bytes(&self, segment_bytes: u64) {
        self.segment_bytes.store(segment_bytes, Ordering::Relaxed);
    }

    /// The numbers of the segments on disk, oldest first.
    pub fn segments(&self) -> Vec<u64> {
        self.segments.lock().keys().copied().collect()
    }

    /// Bytes of all segments.
    pub fn disk_bytes(&self) -> u64 {
        self.segments.lock().values().sum()
    }

    /// Refuses all further records and waits for those under way.
    pub fn close(&self) {
        let mut queue = self.queue.lock();
        queue.closed = true;
        while queue.waiting > 0 {
            self.written.wait(&mut queue);
        }
        let ticket = queue.next_ticket;
        queue.next_ticket += 1;
        drop(queue);
        self.turnstile.pass(ticket, || ());
    }

    /// Waits for a record's group to be written, or writes it and all that waits with it.
    fn see_through(&self, queue: &mut MutexGuard<'_, Queue>, outcome: &Outcome) -> Result<(), Arc<str>> {
        loop {
            if let Some(outcome) = outcome.get() {
                if queue.closed {
                    self.written.notify_all();
                }
                return outcome.clone();
            }
            if queue.leading {
                self.written.wait(queue);
                continue;
            }
            queue.leading = true;
            let groups = std::mem::take(&mut queue.pending);
            queue.pending_bytes = 0;
            let result = MutexGuard::unlocked(queue, || self.write_groups(&groups));
            queue.leading = false;
            if let Err(reason) = result {
                queue.give_up(&reason);
            }
            self.written.notify_all();
        }
    }

    fn write_groups(&self, groups: &[Group]) -> Result<(), Arc<str>> {
        let mut writer = self.writer.lock();
        let mut failure: Option<Arc<str>> = None;
        for group in groups {
            let result = match &failure {
                Some(reason) => Err(Arc::clone(reason)),
                None => self.write_group(&mut writer, group),
            };
            failure = result.as_ref().err().map(Arc::clone);
            // Nobody else sets it: a group is taken by one leader.
            let _ = group.outcome.set(result);
        }
        failure.map_or(Ok(()), Err)
    }

    fn write_group(&self, writer: &mut Writer, group: &Group) -> Result<(), Arc<str>> {
        let telemetry = &self.config.telemetry;
        let path = self.config.dir.join(segment_name(group.segment));
        match writer.write(&*self.storage, &path, group) {
            Ok(segment_bytes) => {
                self.segments.lock().insert(group.segment, segment_bytes);
                telemetry.records.inc_by(group.records);
                telemetry.bytes.inc_by(group.bytes.len() as u64);
                telemetry.syncs.inc();
                Ok(())
            }
            Err(error) => {
                telemetry.failures.inc();
                let reason = error.full_text();
                tracing::error!(
                    error = reason,
                    "log write failed, the next one goes to a new segment"
                );
                Err(Arc::from(reason))
            }
        }
    }
}

impl fmt::Debug for Wal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wal")
            .field("dir", &self.config.dir)
            .finish_non_exhaustive()
    }
}

// === impl Queue ===

impl Queue {
    fn admit(&self) -> Result<(), DiskError> {
        if self.closed {
            return Err(DiskError::Closed);
        }
        if self.waiting >= APPENDS_WAITING_MAX || self.pending_bytes >= BYTES_WAITING_MAX {
            return Err(DiskError::Busy {
                waiting_max: APPENDS_WAITING_MAX,
            });
        }
        Ok(())
    }

    fn enqueue(
        &mut self,
        kind: u8,
        segment_bytes_max: u64,
        encode: impl FnOnce(u64, &mut Vec<u8>),
    ) -> Result<(u64, Outcome), DiskError> {
        if self.segment_bytes >= segment_bytes_max {
            self.turn_segment();
        }
        if self
            .pending
            .last()
            .is_none_or(|group| group.segment != self.segment)
        {
            self.pending.push(Group {
                segment: self.segment,
                marker: self.marker,
                bytes: Vec::new(),
                records: 0,
                outcome: Outcome::default(),
            });
        }
        let (segment, marker, record) = (self.segment, self.marker, self.next_record);
        let Some(group) = self.pending.last_mut() else {
            return Err(DiskError::Closed);
        };
        let start = group.bytes.len();
        group.bytes.resize(start + FRAME_HEADER_BYTES, 0);
        encode(segment, &mut group.bytes);
        let payload = group.bytes.get(start + FRAME_HEADER_BYTES..).unwrap_or_default();
        let length = payload.len();
        if length > RECORD_BYTES_MAX {
            group.bytes.truncate(start);
            // What the payload defined for this segment was lost with it.
            self.turn_segment();
            return Err(DiskError::RecordTooLarge {
                got: length,
                max: RECORD_BYTES_MAX,
            });
        }
        let header = FrameHeader {
            marker,
            kind,
            length: length as u32,
            payload_crc: crc32fast::hash(payload),
            record,
        };
        if let Some(place) = group.bytes.get_mut(start..start + FRAME_HEADER_BYTES) {
            place.copy_from_slice(&header.encode());
        }
        group
            .bytes
            .resize(group.bytes.len().next_multiple_of(FRAME_ALIGNMENT), 0);
        group.records += 1;
        let added = group.bytes.len() - start;
        let outcome = Arc::clone(&group.outcome);
        self.pending_bytes += added;
        self.segment_bytes += added as u64;
        self.next_record += 1;
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        Ok((ticket, outcome))
    }

    fn turn_segment(&mut self) {
        self.segment += 1;
        // Keyed by a random seed per process; not predictable from outside is all that is needed.
        self.marker = RandomState::new().hash_one(self.segment) as u32;
        self.segment_bytes = 0;
        self.next_record = 0;
    }

    /// Fails all that waits: it was written for a segment that is abandoned and may lean on records that were lost.
    fn give_up(&mut self, reason: &Arc<str>) {
        for group in self.pending.drain(..) {
            let _ = group.outcome.set(Err(Arc::clone(reason)));
        }
        self.pending_bytes = 0;
        self.turn_segment();
    }
}

/// The file name of a segment.
fn segment_name(segment: u64) -> String {
    format!("{segment:010}.wal")
}

/// The number in a name that is written as [`segment_name`] writes it; any other file is none of the log's.
fn parse_segment_name(name: &str) -> Option<u64> {
    let segment = name.strip_suffix(".wal")?.parse().ok()?;
    (segment <= SEGMENT_NUMBER_MAX && segment_name(segment) == name).then_some(segment)
}

const _: () = assert!(SEGMENT_HEADER_BYTES.is_multiple_of(FRAME_ALIGNMENT));
