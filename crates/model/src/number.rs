//! Floats as Prometheus prints and reads them.

/// The shortest decimal that reads back to the same value; never with an exponent below 1e21 (Go's
/// `FormatFloat(v, 'f', -1, 64)` between 1e-6 and 1e21 and `'e'` outside, as Prometheus' JSON encoder does).
/// Infinities are `+Inf` and `-Inf`, any NaN is `NaN`.
pub fn format_float(value: f64) -> String {
    let size = value.abs();
    if value.is_finite() && size != 0.0 && !(1e-6..1e21).contains(&size) {
        Decimal::of(value).with_exponent()
    } else {
        format_plain(value)
    }
}

/// The same without an exponent, however large or small the value is (Go's `FormatFloat(v, 'f', -1, 64)`).
pub fn format_plain(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    Decimal::of(value).plain()
}

/// The shortest decimal that reads back to the same value; of two as short and as near the one whose last digit is even, as Go
/// has it.
struct Decimal {
    is_negative: bool,
    /// Without zeros at either end; empty for zero.
    digits: String,
    /// Where the decimal point lies: so many digits are before it; negative for zeros behind it.
    point: i32,
}

impl Decimal {
    fn of(value: f64) -> Self {
        let mut buffer = zmij::Buffer::new();
        let text = buffer.format_finite(value.abs());
        let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
        let (whole, decimals) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = format!("{whole}{decimals}");
        let digits = all.trim_start_matches('0');
        // The library writes no exponent that is no number.
        let exponent: i32 = exponent.parse().unwrap_or_default();
        Self {
            is_negative: value.is_sign_negative(),
            point: exponent + whole.len() as i32 - (all.len() - digits.len()) as i32,
            digits: digits.trim_end_matches('0').to_owned(),
        }
    }

    fn sign(&self) -> &'static str {
        if self.is_negative { "-" } else { "" }
    }

    fn plain(&self) -> String {
        let (sign, digits) = (self.sign(), &self.digits);
        if digits.is_empty() {
            return format!("{sign}0");
        }
        let Ok(before) = usize::try_from(self.point) else {
            let zeros = "0".repeat(self.point.unsigned_abs() as usize);
            return format!("{sign}0.{zeros}{digits}");
        };
        match digits.split_at_checked(before) {
            Some((_, "")) | None => format!(
                "{sign}{digits}{}",
                "0".repeat(before.saturating_sub(digits.len()))
            ),
            Some(("", decimals)) => format!("{sign}0.{decimals}"),
            Some((whole, decimals)) => format!("{sign}{whole}.{decimals}"),
        }
    }

    /// Go prints at least two digits of exponent and always its sign: `1e+21`, `1.5e-07`.
    fn with_exponent(&self) -> String {
        let (first, rest) = self.digits.split_at_checked(1).unwrap_or_default();
        let dot = if rest.is_empty() { "" } else { "." };
        let exponent = self.point - 1;
        let sign = if exponent < 0 { '-' } else { '+' };
        format!(
            "{}{first}{dot}{rest}e{sign}{:02}",
            self.sign(),
            exponent.unsigned_abs()
        )
    }
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
        // Halfway between two decimals of seventeen digits: the even one.
        check(-2.179_573_059_082_031_2, "-2.1795730590820312");
        check(5e-324, "5e-324");
        check(-1e-5, "-0.00001");
        check(1234.5e17, "123450000000000000000");
        assert_eq!(format_plain(1e22), "10000000000000000000000");
        assert_eq!(format_plain(1.5e-9), "0.0000000015");
        check(f64::INFINITY, "+Inf");
        check(f64::NEG_INFINITY, "-Inf");
        check(f64::NAN, "NaN");
    }

    proptest::proptest! {
        #[test]
        fn what_is_printed_reads_back(bits: u64) {
            let value = f64::from_bits(bits);
            for text in [format_float(value), format_plain(value)] {
                let read = parse_float(&text).unwrap();
                proptest::prop_assert!(read.to_bits() == bits || (read.is_nan() && value.is_nan()), "{text}");
            }
        }
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
