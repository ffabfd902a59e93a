//! Blocks of objects that were fetched last: parts lie close together, and a request costs more than a block.

use std::collections::HashMap;

use bytes::Bytes;
use parking_lot::Mutex;
use ulid::Ulid;

use crate::limits::OBJECT_BLOCKS_MAX;

/// The blocks.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    blocks: HashMap<(Ulid, u64), (Bytes, u64)>,
    turn: u64,
}

impl Blocks {
    pub(super) fn get(&self, id: Ulid, number: u64) -> Option<Bytes> {
        let mut held = self.held.lock();
        held.turn += 1;
        let turn = held.turn;
        let (bytes, used) = held.blocks.get_mut(&(id, number))?;
        *used = turn;
        Some(bytes.clone())
    }

    pub(super) fn put(&self, id: Ulid, number: u64, bytes: Bytes) {
        let mut held = self.held.lock();
        held.turn += 1;
        let turn = held.turn;
        held.blocks.insert((id, number), (bytes, turn));
        if held.blocks.len() > OBJECT_BLOCKS_MAX {
            let oldest = held.blocks.iter().min_by_key(|(_, (_, used))| *used);
            if let Some(oldest) = oldest.map(|(place, _)| *place) {
                held.blocks.remove(&oldest);
            }
        }
    }

    /// Forgets what was fetched of a segment.
    pub(super) fn forget(&self, id: Ulid) {
        self.held.lock().blocks.retain(|(of, _), _| *of != id);
    }
}
