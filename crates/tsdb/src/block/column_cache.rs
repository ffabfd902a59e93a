//! Chunks that others lean on, decoded, so that the buckets of a histogram cost one decoding each and not a chain.

use std::collections::VecDeque;
use std::sync::Arc;

use model::SampleColumns;
use parking_lot::Mutex;
use ulid::Ulid;

use crate::limits::COLUMNS_CACHED_MAX;

/// Decoded chunks by block and place, the least lately used first.
#[derive(Debug, Default)]
pub(crate) struct ColumnCache {
    entries: Mutex<VecDeque<(Key, Arc<SampleColumns>)>>,
}

type Key = (Ulid, u64);

impl ColumnCache {
    pub(super) fn get(&self, block: Ulid, offset: u64) -> Option<Arc<SampleColumns>> {
        let mut entries = self.entries.lock();
        let place = entries.iter().rposition(|(key, _)| *key == (block, offset))?;
        let entry = entries.remove(place)?;
        let columns = Arc::clone(&entry.1);
        entries.push_back(entry);
        Some(columns)
    }

    pub(super) fn put(&self, block: Ulid, offset: u64, columns: &Arc<SampleColumns>) {
        let mut entries = self.entries.lock();
        if entries.len() >= COLUMNS_CACHED_MAX {
            entries.pop_front();
        }
        entries.push_back(((block, offset), Arc::clone(columns)));
    }
}
