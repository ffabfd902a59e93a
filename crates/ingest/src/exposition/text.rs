//! Prometheus' text format 0.0.4, as strict and as lenient as Prometheus' own lexer (model/textparse/promlex.l).

use std::borrow::Cow;

use model::MetricKind;

use super::cursor::{Cursor, Fault, snippet};
use super::series::{family, is_name_byte, take_series, unescape};
use super::{Entry, Exposed, Format, number};

/// The next line that means something, or `None` at the end.
pub(super) fn next<'a>(cursor: &mut Cursor<'a>) -> Result<Option<Entry<'a>>, Fault> {
    loop {
        cursor.start_line();
        cursor.take_blanks();
        match cursor.peek() {
            None => return Ok(None),
            Some(b'\n') => cursor.advance(1),
            Some(b'#') => {
                cursor.advance(1);
                if let Some(entry) = comment(cursor)? {
                    return Ok(Some(entry));
                }
            }
            Some(byte) if byte == b'{' || (is_name_byte(byte) && !byte.is_ascii_digit()) => {
                return sample(cursor).map(|sample| Some(Entry::Sample(sample)));
            }
            Some(_) => {
                return Err(Fault::new(format!(
                    "expected a valid start token, found {}",
                    cursor.here()
                )));
            }
        }
    }
}

fn sample<'a>(cursor: &mut Cursor<'a>) -> Result<Exposed<'a>, Fault> {
    let series = take_series(cursor, Format::Text)?;
    cursor.take_blanks();
    let value = cursor.take_while(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'{'));
    if value.is_empty() {
        return Err(Fault::new(format!(
            "expected value after metric, found {}",
            cursor.here()
        )));
    }
    let value = number::float(value)?;
    cursor.take_blanks();
    let at_ms = match cursor.peek() {
        None | Some(b'\n') => None,
        Some(_) => Some(time_stamp(cursor)?),
    };
    cursor.take_blanks();
    if !cursor.at_end() && !cursor.take(b'\n') {
        return Err(Fault::new(format!(
            "expected the end of the line, found {}",
            cursor.here()
        )));
    }
    Ok(Exposed {
        series,
        value,
        at_ms,
        exemplar: None,
    })
}

fn time_stamp(cursor: &mut Cursor<'_>) -> Result<i64, Fault> {
    let start = cursor.place();
    cursor.take(b'-');
    let digits = cursor.take_while(|byte| byte.is_ascii_digit());
    if digits.is_empty() {
        return Err(Fault::new(format!(
            "expected timestamp or new record, found {}",
            cursor.here()
        )));
    }
    number::milliseconds(cursor.since(start))
}

/// Reads what follows a `#`: metadata, or a comment that is passed over.
fn comment<'a>(cursor: &mut Cursor<'a>) -> Result<Option<Entry<'a>>, Fault> {
    let blanks_from = cursor.place();
    cursor.take_blanks();
    let spaced = cursor.place() > blanks_from;
    let key = cursor.take_while(|byte| byte.is_ascii_uppercase());
    let known = spaced && matches!(key, "HELP" | "TYPE") && matches!(cursor.peek(), Some(b' ' | b'\t'));
    if !known {
        cursor.take_line();
        return Ok(None);
    }
    cursor.take_blanks();
    let family = family(cursor, Format::Text, key)?;
    let (text, _) = cursor.take_line();
    if !text.is_empty() && !text.starts_with([' ', '\t']) {
        return Err(Fault::new(format!(
            "expected text in {key}, found {:?}",
            snippet(text)
        )));
    }
    if key == "HELP" {
        let help = help_text(text.get(1..).unwrap_or_default());
        return Ok(Some(Entry::Help { family, help }));
    }
    let kind = kind(text.trim_matches([' ', '\t']))?;
    Ok(Some(Entry::Kind { family, kind }))
}

fn help_text(text: &str) -> Cow<'_, str> {
    unescape(text, false)
}

/// The five kinds that this format has.
fn kind(name: &str) -> Result<MetricKind, Fault> {
    match MetricKind::parse(name) {
        Some(kind) if matches!(name, "counter" | "gauge" | "histogram" | "summary" | "untyped") => Ok(kind),
        _ => Err(Fault::new(format!("invalid metric type {:?}", snippet(name)))),
    }
}
