//! Names and labels: found quickly on every line, read in full only where they are new.

use std::borrow::Cow;

use model::labels::METRIC_NAME;
use rustc_hash::FxHashSet;

use super::Format;
use super::cursor::{Cursor, Fault, snippet};

/// Names and values of labels, borrowed from the body where nothing is escaped.
pub type LabelPairs<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

/// A text in double quotes, escapes still in it.
fn take_quoted<'a>(cursor: &mut Cursor<'a>, format: Format) -> Option<&'a str> {
    let inner = cursor.rest().strip_prefix('"')?;
    let bytes = inner.as_bytes();
    let mut from = 0;
    loop {
        let found = from + memchr::memchr2(b'"', b'\\', bytes.get(from..)?)?;
        if bytes.get(found) == Some(&b'"') {
            let text = inner.get(..found)?;
            // OpenMetrics ends a line wherever it stands; the text format lets quoted texts go on.
            if format == Format::OpenMetrics && memchr::memchr(b'\n', text.as_bytes()).is_some() {
                return None;
            }
            cursor.advance(found + 2);
            return Some(text);
        }
        from = found + 2;
    }
}

/// Finds the end of a series without looking at its labels, which [`parse_series`] does for those that are new.
pub(super) fn take_series<'a>(cursor: &mut Cursor<'a>, format: Format) -> Result<&'a str, Fault> {
    let start = cursor.place();
    let name = cursor.take_while(is_name_byte);
    let name_end = cursor.place();
    if format == Format::Text && !name.is_empty() {
        cursor.take_blanks();
    }
    if cursor.peek() != Some(b'{') {
        cursor.return_to(name_end);
        return Ok(name);
    }
    loop {
        let Some(skipped) = memchr::memchr2(b'"', b'}', cursor.rest().as_bytes()) else {
            return Err(Fault::new("the labels have no closing brace"));
        };
        cursor.advance(skipped);
        if cursor.take(b'}') {
            return Ok(cursor.since(start));
        }
        if take_quoted(cursor, format).is_none() {
            return Err(Fault::new("a quoted text has no closing quote"));
        }
    }
}

/// Reads name and labels of a series into `pairs`, the name first as `__name__`.
///
/// Refuses what is malformed, a series without a name, and a label name that comes twice.
pub fn parse_series<'a>(series: &'a str, format: Format, pairs: &mut LabelPairs<'a>) -> Result<(), Fault> {
    pairs.clear();
    let mut cursor = Cursor::new(series);
    let name = cursor.take_while(is_name_byte);
    if !name.is_empty() {
        pairs.push((Cow::Borrowed(METRIC_NAME), Cow::Borrowed(name)));
    }
    blanks(&mut cursor, format);
    if cursor.take(b'{') {
        labels(&mut cursor, format, Braces::Series, pairs)?;
    }
    if !cursor.at_end() {
        return Err(Fault::new(format!(
            "unexpected {} after the labels",
            cursor.here()
        )));
    }
    match pairs.first() {
        Some((label, name)) if label == METRIC_NAME && !name.is_empty() => {}
        _ => return Err(Fault::new("metric name not set")),
    }
    match repeated_name(pairs) {
        Some(name) => Err(Fault::new(format!(
            "label name {:?} is not unique",
            snippet(name)
        ))),
        None => Ok(()),
    }
}

/// Reads the labels of an exemplar, opening brace included, and checks them.
pub(super) fn take_exemplar_labels<'a>(cursor: &mut Cursor<'a>) -> Result<&'a str, Fault> {
    let start = cursor.place();
    if !cursor.take(b'{') {
        return Err(Fault::new("expected the labels of an exemplar"));
    }
    labels(cursor, Format::OpenMetrics, Braces::Exemplar, &mut Vec::new())?;
    Ok(cursor.since(start))
}

/// Reads the labels of an exemplar, braces included.
pub fn exemplar_labels(text: &str) -> Result<LabelPairs<'_>, Fault> {
    let mut cursor = Cursor::new(text);
    let mut pairs = LabelPairs::new();
    if !cursor.take(b'{') {
        return Err(Fault::new("expected the labels of an exemplar"));
    }
    labels(&mut cursor, Format::OpenMetrics, Braces::Exemplar, &mut pairs)?;
    Ok(pairs)
}

/// Whose braces are read: only in those of a series may a quoted metric name stand.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Braces {
    Series,
    Exemplar,
}

/// Reads labels behind the opening brace up to and with the closing one.
fn labels<'a>(
    cursor: &mut Cursor<'a>,
    format: Format,
    braces: Braces,
    pairs: &mut LabelPairs<'a>,
) -> Result<(), Fault> {
    loop {
        blanks(cursor, format);
        if cursor.take(b'}') {
            return Ok(());
        }
        let quoted = cursor.peek() == Some(b'"');
        let name = label_name(cursor, format)?;
        blanks(cursor, format);
        if quoted && matches!(cursor.peek(), Some(b',' | b'}')) {
            quoted_metric_name(name, braces, pairs)?;
        } else {
            let value = label_value(cursor, format)?;
            pairs.push((name, value));
        }
        blanks(cursor, format);
        let ended = cursor.peek() == Some(b'}');
        // Prometheus' text parser does not ask for the comma.
        if !cursor.take(b',') && !ended && format == Format::OpenMetrics {
            return Err(Fault::new(format!(
                "expected comma or closing brace, found {}",
                cursor.here()
            )));
        }
    }
}

fn label_name<'a>(cursor: &mut Cursor<'a>, format: Format) -> Result<Cow<'a, str>, Fault> {
    if let Some(name) = take_quoted(cursor, format) {
        return Ok(unescaped(name));
    }
    let starts_well = cursor
        .peek()
        .is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    if !starts_well {
        return Err(Fault::new(format!(
            "expected label name, found {}",
            cursor.here()
        )));
    }
    Ok(Cow::Borrowed(
        cursor.take_while(|byte| byte.is_ascii_alphanumeric() || byte == b'_'),
    ))
}

fn label_value<'a>(cursor: &mut Cursor<'a>, format: Format) -> Result<Cow<'a, str>, Fault> {
    if !cursor.take(b'=') {
        return Err(Fault::new(format!("expected equal, found {}", cursor.here())));
    }
    blanks(cursor, format);
    match take_quoted(cursor, format) {
        Some(value) => Ok(unescaped(value)),
        None => Err(Fault::new(format!(
            "expected label value in double quotes, found {}",
            cursor.here()
        ))),
    }
}

fn quoted_metric_name<'a>(
    name: Cow<'a, str>,
    braces: Braces,
    pairs: &mut LabelPairs<'a>,
) -> Result<(), Fault> {
    if braces == Braces::Exemplar {
        return Err(Fault::new("expected equal after the label name of an exemplar"));
    }
    if pairs.first().is_some_and(|(label, _)| label == METRIC_NAME) {
        return Err(Fault::new("metric name already set"));
    }
    pairs.insert(0, (Cow::Borrowed(METRIC_NAME), name));
    Ok(())
}

/// Reads a family's name in a line of metadata.
pub(super) fn family<'a>(cursor: &mut Cursor<'a>, format: Format, key: &str) -> Result<Cow<'a, str>, Fault> {
    if let Some(name) = take_quoted(cursor, format) {
        return Ok(unescaped(name));
    }
    let starts_well = cursor
        .peek()
        .is_some_and(|byte| is_name_byte(byte) && !byte.is_ascii_digit());
    if !starts_well {
        return Err(Fault::new(format!(
            "expected metric name after {key}, found {}",
            cursor.here()
        )));
    }
    Ok(Cow::Borrowed(cursor.take_while(is_name_byte)))
}

fn blanks(cursor: &mut Cursor<'_>, format: Format) {
    if format == Format::Text {
        cursor.take_blanks();
    }
}

pub(super) fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b':'
}

/// `\\`, `\"` and `\n` are escapes; before anything else a backslash stands for itself.
fn unescaped(text: &str) -> Cow<'_, str> {
    unescape(text, true)
}

/// The same for help texts, where the text format escapes no quotes.
pub(super) fn unescape(text: &str, quotes: bool) -> Cow<'_, str> {
    if memchr::memchr(b'\\', text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        out.push_str(before);
        let (meant, tail) = match after.as_bytes().first() {
            Some(b'\\') => ('\\', after.get(1..)),
            Some(b'"') if quotes => ('"', after.get(1..)),
            Some(b'n') => ('\n', after.get(1..)),
            _ => ('\\', Some(after)),
        };
        out.push(meant);
        rest = tail.unwrap_or_default();
    }
    out.push_str(rest);
    Cow::Owned(out)
}

fn repeated_name<'p>(pairs: &'p LabelPairs<'_>) -> Option<&'p str> {
    /// Of so many names each is compared with all before it, which takes less than a set of them.
    const FEW: usize = 32;
    let mut names = pairs.iter().map(|(name, _)| name.as_ref());
    if pairs.len() > FEW {
        let mut seen = FxHashSet::default();
        return names.find(|name| !seen.insert(*name));
    }
    let mut places = names.enumerate();
    places
        .find(|(place, name)| pairs.iter().take(*place).any(|(earlier, _)| earlier == name))
        .map(|(_, name)| name)
}
