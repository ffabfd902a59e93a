//! Functions of the samples in a window: `*_over_time` (querying/functions, `<aggregation>_over_time()`).

use super::number::{Number, Outcome, mean, quantile, root, sum, variance};
use super::select::Window;

/// The value of `name_over_time`.
pub(crate) fn over_time(name: &str, window: &Window, parameters: &[Number]) -> Outcome<Number> {
    let numbers: Vec<Number> = window.samples.iter().map(|(_, number)| *number).collect();
    let seconds = |sample: &(i64, Number)| Number::exact(sample.0 as f64 / 1000.0);
    let (first, last) = (&window.samples[0], &window.samples[window.samples.len() - 1]);
    match name {
        "sum_over_time" => sum(&numbers),
        "avg_over_time" => mean(&numbers),
        "count_over_time" => Ok(Number::exact(numbers.len() as f64)),
        "present_over_time" => Ok(Number::exact(1.0)),
        "first_over_time" => Ok(first.1),
        "last_over_time" => Ok(last.1),
        "ts_of_first_over_time" => Ok(seconds(first)),
        "ts_of_last_over_time" => Ok(seconds(last)),
        "min_over_time" => Ok(extreme(window, false)?.1),
        "max_over_time" => Ok(extreme(window, true)?.1),
        "ts_of_min_over_time" => Ok(seconds(&extreme(window, false)?)),
        "ts_of_max_over_time" => Ok(seconds(&extreme(window, true)?)),
        "stdvar_over_time" => variance(&numbers),
        "stddev_over_time" => root(variance(&numbers)?),
        "quantile_over_time" => quantile(parameters[0], &numbers),
        "mad_over_time" => mad(&numbers),
        other => panic!("no function: {other}"),
    }
}

/// The last of the greatest, or least, samples; NaN only where there is nothing else.
fn extreme(window: &Window, greatest: bool) -> Outcome<(i64, Number)> {
    let mut best = window.samples[0];
    for sample in &window.samples[1..] {
        let is_worse = if greatest {
            sample.1.is_below(best.1)?
        } else {
            best.1.is_below(sample.1)?
        };
        if best.1.value.is_nan() || !is_worse && !sample.1.value.is_nan() {
            best = *sample;
        }
    }
    Ok(best)
}

/// The median of the distances to the median.
fn mad(numbers: &[Number]) -> Outcome<Number> {
    let half = Number::exact(0.5);
    let median = quantile(half, numbers)?;
    let distances: Outcome<Vec<Number>> = numbers
        .iter()
        .map(|number| number.with(median, |value, median| (value - median).abs()))
        .collect();
    quantile(half, &distances?)
}
