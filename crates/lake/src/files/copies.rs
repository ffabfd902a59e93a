//! Copies of segments on this machine: those used last, as many as there is room for.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;

use disk::{SharedStorage, StorageFile};
use parking_lot::Mutex;
use ulid::Ulid;

use super::{file_name, id_of};
use crate::telemetry::Telemetry;

/// The copies.
#[derive(Debug)]
pub(super) struct Copies {
    storage: SharedStorage,
    dir: PathBuf,
    bytes_max: u64,
    telemetry: Telemetry,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    copies: BTreeMap<Ulid, Copy>,
    bytes: u64,
    turn: u64,
    /// Segments that the object store has: only their copies may go.
    safe: BTreeSet<Ulid>,
}

#[derive(Debug, Default)]
struct Copy {
    bytes: u64,
    used: u64,
}

impl Copies {
    /// Those in a folder; `bytes_max` is what they may take.
    pub(super) fn open(
        storage: SharedStorage,
        dir: PathBuf,
        bytes_max: u64,
        telemetry: Telemetry,
    ) -> io::Result<Self> {
        let mut held = Held::default();
        for name in storage.list(&dir)? {
            let Some(id) = id_of(name.as_ref()) else { continue };
            let bytes = storage.open(&dir.join(&name), false)?.byte_len()?;
            held.bytes += bytes;
            held.turn += 1;
            // In the order of making.
            let used = held.turn;
            held.copies.insert(id, Copy { bytes, used });
        }
        telemetry.copy_bytes.set(held.bytes as i64);
        Ok(Self {
            storage,
            dir,
            bytes_max,
            telemetry,
            held: Mutex::new(held),
        })
    }

    pub(super) fn path(&self, id: Ulid) -> PathBuf {
        self.dir.join(file_name(id))
    }

    pub(super) fn ids(&self) -> Vec<Ulid> {
        self.held.lock().copies.keys().copied().collect()
    }

    /// The copy of a segment, where there is one.
    pub(super) fn file(&self, id: Ulid) -> Option<Box<dyn StorageFile>> {
        let mut held = self.held.lock();
        held.turn += 1;
        let turn = held.turn;
        held.copies.get_mut(&id)?.used = turn;
        drop(held);
        self.storage.open(&self.path(id), false).ok()
    }

    /// A segment was written here.
    pub(super) fn added(&self, id: Ulid, bytes: u64) {
        let mut held = self.held.lock();
        held.turn += 1;
        let used = held.turn;
        held.bytes += bytes;
        if let Some(before) = held.copies.insert(id, Copy { bytes, used }) {
            held.bytes = held.bytes.saturating_sub(before.bytes);
        }
        self.telemetry.copy_bytes.set(held.bytes as i64);
    }

    /// The object store has a segment.
    pub(super) fn is_safe(&self, id: Ulid) {
        self.held.lock().safe.insert(id);
        self.make_room();
    }

    /// Whether the object store is known to have a segment.
    pub(super) fn has_safe(&self, id: Ulid) -> bool {
        self.held.lock().safe.contains(&id)
    }

    /// Removes the copy of a segment; tells whether there was one.
    pub(super) fn remove(&self, id: Ulid) -> io::Result<bool> {
        match self.storage.remove(&self.path(id)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut held = self.held.lock();
        let gone = held.copies.remove(&id);
        held.bytes -= gone.as_ref().map_or(0, |copy| copy.bytes).min(held.bytes);
        self.telemetry.copy_bytes.set(held.bytes as i64);
        Ok(gone.is_some())
    }

    /// The segment is gone for good.
    pub(super) fn forget(&self, id: Ulid) {
        self.held.lock().safe.remove(&id);
    }

    /// Removes the copies that were not used for longest, until the others fit. Who reads one still does.
    fn make_room(&self) {
        loop {
            let oldest = {
                let held = self.held.lock();
                if held.bytes <= self.bytes_max {
                    return;
                }
                let safe = held.copies.iter().filter(|(id, _)| held.safe.contains(id));
                safe.min_by_key(|(_, copy)| copy.used).map(|(id, _)| *id)
            };
            let Some(oldest) = oldest else { return };
            if let Err(error) = self.remove(oldest) {
                tracing::warn!(%error, segment = %oldest, "copy of a segment not removed");
                return;
            }
        }
    }
}
