//! Sizes as people write them: `15MB`, `512KiB`, `0`.

use std::fmt;

use serde::{Deserialize, Deserializer, de};

/// A number of bytes. Units count by 1024 with and without `i`, as in Prometheus; `0` is "no limit named".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

const UNITS: [(&str, u64); 13] = [
    ("B", 1),
    ("KB", 1 << 10),
    ("KiB", 1 << 10),
    ("MB", 1 << 20),
    ("MiB", 1 << 20),
    ("GB", 1 << 30),
    ("GiB", 1 << 30),
    ("TB", 1 << 40),
    ("TiB", 1 << 40),
    ("PB", 1 << 50),
    ("PiB", 1 << 50),
    ("EB", 1 << 60),
    ("EiB", 1 << 60),
];

impl ByteSize {
    /// Reads the text form: numbers with units, added up.
    pub fn parse(text: &str) -> Option<Self> {
        if text == "0" {
            return Some(Self(0));
        }
        let mut rest = text;
        let mut total: u64 = 0;
        while !rest.is_empty() {
            let number_end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
            let (number, tail) = rest.split_at(number_end);
            let unit_end = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
            let (unit, tail) = tail.split_at(unit_end);
            let bytes = UNITS.iter().find(|(name, _)| *name == unit)?.1;
            total = total.checked_add(times(number, bytes)?)?;
            rest = tail;
        }
        (!text.is_empty() && i64::try_from(total).is_ok()).then_some(Self(total))
    }
}

fn times(number: &str, bytes: u64) -> Option<u64> {
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(bytes);
    }
    let scaled = number.parse::<f64>().ok()? * bytes as f64;
    (scaled.is_finite() && scaled < i64::MAX as f64).then_some(scaled as u64)
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |bytes: u64| bytes > 1 && self.0 > 0 && self.0.is_multiple_of(bytes);
        let unit = UNITS
            .iter()
            .rev()
            .find(|(name, bytes)| name.contains('i') && fits(*bytes));
        match unit {
            Some((name, bytes)) => write!(f, "{}{name}", self.0 / bytes),
            None => write!(f, "{}B", self.0),
        }
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            de::Error::custom(format!(
                "not a size: {text:?}; write a number and a unit, for example 50MB"
            ))
        })
    }
}
