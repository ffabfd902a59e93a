//! Words by number: each kept once, numbered in the order of coming.

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use xxhash_rust::xxh3::xxh3_64;

/// Distinct words, and the number of each row's word.
#[derive(Debug, Default)]
pub(crate) struct Dictionary {
    text: Vec<u8>,
    ends: Vec<u32>,
    by_hash: HashTable<u32>,
    /// Of every row the number of its word.
    pub(crate) codes: Vec<u32>,
}

impl Dictionary {
    /// The words of the rows so far, and one more.
    pub(super) fn of<W: AsRef<[u8]>>(words: impl Iterator<Item = W>, word: &[u8]) -> Self {
        let mut dictionary = Self::default();
        for known in words {
            dictionary.push(known.as_ref());
        }
        dictionary.push(word);
        dictionary
    }

    /// Adds a row.
    pub(super) fn push(&mut self, word: &[u8]) {
        // Neighbours are often alike.
        if let Some(&last) = self.codes.last()
            && self.word(last) == word
        {
            self.codes.push(last);
            return;
        }
        let code = self.code(word);
        self.codes.push(code);
    }

    fn code(&mut self, word: &[u8]) -> u32 {
        let (text, ends) = (&mut self.text, &mut self.ends);
        let hash = xxh3_64(word);
        let entry = self.by_hash.entry(
            hash,
            |&code| word_at(text, ends, code) == word,
            |&code| xxh3_64(word_at(text, ends, code)),
        );
        match entry {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(place) => {
                let code = ends.len() as u32;
                place.insert(code);
                text.extend_from_slice(word);
                ends.push(text.len() as u32);
                code
            }
        }
    }

    /// How many distinct words there are.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The word with a number.
    pub(crate) fn word(&self, code: u32) -> &[u8] {
        word_at(&self.text, &self.ends, code)
    }
}

fn word_at<'t>(text: &'t [u8], ends: &[u32], code: u32) -> &'t [u8] {
    let end = |code: u32| ends.get(code as usize).copied().unwrap_or_default() as usize;
    let start = code.checked_sub(1).map_or(0, end);
    text.get(start..end(code)).unwrap_or_default()
}
