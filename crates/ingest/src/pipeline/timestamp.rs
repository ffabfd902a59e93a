//! `timestamp`: when the line was written, from one of its fields.

use jiff::tz::TimeZone;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use stdx::HumanDuration;

use super::timestamp_format::TimeFormat;
use super::{Entry, Flow, Stage};

/// The keys of `timestamp`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimestampConfig {
    /// The name of what holds the time.
    pub source: String,
    /// Its forms; the first that fits is taken.
    #[serde(default = "rfc3339")]
    pub formats: Vec<TimeFormat>,
    /// The zone of times that name none.
    #[serde(default)]
    pub timezone: Zone,
    /// Times so far in the future are not believed.
    #[serde(default = "ten_minutes")]
    pub future_max: HumanDuration,
    /// Times so long ago are not believed; 0 is any.
    #[serde(default = "none")]
    pub past_max: HumanDuration,
    /// What a line gets whose time cannot be read or believed.
    #[serde(default)]
    pub fallback: Fallback,
}

/// What a line gets whose time cannot be read or believed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fallback {
    /// The time it came with.
    #[default]
    Keep,
    /// The time at which it was taken in.
    Now,
}

/// A time zone by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone(TimeZone);

impl Default for Zone {
    fn default() -> Self {
        Self(TimeZone::UTC)
    }
}

impl<'de> Deserialize<'de> for Zone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        TimeZone::get(&name).map(Self).map_err(|_| {
            D::Error::custom(format!(
                "timestamp.timezone: there is no zone {name:?}; write one such as Europe/Berlin or UTC"
            ))
        })
    }
}

fn rfc3339() -> Vec<TimeFormat> {
    vec![TimeFormat::Rfc3339]
}

fn ten_minutes() -> HumanDuration {
    HumanDuration::from_secs(600)
}

fn none() -> HumanDuration {
    HumanDuration::from_secs(0)
}

#[derive(Debug)]
pub(super) struct Time(pub(super) TimestampConfig);

impl Time {
    fn read(&self, entry: &Entry<'_>, now_ns: i64) -> Result<i64, &'static str> {
        let config = &self.0;
        let text = entry.value(&config.source).ok_or("no source")?;
        let times = config.formats.iter();
        let mut times = times.filter_map(|format| format.read(text, &config.timezone.0, now_ns));
        let at_ns = times.next().ok_or("no such time format")?;
        if at_ns.saturating_sub(now_ns) > nanoseconds(config.future_max) {
            return Err("too far in the future");
        }
        let past_max_ns = nanoseconds(config.past_max);
        if past_max_ns > 0 && now_ns.saturating_sub(at_ns) > past_max_ns {
            return Err("too long ago");
        }
        Ok(at_ns)
    }
}

pub(super) fn nanoseconds(duration: HumanDuration) -> i64 {
    i64::try_from(duration.0.as_nanos()).unwrap_or(i64::MAX)
}

impl Stage for Time {
    fn apply(&self, entry: &mut Entry<'_>, now_ns: i64) -> Flow {
        match self.read(entry, now_ns) {
            Ok(at_ns) => {
                entry.at_ns = at_ns;
                Flow::On
            }
            Err(reason) => {
                if self.0.fallback == Fallback::Now {
                    entry.at_ns = now_ns;
                }
                Flow::Missed(reason)
            }
        }
    }
}
