//! A document of Elasticsearch made into a line: its message is the line, its other fields are metadata, some of them labels.

use std::borrow::Cow;

use model::LabelsBuilder;
use serde_json::{Map, Value};

use super::super::PushError;
use crate::limits::{ELASTIC_FIELDS_MAX, ELASTIC_PATH_BYTES_MAX};
use crate::logs::{Gather, Pair, label_name};

/// The label that holds the name of the index.
const INDEX: &str = "index";

/// Fields of a document: names with dots, values as texts, and whether a value was one.
type Fields = Vec<(String, String, bool)>;

/// Adds a document; whether it carries a time of its own, or why it is none.
pub(super) fn add(
    out: &mut Gather<'_>,
    index: &str,
    document: &str,
) -> Result<Result<bool, String>, PushError> {
    let object: Map<String, Value> = match serde_json::from_str(document) {
        Ok(object) => object,
        Err(error) => return Ok(Err(format!("failed to parse: {error}"))),
    };
    let mut fields = Fields::new();
    let is_whole = flatten(&mut String::new(), object, &mut fields).is_ok();
    let config = &out.config().elasticsearch;
    let at_ns = take_first(&mut fields, &config.time_fields, |(_, value, _)| time_ns(value));
    let at_ns = at_ns.map(|(at_ns, _)| at_ns);
    let message = take_first(&mut fields, &config.message_fields, |(_, _, is_text)| {
        is_text.then_some(())
    });
    let mut labels = vec![(INDEX.to_owned(), index.to_owned())];
    let is_label = |name: &str| config.index_fields.iter().any(|known| known == name);
    fields.retain(|(name, value, _)| {
        let stays = !is_label(name) || value.is_empty();
        if !stays {
            labels.push((label_name(name), value.clone()));
        }
        stays
    });
    begin(out, labels);
    let time_ns = at_ns.unwrap_or_else(|| out.now_ns());
    let mut metadata: Vec<Pair<'_>> = fields
        .iter()
        .filter(|(_, value, _)| !value.is_empty())
        .map(|(name, value, _)| (Cow::Borrowed(name.as_str()), Cow::Borrowed(value.as_str())))
        .collect();
    // A document without a message, or with more beside it than a line may have, is the line itself.
    match &message {
        Some(((), (_, line, _))) if is_whole && out.fits_metadata(&metadata) => {
            out.line(time_ns, line, &mut metadata)?;
        }
        _ => out.line(time_ns, document, &mut Vec::new())?,
    }
    Ok(Ok(at_ns.is_some()))
}

fn begin(out: &mut Gather<'_>, labels: Vec<(String, String)>) {
    let mut alias = "elasticsearch\0".to_owned();
    for text in labels.iter().flat_map(|(name, value)| [name, value]) {
        alias.push_str(text);
        alias.push('\0');
    }
    out.begin(alias.as_bytes(), || {
        let mut builder = LabelsBuilder::default();
        for (name, value) in labels {
            builder.set(name, value);
        }
        Ok(builder.build())
    });
}

/// Takes out the first field, in the order of `names`, for which `judge` has an answer.
fn take_first<T>(
    fields: &mut Fields,
    names: &[String],
    judge: impl Fn(&(String, String, bool)) -> Option<T>,
) -> Option<(T, (String, String, bool))> {
    for name in names {
        let found = fields.iter().position(|field| field.0 == *name);
        if let Some(place) = found
            && let Some(answer) = fields.get(place).and_then(&judge)
        {
            return Some((answer, fields.remove(place)));
        }
    }
    None
}

/// Puts all values that are no objects under their whole name. How deep objects lie within each other is limited by the reader of JSON.
///
/// # Errors
/// There are more than may be told apart, or their names are too long; the first ones are there.
fn flatten(path: &mut String, object: Map<String, Value>, fields: &mut Fields) -> Result<(), ()> {
    for (key, value) in object {
        if let Value::Object(inner) = value {
            let outer = path.len();
            if outer > 0 {
                path.push('.');
            }
            path.push_str(&key);
            if path.len() > ELASTIC_PATH_BYTES_MAX {
                return Err(());
            }
            flatten(path, inner, fields)?;
            path.truncate(outer);
            continue;
        }
        if fields.len() >= ELASTIC_FIELDS_MAX {
            return Err(());
        }
        let (text, is_text) = match value {
            Value::String(text) => (text, true),
            Value::Null => continue,
            other => (other.to_string(), false),
        };
        fields.push((named(path, key), text, is_text));
    }
    Ok(())
}

/// The whole name of a value. It is only made of those that are kept: a path may be long, and what is left out much.
fn named(path: &str, key: String) -> String {
    if path.is_empty() {
        key
    } else {
        format!("{path}.{key}")
    }
}

/// A time as Elasticsearch's `strict_date_optional_time||epoch_millis` has it, in nanoseconds since the Unix epoch.
fn time_ns(text: &str) -> Option<i64> {
    if let Ok(millis) = text.parse::<i64>() {
        return millis.checked_mul(1_000_000);
    }
    if let Ok(millis) = text.parse::<f64>() {
        // The whole and the fraction apart: a float of nanoseconds would be off by hundreds.
        let whole = (millis.abs() < i64::MAX as f64).then_some(millis.trunc() as i64)?;
        let fraction = (millis.fract() * 1e6).round() as i64;
        return whole.checked_mul(1_000_000)?.checked_add(fraction);
    }
    let moment = text.parse::<jiff::Timestamp>().ok().or_else(|| {
        // Without a zone, times are in UTC.
        let civil = text.parse::<jiff::civil::DateTime>().ok()?;
        let zoned = civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        Some(zoned.timestamp())
    })?;
    i64::try_from(moment.as_nanosecond()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_elasticsearch_s_forms() {
        let second = 1_000_000_000;
        for (text, at_ns) in [
            ("2023-11-15T01:10:00.000Z", 1_700_010_600 * second),
            (
                "2023-11-15T03:10:00.123456789+02:00",
                1_700_010_600 * second + 123_456_789,
            ),
            ("2023-11-15T01:10:00", 1_700_010_600 * second),
            ("1700010600123", 1_700_010_600 * second + 123_000_000),
            ("1700010600123.5", 1_700_010_600 * second + 123_500_000),
        ] {
            assert_eq!(time_ns(text), Some(at_ns), "{text}");
        }
        for text in ["", "now", "99999999999999999999", "1e300"] {
            assert_eq!(time_ns(text), None, "{text}");
        }
    }
}
