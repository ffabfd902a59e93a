//! Numbers of protobuf's JSON mapping: as numbers, or as texts.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};

use super::super::super::PushError;
use super::super::message::Temporality;
use super::super::{malformed, text};

/// An unsigned 64-bit integer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Uint(pub(super) u64);

/// A `SeverityNumber`, by number or name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Severity(pub(super) u64);

/// A signed 64-bit integer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Int(pub(super) i64);

/// A float; `NaN`, `Infinity` and `-Infinity` come as texts.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Double(pub(super) f64);

/// Bytes in hexadecimal digits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Hex(pub(super) Vec<u8>);

impl Int {
    /// The number where the message has 32 bits for it.
    pub(super) fn narrow(self, field: &'static str) -> Result<i32, PushError> {
        i32::try_from(self.0).map_err(|_| malformed(format!("{field} {} is out of range", self.0)))
    }
}

/// Reads a number by what the text holds: as JSON number or in quotes.
struct NumberVisitor<T> {
    expecting: &'static str,
    of_u64: fn(u64) -> Option<T>,
    of_i64: fn(i64) -> Option<T>,
    of_f64: fn(f64) -> Option<T>,
    of_text: fn(&str) -> Option<T>,
}

impl<T> Visitor<'_> for NumberVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expecting)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
        (self.of_u64)(number).ok_or_else(|| E::invalid_value(Unexpected::Unsigned(number), &self))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        (self.of_i64)(number).ok_or_else(|| E::invalid_value(Unexpected::Signed(number), &self))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<T, E> {
        (self.of_f64)(number).ok_or_else(|| E::invalid_value(Unexpected::Float(number), &self))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        (self.of_text)(text).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }
}

impl<'de> Deserialize<'de> for Uint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberVisitor {
            expecting: "an unsigned integer, as a number or a text",
            of_u64: |number| Some(Self(number)),
            of_i64: |number| u64::try_from(number).ok().map(Self),
            of_f64: |number| {
                let whole = number.fract() == 0.0 && (0.0..18_446_744_073_709_551_616.0).contains(&number);
                whole.then_some(Self(number as u64))
            },
            of_text: |text| text.parse().ok().map(Self),
        })
    }
}

impl<'de> Deserialize<'de> for Int {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberVisitor {
            expecting: "an integer, as a number or a text",
            of_u64: |number| i64::try_from(number).ok().map(Self),
            of_i64: |number| Some(Self(number)),
            of_f64: |number| {
                let in_range = (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&number);
                (number.fract() == 0.0 && in_range).then_some(Self(number as i64))
            },
            of_text: |text| text.parse().ok().map(Self),
        })
    }
}

impl<'de> Deserialize<'de> for Double {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberVisitor {
            expecting: "a number, or NaN, Infinity or -Infinity as a text",
            of_u64: |number| Some(Self(number as f64)),
            of_i64: |number| Some(Self(number as f64)),
            of_f64: |number| Some(Self(number)),
            of_text: |text| text.parse().ok().map(Self),
        })
    }
}

impl<'de> Deserialize<'de> for Temporality {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberVisitor {
            expecting: "an AggregationTemporality, by number or name",
            of_u64: |number| Some(Self::from_wire(number)),
            of_i64: |_| Some(Self::Unspecified),
            of_f64: |number| Some(Self::from_wire(number as u64)),
            of_text: |name| {
                Some(match name {
                    "AGGREGATION_TEMPORALITY_DELTA" => Self::Delta,
                    "AGGREGATION_TEMPORALITY_CUMULATIVE" => Self::Cumulative,
                    other => Self::from_wire(other.parse().unwrap_or_default()),
                })
            },
        })
    }
}

impl<'de> Deserialize<'de> for Severity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberVisitor {
            expecting: "a SeverityNumber, by number or name",
            of_u64: |number| Some(Self(number)),
            of_i64: |_| Some(Self(0)),
            of_f64: |number| Some(Self(number as u64)),
            of_text: |name| Some(Self(severity(name))),
        })
    }
}

/// `SEVERITY_NUMBER_INFO2` is 10: each of six names stands for four numbers. A name that is not known is 0, which says nothing.
fn severity(name: &str) -> u64 {
    let Some(name) = name.strip_prefix("SEVERITY_NUMBER_") else {
        return name.parse().unwrap_or_default();
    };
    let (name, place) = match name.char_indices().last() {
        Some((end, digit @ '2'..='4')) => {
            let place = u64::from(digit) - u64::from('1');
            (name.get(..end).unwrap_or_default(), place)
        }
        _ => (name, 0),
    };
    let names = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];
    let found = (0_u64..).zip(names).find(|(_, known)| *known == name);
    found.map_or(0, |(family, _)| 1 + 4 * family + place)
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(NumberVisitor {
            expecting: "an identifier in hexadecimal digits",
            of_u64: |_| None,
            of_i64: |_| None,
            of_f64: |_| None,
            of_text: |digits| text::unhex(digits).map(Self),
        })
    }
}
