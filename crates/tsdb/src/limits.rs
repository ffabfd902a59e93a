//! Bounds of the store, with their units.

/// A chunk holds at most so many samples.
pub const SAMPLES_PER_CHUNK_MAX: usize = 1 << 16;
/// A chunk in memory is sealed at so many samples.
pub const HEAD_CHUNK_SAMPLES: usize = 160;
/// A chunk in a block holds so many samples.
pub const BLOCK_CHUNK_SAMPLES: usize = 480;
/// Late chunks of a series are put in order once there are so many.
pub const LATE_CHUNKS_MAX: usize = 8;
/// Parts the head is divided into, each with its own lock.
pub const HEAD_SHARDS: usize = 16;
/// A block spans so many milliseconds, aligned to the epoch.
pub const BLOCK_SPAN_MS: i64 = 2 * 3_600_000;
/// Samples older than the last flush wait so many milliseconds for the next one.
pub const LATE_FLUSH_MS: i64 = 3_600_000;
/// The answer to a batch is remembered for so many milliseconds.
pub const BATCH_MEMORY_MS: i64 = 15 * 60_000;
/// Answers to at most so many batches are remembered.
pub const BATCHES_REMEMBERED_MAX: usize = 1 << 20;
/// A label name or value in a file has at most so many bytes.
pub const LABEL_BYTES_MAX: usize = 1 << 20;
/// A series in a file has at most so many labels.
pub const LABELS_PER_SERIES_MAX: usize = 4096;
/// A decompressed part of a file has at most so many bytes.
pub const PART_BYTES_MAX: usize = 128 << 20;
/// Pieces of damage remembered for people; all are counted.
pub const DAMAGE_REMEMBERED_MAX: usize = 100;
/// A log segment is closed after so many milliseconds, so that old ones can go.
pub const LOG_SEGMENT_MS_MAX: i64 = 30 * 60_000;
