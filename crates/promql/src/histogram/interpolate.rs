//! The histogram on the line between two others.

use model::{HistogramSample, ResetHint};

use super::{Added, FloatHistogram, MixedSchemas, is_reset};

/// The histogram at `at_ms` between two samples; a counter that was reset rises from zero. Also what subtracting and adding
/// took.
pub(crate) fn interpolate(
    from: &HistogramSample,
    to: &HistogramSample,
    at_ms: i64,
    is_counter: bool,
) -> Result<(FloatHistogram, Added, Added), MixedSchemas> {
    let nothing = Added::default();
    if at_ms == from.at_ms {
        return Ok((FloatHistogram::from(&*from.value), nothing, nothing));
    }
    let mut result = FloatHistogram::from(&*to.value);
    if at_ms == to.at_ms {
        return Ok((result, nothing, nothing));
    }
    let share = (at_ms - from.at_ms) as f64 / (to.at_ms - from.at_ms) as f64;
    if is_counter && is_reset(&to.value, &from.value) {
        result.multiply(share);
        return Ok((result, nothing, nothing));
    }
    let subtracted = result.subtract(&from.value)?;
    result.multiply(share);
    let added = result.add(&from.value)?;
    if to.value.reset_hint == ResetHint::Gauge && from.value.reset_hint == ResetHint::Gauge {
        result.hint = ResetHint::Gauge;
    }
    Ok((result, subtracted, added))
}
