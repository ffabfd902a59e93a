//! What can go wrong on the way to the disk.

use std::io;
use std::path::PathBuf;

/// Why bytes could not be kept or found.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    /// An operation on a file or folder failed.
    #[error("cannot {action} {path}")]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The log did not take a record; the record was not acknowledged and may be given again.
    #[error("{reason}")]
    Append {
        /// What failed, and on which file.
        reason: String,
    },
    /// Too many records wait for the disk.
    #[error("too many writes are waiting for the log, the limit is {waiting_max}")]
    Busy {
        /// The limit.
        waiting_max: usize,
    },
    /// A record is larger than the log takes.
    #[error("a log record of {got} bytes is above the limit of {max}; send smaller batches")]
    RecordTooLarge {
        /// Its size in bytes.
        got: usize,
        /// The limit.
        max: usize,
    },
    /// The log was closed.
    #[error("the log is closed")]
    Closed,
    /// Another process owns the folder.
    #[error(
        "the data folder {path} is in use by another process ({holder}); stop that process or choose another folder"
    )]
    Locked {
        /// The folder.
        path: PathBuf,
        /// Who is said to hold it.
        holder: String,
    },
}

impl DiskError {
    /// Wraps what the system said about `path`.
    pub fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }

    /// The whole chain in one line, for callers that keep only text.
    pub fn full_text(&self) -> String {
        match self {
            Self::Io { source, .. } => format!("{self}: {source}"),
            _ => self.to_string(),
        }
    }
}
