//! Durations as people write them in configuration files: `15s`, `1h30m`, `2w`.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A duration read from and printed as text such as `500ms`, `15s`, `1h30m`, `7d`.
///
/// Units, largest first and each at most once: `y` (365 d), `w`, `d`, `h`, `m`, `s`, `ms`. `0` needs no unit.
/// This is the form that Prometheus and Alertmanager use (prometheus/common `model.ParseDuration`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct HumanDuration(pub Duration);

/// Why a text is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// The text is empty.
    #[error("empty duration; write for example 15s")]
    Empty,
    /// The text does not follow the form.
    #[error("not a valid duration: {0:?}; write a number and a unit, for example 500ms, 15s, 5m, 1h30m, 7d")]
    Malformed(String),
    /// The duration does not fit into 64 bits of milliseconds.
    #[error("duration out of range: {0:?}")]
    OutOfRange(String),
}

/// Units from the largest to the smallest, in milliseconds.
const UNITS: [(&str, u64); 7] = [
    ("y", 365 * 86_400_000),
    ("w", 7 * 86_400_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

impl HumanDuration {
    /// So many milliseconds.
    pub const fn from_millis(millis: u64) -> Self {
        Self(Duration::from_millis(millis))
    }

    /// So many seconds.
    pub const fn from_secs(secs: u64) -> Self {
        Self(Duration::from_secs(secs))
    }

    /// Whole milliseconds.
    pub fn as_millis_i64(self) -> i64 {
        i64::try_from(self.0.as_millis()).unwrap_or(i64::MAX)
    }

    /// Reads the text form.
    pub fn parse(text: &str) -> Result<Self, DurationError> {
        match text {
            "" => return Err(DurationError::Empty),
            "0" => return Ok(Self::default()),
            _ => {}
        }
        let malformed = || DurationError::Malformed(text.to_owned());
        let out_of_range = || DurationError::OutOfRange(text.to_owned());
        let mut rest = text;
        let mut next_unit = 0;
        let mut total_ms: u64 = 0;
        while !rest.is_empty() {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let (number, tail) = rest.split_at(digits);
            let letters = tail.bytes().take_while(u8::is_ascii_lowercase).count();
            let (unit, tail) = tail.split_at(letters);
            if number.is_empty() {
                return Err(malformed());
            }
            let place = UNITS
                .iter()
                .position(|(name, _)| *name == unit)
                .ok_or_else(malformed)?;
            if place < next_unit {
                return Err(malformed());
            }
            next_unit = place + 1;
            let number: u64 = number.parse().map_err(|_| out_of_range())?;
            let part = UNITS
                .get(place)
                .and_then(|(_, ms)| number.checked_mul(*ms))
                .ok_or_else(out_of_range)?;
            total_ms = total_ms.checked_add(part).ok_or_else(out_of_range)?;
            rest = tail;
        }
        if i64::try_from(total_ms).is_err() {
            return Err(out_of_range());
        }
        Ok(Self::from_millis(total_ms))
    }
}

impl fmt::Display for HumanDuration {
    /// Prints weeks and years only where the duration is a whole number of them, as Prometheus does.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0.as_millis() as u64;
        if rest == 0 {
            return f.write_str("0s");
        }
        for (name, ms) in UNITS {
            let exact_only = matches!(name, "y" | "w");
            if rest < ms || (exact_only && !rest.is_multiple_of(ms)) {
                continue;
            }
            write!(f, "{}{name}", rest / ms)?;
            rest %= ms;
        }
        Ok(())
    }
}

impl std::str::FromStr for HumanDuration {
    type Err = DurationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl<'de> Deserialize<'de> for HumanDuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

impl Serialize for HumanDuration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_what_prometheus_reads() {
        let check = |text: &str, ms: u64| {
            assert_eq!(
                HumanDuration::parse(text),
                Ok(HumanDuration::from_millis(ms)),
                "{text}"
            );
        };
        check("0", 0);
        check("15s", 15_000);
        check("1h30m", 5_400_000);
        check("500ms", 500);
        check("4d1h", 4 * 86_400_000 + 3_600_000);
        check("1y", 365 * 86_400_000);
        check("3w", 21 * 86_400_000);
    }

    #[test]
    fn refuses_what_prometheus_refuses() {
        for text in [
            "",
            "1",
            "s",
            "1m1h",
            "1s1s",
            "-5s",
            "1.5h",
            " 5s",
            "5 s",
            "99999999999y",
            "1µs",
            "5sm",
        ] {
            assert!(HumanDuration::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn prints_as_prometheus_prints() {
        let check = |ms: u64, text: &str| assert_eq!(HumanDuration::from_millis(ms).to_string(), text);
        check(0, "0s");
        check(324_000, "5m24s");
        check(86_400_000 * 7, "1w");
        check(86_400_000 * 8, "8d");
        check(3_723_004, "1h2m3s4ms");
    }

    proptest! {
        #[test]
        fn printed_durations_parse_back(ms in 0u64..(1u64 << 50)) {
            let duration = HumanDuration::from_millis(ms);
            prop_assert_eq!(HumanDuration::parse(&duration.to_string()), Ok(duration));
        }

        #[test]
        fn no_text_panics(text in ".*") {
            let _ = HumanDuration::parse(&text);
        }
    }
}
