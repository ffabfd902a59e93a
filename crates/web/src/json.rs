//! JSON written by hand where speed counts: numbers, texts, label sets, straight into bytes.

use model::Labels;
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

/// A label set as a JSON object.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LabelsJson<'a>(pub(crate) &'a Labels);

impl Serialize for LabelsJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// Appends a text with quotes and escapes.
pub(crate) fn write_text(out: &mut Vec<u8>, text: &str) {
    let is_plain = |byte: u8| byte >= b' ' && byte != b'"' && byte != b'\\';
    if text.bytes().all(is_plain) {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        // A memory buffer takes every byte and a text is always valid JSON.
        let _ = serde_json::to_writer(&mut *out, text);
    }
}

/// Appends a label set as an object.
pub(crate) fn write_labels(out: &mut Vec<u8>, labels: &Labels) {
    out.push(b'{');
    for (index, (name, value)) in labels.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_text(out, name);
        out.push(b':');
        write_text(out, value);
    }
    out.push(b'}');
}

/// Appends a further member to an object: of numbers and texts only, which are always valid JSON.
pub(crate) fn write_member(out: &mut Vec<u8>, name: &str, value: &impl Serialize) {
    if let Ok(json) = serde_json::to_string(value) {
        out.extend_from_slice(format!(",\"{name}\":{json}").as_bytes());
    }
}

/// Appends a float in Prometheus' decimal form, without quotes: also `NaN` and `+Inf`.
pub(crate) fn write_float(out: &mut Vec<u8>, value: f64) {
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    let size = value.abs();
    if value.fract() == 0.0 && size < EXACT_MAX && !(value == 0.0 && value.is_sign_negative()) {
        write_integer(out, value as i64);
    } else if let Some((digits, decimals)) = short_decimal(value) {
        write_decimal(out, digits, decimals);
    } else if (1e-6..1e21).contains(&size) {
        write_shortest(out, value);
    } else {
        out.extend_from_slice(model::number::format_float(value).as_bytes());
    }
}

/// The digits of a value that has but a few decimals, and how many of them are. No shorter decimal reads back as it: fifteen digits
/// always do (IEEE 754-2019, section 5.12.2).
fn short_decimal(value: f64) -> Option<(i64, usize)> {
    const DIGITS_MAX: f64 = 1e15;
    for (decimals, power) in [(1, 1e1), (2, 1e2), (3, 1e3)] {
        let digits = (value * power).round();
        if digits.abs() < DIGITS_MAX && digits / power == value && digits != 0.0 {
            return Some((digits as i64, decimals));
        }
    }
    None
}

fn write_decimal(out: &mut Vec<u8>, digits: i64, decimals: usize) {
    if digits < 0 {
        out.push(b'-');
    }
    let unit = 10_u64.pow(decimals as u32);
    let size = digits.unsigned_abs();
    write_unsigned(out, size / unit);
    out.push(b'.');
    let start = out.len();
    write_unsigned(out, size % unit);
    for _ in out.len() - start..decimals {
        out.insert(start, b'0');
    }
}

/// Appends the shortest decimal that reads back to the same value.
fn write_shortest(out: &mut Vec<u8>, value: f64) {
    let mut buffer = zmij::Buffer::new();
    let text = buffer.format_finite(value);
    if text.contains('e') {
        out.extend_from_slice(model::number::format_plain(value).as_bytes());
    } else {
        out.extend_from_slice(text.trim_end_matches(".0").as_bytes());
    }
}

/// Appends a float as a JSON number; what JSON cannot say becomes `null`.
pub(crate) fn write_number_or_null(out: &mut Vec<u8>, value: f64) {
    if value.is_finite() {
        write_float(out, value);
    } else {
        out.extend_from_slice(b"null");
    }
}

/// Appends a time in seconds, with three decimals where it does not fall on a second, as Prometheus does.
pub(crate) fn write_timestamp(out: &mut Vec<u8>, at_ms: i64) {
    if at_ms < 0 {
        out.push(b'-');
    }
    let size = at_ms.unsigned_abs();
    write_unsigned(out, size / 1000);
    let millis = (size % 1000) as u16;
    if millis > 0 {
        let digit = |number: u16| b'0' + (number % 10) as u8;
        out.extend_from_slice(&[b'.', digit(millis / 100), digit(millis / 10), digit(millis)]);
    }
}

/// Appends an integer.
pub(crate) fn write_integer(out: &mut Vec<u8>, value: i64) {
    if value < 0 {
        out.push(b'-');
    }
    write_unsigned(out, value.unsigned_abs());
}

fn write_unsigned(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(write: impl Fn(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn times_have_three_decimals_or_none() {
        let check = |at_ms: i64, text: &str| assert_eq!(written(|out| write_timestamp(out, at_ms)), text);
        check(1_700_010_600_000, "1700010600");
        check(1_700_010_600_123, "1700010600.123");
        check(1_007, "1.007");
        check(0, "0");
        check(-1, "-0.001");
        check(-1_500, "-1.500");
        check(i64::MIN, "-9223372036854775.808");
    }

    #[test]
    fn numbers_that_json_cannot_say_are_null() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, model::STALE_NAN] {
            assert_eq!(written(|out| write_number_or_null(out, value)), "null");
        }
        assert_eq!(written(|out| write_number_or_null(out, 1e21)), "1e+21");
    }

    #[test]
    fn label_sets_are_escaped() {
        let labels = Labels::from_pairs([("path", "C:\\\"x\"\n"), ("a.b", "ü")]);
        assert_eq!(
            written(|out| write_labels(out, &labels)),
            r#"{"a.b":"ü","path":"C:\\\"x\"\n"}"#
        );
    }

    proptest! {
        #[test]
        fn floats_are_written_as_the_model_formats_them(bits: u64, whole in -1_000_000i64..1_000_000) {
            let near = f64::from_bits((whole as f64 / 100.0).to_bits() + bits % 3);
            for value in [f64::from_bits(bits), whole as f64, whole as f64 / 1000.0, whole as f64 / 1e7, near, -0.0] {
                prop_assert_eq!(written(|out| write_float(out, value)), model::number::format_float(value));
            }
        }

        #[test]
        fn label_sets_read_back(pairs in proptest::collection::btree_map(".{1,8}", ".{1,20}", 0..5)) {
            let labels = Labels::from_pairs(pairs.clone());
            let text = written(|out| write_labels(out, &labels));
            let read: std::collections::BTreeMap<String, String> = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(read, pairs);
        }
    }
}
