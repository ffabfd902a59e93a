//! Functions of labels and of order: `label_replace`, `label_join`, `sort` and its kin (querying/functions).

use std::cmp::Ordering;

use regex::Regex;

use super::calls::texts;
use super::data::Labels;
use super::evaluate::{Context, Entry, NAME, text, unique, vector};
use super::number::{Outcome, Stop};
use super::tree::Expr;

/// `label_replace(v, to, replacement, from, pattern)`
pub(crate) fn replace(arguments: &[Expr], context: Context<'_>) -> Outcome<Vec<Entry>> {
    let (to, replacement) = (text(&arguments[1]), text(&arguments[2]));
    let (from, pattern) = (text(&arguments[3]), text(&arguments[4]));
    let mut entries = vector(&arguments[0], context)?;
    let Ok(pattern) = Regex::new(&format!("^(?s:{pattern})$")) else {
        return Err(Stop::Error("invalid regular expression"));
    };
    if to.is_empty() {
        return Err(Stop::Error("invalid destination label name"));
    }
    for entry in &mut entries {
        let value = of(&entry.labels, from).to_owned();
        if let Some(found) = pattern.captures(&value) {
            let mut replaced = String::new();
            found.expand(replacement, &mut replaced);
            set(entry, to, replaced);
        }
    }
    unique(entries)
}

/// `label_join(v, to, separator, from, …)`
pub(crate) fn join(arguments: &[Expr], context: Context<'_>) -> Outcome<Vec<Entry>> {
    let (to, separator) = (text(&arguments[1]), text(&arguments[2]));
    let mut entries = vector(&arguments[0], context)?;
    for entry in &mut entries {
        let values: Vec<&str> = texts(arguments, 3)
            .iter()
            .map(|from| of(&entry.labels, from))
            .collect();
        let joined = values.join(separator);
        set(entry, to, joined);
    }
    unique(entries)
}

fn of<'a>(labels: &'a Labels, name: &str) -> &'a str {
    labels.get(name).map_or("", String::as_str)
}

/// Sets a label; an empty one is none. A name that is set stays.
fn set(entry: &mut Entry, name: &str, value: String) {
    if value.is_empty() {
        entry.labels.remove(name);
    } else {
        entry.labels.insert(name.to_owned(), value);
    }
    if name == NAME {
        entry.drops_name = false;
    }
}

/// By value, NaN last.
pub(crate) fn sorted(arguments: &[Expr], context: Context<'_>, descending: bool) -> Outcome<Vec<Entry>> {
    let mut entries = vector(&arguments[0], context)?;
    entries.sort_by(|left, right| {
        let (left, right) = (left.number.value, right.number.value);
        let by_size = left.partial_cmp(&right).unwrap_or(Ordering::Equal);
        let by_size = if descending { by_size.reverse() } else { by_size };
        left.is_nan().cmp(&right.is_nan()).then(by_size)
    });
    Ok(entries)
}

/// By some labels in natural order, then by all.
pub(crate) fn sorted_by(arguments: &[Expr], context: Context<'_>, descending: bool) -> Outcome<Vec<Entry>> {
    let mut entries = vector(&arguments[0], context)?;
    let names = texts(arguments, 1);
    entries.sort_by(|left, right| {
        let by_name = |name: &&str| natural(of(&left.labels, name)).cmp(&natural(of(&right.labels, name)));
        let order = names
            .iter()
            .map(by_name)
            .find(|order| *order != Ordering::Equal)
            .unwrap_or_else(|| left.labels.cmp(&right.labels));
        if descending { order.reverse() } else { order }
    });
    Ok(entries)
}

/// Letters, and numbers by their size: `a2` comes before `a10`. No number of the data starts with a zero.
fn natural(text: &str) -> Vec<(char, u64)> {
    let mut parts = Vec::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let Some(mut number) = letter.to_digit(10).map(u64::from) else {
            parts.push((letter, 0));
            continue;
        };
        while let Some(digit) = letters.peek().and_then(|letter| letter.to_digit(10)) {
            number = number * 10 + u64::from(digit);
            letters.next();
        }
        parts.push(('0', number));
    }
    parts
}
