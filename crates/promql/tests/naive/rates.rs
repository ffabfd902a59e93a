//! Functions of how values change in a window: `rate` and its kin, regressions, smoothing (querying/functions).

use super::evaluate::Context;
use super::number::{Number, Outcome, Stop};
use super::select::Window;

/// The value of a function; nothing where it wants more samples.
pub(crate) fn of_change(
    name: &str,
    window: &Window,
    parameters: &[Number],
    context: Context<'_>,
) -> Outcome<Option<Number>> {
    let seconds = (window.end_ms - window.start_ms) as f64 / 1000.0;
    match name {
        "rate" => extrapolated(window, true)?
            .map(|increase| increase.map(|value| value / seconds))
            .transpose(),
        "increase" => extrapolated(window, true),
        "delta" => extrapolated(window, false),
        "irate" => last_two(window, true),
        "idelta" => last_two(window, false),
        "changes" => pairs(window, |before, after| {
            let both_are_nan = before.value.is_nan() && after.value.is_nan();
            Ok(!both_are_nan && !before.equals(after)?)
        }),
        "resets" => pairs(window, |before, after| after.is_below(before)),
        "deriv" => Ok(regression(window, window.samples[0].0)?.map(|(slope, _)| slope)),
        "predict_linear" => {
            let Some((slope, value)) = regression(window, context.now_ms)? else {
                return Ok(None);
            };
            let ahead = slope.with(parameters[0], |slope, seconds| slope * seconds)?;
            Ok(Some(ahead.with(value, |ahead, value| ahead + value)?))
        }
        "double_exponential_smoothing" => smoothed(window, parameters[0], parameters[1]),
        other => panic!("no function: {other}"),
    }
}

/// How many pairs of neighbours `counts`.
fn pairs(window: &Window, counts: impl Fn(Number, Number) -> Outcome<bool>) -> Outcome<Option<Number>> {
    let mut count = 0.0;
    for pair in window.samples.windows(2) {
        if counts(pair[0].1, pair[1].1)? {
            count += 1.0;
        }
    }
    Ok(Some(Number::exact(count)))
}

/// The change over a window, extended to the ends of the window: all the way where the next sample could have been beyond it,
/// else by half of the mean distance between samples; and no counter goes back to below zero.
fn extrapolated(window: &Window, is_counter: bool) -> Outcome<Option<Number>> {
    let samples = &window.samples;
    if samples.len() < 2 {
        return Ok(None);
    }
    let (first, last) = (samples[0], samples[samples.len() - 1]);
    let mut change = last.1.value - first.1.value;
    let mut magnitude = last.1.value.abs() + first.1.value.abs();
    let mut slack = last.1.slack + first.1.slack;
    for pair in samples.windows(2) {
        let (before, after) = (pair[0].1, pair[1].1);
        if is_counter && after.is_below(before)? {
            change += before.value;
            magnitude += before.value.abs();
            slack += before.slack;
        }
    }
    let sampled = (last.0 - first.0) as f64 / 1000.0;
    let distance = sampled / (samples.len() - 1) as f64;
    let mut to_start = (first.0 - window.start_ms) as f64 / 1000.0;
    let mut to_end = (window.end_ms - last.0) as f64 / 1000.0;
    if to_start >= distance * 1.1 {
        to_start = distance / 2.0;
    }
    if to_end >= distance * 1.1 {
        to_end = distance / 2.0;
    }
    if is_counter && change > 0.0 && first.1.value >= 0.0 {
        let to_zero = sampled * first.1.value / change;
        to_start = to_start.min(to_zero);
    }
    let factor = (sampled + to_start + to_end) / sampled;
    slack += samples.len() as f64 * f64::EPSILON * magnitude;
    // The way back to zero follows the change.
    Number::rounded(change * factor, 4.0 * slack * factor).map(Some)
}

/// The difference of the last two samples, per second where it is that of a counter.
fn last_two(window: &Window, is_counter: bool) -> Outcome<Option<Number>> {
    let [.., before, after] = window.samples.as_slice() else {
        return Ok(None);
    };
    let seconds = (after.0 - before.0) as f64 / 1000.0;
    let change = if is_counter && after.1.is_below(before.1)? {
        after.1
    } else {
        after.1.with(before.1, |after, before| after - before)?
    };
    if is_counter {
        change.map(|change| change / seconds).map(Some)
    } else {
        Ok(Some(change))
    }
}

/// Slope per second, and value at `origin_ms`, of the line with the least squares.
fn regression(window: &Window, origin_ms: i64) -> Outcome<Option<(Number, Number)>> {
    let samples = &window.samples;
    if samples.len() < 2 {
        return Ok(None);
    }
    if samples.iter().any(|(_, number)| !number.value.is_finite()) {
        let nan = Number::exact(f64::NAN);
        return Ok(Some((nan, nan)));
    }
    if samples
        .iter()
        .all(|(_, number)| number.value == samples[0].1.value && number.slack == 0.0)
    {
        return Ok(Some((Number::exact(0.0), samples[0].1)));
    }
    let count = samples.len() as f64;
    let seconds = |at_ms: i64| (at_ms - origin_ms) as f64 / 1000.0;
    let (mut mean_x, mut mean_y) = (0.0, 0.0);
    let (mut far, mut high, mut of_input) = (0.0_f64, 0.0_f64, 0.0_f64);
    for (at_ms, y) in samples {
        mean_x += seconds(*at_ms) / count;
        mean_y += y.value / count;
        far = far.max(seconds(*at_ms).abs());
        high = high.max(y.value.abs());
        of_input = of_input.max(y.slack);
    }
    let (mut covariance, mut variance) = (0.0, 0.0);
    for (at_ms, y) in samples {
        covariance += (seconds(*at_ms) - mean_x) * (y.value - mean_y);
        variance += (seconds(*at_ms) - mean_x) * (seconds(*at_ms) - mean_x);
    }
    let slope = covariance / variance;
    // Sums of squares and products that are far from their origin lose digits when the square of the mean is taken away.
    let of_sums = 4.0 * count * count * f64::EPSILON;
    let wrong = count * of_input * variance.sqrt() + of_sums * far * high;
    let of_slope = wrong / variance + slope.abs() * of_sums * far * far / variance;
    let slope_slack = of_slope + 4.0 * f64::EPSILON * slope.abs();
    let of_value = of_input + slope_slack * far + of_sums * (high + slope.abs() * far);
    let value = Number::within(mean_y - slope * mean_x, of_value)?;
    Ok(Some((Number::within(slope, slope_slack)?, value)))
}

/// Level and trend, each smoothed by its factor: Holt's linear method.
fn smoothed(window: &Window, level_factor: Number, trend_factor: Number) -> Outcome<Option<Number>> {
    for factor in [level_factor, trend_factor] {
        let (zero, one) = (Number::exact(0.0), Number::exact(1.0));
        if !zero.is_below(factor)? || !factor.is_below(one)? {
            return Err(Stop::Error("invalid smoothing or trend factor"));
        }
    }
    if window.samples.len() < 2 {
        return Ok(None);
    }
    let values: Vec<f64> = window.samples.iter().map(|(_, number)| number.value).collect();
    let (level_factor, trend_factor) = (level_factor.value, trend_factor.value);
    let mut level = values[0];
    let mut trend = values[1] - values[0];
    let mut high = level.abs().max(trend.abs());
    for (place, value) in values.iter().enumerate().skip(1) {
        let before = level;
        level = level_factor * value + (1.0 - level_factor) * (level + trend);
        // The trend that the first two samples make serves the second.
        if place + 1 < values.len() {
            trend = trend_factor * (level - before) + (1.0 - trend_factor) * trend;
        }
        high = high.max(level.abs()).max(trend.abs()).max(value.abs());
    }
    let of_input = window
        .samples
        .iter()
        .fold(0.0_f64, |slack, (_, number)| slack.max(number.slack));
    let count = values.len() as f64;
    Number::within(level, 16.0 * count * (of_input + 4.0 * f64::EPSILON * high)).map(Some)
}
