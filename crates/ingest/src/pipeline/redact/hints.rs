//! Tells within tens of nanoseconds that a line holds nothing that is looked for.
//!
//! An automaton over all needles takes a nanosecond a byte, which is most of what a line may cost. A vectorised searcher is several times
//! faster as long as it looks for few short texts. So each needle is represented by a short text within it, shared where that is possible;
//! what holds none of these holds no needle.

use aho_corasick::AhoCorasick;
use aho_corasick::packed::{Config, MatchKind, Searcher};

/// Short texts that stand for needles. Three letters at least; they are rare in logs as far as the needles allow.
const HINTS: &[&str] = &[
    "VATE KEY",
    "AKIA",
    "ASIA",
    "ABIA",
    "ACCA",
    "AIza",
    "ya29",
    "tKey=",
    "sig=",
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "_pat_",
    "lpat-",
    "ldt-",
    "lrt-",
    "xapp-",
    "slack.com",
    "_live_",
    "_test_",
    "hsec_",
    "T3Bl",
    "k-ant-",
    "npm_",
    "pypi-",
    "_v1_",
    "hvs.",
    "hvb.",
    "earer ",
    "EARER ",
    "asic ",
    "ASIC ",
    "assw",
    "ASSW",
    "assphr",
    "ecret",
    "ECRET",
    "oken",
    "OKEN",
    "pi_key",
    "pikey",
    "piKey",
    "pi-key",
    "pi-Key",
    "PI_KEY",
    "PIKEY",
    "s_key",
    "sKey",
    "S_KEY",
    "te_key",
    "teKey",
    "TE_KEY",
    "edential",
    "xox",
    "shp",
    "hf_",
    "SG.",
    "eyJ",
    "pwd",
    "PWD",
];

/// A vectorised searcher has so many buckets, and gives the texts to them in turn.
const BUCKETS: usize = 16;

/// Looks for hints of needles.
#[derive(Debug)]
pub(super) enum Hints {
    /// Vectorised.
    Packed(Searcher),
    /// Where this machine has no such instructions, or there are none to look for.
    Automaton(Option<AhoCorasick>),
}

impl Hints {
    pub(super) fn new(needles: &[&str]) -> Result<Self, String> {
        let mut hints: Vec<&str> = needles.iter().map(|needle| hint_of(needle)).collect();
        hints.sort_unstable();
        hints.dedup();
        if hints.is_empty() {
            return Ok(Self::Automaton(None));
        }
        let mut builder = Config::new().match_kind(MatchKind::LeftmostFirst).builder();
        match builder.extend(alike_in_a_bucket(hints.clone())).build() {
            Some(searcher) => Ok(Self::Packed(searcher)),
            None => AhoCorasick::new(&hints)
                .map(|automaton| Self::Automaton(Some(automaton)))
                .map_err(|error| error.to_string()),
        }
    }

    /// Whether there is a hint of a needle.
    pub(super) fn is_match(&self, text: &[u8]) -> bool {
        match self {
            Self::Packed(searcher) => searcher.find(text).is_some(),
            Self::Automaton(automaton) => automaton
                .as_ref()
                .is_some_and(|automaton| automaton.is_match(text)),
        }
    }
}

/// The order in which texts that begin alike come into the same bucket: a bucket is asked by the halves of the first bytes of its texts,
/// each for itself, and makes fewer false starts the more of them are the same.
fn alike_in_a_bucket(mut hints: Vec<&str>) -> Vec<&str> {
    hints.sort_by_key(|hint| {
        let halves = |half: fn(u8) -> u8| hint.bytes().take(2).map(half).collect::<Vec<u8>>();
        (halves(|byte| byte >> 4), halves(|byte| byte & 15))
    });
    let in_each = hints.len().div_ceil(BUCKETS);
    let rounds = (0..in_each).flat_map(|round| hints.iter().skip(round).step_by(in_each));
    rounds.copied().collect()
}

/// The text that stands for a needle; the needle itself where there is none.
fn hint_of(needle: &str) -> &str {
    HINTS
        .iter()
        .find(|hint| needle.contains(**hint))
        .copied()
        .unwrap_or(needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_needle_has_a_hint() {
        for detector in super::super::all() {
            if let super::super::detectors::When::Has(needles) = detector.when {
                for needle in needles {
                    assert!(HINTS.contains(&hint_of(needle)), "{needle}");
                }
            }
        }
    }
}
