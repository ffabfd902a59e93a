//! The forms in which times stand in logs.

use jiff::civil::DateTime;
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// A form of times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimeFormat {
    /// `2026-01-01T00:00:00.123Z`; also with a blank or a comma, and without an offset.
    Rfc3339,
    /// `Thu, 01 Jan 2026 00:00:00 +0000`.
    Rfc2822,
    /// `Jan  1 00:00:00`, without a year: the one that brings it closest to now.
    Rfc3164,
    /// `01/Jan/2026:00:00:00 +0000`, as web servers write it.
    Common,
    /// Seconds since 1970, with or without a fraction.
    Unix,
    /// Milliseconds since 1970.
    UnixMs,
    /// Microseconds since 1970.
    UnixUs,
    /// Nanoseconds since 1970.
    UnixNs,
    /// A form in the letters of strftime.
    Custom(String),
}

const NAMED: [(&str, TimeFormat); 8] = [
    ("rfc3339", TimeFormat::Rfc3339),
    ("rfc2822", TimeFormat::Rfc2822),
    ("rfc3164", TimeFormat::Rfc3164),
    ("common", TimeFormat::Common),
    ("unix", TimeFormat::Unix),
    ("unix_ms", TimeFormat::UnixMs),
    ("unix_us", TimeFormat::UnixUs),
    ("unix_ns", TimeFormat::UnixNs),
];

impl<'de> Deserialize<'de> for TimeFormat {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if let Some((_, format)) = NAMED.iter().find(|(name, _)| *name == text) {
            return Ok(format.clone());
        }
        if text.contains('%') {
            // Whether the letters are known shows when a time is written by them.
            let now = BrokenDownTime::from(&jiff::Zoned::new(Timestamp::UNIX_EPOCH, TimeZone::UTC));
            if let Err(error) = now.to_string(&text) {
                return Err(D::Error::custom(format!(
                    "the time format {text:?} is not known: {error}"
                )));
            }
            return Ok(Self::Custom(text));
        }
        let names: Vec<&str> = NAMED.iter().map(|(name, _)| *name).collect();
        Err(D::Error::custom(format!(
            "unknown time format {text:?}; write one of {}, or letters of strftime such as \"%Y-%m-%d %H:%M:%S\"",
            names.join(", ")
        )))
    }
}

impl TimeFormat {
    /// A time in nanoseconds since the Unix epoch. `zone` holds where the text names none, `now_ns` fills in a year.
    pub(super) fn read(&self, text: &str, zone: &TimeZone, now_ns: i64) -> Option<i64> {
        let text = text.trim();
        match self {
            Self::Rfc3339 => rfc3339_ns(text).or_else(|| in_zone(without_zone(text)?, zone)),
            Self::Rfc2822 => ns(jiff::fmt::rfc2822::parse(text).ok()?.timestamp()),
            Self::Rfc3164 => rfc3164(text, zone, now_ns),
            Self::Common => by_letters("%d/%b/%Y:%H:%M:%S %z", text, zone),
            Self::Unix => unix(text, 1_000_000_000),
            Self::UnixMs => unix(text, 1_000_000),
            Self::UnixUs => unix(text, 1_000),
            Self::UnixNs => unix(text, 1),
            Self::Custom(letters) => by_letters(letters, text, zone),
        }
    }
}

/// An RFC 3339 time with an offset, in nanoseconds since the Unix epoch.
pub(super) fn rfc3339_ns(text: &str) -> Option<i64> {
    let first = text.as_bytes().first()?;
    if !first.is_ascii_digit() || text.len() < 20 {
        return None;
    }
    ns(text.parse::<Timestamp>().ok()?)
}

/// `2026-01-01 00:00:00,123`.
fn without_zone(text: &str) -> Option<DateTime> {
    match text.rsplit_once(',') {
        Some((whole, fraction)) => format!("{whole}.{fraction}").parse().ok(),
        None => text.parse().ok(),
    }
}

fn in_zone(time: DateTime, zone: &TimeZone) -> Option<i64> {
    ns(zone.to_timestamp(time).ok()?)
}

fn ns(time: Timestamp) -> Option<i64> {
    i64::try_from(time.as_nanosecond()).ok()
}

fn by_letters(letters: &str, text: &str, zone: &TimeZone) -> Option<i64> {
    let read = BrokenDownTime::parse(letters, text).ok()?;
    match read.to_timestamp() {
        Ok(time) => ns(time),
        Err(_) => in_zone(read.to_datetime().ok()?, zone),
    }
}

/// Whether a text is a time of RFC 3164 or of RFC 3339.
pub(super) fn is_rfc3164(text: &str) -> bool {
    rfc3339_ns(text).is_some() || rfc3164(text, &TimeZone::UTC, 0).is_some()
}

fn rfc3164(text: &str, zone: &TimeZone, now_ns: i64) -> Option<i64> {
    if let Some(time) = rfc3339_ns(text) {
        return Some(time);
    }
    let now = Timestamp::from_nanosecond(i128::from(now_ns)).ok()?;
    let now = now.to_zoned(zone.clone()).datetime();
    // The 29th of February is not in every year; years next to this one decide at its turn.
    let candidates = [-1, 0, 1].into_iter().filter_map(|years: i64| {
        let year = now.checked_add(years.years()).ok()?.year();
        let read = BrokenDownTime::parse("%Y %b %e %H:%M:%S", format!("{year} {text}")).ok()?;
        in_zone(read.to_datetime().ok()?, zone)
    });
    candidates.min_by_key(|time| time.abs_diff(now_ns))
}

/// A number with or without a fraction, in units of so many nanoseconds.
fn unix(text: &str, unit_ns: i64) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let seconds: i64 = whole.parse().ok()?;
    let mut digits = fraction.bytes().take(9);
    let mut part_ns: i64 = 0;
    let mut scale = unit_ns;
    for digit in digits.by_ref() {
        if !digit.is_ascii_digit() {
            return None;
        }
        scale /= 10;
        part_ns += i64::from(digit - b'0') * scale;
    }
    let part_ns = if whole.starts_with('-') { -part_ns } else { part_ns };
    seconds.checked_mul(unit_ns)?.checked_add(part_ns)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-01-01T00:10:00Z";

    fn read(format: &TimeFormat, text: &str, zone: &str) -> Option<String> {
        let zone = TimeZone::get(zone).unwrap();
        let now_ns = rfc3339_ns(NOW).unwrap();
        let time = format.read(text, &zone, now_ns)?;
        Some(Timestamp::from_nanosecond(i128::from(time)).unwrap().to_string())
    }

    #[test]
    fn every_form_is_read() {
        use TimeFormat::{Common, Custom, Rfc2822, Rfc3164, Rfc3339, Unix, UnixMs, UnixNs, UnixUs};
        for (format, text, expected) in [
            (Rfc3339, "2026-01-01T01:00:00.5+01:00", "2026-01-01T00:00:00.5Z"),
            (Rfc3339, "2026-01-01 01:00:00,250", "2026-01-01T00:00:00.25Z"),
            (Rfc2822, "Thu, 01 Jan 2026 00:00:00 +0000", "2026-01-01T00:00:00Z"),
            (Rfc3164, "Dec 31 23:59:59", "2025-12-31T22:59:59Z"),
            (Rfc3164, "Jan  1 02:00:00", "2026-01-01T01:00:00Z"),
            (Common, "10/Oct/2000:13:55:36 -0700", "2000-10-10T20:55:36Z"),
            (Unix, "1.5", "1970-01-01T00:00:01.5Z"),
            (Unix, "-1.5", "1969-12-31T23:59:58.5Z"),
            (UnixMs, "1500.25", "1970-01-01T00:00:01.50025Z"),
            (UnixUs, "1500000", "1970-01-01T00:00:01.5Z"),
            (UnixNs, "1500000000", "1970-01-01T00:00:01.5Z"),
            (
                Custom("%Y/%m/%d %H:%M".to_owned()),
                "2026/01/01 01:30",
                "2026-01-01T00:30:00Z",
            ),
        ] {
            assert_eq!(
                read(&format, text, "Europe/Berlin").as_deref(),
                Some(expected),
                "{text}"
            );
        }
        for (format, text) in [
            (Rfc3339, "yesterday"),
            (Unix, "1.x"),
            (Unix, ""),
            (Rfc3164, "Feb 31 00:00:00"),
            (UnixMs, "99999999999999999"),
        ] {
            assert_eq!(read(&format, text, "UTC"), None, "{text}");
        }
    }

    #[test]
    fn unknown_formats_are_refused() {
        let read = |text: &str| serde_saphyr::from_str::<TimeFormat>(text).map_err(|error| error.to_string());
        assert_eq!(read("unix_ms").unwrap(), TimeFormat::UnixMs);
        assert!(read("'%Y-%m-%d'").is_ok());
        assert!(read("epoch").unwrap_err().contains("write one of rfc3339"));
        assert!(read("'%Q %!'").is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[0-9.:TZ+ ,-]{0,40}|[A-Z][a-z]{2} [ 0-9:]{0,16}|\\PC{0,30}") {
            for (_, format) in NAMED {
                format.read(&text, &TimeZone::UTC, 0);
            }
        }
    }
}
