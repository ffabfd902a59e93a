//! The series notation of rule unit tests, for floats: `1+2x3`, `4x2`, `_`, `_x5`, `stale`.

use model::{Labels, Matcher, MatcherOp, STALE_NAN};

/// Most samples of one series.
const SAMPLES_MAX: usize = 200_000;

/// The values of a series, one per interval; `None` where there is no sample.
pub(crate) fn values(text: &str) -> Result<Vec<Option<f64>>, String> {
    let mut values = Vec::new();
    for item in text.split_whitespace() {
        if item.starts_with("{{") || item.contains("}}") || item.contains(':') {
            return Err("native histograms are not kept here".to_owned());
        }
        append(item, &mut values).ok_or_else(|| format!("bad series item {item:?}"))?;
        if values.len() > SAMPLES_MAX {
            return Err("too many samples".to_owned());
        }
    }
    Ok(values)
}

fn append(item: &str, values: &mut Vec<Option<f64>>) -> Option<()> {
    if item == "stale" {
        values.push(Some(STALE_NAN));
        return Some(());
    }
    if let Some(rest) = item.strip_prefix('_') {
        let count = if rest.is_empty() {
            1
        } else {
            rest.strip_prefix('x')?.parse().ok()?
        };
        values.extend(std::iter::repeat_n(None, count));
        return Some(());
    }
    let Some((start, times)) = item.split_once('x') else {
        values.push(Some(item.parse().ok()?));
        return Some(());
    };
    let times: usize = times.parse().ok()?;
    // The sign between start and step is not the first character and not that of an exponent.
    let split = start
        .char_indices()
        .skip(1)
        .find(|(at, c)| matches!(c, '+' | '-') && !start[..*at].ends_with(['e', 'E']));
    let (first, step): (f64, f64) = match split {
        Some((at, _)) => (start[..at].parse().ok()?, start[at..].parse().ok()?),
        None => (start.parse().ok()?, 0.0),
    };
    values.extend((0..=times).map(|index| Some(first + step * index as f64)));
    Some(())
}

/// The labels of a series written as a metric: `up{job="x"}`.
pub(crate) fn labels(text: &str) -> Result<Labels, String> {
    let (metric, rest) = text.split_once('{').unwrap_or((text, ""));
    let inner = rest.trim().strip_suffix('}').unwrap_or_default();
    let matchers =
        alerting::notify::matchers::parse_utf8(&format!("{{{inner}}}")).map_err(|error| error.to_string())?;
    if !matchers.iter().all(|matcher| *matcher.op() == MatcherOp::Equal) {
        return Err(format!("{text:?} is no series"));
    }
    let pairs = matchers
        .iter()
        .map(|matcher: &Matcher| (matcher.name(), matcher.value()));
    let metric = Some(("__name__", metric.trim())).filter(|(_, metric)| !metric.is_empty());
    Ok(Labels::from_pairs(pairs.chain(metric)))
}
