//! Functions that summarise the samples of a window: `*_over_time`.

use super::Window;
use super::sum::{Mean, Sum, Variance};

pub(crate) fn sum(window: &Window<'_>) -> Option<f64> {
    some(window, Sum::of(window.values).value())
}

pub(crate) fn avg(window: &Window<'_>) -> Option<f64> {
    some(window, Mean::of(window.values).value())
}

pub(crate) fn count(window: &Window<'_>) -> Option<f64> {
    some(window, window.values.len() as f64)
}

pub(crate) fn present(window: &Window<'_>) -> Option<f64> {
    some(window, 1.0)
}

pub(crate) fn first(window: &Window<'_>) -> Option<f64> {
    window.values.first().copied()
}

pub(crate) fn last(window: &Window<'_>) -> Option<f64> {
    window.values.last().copied()
}

pub(crate) fn ts_of_first(window: &Window<'_>) -> Option<f64> {
    window.at_ms.first().map(|at_ms| *at_ms as f64 / 1000.0)
}

pub(crate) fn ts_of_last(window: &Window<'_>) -> Option<f64> {
    window.at_ms.last().map(|at_ms| *at_ms as f64 / 1000.0)
}

pub(crate) fn max(window: &Window<'_>) -> Option<f64> {
    best(window.values, f64::NEG_INFINITY, |value, best| value > best)
}

pub(crate) fn min(window: &Window<'_>) -> Option<f64> {
    best(window.values, f64::INFINITY, |value, best| value < best)
}

pub(crate) fn ts_of_max(window: &Window<'_>) -> Option<f64> {
    extreme(window, |value, best| value >= best).map(|(_, at_ms)| at_ms as f64 / 1000.0)
}

pub(crate) fn ts_of_min(window: &Window<'_>) -> Option<f64> {
    extreme(window, |value, best| value <= best).map(|(_, at_ms)| at_ms as f64 / 1000.0)
}

/// The value that no other is `better` than; NaN only where there is nothing else. Lanes that the processor compares side by side.
fn best(values: &[f64], worst: f64, better: impl Fn(f64, f64) -> bool) -> Option<f64> {
    const LANES: usize = 8;
    let better_of = |best: f64, value: f64| if better(value, best) { value } else { best };
    let mut lanes = [worst; LANES];
    let (rows, rest) = values.as_chunks::<LANES>();
    for row in rows {
        for (lane, value) in lanes.iter_mut().zip(row) {
            *lane = better_of(*lane, *value);
        }
    }
    let best = lanes
        .iter()
        .chain(rest)
        .fold(worst, |best, value| better_of(best, *value));
    if best != worst {
        return Some(best);
    }
    let mut numbers = values.iter().filter(|value| !value.is_nan());
    numbers.next().or(values.first()).copied()
}

/// The sample that no other is `better` than; NaN only where there is nothing else.
fn extreme(window: &Window<'_>, better: impl Fn(f64, f64) -> bool) -> Option<(f64, i64)> {
    let mut samples = window.values.iter().copied().zip(window.at_ms.iter().copied());
    let mut best = samples.next()?;
    for sample in samples {
        if better(sample.0, best.0) || best.0.is_nan() {
            best = sample;
        }
    }
    Some(best)
}

pub(crate) fn stdvar(window: &Window<'_>) -> Option<f64> {
    let mut variance = Variance::default();
    window.values.iter().for_each(|value| variance.add(*value));
    some(window, variance.value())
}

pub(crate) fn stddev(window: &Window<'_>) -> Option<f64> {
    stdvar(window).map(f64::sqrt)
}

/// The median of the distances to the median.
pub(crate) fn mad(window: &Window<'_>) -> Option<f64> {
    let mut values = window.values.to_vec();
    let median = quantile_of(0.5, &mut values);
    for value in &mut values {
        *value = (*value - median).abs();
    }
    some(window, quantile_of(0.5, &mut values))
}

pub(crate) fn quantile(window: &Window<'_>) -> Option<f64> {
    let mut values = window.values.to_vec();
    some(window, quantile_of(window.param(0), &mut values))
}

fn some(window: &Window<'_>, value: f64) -> Option<f64> {
    (!window.values.is_empty()).then_some(value)
}

/// The quantile `q` of some values, interpolated between the two nearest; NaN counts as the least of all.
///
/// Infinities stand for quantiles outside of 0 to 1, as in prometheus/promql `quantile`.
pub(crate) fn quantile_of(q: f64, values: &mut [f64]) -> f64 {
    if values.is_empty() || q.is_nan() {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    let last = values.len() - 1;
    let rank = q * last as f64;
    let lower = (rank.floor().max(0.0) as usize).min(last);
    let upper = (lower + 1).min(last);
    let weight = rank - rank.floor();
    let (_, lowest, above) = values.select_nth_unstable_by(lower, nan_first);
    let lowest = *lowest;
    let next = if upper == lower {
        lowest
    } else {
        above.iter().copied().min_by(nan_first).unwrap_or(lowest)
    };
    lowest * (1.0 - weight) + next * weight
}

/// By size; NaN before all numbers.
fn nan_first(left: &f64, right: &f64) -> std::cmp::Ordering {
    let by_size = left.partial_cmp(right);
    by_size.unwrap_or_else(|| right.is_nan().cmp(&left.is_nan()))
}
