//! Counts different members: exactly up to a bound, and beyond it within about 1.6 % in a fixed 4 KiB (HyperLogLog: Flajolet
//! et al. 2007; small ranges by linear counting).

use std::collections::HashSet;

use xxhash_rust::xxh3::xxh3_64;

use crate::limits::STATSD_SET_EXACT_MAX;

/// Registers of the estimate: 2^12, each a byte.
const REGISTER_BITS: u32 = 12;

/// The different members seen so far.
#[derive(Debug, Clone)]
pub(super) enum Distinct {
    /// Hashes of all of them.
    Exact(HashSet<u64>),
    /// The longest run of zero bits by the first bits of the hash.
    Estimated(Box<[u8]>),
}

impl Distinct {
    pub(super) fn add(&mut self, member: &str) {
        let hash = xxh3_64(member.as_bytes());
        match self {
            Self::Exact(hashes) => {
                hashes.insert(hash);
                if hashes.len() > STATSD_SET_EXACT_MAX {
                    let mut registers = vec![0; 1 << REGISTER_BITS].into_boxed_slice();
                    for hash in hashes.iter() {
                        note(&mut registers, *hash);
                    }
                    *self = Self::Estimated(registers);
                }
            }
            Self::Estimated(registers) => note(registers, hash),
        }
    }

    /// How many there are.
    pub(super) fn count(&self) -> f64 {
        match self {
            Self::Exact(hashes) => hashes.len() as f64,
            Self::Estimated(registers) => estimate(registers).round(),
        }
    }
}

impl Default for Distinct {
    fn default() -> Self {
        Self::Exact(HashSet::new())
    }
}

fn note(registers: &mut [u8], hash: u64) {
    let place = (hash >> (64 - REGISTER_BITS)) as usize;
    let run = ((hash << REGISTER_BITS) | (1 << (REGISTER_BITS - 1))).leading_zeros() as u8 + 1;
    if let Some(register) = registers.get_mut(place) {
        *register = run.max(*register);
    }
}

fn estimate(registers: &[u8]) -> f64 {
    let count = registers.len() as f64;
    let sum: f64 = registers.iter().map(|run| (-f64::from(*run)).exp2()).sum();
    let raw = 0.7213 / (1.0 + 1.079 / count) * count * count / sum;
    let empty = registers.iter().map(|run| usize::from(*run == 0)).sum::<usize>();
    if raw <= 2.5 * count && empty > 0 {
        return count * (count / empty as f64).ln();
    }
    raw
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_are_counted_and_many_are_estimated() {
        let mut distinct = Distinct::default();
        for round in 0..3 {
            for member in 0..STATSD_SET_EXACT_MAX {
                distinct.add(&member.to_string());
            }
            assert_eq!(distinct.count() as usize, STATSD_SET_EXACT_MAX, "round {round}");
        }
        for many in [2_000_u32, 20_000, 200_000] {
            for member in 0..many {
                distinct.add(&member.to_string());
            }
            let off = distinct.count() / f64::from(many) - 1.0;
            assert!(off.abs() < 0.05, "{many} are told as {}", distinct.count());
            assert!(matches!(&distinct, Distinct::Estimated(registers) if registers.len() == 4096));
        }
    }
}
