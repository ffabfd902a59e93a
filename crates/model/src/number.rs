//! Floats as Prometheus prints and reads them.

/// The shortest decimal that reads back to the same value; never with an exponent below 1e21 (Go's
/// `FormatFloat(v, 'f', -1, 64)` between 1e-6 and 1e21 and `'e'` outside, as Prometheus' JSON encoder does).
/// Infinities are `+Inf` and `-Inf`, any NaN is `NaN`.
pub fn format_float(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let size = value.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        with_exponent(value)
    } else {
        format!("{value}")
    }
}

/// Go prints at least two digits of exponent and always its sign: `1e+21`, `1.5e-07`.
fn with_exponent(value: f64) -> String {
    let text = format!("{value:e}");
    let Some((mantissa, exponent)) = text.split_once('e') else {
        return text;
    };
    let (sign, digits) = exponent
        .strip_prefix('-')
        .map_or(('+', exponent), |digits| ('-', digits));
    format!("{mantissa}e{sign}{digits:0>2}")
}

/// Reads a float as Go's `ParseFloat` does for the forms that occur on the wire: decimals, exponents, hexadecimal
/// floats left out, `Inf`, `+Inf`, `-Inf`, `Infinity` and `NaN` in any case.
pub fn parse_float(text: &str) -> Option<f64> {
    // Rust's own parser takes the same decimals and names; it refuses blanks and underscores, as the formats ask.
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_go_prints() {
        let check = |value: f64, text: &str| assert_eq!(format_float(value), text);
        check(0.0, "0");
        check(-0.0, "-0");
        check(1.0, "1");
        check(0.1, "0.1");
        check(1e6, "1000000");
        check(123456789012345680000.0, "123456789012345680000");
        check(1e21, "1e+21");
        check(1.5e-7, "1.5e-07");
        check(1e-6, "0.000001");
        check(1.7e308, "1.7e+308");
        check(f64::INFINITY, "+Inf");
        check(f64::NEG_INFINITY, "-Inf");
        check(f64::NAN, "NaN");
    }

    #[test]
    fn reads_the_names_of_the_wire() {
        assert_eq!(parse_float("+Inf"), Some(f64::INFINITY));
        assert_eq!(parse_float("-inf"), Some(f64::NEG_INFINITY));
        assert!(parse_float("NaN").is_some_and(f64::is_nan));
        assert_eq!(parse_float("1e3"), Some(1000.0));
        assert_eq!(parse_float("1_000"), None);
        assert_eq!(parse_float(""), None);
    }
}
