//! Segments that are open: what queries need of their contents is kept, as far as memory for it goes.

use std::collections::HashMap;
use std::sync::Arc;

use model::ReadError;
use parking_lot::Mutex;
use ulid::Ulid;

use crate::files::SharedFiles;
use crate::limits::OPEN_SEGMENTS_MAX;
use crate::segment::{Known, Segment};
use crate::telemetry::Telemetry;

/// Opens segments and remembers those that were asked for last.
#[derive(Debug)]
pub(super) struct Segments {
    files: SharedFiles,
    bytes_max: usize,
    telemetry: Telemetry,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    segments: HashMap<Ulid, Entry>,
    bytes: usize,
    /// Counts uses.
    turn: u64,
}

#[derive(Debug)]
struct Entry {
    segment: Arc<Segment>,
    bytes: usize,
    /// At which turn it was used last.
    used: u64,
}

impl Segments {
    /// Contents may take `bytes_max` of memory while nobody reads.
    pub(super) fn new(files: SharedFiles, bytes_max: u64, telemetry: Telemetry) -> Self {
        Self {
            files,
            bytes_max: usize::try_from(bytes_max).unwrap_or(usize::MAX),
            telemetry,
            open: Mutex::default(),
        }
    }

    /// A segment that is open already.
    pub(super) fn find(&self, id: Ulid) -> Option<Arc<Segment>> {
        let mut open = self.open.lock();
        open.turn += 1;
        let turn = open.turn;
        let entry = open.segments.get_mut(&id)?;
        entry.used = turn;
        Some(Arc::clone(&entry.segment))
    }

    /// A segment, for those who will soon be followed by others.
    pub(super) fn open(&self, known: &Known) -> Result<Arc<Segment>, ReadError> {
        if let Some(segment) = self.find(known.id) {
            return Ok(segment);
        }
        let segment = self.open_once(known)?;
        self.keep(&segment);
        Ok(segment)
    }

    /// A segment, for who reads it once.
    pub(super) fn open_once(&self, known: &Known) -> Result<Arc<Segment>, ReadError> {
        if let Some(segment) = self.find(known.id) {
            return Ok(segment);
        }
        let segment = Segment::open(&*self.files, known, &self.telemetry.bytes_read)?;
        self.telemetry.segments_opened.inc();
        Ok(Arc::new(segment))
    }

    /// Forgets a segment that does not answer any more.
    pub(super) fn forget(&self, id: Ulid) {
        let mut open = self.open.lock();
        if let Some(gone) = open.segments.remove(&id) {
            open.bytes = open.bytes.saturating_sub(gone.bytes);
        }
        self.telemetry.contents_bytes.set(open.bytes as i64);
    }

    fn keep(&self, segment: &Arc<Segment>) {
        let bytes = segment.contents().weight_bytes();
        if bytes > self.bytes_max {
            return;
        }
        let mut open = self.open.lock();
        open.turn += 1;
        let entry = Entry {
            segment: Arc::clone(segment),
            bytes,
            used: open.turn,
        };
        open.bytes += bytes;
        if let Some(other) = open.segments.insert(segment.id(), entry) {
            open.bytes = open.bytes.saturating_sub(other.bytes);
        }
        while open.bytes > self.bytes_max || open.segments.len() > OPEN_SEGMENTS_MAX {
            let oldest = open.segments.iter().min_by_key(|(_, entry)| entry.used);
            let Some(oldest) = oldest.map(|(id, _)| *id) else {
                break;
            };
            if let Some(gone) = open.segments.remove(&oldest) {
                open.bytes = open.bytes.saturating_sub(gone.bytes);
            }
        }
        self.telemetry.contents_bytes.set(open.bytes as i64);
    }
}
