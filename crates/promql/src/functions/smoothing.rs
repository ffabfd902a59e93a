//! Smoothing by level and trend: `double_exponential_smoothing`.

use super::Window;

/// Holt's linear method (prometheus/promql `funcDoubleExponentialSmoothing`). The factors lie between 0 and 1;
/// `eval::window` refuses others.
pub(crate) fn double_exponential(window: &Window<'_>) -> Option<f64> {
    let (smoothing, trending) = (window.param(0), window.param(1));
    let [first, second, ..] = window.values else {
        return None;
    };
    let mut level = *first;
    let mut trend = second - first;
    let mut before_level = 0.0;
    for (place, value) in window.values.iter().enumerate().skip(1) {
        if place > 1 {
            trend = trending * (level - before_level) + (1.0 - trending) * trend;
        }
        before_level = level;
        level = smoothing * value + (1.0 - smoothing) * (level + trend);
    }
    Some(level)
}
