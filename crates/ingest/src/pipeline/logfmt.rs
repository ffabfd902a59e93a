//! `logfmt`: the fields of lines such as `level=info msg="so it is"`.

use serde::Deserialize;

use super::fields::sanitized;
use super::{Entry, Flow, Stage};

/// The keys of `logfmt`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogfmtConfig {
    /// What is read; the line where absent.
    pub source: Option<String>,
    /// What stands in front of the name of every field.
    pub prefix: String,
}

#[derive(Debug)]
pub(super) struct Logfmt(pub(super) LogfmtConfig);

impl Stage for Logfmt {
    fn apply(&self, entry: &mut Entry<'_>, _now_ns: i64) -> Flow {
        let Some(text) = entry.text_of(self.0.source.as_deref()) else {
            return Flow::Missed("no source");
        };
        let found = pairs(text);
        if found.is_empty() {
            return Flow::Missed("no pairs");
        }
        let named =
            |(name, value): (String, String)| (format!("{}{}", self.0.prefix, sanitized(&name)), value);
        entry.set_fields(found.into_iter().map(named))
    }
}

/// The pairs of a line that have a value; words without one are passed over.
fn pairs(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let end = rest
            .find(|c: char| c == '=' || c.is_whitespace())
            .unwrap_or(rest.len());
        let (key, tail) = rest.split_at(end);
        let Some(tail) = tail.strip_prefix('=') else {
            rest = tail.trim_start();
            continue;
        };
        let (value, tail) = value(tail);
        if !key.is_empty() && !key.contains('"') {
            found.push((key.to_owned(), value));
        }
        rest = tail.trim_start();
    }
    found
}

/// The value that a text starts with, and what follows it.
fn value(text: &str) -> (String, &str) {
    if let Some((value, rest)) = text.strip_prefix('"').and_then(quoted) {
        return (value, rest);
    }
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    let (value, rest) = text.split_at(end);
    (value.to_owned(), rest)
}

/// What stands before the closing quote, without its escapes, and what follows. `None` where no quote closes.
pub(super) fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => return Some((value, text.get(at + 1..)?)),
            '\\' => match characters.next()?.1 {
                'n' => value.push('\n'),
                't' => value.push('\t'),
                'r' => value.push('\r'),
                other @ ('"' | '\\' | '/') => value.push(other),
                other => value.extend(['\\', other]),
            },
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_found() {
        let found = pairs(r#"ts=1 word level=info msg="say \"hi\"" empty= a.b=c open="never closed =x "#);
        let found: Vec<(&str, &str)> = found.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        let expected = [
            ("ts", "1"),
            ("level", "info"),
            ("msg", "say \"hi\""),
            ("empty", ""),
            ("a.b", "c"),
            ("open", "\"never"),
        ];
        assert_eq!(found, expected);
    }

    proptest::proptest! {
        #[test]
        fn any_line_is_read(line in "[ -~]{0,80}|\\PC{0,40}") {
            pairs(&line);
        }
    }
}
