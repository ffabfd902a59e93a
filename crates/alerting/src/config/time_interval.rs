//! Named times for routes to be active or mute in (Alertmanager's `timeinterval` package).

use std::ops::RangeInclusive;

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use serde::Deserialize;

use crate::config::Config;
use crate::error::ConfigError;

/// A name for some times.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NamedInterval {
    /// The name that routes use.
    #[serde(default)]
    pub name: String,
    /// The times; any of them counts.
    #[serde(default)]
    pub time_intervals: Vec<IntervalConfig>,
}

/// Times as written; every part that is there must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IntervalConfig {
    /// Times of day.
    #[serde(default)]
    pub times: Vec<ClockConfig>,
    /// `monday:friday`, `sunday`.
    #[serde(default)]
    pub weekdays: Vec<String>,
    /// `1:7`, `-1`; negative days count from the end of the month.
    #[serde(default)]
    pub days_of_month: Vec<String>,
    /// `january:march`, `12`.
    #[serde(default)]
    pub months: Vec<String>,
    /// `2026:2030`.
    #[serde(default)]
    pub years: Vec<String>,
    /// The time zone; UTC where absent.
    #[serde(default)]
    pub location: Option<String>,
}

/// A time of day from and to, `09:00`, `24:00` at most.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClockConfig {
    /// The first minute.
    #[serde(default)]
    pub start_time: String,
    /// The first minute after.
    #[serde(default)]
    pub end_time: String,
}

/// Times, ready to be asked.
#[derive(Debug, Clone)]
pub(crate) struct Interval {
    minutes: Vec<(i32, i32)>,
    weekdays: Vec<RangeInclusive<i32>>,
    days_of_month: Vec<RangeInclusive<i32>>,
    months: Vec<RangeInclusive<i32>>,
    years: Vec<RangeInclusive<i32>>,
    zone: TimeZone,
}

const WEEKDAYS: [&str; 7] = [
    "sunday",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
];
const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

impl Interval {
    /// Reads what was written.
    pub(crate) fn compile(config: &IntervalConfig) -> Result<Self, String> {
        let zone = match config.location.as_deref() {
            None | Some("" | "UTC") => TimeZone::UTC,
            Some("Local") => TimeZone::system(),
            Some(name) => TimeZone::get(name).map_err(|error| error.to_string())?,
        };
        Ok(Self {
            minutes: config.times.iter().map(clock_range).collect::<Result<_, _>>()?,
            weekdays: ranges(&config.weekdays, |text| name_index(&WEEKDAYS, text), 0..=6)?,
            days_of_month: ranges(&config.days_of_month, |_| None, -31..=31)?,
            months: ranges(
                &config.months,
                |text| name_index(&MONTHS, text).map(|index| index + 1),
                1..=12,
            )?,
            years: ranges(&config.years, |_| None, 0..=9999)?,
            zone,
        })
    }

    /// Whether the moment lies inside.
    pub(crate) fn contains(&self, at_ms: i64) -> bool {
        let Ok(timestamp) = Timestamp::from_millisecond(at_ms) else {
            return false;
        };
        let at = timestamp.to_zoned(self.zone.clone());
        let minute = i32::from(at.hour()) * 60 + i32::from(at.minute());
        let any = |ranges: &[RangeInclusive<i32>], value: i32| {
            ranges.is_empty() || ranges.iter().any(|range| range.contains(&value))
        };
        (self.minutes.is_empty()
            || self
                .minutes
                .iter()
                .any(|(from, to)| (*from..*to).contains(&minute)))
            && any(&self.weekdays, i32::from(at.weekday().to_sunday_zero_offset()))
            && self.day_fits(&at)
            && any(&self.months, i32::from(at.month()))
            && any(&self.years, i32::from(at.year()))
    }

    fn day_fits(&self, at: &Zoned) -> bool {
        let (day, days) = (i32::from(at.day()), i32::from(at.days_in_month()));
        let from_start = |bound: i32| if bound < 0 { days + bound + 1 } else { bound };
        self.days_of_month.is_empty()
            || self.days_of_month.iter().any(|range| {
                let (from, to) = (
                    from_start(*range.start()).max(1),
                    from_start(*range.end()).min(days),
                );
                (from..=to).contains(&day)
            })
    }
}

/// Checks all named intervals.
pub(crate) fn validate_all(config: &Config, errors: &mut Vec<ConfigError>) {
    let mut names = std::collections::BTreeSet::new();
    for named in config.intervals() {
        let place = format!("time_intervals[{}]", named.name);
        if named.name.is_empty() {
            errors.push(ConfigError::new(
                "time_intervals",
                "missing name in time interval",
                "add a name",
            ));
        } else if !names.insert(&named.name) {
            errors.push(ConfigError::new(
                place.clone(),
                "the name is given twice",
                "give every interval its own name",
            ));
        }
        for interval in &named.time_intervals {
            if let Err(message) = Interval::compile(interval) {
                errors.push(ConfigError::new(place.clone(), message, "correct the interval"));
            }
        }
    }
}

fn clock_range(config: &ClockConfig) -> Result<(i32, i32), String> {
    let (from, to) = (
        minute_of_day(&config.start_time)?,
        minute_of_day(&config.end_time)?,
    );
    if from >= to {
        return Err(format!(
            "start time {} cannot be equal or after end time {}",
            config.start_time, config.end_time
        ));
    }
    Ok((from, to))
}

fn minute_of_day(text: &str) -> Result<i32, String> {
    let bad = || format!("{text:?} is not a time of day; write for example 09:00");
    let (hour, minute) = text.split_once(':').ok_or_else(bad)?;
    if hour.len() != 2 || minute.len() != 2 {
        return Err(bad());
    }
    let (hour, minute): (i32, i32) = (
        hour.parse().map_err(|_| bad())?,
        minute.parse().map_err(|_| bad())?,
    );
    let total = hour * 60 + minute;
    if (0..24).contains(&hour) && (0..60).contains(&minute) || total == 24 * 60 {
        Ok(total)
    } else {
        Err(bad())
    }
}

fn ranges(
    texts: &[String],
    by_name: impl Fn(&str) -> Option<i32>,
    allowed: RangeInclusive<i32>,
) -> Result<Vec<RangeInclusive<i32>>, String> {
    let read = |text: &str| {
        let text = text.trim().to_lowercase();
        by_name(&text)
            .or_else(|| text.parse().ok())
            .filter(|value| allowed.contains(value))
            .ok_or_else(|| format!("{text:?} is not a valid part of a time interval"))
    };
    let mut found = Vec::with_capacity(texts.len());
    for text in texts {
        let (from, to) = text.split_once(':').unwrap_or((text, text));
        let (from, to) = (read(from)?, read(to)?);
        let is_day_of_month = *allowed.start() < 0;
        if is_day_of_month && (from == 0 || to == 0) {
            return Err("0 is not a valid day of the month".to_owned());
        }
        if from.signum() == to.signum() && from > to || (from < 0 && to > 0) {
            return Err(format!("the start of {text:?} lies after its end"));
        }
        found.push(from..=to);
    }
    Ok(found)
}

fn name_index(names: &[&str], text: &str) -> Option<i32> {
    names
        .iter()
        .position(|name| *name == text)
        .and_then(|index| i32::try_from(index).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(yaml: &str, at: &str) -> bool {
        let config: IntervalConfig = serde_saphyr::from_str(yaml).unwrap();
        let at: Timestamp = at.parse().unwrap();
        Interval::compile(&config).unwrap().contains(at.as_millisecond())
    }

    #[test]
    fn every_part_must_hold() {
        let office = "{weekdays: ['monday:friday'], times: [{start_time: '09:00', end_time: '17:00'}]}";
        assert!(contains(office, "2026-11-20T09:00:00Z"));
        assert!(!contains(office, "2026-11-20T17:00:00Z"));
        assert!(!contains(office, "2026-11-21T10:00:00Z"));
        assert!(contains("{days_of_month: ['-1']}", "2026-02-28T10:00:00Z"));
        assert!(contains(
            "{months: ['november'], years: ['2026']}",
            "2026-11-20T09:00:00Z"
        ));
        assert!(!contains("{months: ['1:3']}", "2026-11-20T09:00:00Z"));
        let berlin = "{location: Europe/Berlin, times: [{start_time: '00:00', end_time: '01:00'}]}";
        assert!(contains(berlin, "2026-11-20T23:30:00Z"));
    }

    #[test]
    fn nonsense_is_refused() {
        for yaml in [
            "{weekdays: [someday]}",
            "{times: [{start_time: '10:00', end_time: '09:00'}]}",
            "{times: [{start_time: '9', end_time: '25:00'}]}",
            "{days_of_month: ['0']}",
            "{months: ['3:1']}",
            "{location: Mars/Olympus}",
        ] {
            let config: IntervalConfig = serde_saphyr::from_str(yaml).unwrap();
            assert!(Interval::compile(&config).is_err(), "{yaml}");
        }
    }
}
