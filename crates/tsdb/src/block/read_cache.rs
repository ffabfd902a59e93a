//! What was read of blocks and may be asked for again: chunks, pages of the index, postings. All blocks share it.

use std::sync::Arc;

use quick_cache::Weighter;
use quick_cache::sync::Cache;
use roaring::RoaringBitmap;
use ulid::Ulid;

use super::index::{Pair, Row};
use crate::chunk::ReadyChunk;
use crate::telemetry::Telemetry;

/// A typical entry, by which the cache is laid out before it knows better.
const TYPICAL_BYTES: u64 = 8 << 10;
/// What an entry takes beside what is in it.
const OVERHEAD_BYTES: usize = 96;

/// Parts of blocks as they are used, by block and offset; what was of use lately stays.
#[derive(Debug)]
pub(crate) struct ReadCache {
    entries: Cache<Key, Entry, Weigher>,
    telemetry: Telemetry,
}

type Key = (Ulid, u64);

/// A part of a block.
#[derive(Debug, Clone)]
pub(super) enum Entry {
    Chunk(Arc<ReadyChunk>),
    Pairs(Arc<[Pair]>),
    Rows(Arc<[Row]>),
    Postings(Arc<RoaringBitmap>),
}

#[derive(Debug, Clone)]
struct Weigher;

impl Weighter<Key, Entry> for Weigher {
    fn weight(&self, _: &Key, entry: &Entry) -> u64 {
        let bytes = match entry {
            Entry::Chunk(chunk) => chunk.bytes(),
            Entry::Pairs(pairs) => pairs.iter().map(Pair::bytes).sum(),
            Entry::Rows(rows) => rows.iter().map(Row::bytes).sum(),
            Entry::Postings(postings) => postings.serialized_size(),
        };
        (OVERHEAD_BYTES + bytes) as u64
    }
}

impl ReadCache {
    /// A cache that takes up to so many bytes.
    pub(crate) fn new(bytes_max: u64, telemetry: &Telemetry) -> Self {
        let items = (bytes_max / TYPICAL_BYTES).max(1);
        Self {
            entries: Cache::with_weighter(items as usize, bytes_max, Weigher),
            telemetry: telemetry.clone(),
        }
    }

    pub(super) fn get(&self, block: Ulid, offset: u64) -> Option<Entry> {
        let found = self.entries.get(&(block, offset));
        match &found {
            Some(_) => self.telemetry.read_cache_hits.inc(),
            None => self.telemetry.read_cache_misses.inc(),
        };
        found
    }

    pub(super) fn put(&self, block: Ulid, offset: u64, entry: Entry) {
        self.entries.insert((block, offset), entry);
        self.tell_bytes();
    }

    /// Forgets what it knows of a block that is gone.
    pub(super) fn forget(&self, block: Ulid) {
        self.entries.retain(|(known, _), _| *known != block);
        self.tell_bytes();
    }

    fn tell_bytes(&self) {
        self.telemetry
            .read_cache_bytes
            .set(self.entries.weight().cast_signed());
    }
}
