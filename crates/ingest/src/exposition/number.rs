//! Numbers and time stamps of the formats.

use super::cursor::{Fault, snippet};

/// Reads a float as Prometheus does: Go's `ParseFloat` without hexadecimal floats and underscores, where a number
/// too large is an error, and any NaN becomes the ordinary one.
pub(super) fn float(text: &str) -> Result<f64, Fault> {
    let malformed = || Fault::new(format!("{:?} is not a number", snippet(text)));
    let value = model::number::parse_float(text).ok_or_else(malformed)?;
    if value.is_nan() {
        // Rust also reads signed NaNs, Go does not.
        return if text.len() == 3 {
            Ok(f64::NAN)
        } else {
            Err(malformed())
        };
    }
    let spelled_out = text.bytes().any(|byte| byte.eq_ignore_ascii_case(&b'i'));
    if value.is_infinite() && !spelled_out {
        return Err(Fault::new(format!("{:?} is out of range", snippet(text))));
    }
    Ok(value)
}

/// Reads a time stamp in whole milliseconds (text format).
pub(super) fn milliseconds(text: &str) -> Result<i64, Fault> {
    text.parse()
        .map_err(|_| Fault::new(format!("{:?} is not a time stamp in milliseconds", snippet(text))))
}

/// Reads a time stamp in seconds with fractions (OpenMetrics); fractions of a millisecond are cut off.
pub(super) fn seconds(text: &str, whose: &str) -> Result<i64, Fault> {
    let value = float(text)?;
    let millis = value * 1000.0;
    // Beyond 2^53 ms (the year 287396) milliseconds are no longer exact.
    if !millis.is_finite() || millis.abs() > 9_007_199_254_740_992.0 {
        return Err(Fault::new(format!("invalid {whose} {text}")));
    }
    Ok(millis as i64)
}
