//! The folder of processes: who is there, and small files of each, without allocating.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, RawDir, SeekFrom};
use rustix::io::Errno;

use crate::error::Error;
use crate::limits;
use crate::text;

/// `/proc`, kept open, with buffers that are used again.
pub(super) struct ProcFolder {
    path: PathBuf,
    folder: Option<OwnedFd>,
    listing: Vec<MaybeUninit<u8>>,
    pids: Vec<u32>,
    name: String,
    content: Vec<u8>,
}

/// Bytes read of a process' file at most; a longer command line is cut.
const CONTENT_BYTES: usize = 16 << 10;
const LISTING_BYTES: usize = 32 << 10;

impl ProcFolder {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            folder: None,
            listing: vec![MaybeUninit::uninit(); LISTING_BYTES],
            pids: Vec::new(),
            name: String::new(),
            content: vec![0; CONTENT_BYTES],
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Calls `each` with the number and the `stat` of every process; returns how many were left out as too many.
    pub(super) fn for_each_stat(&mut self, mut each: impl FnMut(u32, &[u8])) -> Result<u64, Error> {
        let refused = self.list().map_err(|errno| Error::Read {
            path: self.path.clone(),
            source: io::Error::from(errno),
        })?;
        let pids = std::mem::take(&mut self.pids);
        for pid in &pids {
            // A process that ended since it was listed has no file any more.
            if let Some(stat) = self.file_of(*pid, "stat") {
                each(*pid, stat);
            }
        }
        self.pids = pids;
        Ok(refused)
    }

    /// The start of a file of a process; `None` where it cannot be read.
    pub(super) fn file_of(&mut self, pid: u32, file: &str) -> Option<&[u8]> {
        self.set_name(pid, file);
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let file = rustix::fs::openat(self.folder.as_ref()?, &*self.name, flags, Mode::empty()).ok()?;
        let length = loop {
            match rustix::io::read(&file, &mut *self.content) {
                Err(Errno::INTR) => {}
                read => break read.ok()?,
            }
        };
        self.content.get(..length)
    }

    /// Where a link of a process leads; `None` where it may not be read.
    pub(super) fn link_of(&mut self, pid: u32, link: &str) -> Option<Vec<u8>> {
        self.set_name(pid, link);
        let target = rustix::fs::readlinkat(self.folder.as_ref()?, &*self.name, Vec::new()).ok()?;
        Some(target.into_bytes())
    }

    fn set_name(&mut self, pid: u32, file: &str) {
        use std::fmt::Write;
        self.name.clear();
        // Writing to a String does not fail.
        let _ = write!(self.name, "{pid}/{file}");
    }

    fn list(&mut self) -> Result<u64, Errno> {
        let folder = match self.folder.take() {
            Some(folder) => folder,
            None => {
                let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::DIRECTORY;
                rustix::fs::open(&self.path, flags, Mode::empty())?
            }
        };
        rustix::fs::seek(&folder, SeekFrom::Start(0))?;
        self.pids.clear();
        let mut refused = 0;
        let mut entries = RawDir::new(&folder, &mut self.listing);
        while let Some(entry) = entries.next() {
            let Some(number) = text::number(entry?.file_name().to_bytes()) else {
                continue;
            };
            match u32::try_from(number) {
                Ok(pid) if self.pids.len() < limits::PROCESSES_MAX => self.pids.push(pid),
                _ => refused += 1,
            }
        }
        self.folder = Some(folder);
        Ok(refused)
    }
}
