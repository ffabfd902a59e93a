//! Moments in templates, written with Go's layouts (`2006-01-02`).

use gotemplate::Value;
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, civil};

use super::functions::{Arguments, time};
use crate::units::{MILLISECOND_NS, SECOND_NS};

pub(super) fn call(name: &str, all: Arguments<'_>) -> Result<Value, String> {
    Ok(match name {
        "date" => {
            let at = moment(all.value(1)?)?.to_zoned(TimeZone::UTC);
            Value::text(at.strftime(&directives(all.text(0)?)).to_string())
        }
        "toDate" => Value::Time(read(all.text(0)?, all.text(1)?, &TimeZone::UTC)),
        "toDateInZone" => {
            let zone = TimeZone::get(all.text(1)?).unwrap_or(TimeZone::UTC);
            Value::Time(read(all.text(0)?, all.text(2)?, &zone))
        }
        "unixEpoch" => Value::text(moment(all.value(0)?)?.as_second().to_string()),
        "unixEpochMillis" => Value::text(moment(all.value(0)?)?.as_millisecond().to_string()),
        "unixEpochNanos" => Value::text(moment(all.value(0)?)?.as_nanosecond().to_string()),
        _ => return unix_to_time(all.text(0)?),
    })
}

fn moment(value: &Value) -> Result<Timestamp, String> {
    match value {
        Value::Time(at) => Ok(*at),
        Value::Int(seconds) => Timestamp::from_second(*seconds).map_err(|error| error.to_string()),
        other => Err(format!(
            "wrong type for value; expected time.Time; got {}",
            other.type_name()
        )),
    }
}

/// Days, seconds, milliseconds, microseconds or nanoseconds since the Unix epoch, by how many digits there are.
fn unix_to_time(text: &str) -> Result<Value, String> {
    let number: i64 = text
        .parse()
        .map_err(|_| format!("unable to parse time '{text}'"))?;
    let unit = match text.len() {
        5 => 86_400 * SECOND_NS,
        10 => SECOND_NS,
        13 => MILLISECOND_NS,
        16 => 1_000,
        19 => 1,
        _ => return Err(format!("unable to parse time '{text}'")),
    };
    time(number.saturating_mul(unit))
}

/// The moment that `text` names; the beginning of the epoch where it names none.
fn read(layout: &str, text: &str, zone: &TimeZone) -> Timestamp {
    let Ok(broken) = BrokenDownTime::parse(directives(layout), text) else {
        return Timestamp::UNIX_EPOCH;
    };
    if let Ok(at) = broken.to_timestamp() {
        return at;
    }
    let date = broken.to_date().unwrap_or(civil::Date::constant(1970, 1, 1));
    let time = broken.to_time().unwrap_or(civil::Time::midnight());
    let zoned = date.to_datetime(time).to_zoned(zone.clone());
    zoned.map_or(Timestamp::UNIX_EPOCH, |zoned| zoned.timestamp())
}

/// What stands in Go's layouts, longest first, and the directive that means the same.
const LAYOUT: [(&str, &str); 30] = [
    (".000000000", "%.9f"),
    (".999999999", "%.f"),
    (".000000", "%.6f"),
    (".999999", "%.f"),
    (".000", "%.3f"),
    (".999", "%.f"),
    ("January", "%B"),
    ("Jan", "%b"),
    ("Monday", "%A"),
    ("Mon", "%a"),
    ("MST", "%Z"),
    ("2006", "%Y"),
    ("-07:00", "%:z"),
    ("-0700", "%z"),
    ("Z07:00", "%:z"),
    ("Z0700", "%z"),
    ("PM", "%p"),
    ("pm", "%P"),
    ("01", "%m"),
    ("02", "%d"),
    ("03", "%I"),
    ("04", "%M"),
    ("05", "%S"),
    ("06", "%y"),
    ("15", "%H"),
    ("_2", "%e"),
    ("1", "%-m"),
    ("2", "%-d"),
    ("3", "%-I"),
    ("4", "%-M"),
];

fn directives(layout: &str) -> String {
    let mut out = String::with_capacity(layout.len() * 2);
    let mut rest = layout;
    while let Some(c) = rest.chars().next() {
        let found = LAYOUT.iter().find(|(written, _)| rest.starts_with(written));
        let used = if let Some((written, directive)) = found {
            out.push_str(directive);
            written.len()
        } else if c == '%' {
            out.push_str("%%");
            1
        } else {
            out.push(c);
            c.len_utf8()
        };
        rest = rest.get(used..).unwrap_or_default();
    }
    out
}
