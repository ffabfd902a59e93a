//! Reading a chunk bit by bit, and the variable-length numbers in it (tsdb/docs/format/chunks.md, tsdb/chunkenc/varbit.go).

/// The chunk ends too early, or holds what no chunk holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(pub(crate) &'static str);

const SHORT: Malformed = Malformed("the chunk ends too early");

/// The bits of a chunk, most significant first.
#[derive(Debug, Clone)]
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    /// The next bit.
    at: usize,
}

/// A float whose exclusive-or with the one before is written (Gorilla, VLDB 2015, section 4.1.2).
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct XorFloat {
    pub(super) value: f64,
    leading: u32,
    trailing: u32,
}

// === impl Bits ===

impl<'a> Bits<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// The next `count` bits, at most 64.
    pub(super) fn take(&mut self, count: u32) -> Result<u64, Malformed> {
        let mut left = count as usize;
        let end = self.at.checked_add(left).ok_or(SHORT)?;
        if end > self.bytes.len().saturating_mul(8) {
            return Err(SHORT);
        }
        let mut value = 0_u64;
        while left > 0 {
            let byte = self.bytes.get(self.at / 8).copied().ok_or(SHORT)?;
            let offset = self.at % 8;
            let taken = left.min(8 - offset);
            let bits = (u64::from(byte) >> (8 - offset - taken)) & ((1 << taken) - 1);
            value = value << taken | bits;
            self.at += taken;
            left -= taken;
        }
        Ok(value)
    }

    pub(super) fn float(&mut self) -> Result<f64, Malformed> {
        self.take(64).map(f64::from_bits)
    }

    /// Go's `binary.Uvarint`, wherever in a byte it starts.
    pub(super) fn uvarint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0_u64;
        for place in 0..10 {
            let byte = self.take(8)?;
            value |= (byte & 0x7f) << (7 * place);
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Malformed("a number in the chunk is too long"))
    }

    /// Go's `binary.Varint`.
    pub(super) fn varint(&mut self) -> Result<i64, Malformed> {
        let zigzag = self.uvarint()?;
        Ok((zigzag >> 1) as i64 ^ -((zigzag & 1) as i64))
    }

    /// How many ones come before the next zero, `max` at most, where no zero follows.
    pub(super) fn ones(&mut self, max: usize) -> Result<usize, Malformed> {
        for count in 0..max {
            if self.take(1)? == 0 {
                return Ok(count);
            }
        }
        Ok(max)
    }

    /// `<varbit_uint>`.
    pub(super) fn varbit_uint(&mut self) -> Result<u64, Malformed> {
        let width = self.varbit_width()?;
        self.take(width)
    }

    /// `<varbit_int>`.
    pub(super) fn varbit_int(&mut self) -> Result<i64, Malformed> {
        let width = self.varbit_width()?;
        self.signed(width)
    }

    /// A number of `width` bits of which the upper half stands for negative ones.
    pub(super) fn signed(&mut self, width: u32) -> Result<i64, Malformed> {
        let bits = self.take(width)?;
        if width == 0 || width == 64 || bits <= 1 << (width - 1) {
            return Ok(bits as i64);
        }
        Ok(bits.wrapping_sub(1 << width) as i64)
    }

    fn varbit_width(&mut self) -> Result<u32, Malformed> {
        const WIDTHS: [u32; 9] = [0, 3, 6, 9, 12, 18, 25, 56, 64];
        let ones = self.ones(8)?;
        WIDTHS.get(ones).copied().ok_or(SHORT)
    }
}

// === impl XorFloat ===

impl XorFloat {
    pub(super) fn new(value: f64) -> Self {
        Self {
            value,
            ..Self::default()
        }
    }

    /// Reads the next value, `<varbit_xor>`.
    pub(super) fn advance(&mut self, bits: &mut Bits<'_>) -> Result<(), Malformed> {
        if bits.take(1)? == 0 {
            return Ok(());
        }
        if bits.take(1)? == 1 {
            let leading = bits.take(5)? as u32;
            let meaningful = match bits.take(6)? as u32 {
                0 => 64,
                count => count,
            };
            self.leading = leading;
            self.trailing = (64 - leading)
                .checked_sub(meaningful)
                .ok_or(Malformed("a value in the chunk has more than 64 bits"))?;
        }
        let changed = bits.take(64 - self.leading - self.trailing)?;
        let shifted = changed.checked_shl(self.trailing).unwrap_or_default();
        self.value = f64::from_bits(self.value.to_bits() ^ shifted);
        Ok(())
    }
}
