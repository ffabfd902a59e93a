//! The series notation of rule unit tests: `1+2x3`, `4x2`, `_`, `_x5`, `stale`, `{{count:1 sum:2 buckets:[1]}}x3`.

use model::{Histogram, Labels, Matcher, MatcherOp, STALE_NAN};
use promql::Point;
use promql::histogram::FloatHistogram;

/// Most samples of one series.
const SAMPLES_MAX: usize = 200_000;

/// The values of a series, one per interval; `None` where there is no sample.
pub(crate) fn values(text: &str) -> Result<Vec<Option<Point>>, String> {
    let mut values = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (item, behind) = rest.split_at(item_end(rest));
        rest = behind.trim_start();
        if item.starts_with("{{") {
            let found = histograms(item)?.into_iter();
            values.extend(found.map(|found| Some(Point::Histogram(found.into()))));
        } else {
            let mut numbers = Vec::new();
            append(item, &mut numbers).ok_or_else(|| format!("bad series item {item:?}"))?;
            values.extend(numbers.into_iter().map(|value| value.map(Point::Float)));
        }
        if values.len() > SAMPLES_MAX {
            return Err("too many samples".to_owned());
        }
    }
    Ok(values)
}

/// Where an item ends: at a blank that is not within braces.
fn item_end(text: &str) -> usize {
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

/// The histograms of one item.
pub(crate) fn histograms(item: &str) -> Result<Vec<Histogram>, String> {
    let found = testkit::expand_histograms(item, |now, step, is_added| {
        let mut tally = FloatHistogram::from(now);
        let added = if is_added {
            tally.add(step)
        } else {
            tally.subtract(step)
        };
        added.ok().map(|_| tally.into())
    })?;
    Ok(found.into_iter().map(|found| found.histogram).collect())
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
