//! Looks for secrets: first whether there can be any, by what costs little, then where they are.

use ::regex::{Regex, RegexBuilder};
use aho_corasick::AhoCorasick;

use super::detectors::{Detector, SECRET_KEYS, When};
use super::hints::Hints;
use super::{OwnPattern, checks};
use crate::limits::PIPELINE_REGEX_BYTES;

/// Digits of the shortest card.
const CARD_DIGITS_MIN: usize = 13;
/// Characters of the shortest account number.
const IBAN_CHARACTERS_MIN: usize = 15;
/// What a pair is called whose name says that its value is a secret.
const KEY_VALUE: &str = "key_value";

/// Something that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found<'s> {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) kind: &'s str,
}

/// All that is looked for.
#[derive(Debug)]
pub(super) struct Scan {
    kinds: Vec<Kind>,
    own: Vec<(String, Regex)>,
    hints: Hints,
    /// All needles, and of each whose it is.
    needles: AhoCorasick,
    kinds_of_needles: Vec<usize>,
    /// Which byte some kind asks for: `@`, `~`.
    has_signs: bool,
    has_digits: bool,
    has_capitals: bool,
    has_keys: bool,
}

#[derive(Debug)]
struct Kind {
    detector: &'static Detector,
    expression: Regex,
}

impl Scan {
    pub(super) fn new(
        detectors: impl Iterator<Item = &'static Detector>,
        patterns: &[OwnPattern],
    ) -> Result<Self, String> {
        let kinds = detectors.map(|detector| {
            let expression = RegexBuilder::new(detector.expression)
                .size_limit(PIPELINE_REGEX_BYTES)
                .build();
            let expression = expression.map_err(|error| format!("{}: {error}", detector.name))?;
            Ok::<_, String>(Kind { detector, expression })
        });
        let kinds: Vec<Kind> = kinds.collect::<Result<_, _>>()?;
        let (mut needles, mut kinds_of_needles) = (Vec::new(), Vec::new());
        for (place, kind) in kinds.iter().enumerate() {
            if let When::Has(of_kind) = kind.detector.when {
                needles.extend_from_slice(of_kind);
                kinds_of_needles.resize(needles.len(), place);
            }
        }
        let has = |when: fn(When) -> bool| kinds.iter().any(|kind| when(kind.detector.when));
        Ok(Self {
            has_signs: has(|when| matches!(when, When::At | When::Tilde)),
            has_digits: has(|when| matches!(when, When::DigitRun)),
            has_capitals: has(|when| matches!(when, When::CapitalRun)),
            has_keys: kinds.iter().any(|kind| kind.detector.name == KEY_VALUE),
            hints: Hints::new(&needles)?,
            needles: AhoCorasick::new(&needles).map_err(|error| error.to_string())?,
            kinds_of_needles,
            own: patterns
                .iter()
                .map(|own| (own.name.clone(), own.expression.0.clone()))
                .collect(),
            kinds,
        })
    }

    pub(super) fn is_idle(&self) -> bool {
        self.kinds.is_empty() && self.own.is_empty()
    }

    /// Whether a text may hold something. Never wrong when it says no.
    pub(super) fn may_find(&self, text: &str) -> bool {
        let bytes = text.as_bytes();
        self.hints.is_match(bytes)
            || (self.has_signs && memchr::memchr2(b'@', b'~', bytes).is_some())
            || (self.has_digits && has_digit_run(bytes))
            || (self.has_capitals && has_capital_run(bytes))
            || self.own.iter().any(|(_, expression)| expression.is_match(text))
    }

    /// The same for the value of a pair, whose name may say that it is a secret.
    pub(super) fn may_find_named(&self, name: &str, value: &str) -> bool {
        (self.has_keys && is_secret_key(name) && checks::value(value).is_some()) || self.may_find(value)
    }

    /// What is in a text, in its order; nothing lies over anything else.
    pub(super) fn find<'s>(&'s self, name: &str, text: &str) -> Vec<Found<'s>> {
        let mut found: Vec<Found<'s>> = Vec::new();
        if self.has_keys && is_secret_key(name) && checks::value(text).is_some() {
            let end = text.len();
            return vec![Found {
                start: 0,
                end,
                kind: KEY_VALUE,
            }];
        }
        let mut has_needle = vec![false; self.kinds.len()];
        for needle in self.needles.find_overlapping_iter(text) {
            let kind = self.kinds_of_needles.get(needle.pattern().as_usize());
            if let Some(has) = kind.and_then(|kind| has_needle.get_mut(*kind)) {
                *has = true;
            }
        }
        for (kind, has_needle) in self.kinds.iter().zip(has_needle) {
            if has_needle || may_be_in(kind.detector, text) {
                find_one(
                    &kind.expression,
                    kind.detector.name,
                    kind.detector.check,
                    text,
                    &mut found,
                );
            }
        }
        for (name, expression) in &self.own {
            find_one(expression, name, checks::always, text, &mut found);
        }
        found.sort_unstable_by_key(|found| found.start);
        found
    }
}

/// So much of one value may look like a secret and be none; then all the rest of it is hidden. Each look goes to the value's end, so that
/// without a bound a line of nothing else would take the square of its length.
const LOOKALIKES_MAX: usize = 64;

fn find_one<'s>(
    expression: &Regex,
    kind: &'s str,
    check: fn(&str) -> Option<usize>,
    text: &str,
    found: &mut Vec<Found<'s>>,
) {
    let mut at = 0;
    let (mut lookalikes, mut of_value) = (0, 0);
    while let Some(captures) = expression.captures_at(text, at) {
        let Some(whole) = captures.get(0) else { return };
        let named = expression
            .capture_names()
            .flatten()
            .find_map(|name| captures.name(name));
        let held = named.unwrap_or(whole);
        if of_value != held.end() {
            (lookalikes, of_value) = (0, held.end());
        }
        let length = check(held.as_str()).filter(|length| *length > 0);
        let all_of_it = (lookalikes == LOOKALIKES_MAX).then_some(held.len());
        if let Some(length) = length.or(all_of_it) {
            let (start, end) = (held.start(), held.start() + length);
            let is_free = found.iter().all(|other| end <= other.start || start >= other.end);
            if is_free {
                found.push(Found { start, end, kind });
            }
            at = end.max(whole.start() + 1);
        } else {
            // What only looked like it may hide one that begins within.
            lookalikes += 1;
            at = held.start().max(whole.start() + 1);
            if named.is_some() {
                at = at.max(held.start() + 1);
            }
        }
        while !text.is_char_boundary(at) {
            at += 1;
        }
        if at > text.len() {
            return;
        }
    }
}

/// Whether a text has what a kind without needles asks for.
fn may_be_in(detector: &Detector, text: &str) -> bool {
    let bytes = text.as_bytes();
    match detector.when {
        When::Has(_) => false,
        When::Tilde => memchr::memchr(b'~', bytes).is_some(),
        When::At => memchr::memchr(b'@', bytes).is_some(),
        When::DigitRun => has_digit_run(bytes),
        When::CapitalRun => has_capital_run(bytes),
    }
}

fn is_secret_key(name: &str) -> bool {
    !name.is_empty() && SECRET_KEYS.iter().any(|key| name.ends_with(key))
}

/// Whether there are digits enough for a card in a row, with nothing but blanks and dashes between them.
fn has_digit_run(text: &[u8]) -> bool {
    let is_part = |byte: u8| byte.is_ascii_digit() || matches!(byte, b' ' | b'-');
    has_run(text, CARD_DIGITS_MIN, is_part, |run| {
        run.iter().filter(|byte| byte.is_ascii_digit()).count() >= CARD_DIGITS_MIN
    })
}

fn has_capital_run(text: &[u8]) -> bool {
    let is_part = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b' ';
    has_run(text, IBAN_CHARACTERS_MIN, is_part, |run| {
        run.iter().filter(|byte| **byte != b' ').count() >= IBAN_CHARACTERS_MIN
    })
}

/// Whether a run of such bytes, `length` of them at least, is enough. A run cannot be missed by looking at every `length`th byte.
fn has_run(
    text: &[u8],
    length: usize,
    is_part: impl Fn(u8) -> bool,
    is_enough: impl Fn(&[u8]) -> bool,
) -> bool {
    let mut at = length - 1;
    while let Some(byte) = text.get(at) {
        if !is_part(*byte) {
            at += length;
            continue;
        }
        let (before, after) = text.split_at(at);
        let start = at - before.iter().rev().take_while(|byte| is_part(**byte)).count();
        let end = at + after.iter().take_while(|byte| is_part(**byte)).count();
        if text.get(start..end).is_some_and(&is_enough) {
            return true;
        }
        at = end + length;
    }
    false
}
