//! What can go wrong when the store is opened or maintained.

use std::path::PathBuf;

/// Why the store could not be opened, sealed or maintained.
#[derive(Debug, thiserror::Error)]
pub enum LakeError {
    /// The data folder cannot be used: locked by another process, not writable, not a folder.
    #[error("cannot open the store of logs in {dir}")]
    Open {
        /// The folder.
        dir: PathBuf,
        /// What the disk said.
        #[source]
        source: disk::DiskError,
    },
    /// A segment could not be written.
    #[error("cannot write segment {path}")]
    WriteSegment {
        /// The segment's file.
        path: PathBuf,
        /// What the disk said.
        #[source]
        source: disk::DiskError,
    },
    /// A segment could not be read.
    #[error("cannot read a segment")]
    ReadSegment {
        /// What is wrong with it.
        #[source]
        source: model::ReadError,
    },
    /// Old parts of the log could not be removed.
    #[error("cannot maintain the log")]
    Log {
        /// What the disk said.
        #[source]
        source: disk::DiskError,
    },
}
