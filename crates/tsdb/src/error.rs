//! What can go wrong when the store is opened or maintained.

use std::path::PathBuf;

/// Why the store could not be opened, flushed or maintained.
#[derive(Debug, thiserror::Error)]
pub enum TsdbError {
    /// A setting cannot work.
    #[error("tsdb: {key}: {reason}")]
    Config {
        /// The key.
        key: &'static str,
        /// Why, and what would.
        reason: String,
    },
    /// The data folder cannot be used: locked by another process, not writable, not a folder.
    #[error("cannot open the series store in {dir}")]
    Open {
        /// The folder.
        dir: PathBuf,
        /// What the disk said.
        #[source]
        source: disk::DiskError,
    },
    /// A block could not be written.
    #[error("cannot write block {name}")]
    WriteBlock {
        /// The block's file name.
        name: String,
        /// What the disk said.
        #[source]
        source: disk::DiskError,
    },
    /// A block could not be read to see what is known already.
    #[error("cannot read what is known already")]
    ReadBlock {
        /// What the disk said.
        #[source]
        source: model::ReadError,
    },
    /// The log could not be turned to a new segment, or old ones not removed.
    #[error("cannot maintain the log")]
    Log {
        /// What the disk said.
        #[source]
        source: disk::DiskError,
    },
    /// The checkpoint could not be written.
    #[error("cannot write the checkpoint {path}")]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What the disk said.
        #[source]
        source: disk::DiskError,
    },
    /// A snapshot could not be made.
    #[error("cannot make a snapshot in {dir}")]
    Snapshot {
        /// Its folder.
        dir: PathBuf,
        /// What the disk said.
        #[source]
        source: disk::DiskError,
    },
    /// What deletions wait for with regular expressions takes too much.
    #[error(
        "the regular expressions of deletions that are not carried out yet take more than {} MiB: clean the tombstones (POST /api/v1/admin/tsdb/clean_tombstones), then delete again",
        model::PROGRAM_BYTES_MAX >> 20
    )]
    TooManyDeletions,
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
}
