//! The one who writes: groups of records into the segment's file, and a sync before anybody is told.

use std::io;
use std::path::{Path, PathBuf};

use super::Group;
use crate::error::DiskError;
use crate::frame::SegmentHeader;
use crate::storage::{Storage, StorageFile};

/// Holds the segment that is being written.
#[derive(Debug, Default)]
pub(super) struct Writer {
    open: Option<OpenSegment>,
}

#[derive(Debug)]
struct OpenSegment {
    segment: u64,
    path: PathBuf,
    file: Box<dyn StorageFile>,
    /// Everything up to here is durable.
    synced_bytes: u64,
}

impl Writer {
    /// Writes and syncs a group; returns the segment's length. After a failure the segment is never written again:
    /// what a failed sync leaves in the page cache is unknown, and a second sync on the file would lie.
    pub(super) fn write(
        &mut self,
        storage: &dyn Storage,
        path: &Path,
        group: &Group,
    ) -> Result<u64, DiskError> {
        let mut segment = match self.open.take() {
            Some(open) if open.segment == group.segment => open,
            _ => OpenSegment {
                segment: group.segment,
                path: path.to_owned(),
                file: storage
                    .create(path)
                    .map_err(DiskError::io("create the log segment", path))?,
                synced_bytes: 0,
            },
        };
        match segment.append(storage, group) {
            Ok(()) => {
                let bytes = segment.synced_bytes;
                self.open = Some(segment);
                Ok(bytes)
            }
            Err((action, error)) => {
                segment.abandon(storage);
                Err(DiskError::io(action, path)(error))
            }
        }
    }
}

impl OpenSegment {
    fn append(&mut self, storage: &dyn Storage, group: &Group) -> Result<(), (&'static str, io::Error)> {
        let fresh = self.synced_bytes == 0;
        let mut end = self.synced_bytes;
        if fresh {
            let header = SegmentHeader {
                segment: group.segment,
                marker: group.marker,
            };
            let header = header.encode();
            self.file
                .write_all_at(&header, 0)
                .map_err(|error| ("write the log segment", error))?;
            end += header.len() as u64;
        }
        self.file
            .write_all_at(&group.bytes, end)
            .map_err(|error| ("write the log segment", error))?;
        end += group.bytes.len() as u64;
        self.file
            .sync()
            .map_err(|error| ("sync the log segment", error))?;
        if fresh {
            let dir = self.path.parent().unwrap_or(Path::new("."));
            storage
                .sync_dir(dir)
                .map_err(|error| ("sync the folder of the log segment", error))?;
        }
        self.synced_bytes = end;
        Ok(())
    }

    /// Cuts off what was not acknowledged, as well as the disk lets us; a replay copes with what stays.
    fn abandon(self, storage: &dyn Storage) {
        let result = if self.synced_bytes == 0 {
            drop(self.file);
            storage.remove(&self.path)
        } else {
            self.file.set_len(self.synced_bytes)
        };
        if let Err(error) = result {
            tracing::warn!(path = %self.path.display(), %error, "unacknowledged log bytes not cut off");
        }
    }
}
