//! Times, steps and limits of requests, in all of Loki's forms.

use model::Direction;

use super::answer::LokiError;
use crate::limits::{LOKI_LINES_DEFAULT, LOKI_LINES_MAX};
use crate::params::{Params, parse_duration_ms};

pub(super) const SECOND_NS: i64 = 1_000_000_000;

/// From when on and before when, in nanoseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bounds {
    pub(super) from_ns: i64,
    pub(super) to_ns: i64,
}

/// Reads a time in nanoseconds since the Unix epoch: seconds with a point, seconds in at most ten digits, nanoseconds in more, or
/// RFC 3339.
pub(super) fn parse_time_ns(text: &str) -> Result<i64, String> {
    let bad = || format!("cannot parse {text:?} to a valid timestamp; write nanoseconds or RFC 3339");
    if text.contains('.')
        && let Ok(seconds) = text.parse::<f64>()
    {
        // Milliseconds are what a float of this size tells apart.
        let at_ms = (seconds * 1000.0).round();
        let fits = at_ms.is_finite() && at_ms.abs() < i64::MAX as f64 / 1e6;
        return if fits {
            Ok(at_ms as i64 * 1_000_000)
        } else {
            Err(bad())
        };
    }
    if let Ok(number) = text.parse::<i64>() {
        let is_seconds = text.len() <= 10;
        return if is_seconds {
            Ok(number.saturating_mul(SECOND_NS))
        } else {
            Ok(number)
        };
    }
    let moment = text.parse::<jiff::Timestamp>().map_err(|_| bad())?;
    i64::try_from(moment.as_nanosecond()).map_err(|_| bad())
}

/// A time; `default` where the parameter is absent.
pub(super) fn time_or(params: &Params, name: &str, default: i64) -> Result<i64, LokiError> {
    match params.get(name) {
        "" => Ok(default),
        text => parse_time_ns(text).map_err(|reason| LokiError::bad_parameter(name, reason)),
    }
}

/// A duration in nanoseconds; none where the parameter is absent.
pub(super) fn duration(params: &Params, name: &str) -> Result<Option<i64>, LokiError> {
    match params.get(name) {
        "" => Ok(None),
        text => parse_duration_ms(text)
            .map(|millis| Some(millis.saturating_mul(1_000_000)))
            .map_err(|reason| LokiError::bad_parameter(name, reason)),
    }
}

/// `start`, `end` and `since`; where they are absent, the time before now.
pub(super) fn bounds(params: &Params, now_ns: i64, since_default_ns: i64) -> Result<Bounds, LokiError> {
    let since = duration(params, "since")?.unwrap_or(since_default_ns);
    let to_ns = time_or(params, "end", now_ns)?;
    // An end in the future is no reason to begin there.
    let from_ns = time_or(params, "start", to_ns.min(now_ns).saturating_sub(since))?;
    if to_ns < from_ns {
        return Err(LokiError::bad_request(
            "end timestamp must not be before or equal to start time",
        ));
    }
    Ok(Bounds { from_ns, to_ns })
}

/// `step`; where it is absent, so that there are about 250 steps.
pub(super) fn step(params: &Params, bounds: Bounds) -> Result<i64, LokiError> {
    let seconds = bounds.to_ns.saturating_sub(bounds.from_ns) / (250 * SECOND_NS);
    let step_ns = duration(params, "step")?.unwrap_or(seconds.max(1) * SECOND_NS);
    if step_ns <= 0 {
        return Err(LokiError::bad_request(
            "zero or negative query resolution step widths are not accepted. Try a positive integer",
        ));
    }
    Ok(step_ns)
}

/// `interval`: lines are at least so far apart; 0 where it is absent.
pub(super) fn interval(params: &Params) -> Result<i64, LokiError> {
    match duration(params, "interval")? {
        Some(interval) if interval < 0 => Err(LokiError::bad_parameter("interval", "must not be negative")),
        interval => Ok(interval.unwrap_or(0)),
    }
}

/// `limit` of lines.
pub(super) fn line_limit(params: &Params) -> Result<usize, LokiError> {
    let limit = count(params, "limit", LOKI_LINES_DEFAULT)?;
    if limit > LOKI_LINES_MAX {
        return Err(LokiError::bad_request(format!(
            "max entries limit per query exceeded, limit > max_entries_limit_per_query ({limit} > {LOKI_LINES_MAX})"
        )));
    }
    Ok(limit)
}

/// A number of things above 0.
pub(super) fn count(params: &Params, name: &str, default: usize) -> Result<usize, LokiError> {
    match params.get(name) {
        "" => Ok(default),
        text => match text.parse() {
            Ok(0) | Err(_) => Err(LokiError::bad_parameter(
                name,
                format!("{text:?} is no positive number"),
            )),
            Ok(count) => Ok(count),
        },
    }
}

/// `direction`.
pub(super) fn direction(params: &Params) -> Result<Direction, LokiError> {
    let text = params.get("direction");
    if text.is_empty() || text.eq_ignore_ascii_case("backward") {
        Ok(Direction::Backward)
    } else if text.eq_ignore_ascii_case("forward") {
        Ok(Direction::Forward)
    } else {
        Err(LokiError::bad_request(format!("invalid direction '{text}'")))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW_NS: i64 = 1_700_010_600 * SECOND_NS;

    #[test]
    fn times_are_read_in_all_forms() {
        let check = |text: &str, at_ns: i64| assert_eq!(parse_time_ns(text), Ok(at_ns), "{text}");
        check("1700010600", NOW_NS);
        check("1700010600.25", NOW_NS + 250_000_000);
        check("1700010600123456789", NOW_NS + 123_456_789);
        check("2023-11-15T01:10:00Z", NOW_NS);
        check("2023-11-15T03:10:00.123456789+02:00", NOW_NS + 123_456_789);
        check("0", 0);
        for text in ["", "x", "1e300.", "2023-11-15", "9e99.9"] {
            assert!(parse_time_ns(text).is_err(), "{text}");
        }
    }

    #[test]
    fn bounds_follow_from_what_is_there() {
        let of = |query: &str| {
            let bounds = bounds(&Params::decode(b"", query), NOW_NS, 3600 * SECOND_NS).unwrap();
            (
                (bounds.from_ns - NOW_NS) / SECOND_NS,
                (bounds.to_ns - NOW_NS) / SECOND_NS,
            )
        };
        assert_eq!(of(""), (-3600, 0));
        assert_eq!(of("since=10m"), (-600, 0));
        assert_eq!(of("end=1700010500&since=100"), (-200, -100));
        assert_eq!(of("end=1700020600"), (-3600, 10_000));
        assert_eq!(of("start=1700010000&since=1s"), (-600, 0));
        let params = Params::decode(b"", "start=5&end=4");
        assert!(bounds(&params, NOW_NS, 0).is_err());
    }

    #[test]
    fn steps_and_limits_have_loki_s_defaults() {
        let bounds = Bounds {
            from_ns: 0,
            to_ns: 3600 * SECOND_NS,
        };
        let step_of = |query: &str| step(&Params::decode(b"", query), bounds);
        assert_eq!(step_of(""), Ok(14 * SECOND_NS));
        assert_eq!(step_of("step=1m"), Ok(60 * SECOND_NS));
        assert_eq!(step_of("step=0.5"), Ok(SECOND_NS / 2));
        assert!(step_of("step=0").is_err() && step_of("step=-1").is_err() && step_of("step=x").is_err());
        let limit = |query: &str| line_limit(&Params::decode(b"", query));
        assert_eq!(limit(""), Ok(100));
        assert!(limit("limit=5001").is_err() && limit("limit=0").is_err() && limit("limit=-1").is_err());
        let direction = |query: &str| direction(&Params::decode(b"", query));
        assert_eq!(direction("direction=FORWARD"), Ok(Direction::Forward));
        assert!(direction("direction=up").is_err());
    }

    proptest! {
        #[test]
        fn no_text_panics(text in r"\PC*|[0-9.e+-]{0,25}") {
            let _ = parse_time_ns(&text);
        }
    }
}
