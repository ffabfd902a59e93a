//! Numbers of a few bits each, packed without gaps, low bits first.

use crate::bytes::{Malformed, Reader};

/// Collects bits into bytes.
#[derive(Debug)]
pub(super) struct BitWriter<'a> {
    out: &'a mut Vec<u8>,
    pending: u128,
    pending_bits: u32,
}

impl<'a> BitWriter<'a> {
    pub(super) fn new(out: &'a mut Vec<u8>) -> Self {
        Self {
            out,
            pending: 0,
            pending_bits: 0,
        }
    }

    /// Appends the low `width` bits of `value`, at most 64.
    pub(super) fn put(&mut self, value: u64, width: u32) {
        self.pending |= u128::from(value & mask(width)) << self.pending_bits;
        self.pending_bits += width;
        while self.pending_bits >= 64 {
            self.out.extend_from_slice(&(self.pending as u64).to_le_bytes());
            self.pending >>= 64;
            self.pending_bits -= 64;
        }
    }

    /// Fills up the last byte.
    pub(super) fn finish(self) {
        let bytes = self.pending.to_le_bytes();
        let used = self.pending_bits.div_ceil(8) as usize;
        self.out.extend(bytes.iter().take(used));
    }
}

/// Reads what a [`BitWriter`] wrote.
#[derive(Debug)]
pub(super) struct BitReader<'a> {
    rest: &'a [u8],
    pending: u128,
    pending_bits: u32,
}

impl<'a> BitReader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            pending: 0,
            pending_bits: 0,
        }
    }

    /// The next `width` bits, at most 64.
    pub(super) fn get(&mut self, width: u32) -> Result<u64, Malformed> {
        while self.pending_bits < width {
            if let Some((word, rest)) = self.rest.split_first_chunk::<8>() {
                self.pending |= u128::from(u64::from_le_bytes(*word)) << self.pending_bits;
                self.pending_bits += 64;
                self.rest = rest;
            } else if let Some((&byte, rest)) = self.rest.split_first() {
                self.pending |= u128::from(byte) << self.pending_bits;
                self.pending_bits += 8;
                self.rest = rest;
            } else {
                return Err(Malformed("packed bits end too early"));
            }
        }
        let value = self.pending as u64 & mask(width);
        self.pending >>= width;
        self.pending_bits -= width;
        Ok(value)
    }
}

/// Bytes that `count` numbers of `width` bits take.
pub(super) fn packed_bytes(count: usize, width: u32) -> usize {
    (count * width as usize).div_ceil(8)
}

/// Takes the bytes of `count` packed numbers from `reader`.
pub(super) fn unpack<'a>(
    reader: &mut Reader<'a>,
    count: usize,
    width: u32,
) -> Result<BitReader<'a>, Malformed> {
    Ok(BitReader::new(reader.take(packed_bytes(count, width))?))
}

/// Ones in the low `width` bits.
pub(super) fn mask(width: u32) -> u64 {
    if width >= 64 { u64::MAX } else { (1 << width) - 1 }
}
