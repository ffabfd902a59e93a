//! Texts in quotes as Go writes them (`strconv.Quote`), which is how Prometheus prints and reads labels. No character that would steer a
//! terminal is left in them.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::names::is_legacy_label_name;

/// Quotes as Go's `%q` does.
pub fn quote(text: &str) -> String {
    format!("\"{}\"", escape(text))
}

/// Escapes as Go's `%q` does, without the quotes.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '"' => escaped.push_str("\\\""),
            '\\' => escaped.push_str("\\\\"),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            '\u{7}' => escaped.push_str("\\a"),
            '\u{8}' => escaped.push_str("\\b"),
            '\u{b}' => escaped.push_str("\\v"),
            '\u{c}' => escaped.push_str("\\f"),
            // Writing into a string cannot fail.
            _ if char.is_ascii_control() => {
                let _ = write!(escaped, "\\x{:02x}", char as u32);
            }
            _ if char.is_control() => {
                let _ = write!(escaped, "\\u{:04x}", char as u32);
            }
            _ => escaped.push(char),
        }
    }
    escaped
}

/// A label's name as it stands before its value: quoted where it is no name that every version of Prometheus allows.
pub fn label_name(name: &str) -> Cow<'_, str> {
    if is_legacy_label_name(name) {
        Cow::Borrowed(name)
    } else {
        Cow::Owned(quote(name))
    }
}
