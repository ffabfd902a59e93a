//! Knows a file's contents again: by what it began with, and by what lay before the place up to which it was read.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::limits::LOG_MARK_BYTES;

/// The hash of some bytes, and of how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Mark {
    bytes: u64,
    hash: u64,
}

/// By what the contents of a file are known that was read up to a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Marks {
    head: Mark,
    tail: Mark,
}

impl Mark {
    fn of(bytes: &[u8]) -> Self {
        Self {
            bytes: bytes.len() as u64,
            hash: xxh3_64(bytes),
        }
    }

    /// Whether the bytes from a place on are those that were marked.
    fn fits(self, file: &File, from: u64) -> io::Result<bool> {
        if self.bytes == 0 {
            return Ok(true);
        }
        let mut room = [0; LOG_MARK_BYTES as usize];
        let Some(room) = room.get_mut(..self.bytes as usize) else {
            return Ok(false);
        };
        Ok(read_at(file, room, from)? == room.len() && Self::of(room) == self)
    }
}

impl Marks {
    /// Whether a file still holds what was read of it up to `offset`.
    pub(super) fn fit(&self, file: &File, offset: u64) -> io::Result<bool> {
        Ok(self.tail.fits(file, offset.saturating_sub(self.tail.bytes))? && self.head.fits(file, 0)?)
    }

    /// How many bytes before `offset` are wanted to make marks of what follows it.
    pub(super) fn lead(offset: u64) -> u64 {
        offset.min(LOG_MARK_BYTES)
    }

    /// The marks at the end of `read`, which begins [`lead`](Self::lead) bytes before the place of these marks.
    pub(super) fn after(&self, read: &[u8]) -> Self {
        let bytes = (LOG_MARK_BYTES as usize).min(read.len());
        let tail = read.get(read.len() - bytes..).unwrap_or_default();
        // Until the head is complete the lead reaches back to the file's beginning.
        let head = if self.head.bytes < LOG_MARK_BYTES {
            Mark::of(read.get(..bytes).unwrap_or_default())
        } else {
            self.head
        };
        Self {
            head,
            tail: Mark::of(tail),
        }
    }
}

/// Whether two files hold the same up to a place, as far as their beginnings and what lies before the place tell.
pub(super) fn are_same(one: &File, other: &File, up_to: u64) -> io::Result<bool> {
    let bytes = up_to.min(LOG_MARK_BYTES);
    for from in [0, up_to - bytes] {
        let (mut left, mut right) = ([0; LOG_MARK_BYTES as usize], [0; LOG_MARK_BYTES as usize]);
        let left = left.get_mut(..bytes as usize).unwrap_or_default();
        let right = right.get_mut(..bytes as usize).unwrap_or_default();
        let is_whole = read_at(one, left, from)? == left.len() && read_at(other, right, from)? == right.len();
        if !is_whole || left != right {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Reads what there is from a place on, as much as there is room for.
pub(super) fn read_at(file: &File, room: &mut [u8], from: u64) -> io::Result<usize> {
    let mut read = 0;
    while let Some(rest) = room.get_mut(read..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, from + read as u64) {
            Ok(0) => break,
            Ok(bytes) => read += bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(read)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn file(text: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text).unwrap();
        file
    }

    #[test]
    fn contents_are_known_again_and_others_are_not() {
        let text: Vec<u8> = (0..5000_u32).flat_map(|number| number.to_le_bytes()).collect();
        let (same, mut marks, mut offset) = (file(&text), Marks::default(), 0);
        assert!(marks.fit(&same, 0).unwrap());
        for step in [3, 400, 900, 5000] {
            let lead = Marks::lead(offset) as usize;
            let from = offset as usize - lead;
            marks = marks.after(&text[from..offset as usize + step]);
            offset += step as u64;
            assert!(marks.fit(&same, offset).unwrap(), "at {offset}");
            assert!(!marks.fit(&file(b"other"), offset).unwrap());
        }
        let mut other = text.clone();
        other[offset as usize - 1] ^= 1;
        assert!(!marks.fit(&file(&other), offset).unwrap());
        assert!(!are_same(&same, &file(&other), offset).unwrap());
        assert!(are_same(&same, &file(&other), offset - 1).unwrap());
        other = text.clone();
        other[0] ^= 1;
        assert!(!marks.fit(&file(&other), offset).unwrap());
        assert!(!are_same(&same, &file(&text[..100]), 200).unwrap());
    }
}
