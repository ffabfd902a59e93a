//! The series notation of test scripts: `metric{label="value"} 1 2+3x4 _ stale {{count:2 buckets:[1 1]}}x3`.

use std::sync::Arc;

use model::{Histogram, Labels, STALE_NAN};
use promql::histogram::FloatHistogram;

/// A series and its values; `None` where the sample is left out.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) labels: Labels,
    pub(crate) values: Vec<Option<Written>>,
}

/// A value as it is written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Written {
    Float(f64),
    /// A histogram, and whether something is said about its resets.
    Histogram(Arc<Histogram>, bool),
}

pub(crate) fn parse(line: &str) -> Result<Line, String> {
    let line = line.trim();
    let (labels, rest) = labels(line)?;
    let mut values = Vec::new();
    for word in words(rest) {
        if word.starts_with("{{") {
            expand_histograms(&word, &mut values)?;
        } else {
            let mut numbers = Vec::new();
            expand(&word, &mut numbers)?;
            values.extend(numbers.into_iter().map(|value| value.map(Written::Float)));
        }
    }
    Ok(Line { labels, values })
}

/// Words between blanks; a histogram within `{{ }}` is one word.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut depth = 0_usize;
    for char in text.chars() {
        match char {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if char.is_whitespace() && depth == 0 {
            if !word.is_empty() {
                words.push(std::mem::take(&mut word));
            }
        } else {
            word.push(char);
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// The labels a line starts with, and the rest of it. The parser of selectors reads them.
fn labels(line: &str) -> Result<(Labels, &str), String> {
    let end = metric_end(line);
    let (metric, rest) = line.split_at(end);
    let name_end = metric.find('{').unwrap_or(metric.len());
    let (name, braces) = metric.split_at(name_end);
    let mut pairs: Vec<(String, String)> = Vec::new();
    if !name.trim().is_empty() {
        pairs.push(("__name__".to_owned(), name.trim().to_owned()));
    }
    let inner = braces.trim().trim_start_matches('{').trim_end_matches('}').trim();
    for (place, part) in split_outside_quotes(inner).into_iter().enumerate() {
        match part.split_once('=') {
            Some((label, value)) => {
                pairs.push((unquote(label.trim())?, unquote(value.trim())?));
            }
            None if place == 0 => pairs.push(("__name__".to_owned(), unquote(part.trim())?)),
            None => return Err(format!("bad label {part:?}")),
        }
    }
    Ok((Labels::from_pairs(pairs), rest))
}

fn metric_end(line: &str) -> usize {
    let mut quote = None;
    let mut depth = 0_usize;
    let mut escaped = false;
    for (at, char) in line.char_indices() {
        match quote {
            Some(open) => {
                if escaped {
                    escaped = false;
                } else if char == '\\' && open != '`' {
                    escaped = true;
                } else if char == open {
                    quote = None;
                }
            }
            None => match char {
                '"' | '\'' | '`' => quote = Some(char),
                '{' => depth += 1,
                '}' => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        return at + 1;
                    }
                }
                _ if char.is_whitespace() && depth == 0 && !line[at..].trim_start().starts_with('{') => {
                    return at;
                }
                _ if char.is_whitespace() && depth == 0 && line[at..].trim_start().starts_with("{{") => {
                    return at;
                }
                _ => {}
            },
        }
    }
    line.len()
}

fn split_outside_quotes(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut quote, mut escaped) = (0, None, false);
    for (at, char) in text.char_indices() {
        match quote {
            Some(_) if escaped => escaped = false,
            Some(_) if char == '\\' => escaped = true,
            Some(open) if char == open => quote = None,
            Some(_) => {}
            None if matches!(char, '"' | '\'' | '`') => quote = Some(char),
            None if char == ',' => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            None => {}
        }
    }
    parts.push(&text[start..]);
    parts.retain(|part| !part.trim().is_empty());
    parts
}

fn unquote(text: &str) -> Result<String, String> {
    if !text.starts_with(['"', '\'', '`']) {
        return Ok(text.to_owned());
    }
    // The parser under test reads texts: an expression that is one text evaluates to it.
    let expr = promql::parse(text).map_err(|error| error.to_string())?;
    let store = testkit::MemorySeries::new();
    match promql::instant(&expr, store.as_ref(), 0, &promql::Options::default()) {
        Ok(promql::Answer {
            value: promql::Value::String { value, .. },
            ..
        }) => Ok(value),
        other => Err(format!("{text} is no text: {other:?}")),
    }
}

/// One word of histograms: `{{…}}`, `{{…}}x3`, `{{…}}+{{…}}x3`, `{{…}}-{{…}}x3`.
fn expand_histograms(word: &str, values: &mut Vec<Option<Written>>) -> Result<(), String> {
    let found = testkit::expand_histograms(word, |now, step, is_added| {
        let mut tally = FloatHistogram::from(now);
        let added = if is_added {
            tally.add(step)
        } else {
            tally.subtract(step)
        };
        added.ok().map(|_| tally.into())
    })?;
    let found = found.into_iter();
    values.extend(found.map(|found| Some(Written::Histogram(Arc::new(found.histogram), found.says_resets))));
    Ok(())
}

/// One word of values: `1`, `_`, `stale`, `_x3`, `1x3`, `1+2x3`, `1-2x3`.
pub(crate) fn expand(word: &str, values: &mut Vec<Option<f64>>) -> Result<(), String> {
    let bad = || format!("bad value {word:?}");
    match word {
        "_" => values.push(None),
        "stale" => values.push(Some(STALE_NAN)),
        _ => {
            let lower = word.to_ascii_lowercase();
            if let Some(value) = model::number::parse_float(&lower) {
                values.push(Some(value));
                return Ok(());
            }
            let (head, count) = word.rsplit_once('x').ok_or_else(bad)?;
            let count: usize = count.parse().map_err(|_| bad())?;
            if head == "_" {
                values.extend(std::iter::repeat_n(None, count));
                return Ok(());
            }
            if head == "stale" {
                values.extend(std::iter::repeat_n(Some(STALE_NAN), count));
                return Ok(());
            }
            let (start, step) = start_and_step(head).ok_or_else(bad)?;
            let mut value = start;
            for _ in 0..=count {
                values.push(Some(value));
                value += step;
            }
        }
    }
    Ok(())
}

/// `1`, `1+2`, `1-2`, exponents included (`1e+3+2`).
fn start_and_step(text: &str) -> Option<(f64, f64)> {
    if let Some(value) = model::number::parse_float(text) {
        return Some((value, 0.0));
    }
    let signs = text
        .char_indices()
        .skip(1)
        .filter(|(_, char)| matches!(char, '+' | '-'));
    for (at, _) in signs {
        let (start, step) = text.split_at(at);
        if let (Some(start), Some(step)) = (
            model::number::parse_float(start),
            model::number::parse_float(step),
        ) {
            return Some((start, step));
        }
    }
    None
}
