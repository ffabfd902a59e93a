//! Which number the store gave a series, found by what its sender calls it, so that a steady sender's labels are neither
//! parsed nor sorted again.

use std::hash::{BuildHasherDefault, Hasher};

use hashbrown::HashMap;
use model::SeriesNumber;

use super::ha::ReplicaId;
use crate::limits::KNOWN_SERIES_MAX;

/// What a sender calls a series: XXH3-128 over the bytes it sends, seeded per process.
pub type Alias = u128;

/// What is known of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// Its number; none where nothing of it was stored yet.
    pub number: Option<SeriesNumber>,
    /// The replica that sends it, where it is one of several that send the same.
    pub(super) replica: Option<ReplicaId>,
}

/// The memory of all senders: two generations, so that what is not asked for any more is forgotten.
#[derive(Debug, Default)]
pub struct KnownSeries {
    young: Numbers,
    old: Numbers,
}

type Numbers = HashMap<Alias, Known, BuildHasherDefault<AliasHasher>>;

impl KnownSeries {
    /// What is known of an alias.
    #[inline]
    pub fn find(&self, alias: Alias) -> Option<Known> {
        self.young.get(&alias).or_else(|| self.old.get(&alias)).copied()
    }

    /// Remembers what is known of a series.
    pub fn learn(&mut self, alias: Alias, known: Known) {
        if self.young.len() >= KNOWN_SERIES_MAX / 2 && !self.young.contains_key(&alias) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(alias, known);
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

impl From<SeriesNumber> for Known {
    fn from(number: SeriesNumber) -> Self {
        Self {
            number: Some(number),
            replica: None,
        }
    }
}

/// A known series takes no more room than its alias asks for anyway.
const _: () = assert!(size_of::<(Alias, Known)>() == 2 * size_of::<Alias>());

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
        let number = |slot| Known::from(SeriesNumber { slot, generation: 1 });
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
