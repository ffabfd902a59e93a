//! A disk that fails when a test tells it to.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use disk::{LocalStorage, SharedStorage, Storage, StorageFile};

/// What goes wrong, set by the test while the disk is in use.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    /// Every write takes at most so many bytes; 0: no limit.
    pub(crate) short_write_bytes: AtomicU64,
    /// No write succeeds: the disk is full.
    pub(crate) full: AtomicBool,
    /// No sync of a file succeeds.
    pub(crate) sync_fails: AtomicBool,
    /// Creating a file panics, as a fault of the program would in whatever writes it.
    pub(crate) create_panics: AtomicBool,
    /// Syncs of files that were tried.
    pub(crate) syncs: AtomicU64,
}

/// The machine's disk with faults on top.
#[derive(Debug)]
pub(crate) struct FaultyStorage {
    faults: Arc<Faults>,
}

#[derive(Debug)]
struct FaultyFile {
    inner: Box<dyn StorageFile>,
    faults: Arc<Faults>,
}

impl FaultyStorage {
    /// A disk and the handle to its faults.
    pub(crate) fn with_faults() -> (SharedStorage, Arc<Faults>) {
        let faults = Arc::<Faults>::default();
        let storage = Self {
            faults: Arc::clone(&faults),
        };
        (Arc::new(storage), faults)
    }

    fn wrap(&self, inner: Box<dyn StorageFile>) -> Box<dyn StorageFile> {
        Box::new(FaultyFile {
            inner,
            faults: Arc::clone(&self.faults),
        })
    }
}

impl Storage for FaultyStorage {
    fn create(&self, path: &Path) -> io::Result<Box<dyn StorageFile>> {
        let panics = self.faults.create_panics.load(Ordering::SeqCst);
        assert!(!panics, "a fault of the program");
        Ok(self.wrap(LocalStorage.create(path)?))
    }

    fn open(&self, path: &Path, writable: bool) -> io::Result<Box<dyn StorageFile>> {
        Ok(self.wrap(LocalStorage.open(path, writable)?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        LocalStorage.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        LocalStorage.remove(path)
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        LocalStorage.link(from, to)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        LocalStorage.sync_dir(dir)
    }

    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        LocalStorage.create_dir_all(dir)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        LocalStorage.list(dir)
    }
}

impl StorageFile for FaultyFile {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let short = self.faults.short_write_bytes.load(Ordering::SeqCst) as usize;
        let taken = if short == 0 {
            bytes.len()
        } else {
            bytes.len().min(short)
        };
        if self.faults.full.load(Ordering::SeqCst) {
            // As a real disk does: some bytes still find room.
            if bytes.len() > 64 {
                return self.inner.write_at(&bytes[..bytes.len() / 2], offset);
            }
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.inner.write_at(&bytes[..taken], offset)
    }

    fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        self.inner.read_exact_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.faults.syncs.fetch_add(1, Ordering::SeqCst);
        if self.faults.sync_fails.load(Ordering::SeqCst) {
            return Err(io::Error::other("the device lost a write"));
        }
        self.inner.sync()
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        self.inner.set_len(bytes)
    }

    fn byte_len(&self) -> io::Result<u64> {
        self.inner.byte_len()
    }
}
