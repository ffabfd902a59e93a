//! Reads series as rule unit tests and test scripts write them: `up{job="node"} 1+2x3 _ stale {{count:2 buckets:[1 1]}}x3`.
//!
//! In: text from unit test files.  Out: [`Labels`], and values one interval apart, to `alerting`'s unit tests.
//! Owns: nothing.
//! Invariants: what is accepted is what Prometheus' `ParseSeriesDesc` accepts (`tests/syntax.rs`); no word makes more values
//! than a series may have (`tests::repetition_is_bounded`).
//! Not here: the store that such series are put into (`model::memory_series`).
//! Start at: [`parse`].

mod histogram;

use std::sync::Arc;

use model::{Histogram, Labels, MatcherOp, STALE_NAN};

use crate::limits;
use crate::parser;

pub use histogram::write as write_histogram;

/// A series and its values, one per interval.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesDescription {
    /// Its labels, the metric's name included.
    pub labels: Labels,
    /// Its values; `None` where there is no sample.
    pub values: Vec<Option<WrittenValue>>,
}

/// A value as it is written.
#[derive(Debug, Clone, PartialEq)]
pub enum WrittenValue {
    /// A number; a stale marker among them.
    Float(f64),
    /// A native histogram.
    Histogram {
        /// The histogram.
        histogram: Arc<Histogram>,
        /// Whether something is said about its resets.
        says_resets: bool,
    },
}

/// Reads a metric and the values behind it.
///
/// # Errors
/// What does not read as a metric or as a value.
pub fn parse(text: &str) -> Result<SeriesDescription, String> {
    let text = text.trim();
    let (metric, values) = text.split_at(metric_end(text));
    Ok(SeriesDescription {
        labels: parse_metric(metric)?,
        values: parse_values(values)?,
    })
}

/// Reads a metric: `up{job="node"}`, `{"a name", job="node"}`; nothing is the empty set of labels.
///
/// # Errors
/// What does not read as a metric; matchers other than `=` are none.
pub fn parse_metric(text: &str) -> Result<Labels, String> {
    let matchers = parser::parse_metric(text).map_err(|error| error.to_string())?;
    if let Some(other) = matchers.iter().find(|matcher| *matcher.op() != MatcherOp::Equal) {
        return Err(format!("{text:?} is no series: {other} names no one value"));
    }
    let pairs = matchers.iter().map(|matcher| (matcher.name(), matcher.value()));
    Ok(Labels::from_pairs(pairs))
}

/// Reads values one interval apart: `1`, `_`, `stale`, `_x3`, `1x3`, `1+2x3`, `{{…}}`, `{{…}}+{{…}}x3`.
///
/// # Errors
/// The word that is no value, or that the series grows too long.
pub fn parse_values(text: &str) -> Result<Vec<Option<WrittenValue>>, String> {
    let mut values = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (word, behind) = rest.split_at(word_end(rest));
        rest = behind.trim_start();
        if word.starts_with("{{") {
            histogram::expand(word, &mut values)?;
        } else {
            expand(word, &mut values)?;
        }
    }
    Ok(values)
}

/// Where the metric ends that `text` starts with: behind its braces, or before the blank behind its name.
fn metric_end(text: &str) -> usize {
    let name_end = text
        .find(|char: char| char == '{' || char.is_whitespace())
        .unwrap_or(text.len());
    let (name, rest) = text.split_at(name_end);
    let blanks = rest.len() - rest.trim_start().len();
    let braces = rest.trim_start();
    if !braces.starts_with('{') || braces.starts_with("{{") {
        return name.len();
    }
    let mut quote = None;
    let mut is_escaped = false;
    for (at, char) in braces.char_indices() {
        match quote {
            Some(_) if is_escaped => is_escaped = false,
            Some(open) if char == '\\' && open != '`' => is_escaped = true,
            Some(open) if char == open => quote = None,
            Some(_) => {}
            None if matches!(char, '"' | '\'' | '`') => quote = Some(char),
            None if char == '}' => return name.len() + blanks + at + 1,
            None => {}
        }
    }
    text.len()
}

/// Where a word ends: at a blank that is not within braces.
fn word_end(text: &str) -> usize {
    let mut depth = 0_usize;
    for (at, char) in text.char_indices() {
        match char {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ if char.is_whitespace() && depth == 0 => return at,
            _ => {}
        }
    }
    text.len()
}

fn expand(word: &str, values: &mut Vec<Option<WrittenValue>>) -> Result<(), String> {
    let bad = || format!("bad value {word:?}");
    let number = |text: &str| model::number::parse_float(&text.to_ascii_lowercase());
    let (head, repeated) = match number(word) {
        Some(_) => (word, None),
        None => match word.rsplit_once('x') {
            Some((head, count)) => (head, Some(count.parse::<usize>().map_err(|_| bad())?)),
            None => (word, None),
        },
    };
    // A missing sample is repeated that often, a value stands once more.
    let count = match (head, repeated) {
        ("_", Some(count)) => count,
        (_, count) => count.unwrap_or(0).saturating_add(1),
    };
    check_room(values, count)?;
    match head {
        "_" => values.extend(std::iter::repeat_n(None, count)),
        "stale" => values.extend(std::iter::repeat_n(Some(WrittenValue::Float(STALE_NAN)), count)),
        _ => {
            let (mut value, step) = match number(head) {
                Some(value) => (value, 0.0),
                None if repeated.is_some() => start_and_step(head, number).ok_or_else(bad)?,
                None => return Err(bad()),
            };
            for _ in 0..count {
                values.push(Some(WrittenValue::Float(value)));
                value += step;
            }
        }
    }
    Ok(())
}

/// Refuses to make a series of more values than it may have.
fn check_room(values: &[Option<WrittenValue>], more: usize) -> Result<(), String> {
    let count = values.len().saturating_add(more);
    if count > limits::WRITTEN_VALUES_MAX {
        return Err(format!(
            "the series has {count} values, the limit is {}; use a longer interval",
            limits::WRITTEN_VALUES_MAX
        ));
    }
    Ok(())
}

/// `1+2`, `1-2`, exponents included (`1e+3+2`).
fn start_and_step(text: &str, number: impl Fn(&str) -> Option<f64>) -> Option<(f64, f64)> {
    let mut signs = text
        .char_indices()
        .skip(1)
        .filter(|(_, char)| matches!(char, '+' | '-'));
    signs.find_map(|(at, _)| {
        let (start, step) = text.split_at(at);
        Some((number(start)?, number(step)?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn floats(text: &str) -> Vec<Option<f64>> {
        let values = parse_values(text).unwrap();
        values
            .into_iter()
            .map(|value| match value? {
                WrittenValue::Float(value) => Some(value),
                WrittenValue::Histogram { .. } => panic!("{text} is no number"),
            })
            .collect()
    }

    #[test]
    fn numbers_expand() {
        assert_eq!(floats("-2+4x3"), [-2.0, 2.0, 6.0, 10.0].map(Some));
        assert_eq!(
            floats(" 1-2x2 1e+3+2x1"),
            [1.0, -1.0, -3.0, 1000.0, 1002.0].map(Some)
        );
        assert_eq!(
            floats("1x0 _x2 Inf"),
            [Some(1.0), None, None, Some(f64::INFINITY)]
        );
        assert!(
            floats("stale")
                .iter()
                .flatten()
                .all(|value| model::is_stale(*value))
        );
        for bad in ["-3-3", "_a4", "1x", "x3", "3+3x4-4", "1x-1", "1+x3"] {
            assert!(parse_values(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn metrics_are_read_as_selectors_are() {
        let shown = |text: &str| parse(text).unwrap().labels.to_string();
        assert_eq!(shown("up 1"), "up{}");
        assert_eq!(shown("{} 1"), "{}");
        assert_eq!(shown("up {job=\"a } b\"} 1"), "up{job=\"a } b\"}");
        assert_eq!(
            shown(r#"{"up.time", "a b"='c\'d'} {{}}x2"#),
            r#"{"up.time", "a b"="c'd"}"#
        );
        assert_eq!(parse_metric("").unwrap(), Labels::empty());
        assert_eq!(parse("up {{count:1}}").unwrap().values.len(), 1);
        for bad in [
            "up{a!=\"b\"}",
            "up{a=\"b\"",
            "up down",
            "up[5m]",
            "up{} offset 5m",
        ] {
            assert!(parse_metric(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn repetition_is_bounded() {
        for text in [
            "0x999999999999",
            "_x99999999",
            "{{count:1}}x99999999",
            "stalex18446744073709551615",
        ] {
            let error = parse_values(text).unwrap_err();
            assert!(error.contains("the limit is"), "{error}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "[a{}\"'`= x+0-9_.,:\\[\\]-]{0,40}") {
            let _ = parse(&text);
        }
    }
}
