//! A histogram as one line of text, as Prometheus writes it.

use std::fmt::Write;

use model::Histogram;

use super::buckets;

/// `{count:4, sum:5, (0.5,1]:1, (1,2]:2, (2,4]:1}`
pub(crate) fn text(histogram: &Histogram) -> String {
    let mut text = format!(
        "{{count:{}, sum:{}",
        number(histogram.count),
        number(histogram.sum)
    );
    for bucket in buckets(histogram).iter().filter(|bucket| bucket.count != 0.0) {
        // Writing to a text cannot fail.
        let _ = write!(
            text,
            ", {}{},{}{}:{}",
            if bucket.holds_lower { '[' } else { '(' },
            number(bucket.lower),
            number(bucket.upper),
            if bucket.holds_upper { ']' } else { ')' },
            number(bucket.count)
        );
    }
    text.push('}');
    text
}

/// As Go's `%g`: the shortest digits, with an exponent where the number is below 1e-4 or not below 1e6.
pub(crate) fn number(value: f64) -> String {
    if !value.is_finite() {
        return model::number::format_float(value);
    }
    let scientific = format!("{value:e}");
    let Some((digits, exponent)) = scientific.split_once('e') else {
        return scientific;
    };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if value == 0.0 || (-4..6).contains(&exponent) {
        return format!("{value}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let shown: Vec<String> = [0.0, 2.0, -0.5, 1234567.0, 1.5e-7, 0.0001, f64::INFINITY]
            .map(number)
            .to_vec();
        assert_eq!(
            shown,
            ["0", "2", "-0.5", "1.234567e+06", "1.5e-07", "0.0001", "+Inf"]
        );
    }
}
