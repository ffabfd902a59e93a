//! Durations, sizes and numbers as Go's libraries read and print them, which the language and its users go by.
//!
//! What cannot be read is told in Go's words: dashboards and scripts look for them.

use std::fmt;

use stdx::HumanDuration;

/// Nanoseconds of a second.
pub(crate) const SECOND_NS: i64 = 1_000_000_000;

/// Nanoseconds of a millisecond.
pub(crate) const MILLISECOND_NS: i64 = 1_000_000;

const UNITS: [(&str, i64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", MILLISECOND_NS),
    ("s", SECOND_NS),
    ("m", 60 * SECOND_NS),
    ("h", 3_600 * SECOND_NS),
];

/// A duration such as `1h30m`, `1.5s`, `-5ms`, in nanoseconds (Go's `time.ParseDuration`).
pub(crate) fn parse_duration(text: &str) -> Result<i64, String> {
    let invalid = || format!("time: invalid duration {}", quote(text));
    let (negative, mut rest) = match text.as_bytes().first() {
        Some(b'-') => (true, text.get(1..).unwrap_or_default()),
        Some(b'+') => (false, text.get(1..).unwrap_or_default()),
        _ => (false, text),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total = 0_i64;
    while !rest.is_empty() {
        let (number, tail) = split_where(rest, |c| !c.is_ascii_digit() && c != '.');
        let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
        if (whole.is_empty() && decimals.is_empty()) || decimals.contains('.') {
            return Err(invalid());
        }
        let (unit, tail) = split_where(tail, |c| c.is_ascii_digit() || c == '.');
        if unit.is_empty() {
            return Err(format!("time: missing unit in duration {}", quote(text)));
        }
        let Some((_, scale)) = UNITS.iter().find(|(name, _)| *name == unit) else {
            return Err(format!(
                "time: unknown unit {} in duration {}",
                quote(unit),
                quote(text)
            ));
        };
        let part = scaled(whole, decimals, *scale).ok_or_else(invalid)?;
        total = total.checked_add(part).ok_or_else(invalid)?;
        rest = tail;
    }
    Ok(if negative { -total } else { total })
}

/// `whole.decimals` of a unit, what is finer than a nanosecond cut off.
fn scaled(whole: &str, decimals: &str, scale: i64) -> Option<i64> {
    let whole: i64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let mut part = 0.0;
    let mut place = scale as f64;
    for digit in decimals.bytes().take(20) {
        place /= 10.0;
        part += f64::from(digit - b'0') * place;
    }
    // Decimals of a unit are often not exact in binary: 0.3 s are 300 ms.
    whole.checked_mul(scale)?.checked_add((part + 1e-6) as i64)
}

fn split_where(text: &str, ends: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(ends).unwrap_or(text.len()))
}

/// A duration as it stands in an expression: with the units of Prometheus (`1d`, `1w`, `1y`) or as Go has it (`1.5h`).
pub(crate) fn parse_written_duration(text: &str) -> Result<i64, String> {
    match HumanDuration::parse(text) {
        Ok(duration) => duration
            .as_millis_i64()
            .checked_mul(MILLISECOND_NS)
            .ok_or_else(|| format!("duration out of range: {text:?}")),
        Err(error) => parse_duration(text).map_err(|_| error.to_string()),
    }
}

/// Prints a duration so that it reads back, shortest form first: `5m`, `1h30m`, `1.5µs`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Nanoseconds(pub(crate) i64);

impl fmt::Display for Nanoseconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < 0 {
            f.write_str("-")?;
        }
        let size = self.0.unsigned_abs();
        let millisecond = MILLISECOND_NS as u64;
        if size.is_multiple_of(millisecond) {
            return HumanDuration::from_millis(size / millisecond).fmt(f);
        }
        write!(f, "{size}ns")
    }
}

/// Names of sizes in lower case, and how many bytes they are.
const SIZES: [(&str, u64); 25] = [
    ("", 1),
    ("b", 1),
    ("k", 1_000),
    ("kb", 1_000),
    ("m", 1_000_000),
    ("mb", 1_000_000),
    ("g", 1_000_000_000),
    ("gb", 1_000_000_000),
    ("t", 1_000_000_000_000),
    ("tb", 1_000_000_000_000),
    ("p", 1_000_000_000_000_000),
    ("pb", 1_000_000_000_000_000),
    ("e", 1_000_000_000_000_000_000),
    ("eb", 1_000_000_000_000_000_000),
    ("ki", 1 << 10),
    ("kib", 1 << 10),
    ("mi", 1 << 20),
    ("mib", 1 << 20),
    ("gi", 1 << 30),
    ("gib", 1 << 30),
    ("ti", 1 << 40),
    ("tib", 1 << 40),
    ("pi", 1 << 50),
    ("pib", 1 << 50),
    ("eib", 1 << 60),
];

/// A size such as `5KB`, `1.5 MiB`, `2,048`, in bytes.
pub(crate) fn parse_bytes(text: &str) -> Result<u64, String> {
    let (number, unit) = split_where(text, |c| !c.is_ascii_digit() && c != '.' && c != ',');
    let value = parse_float(&number.replace(',', ""))?;
    let unit = unit.trim().to_lowercase();
    let Some((_, scale)) = SIZES.iter().find(|(name, _)| *name == unit) else {
        return Err(format!("unhandled size name: {unit}"));
    };
    let bytes = value * *scale as f64;
    if bytes >= u64::MAX as f64 {
        return Err(format!("too large: {text}"));
    }
    Ok(bytes as u64)
}

/// Prints a size so that it reads back: `20MB`, `2560B`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bytes(pub(crate) u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let largest_first = [
            ("PB", 1_000_000_000_000_000),
            ("TB", 1_000_000_000_000),
            ("GB", 1_000_000_000),
            ("MB", 1_000_000),
            ("kB", 1_000),
            ("PiB", 1 << 50),
            ("TiB", 1 << 40),
            ("GiB", 1 << 30),
            ("MiB", 1 << 20),
            ("KiB", 1 << 10),
        ];
        for (unit, scale) in largest_first {
            if self.0 != 0 && self.0.is_multiple_of(scale) {
                return write!(f, "{}{unit}", self.0 / scale);
            }
        }
        write!(f, "{}B", self.0)
    }
}

/// A number (Go's `strconv.ParseFloat`).
pub(crate) fn parse_float(text: &str) -> Result<f64, String> {
    let fault = |what: &str| format!("strconv.ParseFloat: parsing {}: {what}", quote(text));
    let value = model::number::parse_float(text).ok_or_else(|| fault("invalid syntax"))?;
    let is_named = !text.bytes().any(|byte| byte.is_ascii_digit());
    if value.is_infinite() && !is_named {
        return Err(fault("value out of range"));
    }
    Ok(value)
}

/// A text in quotes, with Go's escapes (`strconv.Quote`).
pub(crate) fn quote(text: &str) -> String {
    use fmt::Write;

    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\u{7}' => quoted.push_str("\\a"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{c}' => quoted.push_str("\\f"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\u{b}' => quoted.push_str("\\v"),
            // Writing into a string cannot fail.
            _ if (c as u32) < 0x20 || c == '\u{7f}' => {
                let _ = write!(quoted, "\\x{:02x}", c as u32);
            }
            _ if c.is_control() || c == '\u{feff}' || c == '\u{2028}' || c == '\u{2029}' => {
                let _ = write!(quoted, "\\u{:04x}", c as u32);
            }
            _ => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_reads_them() {
        for (text, expected) in [
            ("1h30m", 5_400 * SECOND_NS),
            ("1.5s", 1_500_000_000),
            ("-5ms", -5_000_000),
            ("0.3s", 300_000_000),
            (".5µs", 500),
            ("0", 0),
        ] {
            assert_eq!(parse_duration(text), Ok(expected), "{text}");
        }
        for (text, expected) in [
            ("90", "time: missing unit in duration \"90\""),
            ("1d", "time: unknown unit \"d\" in duration \"1d\""),
            ("oops", "time: invalid duration \"oops\""),
            ("", "time: invalid duration \"\""),
            ("1.2.3s", "time: invalid duration \"1.2.3s\""),
        ] {
            assert_eq!(parse_duration(text), Err(expected.to_owned()), "{text}");
        }
        assert_eq!(parse_written_duration("1d"), Ok(86_400 * SECOND_NS));
        assert_eq!(parse_written_duration("1.5h"), Ok(5_400 * SECOND_NS));
    }

    #[test]
    fn sizes_are_read_in_any_case() {
        for (text, expected) in [
            ("1KB", 1_000),
            ("2Kb", 2_000),
            ("1.5KiB", 1_536),
            ("2,048", 2_048),
            ("1.5B", 1),
        ] {
            assert_eq!(parse_bytes(text), Ok(expected), "{text}");
        }
        assert_eq!(
            parse_bytes("oops"),
            Err("strconv.ParseFloat: parsing \"\": invalid syntax".to_owned())
        );
        assert_eq!(parse_bytes("1XB"), Err("unhandled size name: xb".to_owned()));
    }

    proptest::proptest! {
        #[test]
        fn what_is_printed_reads_back(duration: i64, size in 0_u64..1 << 52) {
            let duration = duration % (1 << 60);
            let text = Nanoseconds(duration).to_string();
            proptest::prop_assert_eq!(parse_written_duration(&text), Ok(duration), "{}", text);
            let text = Bytes(size).to_string();
            proptest::prop_assert_eq!(parse_bytes(&text), Ok(size), "{}", text);
        }
    }
}
