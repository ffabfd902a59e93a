//! A file of a block, read where it is asked for; and the checksum that all of them use.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Reads through a window that moves on, so that neighbours cost one call together.
#[derive(Debug)]
pub(super) struct Source {
    path: PathBuf,
    file: File,
    bytes: u64,
    window: Vec<u8>,
    window_start: u64,
    window_bytes: usize,
}

impl Source {
    pub(super) fn open(path: &Path, window_bytes: usize) -> io::Result<Self> {
        let file = File::open(path)?;
        let bytes = file.metadata()?.len();
        Ok(Self {
            path: path.to_owned(),
            file,
            bytes,
            window: Vec::new(),
            window_start: 0,
            window_bytes,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn len(&self) -> u64 {
        self.bytes
    }

    /// `length` bytes at `offset`.
    pub(super) fn at(&mut self, offset: u64, length: usize) -> io::Result<&[u8]> {
        let found = self.up_to(offset, length)?;
        found
            .get(..length)
            .ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    /// `length` bytes at `offset` or more, or fewer at the file's end.
    pub(super) fn up_to(&mut self, offset: u64, length: usize) -> io::Result<&[u8]> {
        let end = offset.saturating_add(length as u64).min(self.bytes);
        let window_end = self.window_start.saturating_add(self.window.len() as u64);
        if offset < self.window_start || end > window_end {
            let wanted = length.max(self.window_bytes) as u64;
            let wanted = wanted.min(self.bytes.saturating_sub(offset));
            self.window.clear();
            self.window.resize(wanted as usize, 0);
            self.window_start = offset;
            if let Err(error) = self.file.read_exact_at(&mut self.window, offset) {
                self.window.clear();
                return Err(error);
            }
        }
        let start = (offset.saturating_sub(self.window_start)) as usize;
        Ok(self.window.get(start..).unwrap_or_default())
    }
}

/// Takes Go's `binary.Uvarint` from the front of `bytes`.
pub(super) fn take_uvarint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for place in 0..10 {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

/// Takes Go's `binary.Varint`.
pub(super) fn take_varint(bytes: &mut &[u8]) -> Option<i64> {
    let zigzag = take_uvarint(bytes)?;
    Some((zigzag >> 1) as i64 ^ -((zigzag & 1) as i64))
}

/// Takes a big-endian number.
pub(super) fn take_u32(bytes: &mut &[u8]) -> Option<u32> {
    let (number, rest) = bytes.split_first_chunk::<4>()?;
    *bytes = rest;
    Some(u32::from_be_bytes(*number))
}

/// Takes so many bytes.
pub(super) fn take_bytes<'a>(bytes: &mut &'a [u8], count: u64) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(usize::try_from(count).ok()?)?;
    *bytes = rest;
    Some(taken)
}

const CASTAGNOLI: [u32; 256] = table();

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut value = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 {
                value >> 1 ^ 0x82f6_3b78
            } else {
                value >> 1
            };
            bit += 1;
        }
        table[byte] = value;
        byte += 1;
    }
    table
}

/// CRC-32C (RFC 3720, appendix B.4).
pub(crate) fn crc32c(parts: &[&[u8]]) -> u32 {
    let mut crc = u32::MAX;
    for &byte in parts.iter().copied().flatten() {
        let place = (crc as u8 ^ byte) as usize;
        crc = crc >> 8 ^ CASTAGNOLI.get(place).copied().unwrap_or_default();
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_the_rfc() {
        assert_eq!(crc32c(&[b"123456789"]), 0xe306_9283);
        assert_eq!(crc32c(&[&[0; 32]]), 0x8a91_36aa);
        assert_eq!(crc32c(&[b"1234", b"56789"]), 0xe306_9283);
    }
}
