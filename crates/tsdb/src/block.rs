//! Sealed samples of one tenant and some hours or days, in one immutable file (docs/formats/block.md, versions 1 and 2).
//!
//! In: series in order, with their samples.  Out: series by matcher, their chunks, read where they lie.
//! Owns: the form of block files; the folder of blocks belongs to `blocks`.
//! Invariants: what is written reads back (`tests::a_block_reads_back`); no changed byte goes unnoticed
//! (`tests::every_changed_byte_is_noticed`); opening reads the table of contents only.
//! Not here: which blocks there are and when they go (`blocks`), when they are made (`flush`).
//! Start at: [`Block::open`].

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use disk::{SharedStorage, StorageFile};
use model::{HistogramSample, ReadError, SampleColumns, Statistic, TenantId, TimeRange};
use prometheus_client::metrics::counter::Counter;
use ulid::Ulid;

use crate::chunk::{self, ReadyChunk};
use crate::telemetry::Telemetry;
use pack::bytes::Malformed;

mod contents;
mod index;
mod order;
mod read_cache;
mod rollups;
#[cfg(test)]
mod tests;
mod writer;

pub use contents::Contents;
pub(crate) use contents::TRAILER_BYTES;
pub(crate) use index::{BlockSeries, Session, Walk};
pub use index::{pairs_on_page, series_on_page};
pub(crate) use order::block_order;
use pack::Part;
pub(crate) use read_cache::ReadCache;
pub(crate) use writer::{Added, BlockWriter, Heading};

/// The version of the form that is written. In the first, counts of histograms lay among other metrics, and bounds rose.
pub const VERSION: u32 = 2;
/// The ending of block files.
pub(crate) const ENDING: &str = "blk";

const MAGIC: [u8; 8] = *b"WKBLOCK\0";
const HEADER_BYTES: usize = 16;

/// How a block begins.
fn header(version: u32) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[..8].copy_from_slice(&MAGIC);
    header[8..12].copy_from_slice(&version.to_le_bytes());
    header
}

/// One chunk of a series in a block, and what queries may want to know without reading it.
#[derive(Debug, Clone, PartialEq)]
pub struct ChunkMeta {
    pub(crate) part: Part,
    /// The chunk of the series before that this one leans on, if it does.
    pub(crate) base: Option<Arc<ChunkMeta>>,
    /// The first sample's time.
    pub min_ms: i64,
    /// The last sample's time.
    pub max_ms: i64,
    /// How many samples.
    pub count: u32,
    /// The smallest value; stale markers and other NaN are left out of all aggregates but `last`.
    pub min: f64,
    /// The largest value.
    pub max: f64,
    /// The sum of the values.
    pub sum: f64,
    /// The last value, whatever it is.
    pub last: f64,
    /// How often the value fell, as a counter does that starts again.
    pub resets: u32,
}

/// A chunk of native histograms of a series in a block.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HistogramMeta {
    pub(crate) part: Part,
    /// From the first to the last histogram.
    pub range: TimeRange,
    /// How many.
    pub count: u32,
}

/// Rollups of a series in a block of a coarse tier: a chunk for each statistic.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RollupMeta {
    /// Where each statistic lies; those that follow from others are left out.
    pub(crate) parts: [Option<Part>; Statistic::ALL.len()],
    /// From the first to the last end of a stretch.
    pub range: TimeRange,
    /// How many rollups.
    pub count: u32,
}

/// An open block. The file goes once the block is doomed and nobody holds it any more.
#[derive(Debug)]
pub struct Block {
    id: Ulid,
    path: PathBuf,
    file: Box<dyn StorageFile>,
    bytes: u64,
    /// Of its form; the order of its series depends on it.
    version: u32,
    contents: Contents,
    storage: SharedStorage,
    cache: Arc<ReadCache>,
    doomed: AtomicBool,
    /// Counts what is read of the file.
    bytes_read: Counter,
}

impl Block {
    /// Opens a block file and checks its table of contents.
    pub fn open(storage: &SharedStorage, path: &Path) -> Result<Self, ReadError> {
        let telemetry = Telemetry::default();
        Self::open_sharing(
            storage,
            path,
            &Arc::new(ReadCache::new(0, &telemetry)),
            &telemetry,
        )
    }

    /// The same, with a cache and counters that several blocks share.
    pub(crate) fn open_sharing(
        storage: &SharedStorage,
        path: &Path,
        cache: &Arc<ReadCache>,
        telemetry: &Telemetry,
    ) -> Result<Self, ReadError> {
        let place = path.display().to_string();
        let io = |error: std::io::Error| ReadError::Io {
            place: path.display().to_string(),
            reason: error.to_string(),
        };
        let damaged = |error: Malformed| ReadError::Damaged {
            place: format!("{place}, table of contents"),
            reason: error.to_string(),
        };
        let stem = path
            .file_stem()
            .and_then(|stem| stem.to_str())
            .unwrap_or_default();
        let id = Ulid::from_string(stem).map_err(|_| damaged(Malformed("file name is not a ULID")))?;
        let file = storage.open(path, false).map_err(io)?;
        let bytes = file.byte_len().map_err(io)?;
        let smallest = (HEADER_BYTES + TRAILER_BYTES) as u64;
        if bytes < smallest {
            return Err(damaged(Malformed("file is too short")));
        }
        let mut begins = [0; HEADER_BYTES];
        file.read_exact_at(&mut begins, 0).map_err(io)?;
        let mut trailer = [0; TRAILER_BYTES];
        file.read_exact_at(&mut trailer, bytes - TRAILER_BYTES as u64)
            .map_err(io)?;
        let version = (1..=VERSION).find(|version| header(*version) == begins);
        let version =
            version.ok_or_else(|| damaged(Malformed("header, or a version this program does not know")))?;
        let part = contents::decode_trailer(&trailer, bytes).map_err(damaged)?;
        let mut toc = vec![0; part.length as usize];
        file.read_exact_at(&mut toc, part.offset).map_err(io)?;
        let contents = part
            .check(&toc)
            .and_then(|()| Contents::decode(&toc, part.offset))
            .map_err(damaged)?;
        let bytes_read = telemetry.bytes_read_of(contents.resolution_ms);
        bytes_read.inc_by(part.length.into());
        Ok(Self {
            id,
            path: path.to_owned(),
            file,
            bytes,
            version,
            contents,
            storage: SharedStorage::clone(storage),
            cache: Arc::clone(cache),
            doomed: AtomicBool::new(false),
            bytes_read,
        })
    }

    /// The block's name.
    pub fn id(&self) -> Ulid {
        self.id
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file's length in bytes.
    pub fn byte_len(&self) -> u64 {
        self.bytes
    }

    /// Whose samples.
    pub fn tenant(&self) -> TenantId {
        self.contents.tenant
    }

    /// How much time each rollup of the block covers, in milliseconds; 0: the block holds what was measured.
    pub fn resolution_ms(&self) -> i64 {
        self.contents.resolution_ms
    }

    /// Whether the rollups are made of what `raw` holds, or of all the blocks that it was merged from. A block that stands for a
    /// single one was written again without what was deleted.
    pub(crate) fn was_rolled_up_from(&self, raw: &Self) -> bool {
        let rolled_up = &self.contents.rolled_up;
        let sources = &raw.contents.sources;
        rolled_up.contains(&raw.id)
            || (sources.len() > 1 && sources.iter().all(|source| rolled_up.contains(source)))
    }

    /// From the first to the last sample.
    pub fn range(&self) -> TimeRange {
        TimeRange::at(self.contents.min_ms).union(&TimeRange::at(self.contents.max_ms))
    }

    /// What the table of contents says.
    pub fn contents(&self) -> &Contents {
        &self.contents
    }

    /// Appends the samples of a chunk within `range` to `out`, out of the cache where they are there.
    pub(crate) fn read_chunk(
        &self,
        meta: &ChunkMeta,
        range: TimeRange,
        out: &mut SampleColumns,
    ) -> Result<(), ReadError> {
        self.ready_chunk(meta)?.read(range, out);
        Ok(())
    }

    /// Appends the samples of a chunk to `out`. Nothing is remembered: for those who walk through everything once.
    pub(crate) fn read_chunk_once(&self, meta: &ChunkMeta, out: &mut SampleColumns) -> Result<(), ReadError> {
        if meta.base.is_some() {
            // The next one is likely to lean on it.
            self.ready_chunk(meta)?.read_all(out);
            return Ok(());
        }
        let bytes = self.read_part(meta.part, "chunk")?;
        chunk::decode(&bytes, out).map_err(|error| self.damaged(meta.part, "chunk", error))
    }

    /// Appends the native histograms of a chunk to `out`.
    pub(crate) fn read_histograms(
        &self,
        meta: &HistogramMeta,
        out: &mut Vec<HistogramSample>,
    ) -> Result<(), ReadError> {
        let bytes = self.read_part(meta.part, "chunk of histograms")?;
        chunk::histograms::decode(&bytes, out)
            .map_err(|error| self.damaged(meta.part, "chunk of histograms", error))
    }

    /// A chunk ready for reading, out of the cache where it is there. Chunks lean on others of their page only, so the chain is
    /// short.
    fn ready_chunk(&self, meta: &ChunkMeta) -> Result<Arc<ReadyChunk>, ReadError> {
        self.cache.get_or_read(self.id, meta.part.offset, || {
            let bytes = self.read_part(meta.part, "chunk")?;
            let ready = match &meta.base {
                None => ReadyChunk::decode(&bytes),
                Some(base) => {
                    let (mut beside, mut columns) = (SampleColumns::default(), SampleColumns::default());
                    self.ready_chunk(base)?.read_all(&mut beside);
                    chunk::decode_beside(&bytes, &beside, &mut columns).map(|()| ReadyChunk::of(&columns))
                }
            };
            let ready = ready.map_err(|error| self.damaged(meta.part, "chunk", error))?;
            Ok(Arc::new(ready))
        })
    }

    /// Lets the file go when the last holder lets go of the block.
    pub(crate) fn doom(&self) {
        self.doomed.store(true, Ordering::Relaxed);
    }

    fn read_part(&self, part: Part, what: &str) -> Result<Vec<u8>, ReadError> {
        if part.end().is_none_or(|end| end > self.bytes) {
            return Err(self.damaged(part, what, Malformed("lies outside the file")));
        }
        let mut bytes = vec![0; part.length as usize];
        self.file
            .read_exact_at(&mut bytes, part.offset)
            .map_err(|error| ReadError::Io {
                place: self.place(part, what),
                reason: error.to_string(),
            })?;
        self.bytes_read.inc_by(part.length.into());
        part.check(&bytes)
            .map_err(|error| self.damaged(part, what, error))?;
        Ok(bytes)
    }

    fn damaged(&self, part: Part, what: &str, error: Malformed) -> ReadError {
        ReadError::Damaged {
            place: self.place(part, what),
            reason: error.to_string(),
        }
    }

    fn place(&self, part: Part, what: &str) -> String {
        format!("block {}, {what} at offset {}", self.path.display(), part.offset)
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        self.cache.forget(self.id);
        if self.doomed.load(Ordering::Relaxed)
            && let Err(error) = self.storage.remove(&self.path)
        {
            tracing::warn!(path = %self.path.display(), %error, "expired block not removed");
        }
    }
}
