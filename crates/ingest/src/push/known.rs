//! Which number the store gave a series, found by what its sender calls it, so that a steady sender's labels are neither
//! parsed nor sorted again.

use std::hash::{BuildHasherDefault, Hasher};

use hashbrown::HashMap;
use model::SeriesNumber;

use crate::limits::KNOWN_SERIES_MAX;

/// What a sender calls a series: XXH3-128 over the bytes it sends, seeded per process.
pub type Alias = u128;

/// The memory of all senders: two generations, so that what is not asked for any more is forgotten.
#[derive(Debug, Default)]
pub struct KnownSeries {
    young: Numbers,
    old: Numbers,
}

type Numbers = HashMap<Alias, SeriesNumber, BuildHasherDefault<AliasHasher>>;

impl KnownSeries {
    /// The number that belongs to an alias.
    #[inline]
    pub fn find(&self, alias: Alias) -> Option<SeriesNumber> {
        self.young.get(&alias).or_else(|| self.old.get(&alias)).copied()
    }

    /// Remembers a number.
    pub fn learn(&mut self, alias: Alias, number: SeriesNumber) {
        if self.young.len() >= KNOWN_SERIES_MAX / 2 && !self.young.contains_key(&alias) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(alias, number);
    }

    /// Forgets an alias.
    pub fn forget(&mut self, alias: Alias) {
        self.young.remove(&alias);
        self.old.remove(&alias);
    }

    /// How many aliases are known.
    pub fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// An alias is a hash already.
#[derive(Debug, Default, Clone, Copy)]
pub struct AliasHasher(u64);

impl Hasher for AliasHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }

    fn write_u128(&mut self, alias: u128) {
        self.0 = alias as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_asked_for_is_forgotten_in_the_end() {
        let number = |slot| SeriesNumber { slot, generation: 1 };
        let mut known = KnownSeries::default();
        known.learn(7, number(7));
        assert_eq!((known.find(7), known.find(8)), (Some(number(7)), None));
        known.forget(7);
        assert!(known.is_empty());
        let half = KNOWN_SERIES_MAX as u128 / 2;
        (0..half * 2).for_each(|alias| known.learn(alias, number(alias as u32)));
        assert_eq!(known.find(0), Some(number(0)));
        known.learn(half * 2, number(1));
        assert_eq!(known.find(0), None);
        assert!(known.len() <= KNOWN_SERIES_MAX);
    }
}
