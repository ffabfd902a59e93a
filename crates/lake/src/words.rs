//! Takes a line apart: runs of letters and digits are its words, everything between them is its shape.
//!
//! Lines that a program writes at one place of its code differ in their words and share their shape, so the words of many lines
//! make columns. Bytes above ASCII count as letters: a shape never cuts a character.

/// Stands for a word in a shape; as a letter it is never part of what lies between words.
pub(crate) const WORD: u8 = b'w';

/// Where the words of a line lie.
#[derive(Debug, Default)]
pub(crate) struct Words {
    /// Of every word its start and its end in the line.
    pub(crate) spans: Vec<(u32, u32)>,
    /// What lies between the words, with [`WORD`] for each.
    pub(crate) shape: Vec<u8>,
}

impl Words {
    /// Takes `line` apart.
    pub(crate) fn split(&mut self, line: &[u8]) {
        self.spans.clear();
        self.shape.clear();
        let mut cut = Cut {
            words: self,
            line,
            start: 0,
            in_word: false,
        };
        let mut chunks = line.chunks_exact(64);
        let mut at = 0;
        for chunk in &mut chunks {
            cut.edges(letters(chunk), at, 64);
            at += 64;
        }
        let rest = chunks.remainder();
        if !rest.is_empty() {
            let mut padded = [b' '; 64];
            padded[..rest.len()].copy_from_slice(rest);
            cut.edges(letters(&padded), at, rest.len());
        }
        cut.end();
    }
}

/// A line while it is taken apart.
struct Cut<'a> {
    words: &'a mut Words,
    line: &'a [u8],
    /// Where the word or the gap began that is being read.
    start: usize,
    in_word: bool,
}

impl Cut<'_> {
    /// Takes in 64 bytes from `at` on, of which `length` are part of the line; a bit of `letters` says that a byte is one.
    fn edges(&mut self, letters: u64, at: usize, length: usize) {
        let before = letters << 1 | u64::from(self.in_word);
        let mut edges = letters ^ before;
        if length < 64 {
            edges &= (1 << length) - 1;
        }
        while edges != 0 {
            let edge = at + edges.trailing_zeros() as usize;
            self.turn(edge);
            edges &= edges - 1;
        }
    }

    /// A word begins or ends.
    #[inline]
    fn turn(&mut self, edge: usize) {
        if self.in_word {
            self.words.spans.push((self.start as u32, edge as u32));
            self.words.shape.push(WORD);
        } else {
            self.gap(edge);
        }
        self.start = edge;
        self.in_word = !self.in_word;
    }

    #[inline]
    fn gap(&mut self, end: usize) {
        let gap = self.line.get(self.start..end).unwrap_or_default();
        for byte in gap {
            self.words.shape.push(*byte);
        }
    }

    fn end(&mut self) {
        let end = self.line.len();
        if self.in_word {
            self.turn(end);
        } else {
            self.gap(end);
        }
    }
}

/// A bit for each of 64 bytes: whether it is part of a word.
#[inline]
fn letters(bytes: &[u8]) -> u64 {
    let mut flags = [0_u8; 64];
    for (flag, byte) in flags.iter_mut().zip(bytes) {
        *flag = u8::from((byte | 0x20).wrapping_sub(b'a') < 26)
            | u8::from(byte.wrapping_sub(b'0') < 10)
            | (byte >> 7);
    }
    let mut bits = 0;
    for (place, eight) in flags.chunks_exact(8).enumerate() {
        let eight = eight.first_chunk().map_or(0, |eight| u64::from_le_bytes(*eight));
        // Gathers the low bits of eight bytes in the highest one.
        bits |= (eight.wrapping_mul(0x0102_0408_1020_4080) >> 56) << (8 * place);
    }
    bits
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn is_letter(byte: u8) -> bool {
        byte.is_ascii_alphanumeric() || !byte.is_ascii()
    }

    fn plain(line: &[u8]) -> (Vec<(u32, u32)>, Vec<u8>) {
        let (mut spans, mut shape) = (Vec::new(), Vec::new());
        let mut place = 0;
        while let Some(&byte) = line.get(place) {
            if is_letter(byte) {
                let start = place;
                while line.get(place).is_some_and(|byte| is_letter(*byte)) {
                    place += 1;
                }
                spans.push((start as u32, place as u32));
                shape.push(WORD);
            } else {
                shape.push(byte);
                place += 1;
            }
        }
        (spans, shape)
    }

    proptest! {
        #[test]
        fn words_and_gaps_are_those_found_byte_by_byte(line in "[a-c0-1 :/ä]{0,200}") {
            let mut words = Words::default();
            words.split(line.as_bytes());
            prop_assert_eq!((words.spans, words.shape), plain(line.as_bytes()));
        }
    }

    #[test]
    fn the_shape_of_a_line_is_what_lies_between_its_words() {
        let mut words = Words::default();
        let line = r#"{"user":"Jörg","ms":12.5}"#.as_bytes();
        words.split(line);
        assert_eq!(words.shape, br#"{"w":"w","w":w.w}"#);
        assert_eq!(words.spans.get(1), Some(&(9, 14)));
    }
}
