//! Labels, samples and alerts as promtool prints them.

use model::Labels;
use model::quoting::{label_name, quote};
use promql::Point;
use promql::series_notation::write_histogram;

/// `{__name__="up", job="node"}`
pub(super) fn labels(labels: &Labels) -> String {
    let pairs: Vec<String> = labels
        .iter()
        .map(|(name, value)| format!("{}={}", label_name(name), quote(value)))
        .collect();
    format!("{{{}}}", pairs.join(", "))
}

/// `{__name__="up"} 1E+00`
pub(super) fn sample(of: &Labels, value: &Point) -> String {
    let value = match value {
        Point::Float(value) => scientific(*value),
        Point::Histogram(histogram) => write_histogram(histogram),
    };
    format!("{} {value}", labels(of))
}

/// An alert, two lines.
pub(super) fn alert(of: &Labels, annotations: &Labels) -> [String; 2] {
    [
        format!("Labels:{}", labels(of)),
        format!("Annotations:{}", labels(annotations)),
    ]
}

/// As Go's `%E` with the shortest digits: `1E+00`, `2.5E-07`.
fn scientific(value: f64) -> String {
    if !value.is_finite() {
        return model::number::format_float(value);
    }
    let text = format!("{value:E}");
    let Some((digits, exponent)) = text.split_once('E') else {
        return text;
    };
    match exponent.strip_prefix('-') {
        Some(exponent) => format!("{digits}E-{exponent:0>2}"),
        None => format!("{digits}E+{exponent:0>2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_promtool_writes_them() {
        let written: Vec<String> = [
            0.0,
            1.0,
            -2.5e-7,
            1e100,
            2.999_999_999_999_999_6,
            f64::NAN,
            f64::INFINITY,
        ]
        .map(scientific)
        .to_vec();
        assert_eq!(
            written,
            [
                "0E+00",
                "1E+00",
                "-2.5E-07",
                "1E+100",
                "2.9999999999999996E+00",
                "NaN",
                "+Inf"
            ]
        );
    }
}
