//! Numbers of a few bits each, packed without gaps, low bits first.

use crate::bytes::{Malformed, Reader};

/// Appends the low `width` bits of each number, at most 64, to whole bytes.
pub fn pack(numbers: impl ExactSizeIterator<Item = u64>, width: u32, out: &mut Vec<u8>) {
    if width == 0 {
        return;
    }
    out.reserve(packed_bytes(numbers.len(), width) + 8);
    let mut pending = 0_u128;
    let mut pending_bits = 0;
    for number in numbers {
        pending |= u128::from(number & mask(width)) << pending_bits;
        pending_bits += width;
        if pending_bits >= 64 {
            out.extend_from_slice(&(pending as u64).to_le_bytes());
            pending >>= 64;
            pending_bits -= 64;
        }
    }
    let bytes = pending.to_le_bytes();
    out.extend(bytes.iter().take(pending_bits.div_ceil(8) as usize));
}

/// Takes `count` numbers that [`pack`] wrote and appends them to `out`.
pub fn unpack(
    reader: &mut Reader<'_>,
    count: usize,
    width: u32,
    out: &mut Vec<u64>,
) -> Result<(), Malformed> {
    if width == 0 {
        out.resize(out.len() + count, 0);
        return Ok(());
    }
    let bytes = reader.take(packed_bytes(count, width))?;
    out.reserve(count);
    let mask = mask(width);
    // A number of up to 57 bits lies within the eight bytes from its first one on.
    let whole = if width <= 57 {
        (bytes.len().saturating_sub(8) * 8 / width as usize).min(count)
    } else {
        0
    };
    out.extend((0..whole).map(|place| {
        let bit = place * width as usize;
        let word = bytes.get(bit >> 3..).and_then(<[u8]>::first_chunk::<8>);
        (word.map_or(0, |word| u64::from_le_bytes(*word)) >> (bit & 7)) & mask
    }));
    for place in whole..count {
        let bit = place * width as usize;
        let tail = bytes.get(bit >> 3..).unwrap_or_default();
        let mut word = [0; 16];
        for (to, from) in word.iter_mut().zip(tail) {
            *to = *from;
        }
        out.push((u128::from_le_bytes(word) >> (bit & 7)) as u64 & mask);
    }
    Ok(())
}

/// Collects bits into bytes.
#[derive(Debug)]
pub struct BitWriter<'a> {
    out: &'a mut Vec<u8>,
    pending: u128,
    pending_bits: u32,
}

impl<'a> BitWriter<'a> {
    /// Writes behind what `out` holds.
    #[inline]
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        Self {
            out,
            pending: 0,
            pending_bits: 0,
        }
    }

    /// Appends the low `width` bits of `value`, at most 64.
    #[inline]
    pub fn put(&mut self, value: u64, width: u32) {
        self.pending |= u128::from(value & mask(width)) << self.pending_bits;
        self.pending_bits += width;
        while self.pending_bits >= 64 {
            self.out.extend_from_slice(&(self.pending as u64).to_le_bytes());
            self.pending >>= 64;
            self.pending_bits -= 64;
        }
    }

    /// Fills up the last byte.
    #[inline]
    pub fn finish(self) {
        let bytes = self.pending.to_le_bytes();
        let used = self.pending_bits.div_ceil(8) as usize;
        self.out.extend(bytes.iter().take(used));
    }
}

/// Reads what a [`BitWriter`] wrote.
#[derive(Debug)]
pub struct BitReader<'a> {
    rest: &'a [u8],
    pending: u128,
    pending_bits: u32,
}

impl<'a> BitReader<'a> {
    /// Starts at the lowest bit of the first of `bytes`.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            pending: 0,
            pending_bits: 0,
        }
    }

    /// The next `width` bits, at most 64.
    #[inline]
    pub fn get(&mut self, width: u32) -> Result<u64, Malformed> {
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
fn packed_bytes(count: usize, width: u32) -> usize {
    (count * width as usize).div_ceil(8)
}

/// Ones in the low `width` bits.
#[inline]
pub fn mask(width: u32) -> u64 {
    if width >= 64 { u64::MAX } else { (1 << width) - 1 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn packed_numbers_read_back(numbers in proptest::collection::vec(any::<u64>(), 0..200), width in 0_u32..=64) {
            let mut bytes = vec![7];
            pack(numbers.iter().copied(), width, &mut bytes);
            prop_assert_eq!(bytes.len(), 1 + packed_bytes(numbers.len(), width));
            bytes.push(9);
            let mut reader = Reader::new(&bytes[1..]);
            let mut read = vec![5];
            unpack(&mut reader, numbers.len(), width, &mut read).unwrap();
            let cut: Vec<u64> = numbers.iter().map(|number| if width == 0 { 0 } else { number & mask(width) }).collect();
            prop_assert_eq!(&read[1..], &cut[..]);
            prop_assert_eq!(reader.byte(), Ok(9));
        }
    }
}
