//! Where in a file something lies.

use crate::bytes::{Malformed, Reader, put_varint};

/// A stretch of the file and its CRC-32.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Where it begins.
    pub offset: u64,
    /// How many bytes.
    pub length: u32,
    /// Their CRC-32.
    pub crc: u32,
}

impl Part {
    /// Describes `bytes` at `offset`.
    pub fn of(bytes: &[u8], offset: u64) -> Self {
        Self {
            offset,
            length: bytes.len() as u32,
            crc: crc32fast::hash(bytes),
        }
    }

    /// Where it ends, if that is a place at all.
    pub fn end(&self) -> Option<u64> {
        self.offset.checked_add(u64::from(self.length))
    }

    /// Fails where `bytes` are not those that were written.
    pub fn check(&self, bytes: &[u8]) -> Result<(), Malformed> {
        if crc32fast::hash(bytes) == self.crc {
            Ok(())
        } else {
            Err(Malformed("checksum"))
        }
    }

    /// Appends it.
    pub fn put(&self, out: &mut Vec<u8>) {
        put_varint(out, self.offset);
        put_varint(out, u64::from(self.length));
        out.extend_from_slice(&self.crc.to_le_bytes());
    }

    /// What [`put`](Self::put) wrote.
    pub fn take(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            offset: reader.varint()?,
            length: u32::try_from(reader.varint()?).map_err(|_| Malformed("length of a part"))?,
            crc: reader.word()?,
        })
    }
}
