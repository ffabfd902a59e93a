//! Opens segments and reads their parts.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use disk::{SharedStorage, StorageFile};
use model::ReadError;
use pack::Part;
use pack::bytes::Malformed;
use prometheus_client::metrics::counter::Counter;
use ulid::Ulid;

use super::contents::{Contents, HEADER, TRAILER_BYTES, decode_trailer};

/// A segment on disk.
#[derive(Debug)]
pub(crate) struct Segment {
    id: Ulid,
    path: PathBuf,
    storage: SharedStorage,
    file: Box<dyn StorageFile>,
    bytes: u64,
    contents: Contents,
    bytes_read: Counter,
}

impl Segment {
    /// The ending of file names.
    pub(crate) const ENDING: &'static str = "segment";

    /// Opens a segment and reads its contents.
    pub(crate) fn open(
        storage: &SharedStorage,
        path: &Path,
        bytes_read: &Counter,
    ) -> Result<Self, ReadError> {
        let place = || format!("segment {}", path.display());
        let io = |error: std::io::Error| ReadError::Io {
            place: place(),
            reason: error.to_string(),
        };
        let damaged = |error: Malformed| ReadError::Damaged {
            place: format!("{}, table of contents", place()),
            reason: error.to_string(),
        };
        let stem = path
            .file_stem()
            .and_then(|stem| stem.to_str())
            .unwrap_or_default();
        let id = Ulid::from_string(stem).map_err(|_| damaged(Malformed("file name is not a ULID")))?;
        let file = storage.open(path, false).map_err(io)?;
        let bytes = file.byte_len().map_err(io)?;
        if bytes < (HEADER.len() + TRAILER_BYTES) as u64 {
            return Err(damaged(Malformed("file is too short")));
        }
        let mut header = HEADER;
        file.read_exact_at(&mut header, 0).map_err(io)?;
        if header != HEADER {
            return Err(damaged(Malformed(
                "header, or a version this program does not know",
            )));
        }
        let mut trailer = [0; TRAILER_BYTES];
        file.read_exact_at(&mut trailer, bytes - TRAILER_BYTES as u64)
            .map_err(io)?;
        let part = decode_trailer(&trailer, bytes).map_err(damaged)?;
        let mut packed = vec![0; part.length as usize];
        file.read_exact_at(&mut packed, part.offset).map_err(io)?;
        bytes_read.inc_by(part.length.into());
        let contents = part
            .check(&packed)
            .and_then(|()| Contents::decode(&packed, part.offset))
            .map_err(damaged)?;
        Ok(Self {
            id,
            path: path.to_owned(),
            storage: Arc::clone(storage),
            file,
            bytes,
            contents,
            bytes_read: bytes_read.clone(),
        })
    }

    /// Its name; in the order of making.
    pub(crate) fn id(&self) -> Ulid {
        self.id
    }

    /// Where it lies.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes on disk.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What it holds.
    pub(crate) fn contents(&self) -> &Contents {
        &self.contents
    }

    /// Removes the file. Who holds the segment still reads it: the file stays open.
    pub(crate) fn remove(&self) {
        if let Err(error) = self.storage.remove(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "segment not removed");
        }
    }

    /// The bytes of a part, decoded.
    pub(crate) fn read<T>(
        &self,
        part: Part,
        what: &str,
        decode: impl FnOnce(&[u8]) -> Result<T, Malformed>,
    ) -> Result<T, ReadError> {
        let place = || {
            format!(
                "segment {}, {what} at offset {}",
                self.path.display(),
                part.offset
            )
        };
        let mut bytes = vec![0; part.length as usize];
        self.file
            .read_exact_at(&mut bytes, part.offset)
            .map_err(|error| ReadError::Io {
                place: place(),
                reason: error.to_string(),
            })?;
        self.bytes_read.inc_by(part.length.into());
        part.check(&bytes)
            .and_then(|()| decode(&bytes))
            .map_err(|error| ReadError::Damaged {
                place: place(),
                reason: error.to_string(),
            })
    }
}
