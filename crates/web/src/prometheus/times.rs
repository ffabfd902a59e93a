//! Times and floats in the texts of Prometheus' JSON.

/// What Go prints for a time that was never set.
const NEVER: &str = "0001-01-01T00:00:00Z";

/// A time as RFC 3339 with as many decimals as it has.
pub(crate) fn rfc3339(at_ms: Option<i64>) -> String {
    at_ms
        .and_then(|at_ms| jiff::Timestamp::from_millisecond(at_ms).ok())
        .map_or_else(|| NEVER.to_owned(), |moment| moment.to_string())
}

/// A float in scientific form with at least two digits of exponent, as Go's `FormatFloat(v, 'e', -1, 64)`.
pub(crate) fn scientific(value: f64) -> String {
    if !value.is_finite() {
        return model::number::format_float(value);
    }
    let text = format!("{value:e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, digits) = exponent
        .strip_prefix('-')
        .map_or(('+', exponent), |digits| ('-', digits));
    format!("{mantissa}e{sign}{digits:0>2}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_print_as_go_prints_them() {
        assert_eq!(rfc3339(None), "0001-01-01T00:00:00Z");
        assert_eq!(rfc3339(Some(1_700_010_600_000)), "2023-11-15T01:10:00Z");
        assert_eq!(rfc3339(Some(1_700_010_600_120)), "2023-11-15T01:10:00.12Z");
    }

    #[test]
    fn floats_print_in_scientific_form() {
        let check = |value: f64, text: &str| assert_eq!(scientific(value), text);
        check(1.0, "1e+00");
        check(0.5, "5e-01");
        check(0.0, "0e+00");
        check(-1234.5, "-1.2345e+03");
        check(1e300, "1e+300");
        check(f64::NAN, "NaN");
        check(f64::NEG_INFINITY, "-Inf");
    }
}
