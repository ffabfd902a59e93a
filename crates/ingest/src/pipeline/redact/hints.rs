//! Tells within tens of nanoseconds that a line holds nothing that is looked for.
//!
//! An automaton over all needles takes a nanosecond a byte, which is most of what a line may cost. A vectorised searcher is several times
//! faster as long as it looks for few short texts. So each needle is represented by a short text within it, shared where that is possible;
//! what holds none of these holds no needle.

use aho_corasick::AhoCorasick;
use aho_corasick::packed::{Config, MatchKind, Searcher};

/// Short texts that stand for needles. Three letters at least; they are rare in logs as far as the needles allow. A line is one bucket of
/// the vectorised searcher, which is asked by the halves of the first bytes of its texts, each for itself: these go together because they
/// make few false starts on real lines (`crates/ingest/examples/redact_speed.rs` shows what they cost).
const HINTS: [&[&str]; 16] = [
    &["pikey", "oken", "piKey", "eyJ"],
    &["EARER ", "ya29", "pi_key", "ECRET"],
    &["ASIA", "ABIA", "ASIC ", "AKIA"],
    &["VATE KEY", "SG.", "_test_", "PWD"],
    &["xox", "xapp-", "_live_", "_v1_"],
    &["T3Bl", "ACCA", "ecret", "ASSW"],
    &["gho_", "edential", "earer ", "ghr_"],
    &["OKEN", "ghs_", "ghu_", "hf_"],
    &["assphr", "AIza", "asic ", "assw"],
    &["pwd", "lpat-", "ghp_", "npm_"],
    &["hsec_", "k-ant-", "hvs.", "hvb."],
    &["lrt-", "pi-key", "ldt-", "pi-Key"],
    &["shp", "sig=", "slack.com", "s_key"],
    &["teKey", "te_key", "TE_KEY", "S_KEY"],
    // The shorter ones come last, so that the turns stay in step.
    &["sKey", "PI_KEY", "pypi-"],
    &["_pat_", "tKey=", "PIKEY"],
];

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
        let wanted: Vec<&str> = needles.iter().map(|needle| hint_of(needle)).collect();
        let hints = in_turn(&wanted);
        if hints.is_empty() {
            return Ok(Self::Automaton(None));
        }
        let mut builder = Config::new().match_kind(MatchKind::LeftmostFirst).builder();
        match builder.extend(&hints).build() {
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

/// The hints that are wanted, in the order in which the searcher gives them to the buckets they are meant for: it goes from one to the
/// next with each.
fn in_turn<'h>(wanted: &[&'h str]) -> Vec<&'h str> {
    let longest = HINTS.iter().map(|bucket| bucket.len()).max().unwrap_or(0);
    let turns = (0..longest).flat_map(|turn| HINTS.iter().filter_map(move |bucket| bucket.get(turn)));
    let of_table = turns.filter_map(|hint| wanted.iter().find(|wanted| *wanted == hint));
    let others = wanted.iter().filter(|wanted| !is_hint(wanted));
    of_table.chain(others).copied().collect()
}

fn is_hint(text: &str) -> bool {
    HINTS.iter().any(|bucket| bucket.contains(&text))
}

/// The text that stands for a needle; the needle itself where there is none.
fn hint_of(needle: &str) -> &str {
    let mut hints = HINTS.iter().flat_map(|bucket| bucket.iter());
    hints
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
                    assert!(is_hint(hint_of(needle)), "{needle}");
                }
            }
        }
    }
}
