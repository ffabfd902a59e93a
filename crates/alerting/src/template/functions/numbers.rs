//! Numbers for people (prometheus/template `humanize…`).

use gotemplate::{Value, go_float, significant};
use jiff::Timestamp;
use stdx::HumanDuration;

use crate::template::functions::{Function, number, text};
use crate::template::host::Expansion;

pub(super) const ALL: &[(&str, usize, usize, Function)] = &[
    ("humanize", 1, 1, humanize),
    ("humanize1024", 1, 1, humanize1024),
    ("humanizeDuration", 1, 1, |a, _| {
        Ok(Value::text(duration(number(a, 0)?)))
    }),
    ("humanizePercentage", 1, 1, |a, _| {
        Ok(Value::text(format!("{}%", significant(number(a, 0)? * 100.0, 4))))
    }),
    ("humanizeTimestamp", 1, 1, |a, _| {
        let seconds = number(a, 0)?;
        Ok(if seconds.is_finite() {
            Value::text(Value::Time(moment(seconds)?).to_string())
        } else {
            Value::text(significant(seconds, 4))
        })
    }),
    ("toTime", 1, 1, |a, _| {
        Ok(Value::TimePointer(moment(number(a, 0)?)?))
    }),
    ("toDuration", 1, 1, |a, _| {
        Ok(Value::text(duration(number(a, 0)?)))
    }),
    ("now", 0, 0, |_, expansion| {
        Ok(Value::Float(expansion.context.now_ms as f64 / 1000.0))
    }),
    ("parseDuration", 1, 1, |a, _| {
        let parsed = HumanDuration::parse(text(a, 0)?).map_err(|error| error.to_string())?;
        Ok(Value::Float(parsed.0.as_secs_f64()))
    }),
];

fn moment(seconds: f64) -> Result<Timestamp, String> {
    let ms = (seconds * 1000.0).round();
    ms.is_finite()
        .then(|| Timestamp::from_millisecond(ms as i64).ok())
        .flatten()
        .ok_or_else(|| format!("{} cannot be represented as a time", go_float(seconds)))
}

fn humanize(arguments: &[Value], _: &mut Expansion<'_>) -> Result<Value, String> {
    let mut value = number(arguments, 0)?;
    if value == 0.0 || !value.is_finite() {
        return Ok(Value::text(significant(value, 4)));
    }
    let mut prefix = "";
    if value.abs() >= 1.0 {
        for next in ["k", "M", "G", "T", "P", "E", "Z", "Y"] {
            if value.abs() < 1000.0 {
                break;
            }
            prefix = next;
            value /= 1000.0;
        }
    } else {
        for next in ["m", "u", "n", "p", "f", "a", "z", "y"] {
            if value.abs() >= 1.0 {
                break;
            }
            prefix = next;
            value *= 1000.0;
        }
    }
    Ok(Value::text(format!("{}{prefix}", significant(value, 4))))
}

fn humanize1024(arguments: &[Value], _: &mut Expansion<'_>) -> Result<Value, String> {
    let mut value = number(arguments, 0)?;
    let mut prefix = "";
    if value.is_finite() && value.abs() > 1.0 {
        for next in ["ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"] {
            if value.abs() < 1024.0 {
                break;
            }
            prefix = next;
            value /= 1024.0;
        }
    }
    Ok(Value::text(format!("{}{prefix}", significant(value, 4))))
}

/// prometheus/common `HumanizeDuration`.
fn duration(value: f64) -> String {
    if !value.is_finite() {
        return significant(value, 4);
    }
    if value == 0.0 {
        return "0s".to_owned();
    }
    if value.abs() >= 1.0 {
        let sign = if value < 0.0 { "-" } else { "" };
        let whole = value.abs() as i64;
        let (seconds, minutes, hours, days) =
            (whole % 60, whole / 60 % 60, whole / 3600 % 24, whole / 86_400);
        return if days != 0 {
            format!("{sign}{days}d {hours}h {minutes}m {seconds}s")
        } else if hours != 0 {
            format!("{sign}{hours}h {minutes}m {seconds}s")
        } else if minutes != 0 {
            format!("{sign}{minutes}m {seconds}s")
        } else {
            // Below a minute fractions count.
            format!("{sign}{}s", significant(value.abs(), 4))
        };
    }
    let mut small = value;
    let mut prefix = "";
    for next in ["m", "u", "n", "p", "f", "a", "z", "y"] {
        if small.abs() >= 1.0 {
            break;
        }
        prefix = next;
        small *= 1000.0;
    }
    format!("{}{prefix}s", significant(small, 4))
}
