//! What the values of a field look like, as Loki names it for Grafana's list of fields.

use stdx::{HumanBytes, HumanDuration};

/// What all values of a field so far look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Boolean,
    Int,
    Float,
    Duration,
    Bytes,
    String,
}

impl Kind {
    /// What one value looks like.
    pub(crate) fn of(value: &str) -> Self {
        if matches!(value, "true" | "false") {
            Self::Boolean
        } else if value.parse::<i64>().is_ok() {
            Self::Int
        } else if value.parse::<f64>().is_ok_and(f64::is_finite) {
            Self::Float
        } else if is_duration(value) {
            Self::Duration
        } else if value.ends_with(['B', 'b']) && HumanBytes::parse(value).is_ok() {
            Self::Bytes
        } else {
            Self::String
        }
    }

    /// What values look like together.
    pub(crate) fn and(self, other: Self) -> Self {
        match (self, other) {
            (one, other) if one == other => one,
            (Self::Int, Self::Float) | (Self::Float, Self::Int) => Self::Float,
            _ => Self::String,
        }
    }

    /// Loki's name.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::Int => "int",
            Self::Float => "float",
            Self::Duration => "duration",
            Self::Bytes => "bytes",
            Self::String => "string",
        }
    }
}

/// A duration as Go prints it (`1.5s`, `250µs`), or as Prometheus does.
fn is_duration(value: &str) -> bool {
    let digits = value.trim_end_matches(|c: char| c.is_alphabetic());
    let unit = value.get(digits.len()..).unwrap_or_default();
    let is_one = matches!(unit, "ns" | "us" | "µs" | "μs" | "ms" | "s" | "m" | "h")
        && !digits.is_empty()
        && digits.parse::<f64>().is_ok();
    is_one || HumanDuration::parse(value).is_ok()
}

/// Whether a value is one of very many: a number or a UUID names a thing rather than a kind of things.
pub(super) fn is_identifier(value: &str) -> bool {
    let is_uuid = value.len() == 36
        && value.char_indices().all(|(place, c)| match place {
            8 | 13 | 18 | 23 => c == '-',
            _ => c.is_ascii_hexdigit(),
        });
    is_uuid || value.parse::<f64>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_told_apart() {
        for (value, name) in [
            ("true", "boolean"),
            ("12", "int"),
            ("-1.5e3", "float"),
            ("1.5s", "duration"),
            ("250µs", "duration"),
            ("1h30m", "duration"),
            ("12KiB", "bytes"),
            ("12MB", "bytes"),
            ("", "string"),
            ("GET", "string"),
            ("NaN", "string"),
        ] {
            assert_eq!(Kind::of(value).as_str(), name, "{value}");
        }
        assert_eq!(Kind::Int.and(Kind::Float), Kind::Float);
        assert_eq!(Kind::Int.and(Kind::Boolean), Kind::String);
        assert!(is_identifier("0af7e0cc-1111-2222-3333-444455556666") && is_identifier("17"));
        assert!(!is_identifier("eu-west-1"));
    }
}
