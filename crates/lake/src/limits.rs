//! Bounds of the store, with their units.

/// So many rows of a table share a page of a column.
pub const PAGE_ROWS: usize = 2048;
/// A page of texts is closed at so many bytes, before they are compressed.
pub const TEXT_PAGE_BYTES: usize = 64 << 10;
/// A line with more words is kept as a whole.
pub const WORDS_PER_LINE_MAX: usize = 512;
/// A longer line is kept as a whole.
pub const SPLIT_LINE_BYTES_MAX: usize = 32 << 10;
/// So many shapes of lines have tables of their own in a segment; lines of further ones are kept as a whole.
pub const TABLES_MAX: usize = 2048;
/// A table with fewer rows is not worth its place in the contents; its lines are kept as a whole.
pub const TABLE_ROWS_MIN: u32 = 24;
/// A column of numbers with so few distinct ones becomes a dictionary where they lie far apart.
pub const NUMBERS_IN_DICTIONARY_MAX: usize = 64;
/// Columns of hexadecimal numbers with at least so many rows have a filter: fewer are looked at as quickly.
pub const FILTER_ROWS_MIN: usize = 256;
/// A decompressed part of a file has at most so many bytes.
pub const PART_BYTES_MAX: usize = 256 << 20;
/// A segment in a file has at most so many rows.
pub const ROWS_PER_SEGMENT_MAX: usize = 1 << 28;
/// So many times [`BATCH_ROWS`] or [`BATCH_BYTES`] are read before they are asked for.
pub const PARCELS_AHEAD: usize = 4;
/// Lines are handed over so many at a time.
pub const BATCH_ROWS: usize = 4096;
/// ... or, where lines are long, so many bytes of them and one line more.
pub const BATCH_BYTES: usize = 1 << 20;
/// The first batch of a stream, where the newest few may be all that is wanted.
pub const FIRST_BATCH_ROWS: usize = 128;
/// Lines in memory may take so many bytes; further ones wait until some are sealed ...
pub const BUFFER_BYTES_MAX: u64 = 160 << 20;
/// ... but not longer than so many milliseconds; then they are refused.
pub const ROOM_WAIT_MS: u64 = 10_000;
/// So many segments of one size become a larger one ...
pub const MERGED_SEGMENTS: usize = 8;
/// ... as long as merging it takes at most about so many bytes of memory.
pub const MERGED_BYTES_MAX: u64 = 128 << 20;
/// Only lines of one span of time become one segment; so many spans are as long as lines are kept ...
pub const MERGED_RETENTION_PARTS: i64 = 10;
/// ... but none is shorter than so many milliseconds.
pub const MERGED_SPAN_MS_MIN: i64 = 3_600_000;
/// The answer to a batch is remembered for so many milliseconds.
pub const BATCH_MEMORY_MS: i64 = 15 * 60_000;
/// Answers to at most so many batches are remembered.
pub const BATCHES_REMEMBERED_MAX: usize = 1 << 20;
/// Pieces of damage remembered for people; all are counted.
pub const DAMAGE_REMEMBERED_MAX: usize = 100;
/// The labels of a segment are known without opening it where they have at most so many names ...
pub const SUMMARY_NAMES_MAX: usize = 64;
/// ... the values of each as they are where there are at most so many of them ...
pub const SUMMARY_VALUES_MAX: usize = 64;
/// ... of at most so many bytes together; more are a filter ...
pub const SUMMARY_VALUE_BYTES_MAX: usize = 2 << 10;
/// ... and more than so many may be anything.
pub const SUMMARY_FILTER_VALUES_MAX: usize = 16 << 10;
/// So many segments are open at a time, whatever their contents take.
pub const OPEN_SEGMENTS_MAX: usize = 512;
/// So many segments of different tenants become durable in one transaction.
pub const COMMIT_SEGMENTS_MAX: usize = 32;
/// The labels of a segment's streams take at most about so many bytes; further streams go into another one.
pub const SEGMENT_LABEL_BYTES_MAX: usize = 64 << 20;
/// How long the right to merge and to remove is taken for ...
pub const LEASE_MS: i64 = 5 * 60_000;
/// ... and how much of that must be left when it is used.
pub const LEASE_REST_MS: i64 = 60_000;
/// Small segments that waited so long for others of their size are merged with what there is.
pub const TRICKLE_WAIT_MS: i64 = 6 * 3_600_000;
/// Requests to an object store run on so many threads.
pub const OBJECT_THREADS: usize = 2;
/// A request to an object store is tried so often ...
pub const OBJECT_TRIES_MAX: u32 = 4;
/// ... but not again once so many milliseconds are over.
pub const OBJECT_PATIENCE_MS: u64 = 60_000;
/// Objects are read in blocks of so many bytes ...
pub const OBJECT_BLOCK_BYTES: u64 = 512 << 10;
/// ... of which so many stay in memory.
pub const OBJECT_BLOCKS_MAX: usize = 128;
/// So many segments that lie on this machine alone are sent to the object store at a time.
pub const OBJECTS_SENT_AT_ONCE: usize = 4;
/// After maintenance failed it is tried again after so many milliseconds at first ...
pub const RETRY_FIRST_MS: u64 = 500;
/// ... and after at most so many.
pub const RETRY_MS_MAX: u64 = 10_000;
/// A segment that maintenance could not read is left alone for so many milliseconds.
pub const PASSED_OVER_MS: i64 = 60_000;
/// So many requests to delete lines may wait to be done.
pub const DELETIONS_OPEN_MAX: usize = 1000;
/// How often it is looked whether the lines of streams whose time is over are worth writing their segment again.
pub const RETENTION_LOOK_MS: i64 = 3_600_000;
