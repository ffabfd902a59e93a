//! The series notation of test scripts: `metric{label="value"} 1 2+3x4 _ stale {{count:2 buckets:[1 1]}}x3`.

use std::sync::Arc;

use model::histogram::CUSTOM_BUCKETS;
use model::{Buckets, Histogram, Labels, ResetHint, STALE_NAN, Span};
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
    let bad = || format!("bad histograms {word:?}");
    let (start, rest) = word.split_once("}}").ok_or_else(bad)?;
    let (first, says_resets) = histogram(start)?;
    let (step, rest) = match rest.chars().next() {
        None => {
            values.push(Some(Written::Histogram(Arc::new(first), says_resets)));
            return Ok(());
        }
        Some(sign @ ('+' | '-')) => {
            let (step, rest) = rest.split_at(1).1.split_once("}}").ok_or_else(bad)?;
            (Some((sign, histogram(step)?.0)), rest)
        }
        Some(_) => (None, rest),
    };
    let count: usize = rest
        .strip_prefix('x')
        .and_then(|count| count.parse().ok())
        .ok_or_else(bad)?;
    let mut now = first;
    for _ in 0..=count {
        values.push(Some(Written::Histogram(Arc::new(now.clone()), says_resets)));
        if let Some((sign, step)) = &step {
            let mut tally = FloatHistogram::from(&now);
            let added = if *sign == '+' {
                tally.add(step)
            } else {
                tally.subtract(step)
            };
            added.map_err(|_| bad())?;
            now = tally.into();
        }
    }
    Ok(())
}

/// What stands between `{{` and `}}`.
fn histogram(text: &str) -> Result<(Histogram, bool), String> {
    let bad = || format!("bad histogram {text:?}");
    let mut histogram = Histogram::default();
    let mut says_resets = false;
    let mut offsets = [0, 0];
    let mut rest = text.trim_start_matches("{{").trim();
    while !rest.is_empty() {
        let (name, after) = rest.split_once(':').ok_or_else(bad)?;
        let end = if after.starts_with('[') {
            after.find(']').ok_or_else(bad)? + 1
        } else {
            after.find(char::is_whitespace).unwrap_or(after.len())
        };
        let (value, after) = after.split_at(end);
        rest = after.trim_start();
        let number = || model::number::parse_float(&value.to_ascii_lowercase()).ok_or_else(bad);
        let numbers = || -> Result<Vec<f64>, String> {
            let words = value.trim_matches(['[', ']']).split_whitespace();
            let numbers = words.map(|word| model::number::parse_float(&word.to_ascii_lowercase()));
            numbers.collect::<Option<_>>().ok_or_else(bad)
        };
        match name.trim() {
            "schema" => histogram.schema = number()? as i8,
            "sum" => histogram.sum = number()?,
            "count" => histogram.count = number()?,
            "z_bucket" => histogram.zero_count = number()?,
            "z_bucket_w" => histogram.zero_threshold = number()?,
            "custom_values" => histogram.custom_bounds = numbers()?.into(),
            "buckets" => histogram.positive.counts = numbers()?,
            "n_buckets" => histogram.negative.counts = numbers()?,
            "offset" => offsets[0] = number()? as i32,
            "n_offset" => offsets[1] = number()? as i32,
            "counter_reset_hint" => {
                says_resets = true;
                histogram.reset_hint = match value {
                    "unknown" => ResetHint::Unknown,
                    "reset" => ResetHint::Yes,
                    "not_reset" => ResetHint::No,
                    "gauge" => ResetHint::Gauge,
                    _ => return Err(bad()),
                };
            }
            _ => return Err(bad()),
        }
    }
    let span = |side: &mut Buckets, offset: i32| {
        if !side.counts.is_empty() {
            side.spans = vec![Span {
                offset,
                length: side.counts.len() as u32,
            }];
        }
    };
    span(&mut histogram.positive, offsets[0]);
    span(&mut histogram.negative, offsets[1]);
    debug_assert!(histogram.schema == CUSTOM_BUCKETS || histogram.custom_bounds.is_empty());
    Ok((histogram, says_resets))
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
