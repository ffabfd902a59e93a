//! Reads an entry of the journal as `journalctl --output=json` prints it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Value;

use crate::limits::{JOURNAL_FIELD_BYTES_MAX, JOURNAL_METADATA_BYTES_MAX, LOG_LINE_BYTES_MAX};

/// Pairs of metadata of one entry at most.
const PAIRS_MAX: usize = 100;

/// The words for `PRIORITY`, as syslog has them.
const LEVELS: [&str; 8] = [
    "emerg", "alert", "crit", "err", "warning", "notice", "info", "debug",
];

/// An entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its place in the journal.
    pub cursor: String,
    /// When it was received, in nanoseconds since the Unix epoch.
    pub at_ns: i64,
    /// What it says; `None` where it has no message.
    pub message: Option<String>,
    /// The machine.
    pub host: String,
    /// The unit of systemd.
    pub unit: String,
    /// What the program calls itself.
    pub identifier: String,
    /// What else is known.
    pub metadata: Vec<(String, String)>,
    /// Something of the message was replaced that is no text.
    pub is_mended: bool,
    /// The end of the message was cut off.
    pub is_cut: bool,
    /// Fields that were cut or left out.
    pub fields_dropped: u64,
}

impl Entry {
    /// The name of the service: that of its unit, or what the program calls itself.
    pub fn service(&self) -> &str {
        match self.unit.strip_suffix(".service") {
            Some(name) if !name.is_empty() => name,
            _ if !self.identifier.is_empty() => &self.identifier,
            _ => &self.unit,
        }
    }
}

/// Reads a line that `journalctl` printed.
///
/// # Errors
/// What is wrong with it.
pub fn parse(line: &[u8]) -> Result<Entry, String> {
    let mut fields: BTreeMap<String, Value> =
        serde_json::from_slice(line).map_err(|error| error.to_string())?;
    let mut text = |name: &str| {
        let value = fields.remove(name)?;
        texts(&value).into_iter().next().map(|(text, _)| text)
    };
    let cursor = text("__CURSOR").ok_or("it has no __CURSOR")?;
    let received = text("__REALTIME_TIMESTAMP").and_then(|time| time.parse::<i64>().ok());
    let at_ns = received.and_then(|time_us| time_us.checked_mul(1000));
    let mut entry = Entry {
        cursor,
        at_ns: at_ns.ok_or("its __REALTIME_TIMESTAMP is no time")?,
        message: None,
        host: text("_HOSTNAME").unwrap_or_default(),
        unit: text("_SYSTEMD_UNIT").or_else(|| text("UNIT")).unwrap_or_default(),
        identifier: text("SYSLOG_IDENTIFIER")
            .or_else(|| text("_COMM"))
            .unwrap_or_default(),
        metadata: Vec::new(),
        is_mended: false,
        is_cut: false,
        fields_dropped: 0,
    };
    let priority = text("PRIORITY");
    if let Some(message) = fields.remove("MESSAGE") {
        entry.take_message(&message);
    }
    if let Some(priority) = priority {
        let level = priority
            .parse::<usize>()
            .ok()
            .and_then(|number| LEVELS.get(number));
        let pair = level.map_or(("PRIORITY", priority.as_str()), |level| ("level", *level));
        entry.metadata.push((pair.0.to_owned(), pair.1.to_owned()));
    }
    let others = fields.iter().filter(|(name, _)| !name.starts_with("__"));
    let mut bytes = 0;
    for (name, value) in others {
        entry.take_field(name, value, &mut bytes);
    }
    Ok(entry)
}

impl Entry {
    fn take_message(&mut self, message: &Value) {
        let Some((text, is_mended)) = texts(message).into_iter().next() else {
            return;
        };
        let (text, is_cut) = cut_off(&text, LOG_LINE_BYTES_MAX);
        // A line does not end with the end of a line.
        self.message = Some(text.trim_end_matches('\n').to_owned());
        self.is_mended = is_mended;
        self.is_cut = is_cut;
    }

    fn take_field(&mut self, name: &str, value: &Value, bytes: &mut usize) {
        // A field may come several times.
        let values: Vec<String> = texts(value).into_iter().map(|(text, _)| text).collect();
        let joined = values.join(", ");
        let (text, is_cut) = cut_off(&joined, JOURNAL_FIELD_BYTES_MAX);
        *bytes += name.len() + text.len();
        let is_left_out =
            *bytes > JOURNAL_METADATA_BYTES_MAX || self.metadata.len() >= PAIRS_MAX || value.is_null();
        self.fields_dropped += u64::from(is_cut || is_left_out);
        if !is_left_out {
            self.metadata.push((name.to_owned(), text.to_owned()));
        }
    }
}

fn cut_off(text: &str, bytes_max: usize) -> (&str, bool) {
    let end = text.floor_char_boundary(bytes_max);
    (text.get(..end).unwrap_or(text), end < text.len())
}

/// The values of a field: a text, an array of numbers where it is no text, an array of either where there are several. Tells of each
/// whether something was replaced.
fn texts(value: &Value) -> Vec<(String, bool)> {
    match value {
        Value::String(text) => vec![(text.clone(), false)],
        Value::Array(items) if items.iter().all(Value::is_number) => {
            let bytes = items.iter().filter_map(|item| u8::try_from(item.as_u64()?).ok());
            let bytes: Vec<u8> = bytes.collect();
            let text = String::from_utf8_lossy(&bytes);
            vec![(text.to_string(), matches!(text, Cow::Owned(_)))]
        }
        Value::Array(items) => {
            let one = |item: &Value| if is_one(item) { texts(item) } else { Vec::new() };
            items.iter().flat_map(one).collect()
        }
        Value::Number(number) => vec![(number.to_string(), false)],
        Value::Null | Value::Bool(_) | Value::Object(_) => Vec::new(),
    }
}

/// Whether an item of an array is one value and no array of values again.
fn is_one(item: &Value) -> bool {
    match item {
        Value::Array(items) => items.iter().all(Value::is_number),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"__CURSOR":"s=a;i=1","__REALTIME_TIMESTAMP":"1714557600123456","__MONOTONIC_TIMESTAMP":"5",
        "_HOSTNAME":"db1","_SYSTEMD_UNIT":"nginx.service","SYSLOG_IDENTIFIER":"nginx","PRIORITY":"4",
        "MESSAGE":"first\nsecond\n","_PID":"17","TAG":["a","b"],"BLOB":[104,105],"GONE":null}"#;

    #[test]
    fn fields_become_what_lines_have() {
        let entry = parse(LINE.as_bytes()).unwrap();
        assert_eq!(entry.message.as_deref(), Some("first\nsecond"));
        assert_eq!(entry.at_ns, 1_714_557_600_123_456_000);
        assert_eq!((entry.host.as_str(), entry.service()), ("db1", "nginx"));
        let pairs: Vec<String> = entry
            .metadata
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        assert_eq!(pairs, ["level=warning", "BLOB=hi", "TAG=a, b", "_PID=17"]);
        assert_eq!((entry.fields_dropped, entry.is_mended), (1, false));
    }

    #[test]
    fn messages_that_are_no_text_are_mended_and_missing_ones_are_missing() {
        let line = |message: &str| {
            format!(r#"{{"__CURSOR":"c","__REALTIME_TIMESTAMP":"1","_COMM":"x"{message}}}"#).into_bytes()
        };
        let entry = parse(&line(r#","MESSAGE":[104,255,105]"#)).unwrap();
        assert_eq!(
            (entry.message.as_deref(), entry.is_mended),
            (Some("h\u{fffd}i"), true)
        );
        assert_eq!(entry.service(), "x");
        assert_eq!(parse(&line("")).unwrap().message, None);
        assert_eq!(parse(&line(r#","MESSAGE":null"#)).unwrap().message, None);
        let long = "y".repeat(LOG_LINE_BYTES_MAX + 1);
        let entry = parse(&line(&format!(r#","MESSAGE":"{long}","F":"{long}""#))).unwrap();
        assert!(entry.is_cut && entry.fields_dropped == 1);
        assert!(parse(b"{}").unwrap_err().contains("__CURSOR"));
        assert!(
            parse(br#"{"__CURSOR":"a"}"#)
                .unwrap_err()
                .contains("__REALTIME_TIMESTAMP")
        );
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic_the_reader(at in 0..LINE.len(), byte: u8) {
            let mut line = LINE.as_bytes().to_vec();
            line[at] = byte;
            let _ = parse(&line);
            let _ = parse(&line[..at]);
        }
    }
}
