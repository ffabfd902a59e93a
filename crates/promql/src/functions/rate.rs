//! How values change within a window: `rate` and its kin.

use super::Window;

pub(crate) fn rate(window: &Window<'_>) -> Option<f64> {
    extrapolated(window, true).map(|increase| increase / window.seconds())
}

pub(crate) fn increase(window: &Window<'_>) -> Option<f64> {
    extrapolated(window, true)
}

pub(crate) fn delta(window: &Window<'_>) -> Option<f64> {
    extrapolated(window, false)
}

/// The change over the window, extended to its ends where the samples reach close enough to them
/// (prometheus/promql `extrapolatedRate`).
fn extrapolated(window: &Window<'_>, is_counter: bool) -> Option<f64> {
    let (Some(&first), Some(&last)) = (window.values.first(), window.values.last()) else {
        return None;
    };
    let (Some(&first_ms), Some(&last_ms)) = (window.at_ms.first(), window.at_ms.last()) else {
        return None;
    };
    if window.values.len() < 2 {
        return None;
    }
    let mut change = last - first;
    if is_counter && window.falls {
        change += lost_by_resets(window.values);
    }
    let mut to_start = (first_ms - window.start_ms) as f64 / 1000.0;
    let mut to_end = (window.end_ms - last_ms) as f64 / 1000.0;
    let sampled = (last_ms - first_ms) as f64 / 1000.0;
    let average = sampled / (window.values.len() - 1) as f64;
    // A gap this long means that the series begins or ends within the window: extend by half a gap only.
    let threshold = average * 1.1;
    if to_start >= threshold {
        to_start = average / 2.0;
    }
    if is_counter && change > 0.0 && first >= 0.0 {
        // A counter does not fall below zero: extend no further back than to where it would have been zero.
        to_start = to_start.min(sampled * (first / change));
    }
    if to_end >= threshold {
        to_end = average / 2.0;
    }
    Some(change * ((sampled + to_start + to_end) / sampled))
}

/// What a counter had counted before each of its resets.
fn lost_by_resets(values: &[f64]) -> f64 {
    let mut lost = 0.0;
    for pair in values.windows(2) {
        if let [before, after] = pair
            && after < before
        {
            lost += before;
        }
    }
    lost
}

pub(crate) fn irate(window: &Window<'_>) -> Option<f64> {
    let ([.., before, after], [.., before_ms, after_ms]) = (window.values, window.at_ms) else {
        return None;
    };
    // A reset counts from zero.
    let change = if after < before { *after } else { after - before };
    let seconds = (after_ms - before_ms) as f64 / 1000.0;
    (seconds > 0.0).then(|| change / seconds)
}

pub(crate) fn idelta(window: &Window<'_>) -> Option<f64> {
    match window.values {
        [.., before, after] => Some(after - before),
        _ => None,
    }
}

/// Whether any value is below the one before.
pub(crate) fn falls(values: &[f64]) -> bool {
    let behind = values.get(1..).unwrap_or_default();
    values.iter().zip(behind).any(|(before, after)| after < before)
}

pub(crate) fn resets(window: &Window<'_>) -> Option<f64> {
    count_pairs(window, |before, after| after < before)
}

pub(crate) fn changes(window: &Window<'_>) -> Option<f64> {
    count_pairs(window, |before, after| {
        after != before && !(after.is_nan() && before.is_nan())
    })
}

fn count_pairs(window: &Window<'_>, counts: fn(f64, f64) -> bool) -> Option<f64> {
    if window.values.is_empty() {
        return None;
    }
    let pairs = window.values.windows(2);
    let count = pairs
        .filter(|pair| matches!(pair, [before, after] if counts(*before, *after)))
        .count();
    Some(count as f64)
}
