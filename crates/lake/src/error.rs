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
    /// The catalog of segments could not be read or changed.
    #[error("cannot use the catalog of segments; nothing was given up, and it is tried again")]
    Catalog {
        /// What the database said.
        #[source]
        source: state::Error,
    },
    /// What became of an earlier change of the catalog is not known, so no other is made.
    #[error(
        "it is not known yet whether an earlier change of the catalog of segments was made; it is asked again"
    )]
    Unsettled,
    /// What the configuration says of the object store cannot be used.
    #[error("cannot use the object store {url}: {reason}")]
    ObjectStore {
        /// Its address.
        url: String,
        /// What is wrong.
        reason: String,
    },
    /// The files of segments cannot be listed or kept.
    #[error("cannot use the segments in {place}")]
    Files {
        /// Where they are.
        place: String,
        /// What was said.
        #[source]
        source: std::io::Error,
    },
    /// Old parts of the log could not be removed.
    #[error("cannot maintain the log")]
    Log {
        /// What the disk said.
        #[source]
        source: disk::DiskError,
    },
}

impl LakeError {
    /// Whether the catalog is to blame: what would be tried next would fail as well.
    pub(crate) fn is_of_catalog(&self) -> bool {
        matches!(self, Self::Catalog { .. } | Self::Unsettled)
    }

    /// The whole chain in one line, for those who keep only text.
    pub(crate) fn full_text(&self) -> String {
        let mut text = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            text = format!("{text}: {cause}");
            source = cause.source();
        }
        text
    }
}
