//! Linear regression over a window: `deriv` and `predict_linear`.

use super::Window;
use super::sum::Sum;

pub(crate) fn deriv(window: &Window<'_>) -> Option<f64> {
    // Times count from the first sample: large numbers would cost the slope its digits.
    let origin_ms = *window.at_ms.first()?;
    regression(window, origin_ms).map(|(slope, _)| slope)
}

pub(crate) fn predict_linear(window: &Window<'_>) -> Option<f64> {
    let (slope, intercept) = regression(window, window.now_ms)?;
    Some(slope * window.param(0) + intercept)
}

/// Slope per second, and the value at `origin_ms`, of the line with least squares (prometheus/promql
/// `linearRegression`); NaN where a value is infinite.
fn regression(window: &Window<'_>, origin_ms: i64) -> Option<(f64, f64)> {
    if window.values.len() < 2 {
        return None;
    }
    // Sums over infinities may be infinite, or nothing.
    if window.values.iter().any(|value| value.is_infinite()) {
        return Some((f64::NAN, f64::NAN));
    }
    let first = *window.values.first()?;
    if window.values.iter().all(|value| *value == first) {
        return Some((0.0, first));
    }
    let mut sums = [Sum::default(); 4];
    let [sum_x, sum_y, sum_xy, sum_xx] = &mut sums;
    for (at_ms, y) in window.at_ms.iter().zip(window.values) {
        let x = (at_ms - origin_ms) as f64 / 1000.0;
        sum_x.add(x);
        sum_y.add(*y);
        sum_xy.add(x * y);
        sum_xx.add(x * x);
    }
    let count = window.values.len() as f64;
    let [sum_x, sum_y, sum_xy, sum_xx] = sums.map(|sum| sum.total + sum.lost);
    let covariance = sum_xy - sum_x * sum_y / count;
    let variance = sum_xx - sum_x * sum_x / count;
    let slope = covariance / variance;
    Some((slope, sum_y / count - slope * sum_x / count))
}
