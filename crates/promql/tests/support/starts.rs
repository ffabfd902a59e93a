//! The notation of start times in test scripts: `metric{label="value"}@st _ -30s-1mx2`, each a distance from its sample's time.

use model::Labels;
use promql::series_notation;
use stdx::HumanDuration;

/// A series and how far its starts lie from its samples, in milliseconds; `None` where none is told.
pub(crate) type Distances = (Labels, Vec<Option<i64>>);

/// Reads a line of start times; `None` where it is one of samples.
pub(crate) fn parse(line: &str) -> Option<Result<Distances, String>> {
    let (name, words) = line.split_once("@st")?;
    // Within quotes it would be a part of a label.
    let is_name = name.matches('"').count() % 2 == 0 && words.starts_with(char::is_whitespace);
    is_name.then(|| {
        let labels = series_notation::parse(name)?.labels;
        let mut distances = Vec::new();
        for word in words.split_whitespace() {
            expand(word, &mut distances)?;
        }
        Ok((labels, distances))
    })
}

/// One word: `_`, `_x3`, `-1m`, `-1mx3`, `-30s-1mx3`.
fn expand(word: &str, distances: &mut Vec<Option<i64>>) -> Result<(), String> {
    let bad = || format!("bad start {word:?}");
    let (head, more) = match word.rsplit_once('x') {
        Some((head, count)) => (head, count.parse::<usize>().map_err(|_| bad())?),
        None => (word, 0),
    };
    if head == "_" {
        distances.extend(std::iter::repeat_n(None, more.max(1)));
        return Ok(());
    }
    let behind_sign = head.char_indices().skip(1);
    let place = behind_sign
        .filter(|(_, char)| matches!(char, '+' | '-'))
        .map(|(place, _)| place)
        .next();
    let (first, step) = head.split_at(place.unwrap_or(head.len()));
    let mut distance = signed_millis(first).ok_or_else(bad)?;
    let step = if step.is_empty() {
        0
    } else {
        signed_millis(step).ok_or_else(bad)?
    };
    for _ in 0..=more {
        distances.push(Some(distance));
        distance += step;
    }
    Ok(())
}

fn signed_millis(text: &str) -> Option<i64> {
    let (sign, duration) = match text.strip_prefix('-') {
        Some(duration) => (-1, duration),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    if duration == "0" {
        return Some(0);
    }
    let millis = HumanDuration::parse(duration).ok()?.as_millis_i64();
    Some(sign * millis)
}
