//! Functions over `anchored` and `smoothed` windows, which look beyond their ends instead of extrapolating
//! (prometheus/proposals PROM-52; prometheus/promql `extendedRate`).
//!
//! The window that comes in reaches one lookback before its start and, where smoothed, one lookback behind its end.

use super::{Function, Window};
use crate::ast::Extended;

/// Computes a window's value.
pub(crate) type Compute = fn(&Window<'_>) -> Option<f64>;

/// What computes a function over an extended window; an error text where there is nothing such.
pub(crate) fn body(function: &Function, extended: Extended) -> Result<Compute, String> {
    let (word, allowed, found): (_, _, Option<Compute>) = match extended {
        Extended::Anchored => (
            "anchored",
            "changes, delta, increase, rate, resets",
            match function.name {
                "changes" => Some(|window| super::rate::changes(&anchored(window)?)),
                "resets" => Some(|window| super::rate::resets(&anchored(window)?)),
                "delta" => Some(|window| change(window, false, false)),
                "increase" => Some(|window| change(window, true, false)),
                "rate" => Some(|window| Some(change(window, true, false)? / window.seconds())),
                _ => None,
            },
        ),
        Extended::Smoothed => (
            "smoothed",
            "delta, increase, rate",
            match function.name {
                "delta" => Some(|window| change(window, false, true)),
                "increase" => Some(|window| change(window, true, true)),
                "rate" => Some(|window| Some(change(window, true, true)? / window.seconds())),
                _ => None,
            },
        ),
    };
    found.ok_or_else(|| {
        format!(
            "{word} modifier can only be used with: {allowed} - not with {}",
            function.name
        )
    })
}

/// The window from the last sample at or before its start; nothing where no sample lies within.
fn anchored<'a>(window: &Window<'a>) -> Option<Window<'a>> {
    if *window.at_ms.last()? <= window.start_ms {
        return None;
    }
    let first = anchor(window);
    Some(Window {
        at_ms: window.at_ms.get(first..)?,
        values: window.values.get(first..)?,
        starts: window.starts.get(first..).unwrap_or_default(),
        ..*window
    })
}

/// The place of the last sample at or before the start, or of the first sample.
fn anchor(window: &Window<'_>) -> usize {
    window
        .at_ms
        .partition_point(|at_ms| *at_ms <= window.start_ms)
        .saturating_sub(1)
}

/// The change between the values at the window's ends.
fn change(window: &Window<'_>, is_counter: bool, is_smoothed: bool) -> Option<f64> {
    let sample = |place: usize| Some((*window.at_ms.get(place)?, *window.values.get(place)?));
    let mut first = anchor(window);
    let mut last = window.at_ms.len().checked_sub(1)?;
    if is_smoothed {
        last = window
            .at_ms
            .partition_point(|at_ms| *at_ms < window.end_ms)
            .min(last);
    }
    let (first_ms, first_value) = sample(first)?;
    let (last_ms, last_value) = sample(last)?;
    if last_ms <= window.start_ms || first_ms > window.end_ms {
        return None;
    }
    let left = if is_smoothed && first_ms < window.start_ms {
        interpolate(
            (first_ms, first_value),
            sample(first + 1)?,
            window.start_ms,
            is_counter,
        )
    } else {
        first_value
    };
    let right = if is_smoothed && last > 0 && last_ms > window.end_ms {
        interpolate(
            sample(last - 1)?,
            (last_ms, last_value),
            window.end_ms,
            is_counter,
        )
    } else {
        last_value
    };
    let mut change = right - left;
    if is_counter {
        // The ends are accounted for; only resets strictly within the window are left.
        if first_ms <= window.start_ms {
            first += 1;
        }
        let end = if last_ms >= window.end_ms { last } else { last + 1 };
        change += lost_by_resets(left, right, window.values.get(first..end).unwrap_or_default());
    }
    Some(change)
}

fn lost_by_resets(left: f64, right: f64, between: &[f64]) -> f64 {
    let mut before = left;
    let mut lost = 0.0;
    for value in between.iter().chain([&right]) {
        if *value < before {
            lost += before;
        }
        before = *value;
    }
    lost
}

/// The value at `at_ms` on the line between two samples; a counter that was reset rises from zero.
pub(crate) fn interpolate(from: (i64, f64), to: (i64, f64), at_ms: i64, is_counter: bool) -> f64 {
    let start = if is_counter && to.1 < from.1 { 0.0 } else { from.1 };
    start + (to.1 - start) * (at_ms - from.0) as f64 / (to.0 - from.0) as f64
}
