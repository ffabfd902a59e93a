//! Judges which templates of one skeleton are the same one with a wildcard.
//!
//! A new line differs from a known template in some words. One difference says little: `session opened` and `session closed` are two
//! events. When several templates differ in the same places and nowhere else, and as many different words have stood there as the
//! rest of the line calls for, these places vary. The less of a line is left, the more words are needed.

use crate::limits::CANDIDATES_MAX;

use super::template::{Template, Word};
use super::words;

/// Different words at a place that make it a wildcard, before what is left of the line is looked at.
const DISTINCT_WORDS: usize = 4;
/// Fewer do behind a word that announces a name.
const DISTINCT_NAMES: usize = 2;
/// More do where one is the value of a switch.
const DISTINCT_SWITCHES: usize = 6;
/// What a place costs, shared among the words that are left.
const LEFT_OVER_WEIGHT: usize = 4;
/// Places that may become wildcards at once.
const PLACES_MAX: u32 = 2;

/// How a new template differs from a known one.
#[derive(Debug, Clone, Copy)]
struct Difference {
    /// Places where the two differ.
    places: u128,
    /// Places where they differ and both have words.
    words: u128,
}

/// Whether a template says nothing else than a known one: wherever they differ, the known one has a wildcard. Templates that are
/// little but wildcards take in nobody.
pub(super) fn takes_in(known: &[Word], new: &[u32]) -> bool {
    let (mut loose, mut kept) = (0, 0);
    for (known, new) in known.iter().zip(new) {
        if *new == 0 && known.hash != 0 {
            return false;
        }
        if known.hash == *new {
            kept += usize::from(*new != 0);
        } else if known.hash == 0 {
            loose += 1;
        } else {
            return false;
        }
    }
    loose <= kept
}

/// Whether a template lies within a wider one of the same skeleton.
pub(super) fn lies_within(wide: &[Word], narrow: &[Word]) -> bool {
    wide.iter()
        .zip(narrow)
        .all(|(wide, narrow)| wide.hash == 0 || wide.hash == narrow.hash)
}

/// The places at which a new template and known ones of its skeleton become one; none where it stays apart. Known ones come most
/// recent first.
pub(super) fn places_that_vary(new: &Template, known: &[&Template]) -> Option<u128> {
    let differences: Vec<(Difference, &Template)> = known
        .iter()
        .take(CANDIDATES_MAX)
        .map(|known| (difference(&new.words, &known.words), *known))
        .collect();
    let constants = new.words.iter().filter(|word| word.hash != 0).count();
    let mut best: Option<((u32, u32, usize), u128)> = None;
    for (candidate, template) in &differences {
        let count = candidate.words.count_ones();
        let left = constants - constants_within(&new.words, candidate.places);
        let loose = (candidate.places.count_ones() - count) as usize;
        if count > PLACES_MAX || left == 0 || loose > left {
            continue;
        }
        let members = differences
            .iter()
            .filter(|(other, _)| other.places & !candidate.places == 0);
        let distinct = fewest_distinct(new, candidate.words, members.clone().map(|(_, known)| *known));
        if count == 0 || distinct * left >= needed(new, template, candidate.words, left) {
            let rank = (count, candidate.places.count_ones(), usize::MAX - members.count());
            if best.is_none_or(|(known, _)| rank < known) {
                best = Some((rank, candidate.places));
            }
        }
    }
    best.map(|(_, places)| places)
}

fn difference(new: &[Word], known: &[Word]) -> Difference {
    let mut found = Difference { places: 0, words: 0 };
    for (place, (new, known)) in new.iter().zip(known).enumerate() {
        let differs = u128::from(new.hash != known.hash);
        let are_words = u128::from(new.hash != 0 && known.hash != 0);
        found.places |= differs << place;
        found.words |= (differs & are_words) << place;
    }
    found
}

fn constants_within(words: &[Word], places: u128) -> usize {
    of(places)
        .filter(|place| words.get(*place).is_some_and(|word| word.hash != 0))
        .count()
}

/// How many different words stand at the place where there are fewest.
fn fewest_distinct<'t>(
    new: &Template,
    places: u128,
    members: impl Iterator<Item = &'t Template> + Clone,
) -> usize {
    let distinct = |place: usize| {
        let hash = |template: &Template| template.words.get(place).map_or(0, |word| word.hash);
        let mut words: Vec<u32> = members.clone().map(hash).chain([hash(new)]).collect();
        words.sort_unstable();
        words.dedup();
        words.len()
    };
    of(places).map(distinct).min().unwrap_or(0)
}

/// How many different words are needed, times the words that are left.
fn needed(new: &Template, known: &Template, places: u128, left: usize) -> usize {
    let at_place = |place: usize| {
        if words::is_switch(new.word(place)) || words::is_switch(known.word(place)) {
            DISTINCT_SWITCHES
        } else if words::announces_a_name(new.word_before(place)) {
            DISTINCT_NAMES
        } else {
            DISTINCT_WORDS
        }
    };
    let most = of(places).map(at_place).max().unwrap_or(0);
    most * left + LEFT_OVER_WEIGHT * places.count_ones() as usize
}

/// The places whose bits are set.
fn of(places: u128) -> impl Iterator<Item = usize> {
    let mut left = places;
    std::iter::from_fn(move || {
        let place = left.trailing_zeros();
        left &= left.wrapping_sub(1);
        (place < u128::BITS).then_some(place as usize)
    })
}
