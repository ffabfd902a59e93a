//! Bounds of the store, with their units.

/// A chunk holds at most so many samples.
pub const SAMPLES_PER_CHUNK_MAX: usize = 1 << 16;
/// A chunk in memory is sealed at so many samples ...
pub const HEAD_CHUNK_SAMPLES: usize = 160;
/// ... or, with very many series, at fewer, but not below this ...
pub const HEAD_CHUNK_SAMPLES_MIN: usize = 32;
/// ... so that the open chunks of all series together take about so many bytes.
pub const OPEN_BYTES_MAX: usize = 48 << 20;
/// A chunk in a block holds at most so many samples.
pub const BLOCK_CHUNK_SAMPLES: usize = 4320;
/// A chunk of rollups in a block holds at most so many: a question about a year reads little beyond it.
pub const ROLLUPS_PER_CHUNK: usize = 1440;
/// Native histograms in memory are sealed at so many of a series.
pub const HEAD_CHUNK_HISTOGRAMS: usize = 32;
/// A chunk of native histograms holds at most so many.
pub const HISTOGRAMS_PER_CHUNK_MAX: usize = 256;
/// Exemplars kept in memory, all series together, where the configuration names no number.
pub const EXEMPLARS_MAX_DEFAULT: usize = 100_000;
/// Late chunks of a series are put in order once there are so many.
pub const LATE_CHUNKS_MAX: usize = 8;
/// Samples are sorted to their series when there are so many for each series, where nobody asks for them before ...
pub const PENDING_SAMPLES_PER_SERIES: usize = 4;
/// ... but not fewer than this ...
pub const PENDING_SAMPLES_MIN: usize = 1 << 15;
/// ... and not more.
pub const PENDING_SAMPLES_MAX: usize = 1 << 19;
/// Memory is flushed before its time once sealed chunks take so many bytes ...
pub const HEAD_BYTES_MAX: u64 = 48 << 20;
/// ... or so many for each series, about what a series takes without its samples, so that many series do not make many small blocks ...
pub const HEAD_BYTES_PER_SERIES: u64 = 800;
/// ... but not more often than after so many milliseconds.
pub const CROWDED_FLUSH_MS: i64 = 5_000;
/// A flush of a crowd that failed is tried again after so many milliseconds.
pub const CROWDED_RETRY_MS: i64 = 30_000;
/// A block spans so many milliseconds, aligned to the epoch.
pub const BLOCK_SPAN_MS: i64 = 2 * 3_600_000;
/// The blocks of a day are merged once it is over.
pub const DAY_MS: i64 = 24 * 3_600_000;
/// No block spans more milliseconds: the largest are merged ones of the coarsest rollups.
pub const BLOCK_MS_MAX: i64 = 180 * DAY_MS;
/// The blocks of a day are merged before it is over where there are so many.
pub const BLOCKS_PER_DAY_MAX: usize = 16;
/// Late blocks are merged into the block of their day once they are together one such part of its size.
pub const MERGE_SHARE: u64 = 8;
/// Samples older than the last flush wait so many milliseconds for the next one.
pub const LATE_FLUSH_MS: i64 = 3_600_000;
/// A series leaves memory when it has no sample there and got none for so many milliseconds.
pub const IDLE_SERIES_MS: i64 = 15 * 60_000;
/// The answer to a batch is remembered for so many milliseconds.
pub const BATCH_MEMORY_MS: i64 = 15 * 60_000;
/// Answers to at most so many batches are remembered.
pub const BATCHES_REMEMBERED_MAX: usize = 1 << 20;
/// All label names and values of a series have at most so many bytes: a page of a block's dictionary stays far below what a part may have.
pub const LABEL_BYTES_PER_SERIES_MAX: usize = 64 << 10;
/// Series are defined once more in the log's next record where their labels have at most so many bytes.
pub const ECHO_BYTES_MAX: usize = 8 << 20;
/// A series in a file has at most so many labels.
pub const LABELS_PER_SERIES_MAX: usize = 4096;
/// A decompressed part of a file has at most so many bytes.
pub const PART_BYTES_MAX: usize = 128 << 20;
/// A packed part of a record defines at most so many series; a part with more stays as it is. They would have 32 bytes each, which is
/// less than series with labels of any use take.
pub const DEFINITIONS_PACKED_MAX: usize = PART_BYTES_MAX / 32;
/// The native histograms and exemplars of a record take at most so many bytes of memory; a batch with more is refused.
pub const RARE_BYTES_MAX: usize = 128 << 20;
/// Metrics whose refused series are counted by name.
pub const CULPRITS_REMEMBERED_MAX: usize = 100;
/// Pieces of damage remembered for people; all are counted.
pub const DAMAGE_REMEMBERED_MAX: usize = 100;
/// What was read of blocks is kept up to so many bytes, where the configuration names no number.
pub const READ_CACHE_BYTES_DEFAULT: u64 = 128 << 20;
/// A log segment is closed at this many bytes for each series: it defines all of them once.
pub const LOG_SEGMENT_BYTES_PER_SERIES: u64 = 640;
/// A log segment is closed after so many milliseconds, so that old ones can go.
pub const LOG_SEGMENT_MS_MAX: i64 = 30 * 60_000;
/// Old samples that come in bulk are gathered up to so many bytes before they are written to blocks.
pub const BACKFILL_BYTES_MAX: usize = 64 << 20;
/// A day is rolled up once it ended so many milliseconds ago: late samples have come by then.
pub const ROLL_UP_AFTER_MS: i64 = DAY_MS;
/// Samples that are too old for their tier wait so many milliseconds longer to be rolled up, where that fails.
pub const ROLL_UP_GRACE_MS: i64 = DAY_MS;

/// Changes are told apart by stretches of so many milliseconds of the time they concern: 10 seconds.
pub const CHANGE_STRETCH_MS: i64 = 10_000;

/// So many changes of each tenant are remembered: about half a day of live samples.
pub const CHANGES_REMEMBERED_MAX: usize = 4096;
