//! Words that are numbers: decimal ones with the same letters before and behind, and hexadecimal ones of one length.

/// Digits that a number of 64 bits holds for sure.
const DIGITS_MAX: usize = 18;
/// Shorter words of hexadecimal digits are as short as words.
const HEX_DIGITS_MIN: usize = 8;
const HEX_DIGITS_MAX: usize = 128;

/// How the numbers of a column are written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct NumberStyle {
    /// Letters before each.
    pub(crate) prefix: Box<[u8]>,
    /// Letters behind each.
    pub(crate) suffix: Box<[u8]>,
    /// Digits of each, filled up with zeros; 0: as many as it needs.
    pub(crate) digits: u8,
}

/// Decimal numbers.
#[derive(Debug)]
pub(crate) struct Numbers {
    prefix: Box<[u8]>,
    suffix: Box<[u8]>,
    /// How many digits all of them have, while that is so.
    digits: Option<u8>,
    has_leading_zero: bool,
    pub(crate) values: Vec<i64>,
}

impl Numbers {
    /// So many times the number `word`, if it is one.
    pub(super) fn starting(word: &[u8], rows: u32) -> Option<Self> {
        let start = word.iter().position(u8::is_ascii_digit)?;
        let end = word.iter().rposition(u8::is_ascii_digit)? + 1;
        let digits = word.get(start..end)?;
        let value = value_of(digits)?;
        Some(Self {
            prefix: word.get(..start)?.into(),
            suffix: word.get(end..)?.into(),
            digits: Some(digits.len() as u8),
            has_leading_zero: has_leading_zero(digits),
            values: vec![value; rows as usize],
        })
    }

    /// Adds a number; tells whether `word` is one, written like all others.
    #[inline]
    pub(super) fn push(&mut self, word: &[u8]) -> bool {
        let digits = word
            .strip_prefix(&*self.prefix)
            .and_then(|rest| rest.strip_suffix(&*self.suffix));
        let Some(digits) = digits else { return false };
        let Some(value) = value_of(digits) else {
            return false;
        };
        let same = self.digits == Some(digits.len() as u8);
        let zero = self.has_leading_zero || has_leading_zero(digits);
        if zero && !same {
            return false;
        }
        self.has_leading_zero = zero;
        if !same {
            self.digits = None;
        }
        self.values.push(value);
        true
    }

    pub(crate) fn style(&self) -> NumberStyle {
        NumberStyle {
            prefix: self.prefix.clone(),
            suffix: self.suffix.clone(),
            digits: if self.has_leading_zero {
                self.digits.unwrap_or_default()
            } else {
                0
            },
        }
    }

    /// What was pushed.
    pub(super) fn words(&self) -> impl Iterator<Item = Vec<u8>> {
        let style = self.style();
        self.values.iter().map(move |value| {
            let mut word = Vec::new();
            style.write(*value, &mut word);
            word
        })
    }
}

impl NumberStyle {
    /// Writes a number as it was.
    #[inline]
    pub(crate) fn write(&self, value: i64, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.prefix);
        let mut buffer = itoa::Buffer::new();
        let digits = buffer.format(value.unsigned_abs()).as_bytes();
        let zeros = usize::from(self.digits).saturating_sub(digits.len());
        out.extend_from_slice(b"000000000000000000".get(..zeros).unwrap_or_default());
        out.extend_from_slice(digits);
        out.extend_from_slice(&self.suffix);
    }

    /// The number that is written as `word`, if there is one.
    pub(crate) fn read(&self, word: &[u8]) -> Option<i64> {
        let digits = word.strip_prefix(&*self.prefix)?.strip_suffix(&*self.suffix)?;
        let value = value_of(digits)?;
        let as_written = match self.digits {
            0 => !has_leading_zero(digits),
            count => digits.len() == usize::from(count),
        };
        as_written.then_some(value)
    }
}

#[inline]
fn value_of(digits: &[u8]) -> Option<i64> {
    if digits.is_empty() || digits.len() > DIGITS_MAX {
        return None;
    }
    let mut value = 0_i64;
    for digit in digits {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + i64::from(digit);
    }
    Some(value)
}

#[inline]
fn has_leading_zero(digits: &[u8]) -> bool {
    digits.len() > 1 && digits.first() == Some(&b'0')
}

/// Hexadecimal numbers in small letters, an even number of digits each.
#[derive(Debug)]
pub(crate) struct Hex {
    digits: usize,
    pub(crate) bytes: Vec<u8>,
}

impl Hex {
    /// So many times the number `word`, if it is one.
    pub(super) fn starting(word: &[u8], rows: u32) -> Option<Self> {
        if !(HEX_DIGITS_MIN..=HEX_DIGITS_MAX).contains(&word.len()) || !word.len().is_multiple_of(2) {
            return None;
        }
        let mut hex = Self {
            digits: word.len(),
            bytes: Vec::new(),
        };
        if !hex.push(word) {
            return None;
        }
        hex.bytes = hex.bytes.repeat(rows as usize);
        Some(hex)
    }

    /// The numbers, and one more that is none, but hexadecimal as they are.
    pub(super) fn of_numbers(numbers: &Numbers, word: &[u8]) -> Option<Self> {
        let mut words = numbers.words();
        let mut hex = Self::starting(&words.next()?, 1)?;
        (words.all(|word| hex.push(&word)) && hex.push(word)).then_some(hex)
    }

    /// Adds a number; tells whether `word` is one.
    #[inline]
    pub(super) fn push(&mut self, word: &[u8]) -> bool {
        if word.len() != self.digits {
            return false;
        }
        let start = self.bytes.len();
        let fits = pack_hex(word, &mut self.bytes);
        if !fits {
            self.bytes.truncate(start);
        }
        fits
    }

    /// Bytes of each number.
    pub(crate) fn width(&self) -> usize {
        self.digits / 2
    }

    /// What was pushed.
    pub(super) fn words(&self) -> impl Iterator<Item = Vec<u8>> {
        self.bytes.chunks_exact(self.width()).map(|bytes| {
            let mut word = Vec::new();
            write_hex(bytes, &mut word);
            word
        })
    }
}

/// Appends two digits a byte; tells whether all of `word` are digits in small letters.
#[inline]
pub(crate) fn pack_hex(word: &[u8], out: &mut Vec<u8>) -> bool {
    let mut seen = 0;
    for pair in word.chunks_exact(2) {
        let &[high, low] = pair else { return false };
        let (high, low) = (
            HEX_VALUES.get(usize::from(high)).copied().unwrap_or(0xff),
            HEX_VALUES.get(usize::from(low)).copied().unwrap_or(0xff),
        );
        seen |= high | low;
        out.push(high << 4 | low);
    }
    seen & 0x80 == 0
}

/// Appends two digits for each byte.
#[inline]
pub(crate) fn write_hex(bytes: &[u8], out: &mut Vec<u8>) {
    // In pieces on the stack: one copy for many digits.
    for bytes in bytes.chunks(32) {
        let mut digits = [0; 64];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(bytes) {
            pair.copy_from_slice(&HEX_PAIRS[usize::from(*byte)]);
        }
        out.extend_from_slice(digits.get(..2 * bytes.len()).unwrap_or_default());
    }
}

static HEX_VALUES: [u8; 256] = {
    let mut values = [0xff; 256];
    let mut digit = 0;
    while digit < 16 {
        values[b"0123456789abcdef"[digit] as usize] = digit as u8;
        digit += 1;
    }
    values
};

static HEX_PAIRS: [[u8; 2]; 256] = {
    let mut pairs = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        pairs[byte] = [b"0123456789abcdef"[byte >> 4], b"0123456789abcdef"[byte & 15]];
        byte += 1;
    }
    pairs
};
