//! Sizes as people write them in configuration files: `512MB`, `10GiB`.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A number of bytes read from and printed as text such as `512MB`.
///
/// As in Prometheus and Alertmanager (alecthomas/units `Base2Bytes`), every unit is a power of 1024, whether it is
/// written `KB` or `KiB`; a bare number is bytes; several parts add up (`1GB512MB`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct HumanBytes(pub u64);

/// A text that is not a size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a valid size: {0:?}; write a number and a unit, for example 512MB or 10GB")]
pub struct BytesError(String);

/// Units from the largest to the smallest.
const UNITS: [(&str, u32); 7] = [
    ("E", 60),
    ("P", 50),
    ("T", 40),
    ("G", 30),
    ("M", 20),
    ("K", 10),
    ("", 0),
];

impl HumanBytes {
    /// Reads the text form where every number has a unit, as Prometheus wants it of limits; `0` is none.
    ///
    /// # Errors
    /// A text that is no size, or that has a number without its unit.
    pub fn parse_with_unit(text: &str) -> Result<Self, BytesError> {
        let ends_bare = text.trim().ends_with(|c: char| c.is_ascii_digit());
        if ends_bare && text != "0" {
            return Err(BytesError(text.to_owned()));
        }
        Self::parse(text)
    }

    /// For serde's `deserialize_with`: [`parse_with_unit`](Self::parse_with_unit).
    ///
    /// # Errors
    /// What the deserializer says, or that the text is no size.
    pub fn deserialize_with_unit<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse_with_unit(&text).map_err(de::Error::custom)
    }

    /// The same for a key that may be absent.
    ///
    /// # Errors
    /// As [`deserialize_with_unit`](Self::deserialize_with_unit).
    pub fn deserialize_optional_with_unit<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Self>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| Self::parse_with_unit(&text).map_err(de::Error::custom))
            .transpose()
    }

    /// Reads the text form.
    pub fn parse(text: &str) -> Result<Self, BytesError> {
        let bad = || BytesError(text.to_owned());
        let mut rest = text.trim();
        let mut total: u64 = 0;
        if rest.is_empty() {
            return Err(bad());
        }
        while !rest.is_empty() {
            let number_end = rest
                .find(|c: char| !c.is_ascii_digit() && c != '.')
                .unwrap_or(rest.len());
            let (number, tail) = rest.split_at(number_end);
            let unit_end = tail
                .find(|c: char| !c.is_ascii_alphabetic())
                .unwrap_or(tail.len());
            let (unit, tail) = tail.split_at(unit_end);
            let number: f64 = number.parse().map_err(|_| bad())?;
            let bytes = number * (1u64 << shift_of(unit).ok_or_else(bad)?) as f64;
            if bytes >= u64::MAX as f64 {
                return Err(bad());
            }
            total = total.checked_add(bytes as u64).ok_or_else(bad)?;
            rest = tail;
        }
        Ok(Self(total))
    }
}

/// The power of two behind `KB`, `KiB`, `K`, `B` and so on.
fn shift_of(unit: &str) -> Option<u32> {
    let upper = unit.to_ascii_uppercase();
    let letter = upper
        .strip_suffix("IB")
        .or_else(|| upper.strip_suffix('B'))
        .unwrap_or(&upper);
    UNITS
        .iter()
        .find(|(name, _)| *name == letter)
        .map(|(_, shift)| *shift)
}

impl fmt::Display for HumanBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact = UNITS
            .iter()
            .find(|(_, shift)| self.0 >= 1 << shift && self.0.is_multiple_of(1 << shift));
        match exact {
            Some((unit, shift)) if *shift > 0 => write!(f, "{}{unit}iB", self.0 >> shift),
            _ => write!(f, "{}B", self.0),
        }
    }
}

impl<'de> Deserialize<'de> for HumanBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

impl Serialize for HumanBytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn units_are_powers_of_1024() {
        let check =
            |text: &str, bytes: u64| assert_eq!(HumanBytes::parse(text), Ok(HumanBytes(bytes)), "{text}");
        check("0", 0);
        check("512", 512);
        check("1KB", 1024);
        check("1KiB", 1024);
        check("1.5GB", 3 << 29);
        check("1GB512MB", 3 << 29);
        check("2TiB", 2 << 40);
        for text in ["", "GB", "1XB", "-1KB", "1 2", "99999999EB", "1..2KB"] {
            assert!(HumanBytes::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_limit_needs_its_unit() {
        let check = |text: &str, bytes: Option<u64>| {
            let got = HumanBytes::parse_with_unit(text).ok();
            assert_eq!(got, bytes.map(HumanBytes), "{text}");
        };
        check("0", Some(0));
        check("15MB", Some(15 << 20));
        check("1.5KiB", Some(1536));
        check("1GB512MB", Some((1 << 30) + (512 << 20)));
        check("100", None);
        check("1GB512", None);
        check("", None);
    }

    proptest! {
        #[test]
        fn printed_sizes_parse_back(bytes in 0u64..(1 << 52)) {
            prop_assert_eq!(HumanBytes::parse(&HumanBytes(bytes).to_string()), Ok(HumanBytes(bytes)));
        }

        #[test]
        fn no_text_panics(text in ".*") {
            let _ = HumanBytes::parse(&text);
        }
    }
}
