//! Writes parts one behind the other.

use disk::StorageFile;
use pack::Part;

/// The disk refused.
pub(crate) type WriteFault = std::io::Error;

/// Bytes that are gathered before they are written.
const BUFFER_BYTES: usize = 1 << 20;

/// Takes parts and tells where they lie.
pub(crate) struct PartSink<'f> {
    file: &'f dyn StorageFile,
    /// Where the buffer goes.
    written: u64,
    buffer: Vec<u8>,
}

impl<'f> PartSink<'f> {
    pub(crate) fn new(file: &'f dyn StorageFile) -> Self {
        Self {
            file,
            written: 0,
            buffer: Vec::new(),
        }
    }

    /// Where the next part begins.
    pub(crate) fn offset(&self) -> u64 {
        self.written + self.buffer.len() as u64
    }

    /// Writes what `write` appends.
    pub(crate) fn put(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Result<Part, WriteFault> {
        let start = self.buffer.len();
        let offset = self.offset();
        write(&mut self.buffer);
        let part = Part::of(self.buffer.get(start..).unwrap_or_default(), offset);
        if self.buffer.len() >= BUFFER_BYTES {
            self.flush()?;
        }
        Ok(part)
    }

    /// Writes what is gathered.
    pub(crate) fn flush(&mut self) -> Result<(), WriteFault> {
        self.file.write_all_at(&self.buffer, self.written)?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}
