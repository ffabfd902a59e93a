//! Alertmanager's matchers as text: `severity="critical"`, `{a=b, c!~"d.*"}`, in both of its grammars.

use gotemplate::unquote;
use model::BadRegex;
use model::Matcher;

/// Text that is no list of matchers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("bad matcher format: {text:?}: {reason}")]
pub struct BadMatchers {
    /// The text.
    pub text: String,
    /// What is wrong.
    pub reason: String,
}

/// Reads matchers as Alertmanager does: by the newer grammar, and where that refuses, by the classic one.
pub fn parse_matchers(text: &str) -> Result<Vec<Matcher>, BadMatchers> {
    parse_utf8(text).or_else(|utf8| parse_classic(text).map_err(|_| utf8))
}

/// Reads matchers by the newer grammar (alertmanager/matcher/parse): any label name, quoted where it has reserved
/// characters.
pub fn parse_utf8(text: &str) -> Result<Vec<Matcher>, BadMatchers> {
    let bad = |reason: String| BadMatchers {
        text: text.to_owned(),
        reason,
    };
    let mut cursor = Cursor { text, at: 0 };
    let braces = cursor.take('{');
    let mut matchers = Vec::new();
    loop {
        cursor.skip_blanks();
        if cursor.rest().is_empty() || cursor.rest().starts_with('}') {
            break;
        }
        matchers.push(cursor.matcher().map_err(bad)?);
        if !cursor.take(',') {
            break;
        }
    }
    if braces && !cursor.take('}') {
        return Err(bad(format!("{}: expected close brace", cursor.place())));
    }
    cursor.skip_blanks();
    if !cursor.rest().is_empty() {
        return Err(bad(format!("{}: unexpected {:?}", cursor.place(), cursor.rest())));
    }
    Ok(matchers)
}

/// Reads matchers by the classic grammar (alertmanager/pkg/labels `ParseMatchers`).
pub fn parse_classic(text: &str) -> Result<Vec<Matcher>, BadMatchers> {
    let inner = text.strip_prefix('{').unwrap_or(text);
    let inner = inner.strip_suffix('}').unwrap_or(inner);
    let mut matchers = Vec::new();
    for part in split_classic(inner) {
        matchers.push(classic_matcher(part).map_err(|reason| BadMatchers {
            text: part.to_owned(),
            reason,
        })?);
    }
    Ok(matchers)
}

struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

/// Characters that an unquoted name or value may not have (alertmanager/matcher/parse `isReserved`).
fn is_reserved(c: char) -> bool {
    c.is_whitespace() || "{}!=~,\\\"'`".contains(c)
}

impl<'a> Cursor<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn place(&self) -> String {
        format!("column {}", self.at + 1)
    }

    fn skip_blanks(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn take(&mut self, wanted: char) -> bool {
        self.skip_blanks();
        let found = self.rest().starts_with(wanted);
        if found {
            self.at += wanted.len_utf8();
        }
        found
    }

    fn matcher(&mut self) -> Result<Matcher, String> {
        let name = self.word("label name")?;
        self.skip_blanks();
        let op = ["=~", "!~", "!=", "="]
            .into_iter()
            .find(|op| self.rest().starts_with(op))
            .ok_or_else(|| {
                format!(
                    "{}: expected an operator such as '=', '!=', '=~' or '!~'",
                    self.place()
                )
            })?;
        self.at += op.len();
        let value = self.word("label value")?;
        if name.is_empty() {
            return Err("the label name is empty".to_owned());
        }
        build(name, op, value)
    }

    fn word(&mut self, what: &str) -> Result<String, String> {
        self.skip_blanks();
        let rest = self.rest();
        if let Some(quoted) = rest.strip_prefix('"') {
            let end = quoted_end(quoted).ok_or_else(|| format!("{}: missing end \"", self.place()))?;
            let inner = quoted.get(..end).unwrap_or_default();
            let word = unquote(inner).ok_or_else(|| format!("{}: invalid escape in {what}", self.place()))?;
            self.at += end + 2;
            return Ok(word);
        }
        let end = rest.find(is_reserved).unwrap_or(rest.len());
        if end == 0 {
            return Err(format!("{}: expected {what}", self.place()));
        }
        self.at += end;
        Ok(rest.get(..end).unwrap_or_default().to_owned())
    }
}

fn quoted_end(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some(at),
            _ => {}
        }
    }
    None
}

/// Splits at commas outside of double quotes; a part of blanks at the end is left out.
fn split_classic(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut quoted, mut escaped) = (0, false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            ',' if !quoted => {
                parts.push(text.get(start..at).unwrap_or_default());
                start = at + 1;
            }
            _ => {}
        }
    }
    let last = text.get(start..).unwrap_or_default();
    if !last.trim().is_empty() {
        parts.push(last);
    }
    parts
}

/// One classic matcher: a name of letters, digits, `_` and `:`, an operator, a value with or without quotes.
fn classic_matcher(text: &str) -> Result<Matcher, String> {
    let text = text.trim();
    let end = text
        .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'))
        .ok_or("there is no operator")?;
    let (name, rest) = text.split_at(end);
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return Err("there is no label name".to_owned());
    }
    let rest = rest.trim_start();
    let op = ["=~", "!~", "!=", "="]
        .into_iter()
        .find(|op| rest.starts_with(op))
        .ok_or("there is no operator")?;
    let value = rest.get(op.len()..).unwrap_or_default().trim();
    let (inner, quoted) = match value.strip_prefix('"') {
        Some(inner) => (inner, true),
        None => (value, false),
    };
    build(name.to_owned(), op, unescape_classic(inner, quoted)?)
}

/// Only `\"`, `\\` and `\n` are escapes; other backslashes stay. A quote may only stand at both ends.
fn unescape_classic(text: &str, quoted: bool) -> Result<String, String> {
    let mut value = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    let mut closed = false;
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('n') => value.push('\n'),
                Some(c @ ('"' | '\\')) => value.push(c),
                Some(other) => {
                    value.push('\\');
                    value.push(other);
                }
                None => value.push('\\'),
            },
            '"' if quoted && chars.peek().is_none() => closed = true,
            '"' => return Err("there is a quote inside the value".to_owned()),
            _ => value.push(c),
        }
    }
    if quoted && !closed {
        return Err("the closing quote is missing".to_owned());
    }
    Ok(value)
}

fn build(name: String, op: &str, value: String) -> Result<Matcher, String> {
    let text = |error: BadRegex| error.to_string();
    match op {
        "=" => Ok(Matcher::equal(name, value)),
        "!=" => Ok(Matcher::not_equal(name, value)),
        "=~" => Matcher::matching(name, &value).map_err(text),
        _ => Matcher::not_matching(name, &value).map_err(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_grammars_read_what_people_write() {
        for text in [
            "severity=\"critical\"",
            "{a=b, c!~\"d.*\"}",
            " a = b ",
            "{}",
            "",
            "a=~x|y",
            "a=\"b,c\"",
        ] {
            assert!(parse_matchers(text).is_ok(), "{text}");
        }
        for text in ["a", "=b", "a=~\"(\"", "{a=b", "a=\"b"] {
            assert!(parse_utf8(text).is_err(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_printed_matcher_reads_back(name in "[a-z]{1,8}", value in "[^\\x00-\\x1f\\x7f-\\u{10ffff}]{0,12}") {
            let matcher = Matcher::not_equal(name, value);
            let back = parse_utf8(&matcher.to_string()).unwrap();
            proptest::prop_assert_eq!(back, vec![matcher]);
        }

        #[test]
        fn no_text_breaks_the_readers(text in ".{0,60}") {
            let _ = parse_utf8(&text);
            let _ = parse_classic(&text);
        }
    }
}
