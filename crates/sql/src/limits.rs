//! What a statement may cost, and what a table may be.

/// Most labels that become columns of their own; what is beyond is in the column `labels`.
pub const LABEL_COLUMNS_MAX: usize = 256;

/// Rows of a record batch.
pub(crate) const BATCH_ROWS: usize = 8192;

/// Bytes of lines after which a record batch ends though it has fewer rows.
pub(crate) const BATCH_TEXT_BYTES: usize = 2 << 20;

/// Record batches that wait between the thread that reads the store and those that compute.
pub(crate) const BATCHES_WAITING: usize = 2;

/// Bytes of an answer that are encoded before they are handed on.
pub(crate) const CHUNK_BYTES: usize = 64 << 10;

/// A statement is at most so many bytes long.
pub const STATEMENT_BYTES_MAX: usize = 1 << 20;

/// Values of a list (`IN (…)`) that are handed to the store as a hint.
pub(crate) const LIST_HINT_MAX: usize = 200;

/// Points that a PromQL question over a range has where no step is said.
pub(crate) const STEPS_DEFAULT: i64 = 250;

/// Most points of a series that a PromQL question may ask for, as in Prometheus' API.
pub(crate) const POINTS_PER_SERIES_MAX: i64 = 11_000;

/// Keywords and operators of a statement, each of which may make its tree deeper by one.
pub const LINKS_MAX: usize = 2_000;

/// Stack of a thread that works on statements. Only what is used of it takes memory.
pub(crate) const STACK_BYTES: usize = 64 << 20;

/// How long a statement that is over waits for somebody to take its last word.
pub(crate) const LAST_WORD_WAIT: std::time::Duration = std::time::Duration::from_secs(5);

/// Which part of a statement's memory is left for what is not counted: reading the store, batches on their way, encoding.
pub(crate) const READING_PART: usize = 8;

/// Which part of the memory for rows all sorts of a statement together keep free for merging what they sorted or spilled: three of four. A batch takes
/// twice its size while it waits to be sorted, and six times where its key is computed of its text once more.
pub(crate) const SORT_MERGE_PART: (usize, usize) = (3, 4);
