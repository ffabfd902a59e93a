//! Segments in a folder of this machine.

use std::io;
use std::path::PathBuf;

use disk::{SharedStorage, StorageFile};
use ulid::Ulid;

use super::{SegmentFile, SegmentFiles, file_name, id_of};

/// The folder.
#[derive(Debug)]
pub(crate) struct LocalFiles {
    storage: SharedStorage,
    dir: PathBuf,
    quarantine_dir: PathBuf,
}

#[derive(Debug)]
struct LocalFile(Box<dyn StorageFile>);

impl LocalFiles {
    pub(crate) fn new(storage: SharedStorage, dir: PathBuf, quarantine_dir: PathBuf) -> Self {
        Self {
            storage,
            dir,
            quarantine_dir,
        }
    }
}

impl SegmentFiles for LocalFiles {
    fn path_to_write(&self, id: Ulid) -> PathBuf {
        self.dir.join(file_name(id))
    }

    fn keep(&self, _id: Ulid, _bytes: u64) -> io::Result<()> {
        Ok(())
    }

    fn open(&self, id: Ulid, _bytes: Option<u64>) -> io::Result<Box<dyn SegmentFile>> {
        let file = self.storage.open(&self.path_to_write(id), false)?;
        Ok(Box::new(LocalFile(file)))
    }

    fn remove(&self, id: Ulid) -> io::Result<()> {
        match self.storage.remove(&self.path_to_write(id)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done,
        }
    }

    fn set_aside(&self, id: Ulid) -> Result<String, String> {
        match disk::quarantine(&*self.storage, &self.path_to_write(id), &self.quarantine_dir) {
            Ok(place) => Ok(format!("set aside as {}", place.display())),
            Err(error) => Err(format!("it could not be set aside: {}", error.full_text())),
        }
    }

    fn drop_copy(&self, _id: Ulid) -> bool {
        false
    }

    fn catch_up(&self, _ids: &[Ulid]) -> io::Result<()> {
        Ok(())
    }

    fn list(&self) -> io::Result<Vec<Ulid>> {
        let names = self.storage.list(&self.dir)?;
        Ok(names.iter().filter_map(|name| id_of(name.as_ref())).collect())
    }

    fn is_near(&self) -> bool {
        true
    }

    fn place(&self, id: Ulid) -> String {
        format!("segment {}", self.path_to_write(id).display())
    }

    fn all(&self) -> String {
        self.dir.display().to_string()
    }
}

impl SegmentFile for LocalFile {
    fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        self.0.read_exact_at(bytes, offset)
    }

    fn byte_len(&self) -> io::Result<u64> {
        self.0.byte_len()
    }
}
