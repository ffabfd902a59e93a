//! A file of the kernel that is read again and again: opened once, read into the same buffer.

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::error::Error;
use crate::limits;

/// A file under `/proc` or `/sys`. The kernel writes its text anew whenever it is read from the start, so the file stays
/// open; only where that fails (the device behind it went and came back) is it opened again.
#[derive(Debug)]
pub(crate) struct KernelFile {
    path: PathBuf,
    file: Option<OwnedFd>,
    buffer: Vec<u8>,
}

impl KernelFile {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self {
            path,
            file: None,
            buffer: Vec::new(),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The whole text as it is now.
    pub(crate) fn read(&mut self) -> Result<&[u8], Error> {
        let was_open = self.file.is_some();
        let mut outcome = self.fill();
        if outcome.is_err() && was_open {
            self.file = None;
            outcome = self.fill();
        }
        match outcome {
            Ok(length) => Ok(self.buffer.get(..length).unwrap_or_default()),
            Err(error) => {
                self.file = None;
                Err(error)
            }
        }
    }

    /// The whole text, or `None` where the kernel does not offer the file.
    pub(crate) fn read_if_offered(&mut self) -> Result<Option<&[u8]>, Error> {
        match self.read() {
            // `read` leaves the buffer as long as the text; borrowing it here ends the borrow of the match.
            Ok(_) => Ok(Some(&self.buffer)),
            Err(error) if is_absence(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The same as [`KernelFile::for_each_line`], and whether the kernel offers the file.
    pub(crate) fn for_each_line_if_offered(&mut self, each: impl FnMut(&[u8])) -> Result<bool, Error> {
        match self.for_each_line(each) {
            Ok(()) => Ok(true),
            Err(error) => {
                self.file = None;
                if is_absence(&error) { Ok(false) } else { Err(error) }
            }
        }
    }

    /// Calls `each` with every line, holding only a part of the text at a time; for files that grow with the load.
    fn for_each_line(&mut self, mut each: impl FnMut(&[u8])) -> Result<(), Error> {
        self.open()?;
        let mut carried = 0;
        let mut offset = 0;
        loop {
            self.buffer.resize(carried + limits::CHUNK_BYTES, 0);
            let count = self.read_at(carried, offset)?;
            offset += count as u64;
            let filled = self.buffer.get(..carried + count).unwrap_or_default();
            if count == 0 {
                if !filled.is_empty() {
                    each(filled);
                }
                return Ok(());
            }
            let complete = filled
                .iter()
                .rposition(|byte| *byte == b'\n')
                .map_or(0, |at| at + 1);
            let (whole, rest) = filled.split_at(complete);
            if let Some(lines) = whole.strip_suffix(b"\n") {
                lines.split(|byte| *byte == b'\n').for_each(&mut each);
            }
            // A line without end is cut rather than carried for ever.
            carried = rest.len().min(limits::LINE_BYTES_MAX);
            self.buffer.copy_within(complete..complete + carried, 0);
        }
    }

    fn fill(&mut self) -> Result<usize, Error> {
        self.open()?;
        let mut length = 0;
        // The buffer keeps its room between reads: truncating and growing it again within its capacity is cheap.
        let room = self.buffer.capacity().max(512);
        self.buffer.resize(room, 0);
        loop {
            if length == self.buffer.len() {
                if length >= limits::FILE_BYTES_MAX {
                    return Err(Error::TooLarge {
                        path: self.path.clone(),
                        bytes_max: limits::FILE_BYTES_MAX,
                    });
                }
                self.buffer.resize((length * 2).min(limits::FILE_BYTES_MAX), 0);
            }
            match self.read_at(length, length as u64)? {
                0 => break,
                count => length += count,
            }
        }
        self.buffer.truncate(length);
        Ok(length)
    }

    fn open(&mut self) -> Result<(), Error> {
        if self.file.is_none() {
            let flags = OFlags::RDONLY | OFlags::CLOEXEC;
            let file =
                rustix::fs::open(&self.path, flags, Mode::empty()).map_err(|errno| self.failed(errno))?;
            self.file = Some(file);
        }
        Ok(())
    }

    /// Reads at `offset` of the file into the buffer from `start` on.
    fn read_at(&mut self, start: usize, offset: u64) -> Result<usize, Error> {
        let Some(file) = &self.file else {
            return Err(self.failed(Errno::BADF));
        };
        let place = self.buffer.get_mut(start..).unwrap_or_default();
        loop {
            match rustix::io::pread(file, &mut *place, offset) {
                Err(Errno::INTR) => {}
                Ok(count) => return Ok(count),
                Err(errno) => return Err(self.failed(errno)),
            }
        }
    }

    fn failed(&self, errno: Errno) -> Error {
        Error::Read {
            path: self.path.clone(),
            source: io::Error::from(errno),
        }
    }
}

/// Whether an error says that the kernel was built or started without what the file tells, or that its device is gone.
fn is_absence(error: &Error) -> bool {
    let Error::Read { source, .. } = error else {
        return false;
    };
    let absent = [
        Errno::NOENT,
        Errno::NOTSUP,
        Errno::OPNOTSUPP,
        Errno::NODEV,
        Errno::NOTDIR,
    ];
    absent
        .iter()
        .any(|errno| source.raw_os_error() == Some(errno.raw_os_error()))
}

/// A small file read once.
pub(crate) fn read_once(path: &Path) -> Result<Vec<u8>, Error> {
    let mut file = KernelFile::new(path.to_owned());
    file.read().map(<[u8]>::to_vec)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_anew_each_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("value");
        std::fs::write(&path, "1\n").unwrap();
        let mut file = KernelFile::new(path.clone());
        assert_eq!(file.read().unwrap(), b"1\n");
        let long = "x".repeat(100_000);
        std::fs::write(&path, &long).unwrap();
        assert_eq!(file.read().unwrap(), long.as_bytes());
        std::fs::write(&path, "").unwrap();
        assert_eq!(file.read().unwrap(), b"");
    }

    #[test]
    fn an_absent_file_is_none_and_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("late");
        let mut file = KernelFile::new(path.clone());
        assert!(file.read_if_offered().unwrap().is_none());
        assert!(file.read().unwrap_err().to_string().contains("late"));
        std::fs::write(&path, "7").unwrap();
        assert_eq!(file.read_if_offered().unwrap(), Some(&b"7"[..]));
    }

    #[test]
    fn lines_are_whole_across_chunks() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lines");
        let expected: Vec<String> = (0..20_000).map(|number| format!("line {number}")).collect();
        std::fs::write(&path, expected.join("\n")).unwrap();
        let mut file = KernelFile::new(path);
        for _ in 0..2 {
            let mut seen = Vec::new();
            file.for_each_line(|line| seen.push(String::from_utf8(line.to_vec()).unwrap()))
                .unwrap();
            assert_eq!(seen, expected);
        }
    }

    #[test]
    fn a_line_without_end_is_cut() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("endless");
        std::fs::write(&path, "y".repeat(limits::CHUNK_BYTES * 3)).unwrap();
        let mut longest = 0;
        KernelFile::new(path)
            .for_each_line(|line| longest = longest.max(line.len()))
            .unwrap();
        assert!(longest <= limits::LINE_BYTES_MAX + limits::CHUNK_BYTES);
    }
}
