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

/// What an entry can be of.
pub(super) trait Kept {
    fn into_entry(part: Arc<Self>) -> Entry;
    fn from_entry(entry: Entry) -> Option<Arc<Self>>;
}

macro_rules! parts {
    ($($kind:ident: $part:ty;)*) => {
        $(impl Kept for $part {
            fn into_entry(part: Arc<Self>) -> Entry {
                Entry::$kind(part)
            }

            fn from_entry(entry: Entry) -> Option<Arc<Self>> {
                match entry {
                    Entry::$kind(part) => Some(part),
                    _ => None,
                }
            }
        })*
    };
}

parts! {
    Chunk: ReadyChunk;
    Pairs: [Pair];
    Rows: [Row];
    Postings: RoaringBitmap;
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

    /// The part of a block at `offset`; read where it is not at hand.
    pub(super) fn get_or_read<T: Kept + ?Sized, E>(
        &self,
        block: Ulid,
        offset: u64,
        read: impl FnOnce() -> Result<Arc<T>, E>,
    ) -> Result<Arc<T>, E> {
        let key = (block, offset);
        if let Some(known) = self.entries.get(&key).and_then(T::from_entry) {
            self.telemetry.read_cache_hits.inc();
            return Ok(known);
        }
        self.telemetry.read_cache_misses.inc();
        let part = read()?;
        self.entries.insert(key, T::into_entry(Arc::clone(&part)));
        self.tell_bytes();
        Ok(part)
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
