//! OpenMetrics 1.0, as strict as Prometheus' own lexer (model/textparse/openmetricslex.l): single blanks, no empty
//! lines, `# EOF` at the end.

use model::MetricKind;

use super::cursor::{Cursor, Fault, snippet};
use super::series::{family, is_name_byte, take_exemplar_labels, take_series, unescape};
use super::{Entry, Exemplar, Exposed, Format, number};

/// The next line, or `None` at `# EOF`.
pub(super) fn next<'a>(cursor: &mut Cursor<'a>) -> Result<Option<Entry<'a>>, Fault> {
    cursor.start_line();
    match cursor.peek() {
        None => Err(no_end()),
        Some(b'#') => comment(cursor),
        Some(byte) if byte == b'{' || (is_name_byte(byte) && !byte.is_ascii_digit()) => {
            sample(cursor).map(|sample| Some(Entry::Sample(sample)))
        }
        Some(_) => Err(Fault::new(format!(
            "expected a valid start token, found {}",
            cursor.here()
        ))),
    }
}

fn no_end() -> Fault {
    Fault::new("data does not end with # EOF")
}

fn comment<'a>(cursor: &mut Cursor<'a>) -> Result<Option<Entry<'a>>, Fault> {
    if cursor.take_text("# EOF") {
        cursor.take(b'\n');
        return if cursor.at_end() {
            Ok(None)
        } else {
            Err(Fault::new("unexpected data after # EOF"))
        };
    }
    let key = ["HELP", "TYPE", "UNIT"].into_iter().find(|key| {
        cursor
            .rest()
            .strip_prefix("# ")
            .and_then(|rest| rest.strip_prefix(key))
            .is_some()
    });
    let Some(key) = key else {
        return Err(Fault::new(format!(
            "expected a valid start token, found {}",
            cursor.here()
        )));
    };
    cursor.advance("# ".len() + key.len());
    if !cursor.take(b' ') {
        return Err(Fault::new(format!(
            "expected a blank after {key}, found {}",
            cursor.here()
        )));
    }
    let family = family(cursor, Format::OpenMetrics, key)?;
    if !cursor.take(b' ') {
        return Err(Fault::new(format!(
            "expected text in {key}, found {}",
            cursor.here()
        )));
    }
    let (text, ended) = cursor.take_line();
    if !ended {
        return Err(no_end());
    }
    metadata(key, family, text).map(Some)
}

fn metadata<'a>(key: &str, family: std::borrow::Cow<'a, str>, text: &'a str) -> Result<Entry<'a>, Fault> {
    match key {
        "HELP" => Ok(Entry::Help {
            family,
            help: unescape(text, true),
        }),
        "TYPE" => match MetricKind::parse(text) {
            Some(kind) if text != "untyped" => Ok(Entry::Kind { family, kind }),
            _ => Err(Fault::new(format!("invalid metric type {:?}", snippet(text)))),
        },
        _ => {
            let fits = family
                .strip_suffix(text)
                .is_some_and(|before| before.ends_with('_'));
            if !text.is_empty() && !fits {
                return Err(Fault::new(format!(
                    "unit {:?} not a suffix of metric {family:?}",
                    snippet(text)
                )));
            }
            Ok(Entry::Unit { family, unit: text })
        }
    }
}

fn sample<'a>(cursor: &mut Cursor<'a>) -> Result<Exposed<'a>, Fault> {
    let series = take_series(cursor, Format::OpenMetrics)?;
    let value = number::float(word(cursor, "value after metric")?)?;
    let mut at_ms = None;
    if !cursor.rest().starts_with(" # ") && cursor.peek() == Some(b' ') {
        at_ms = Some(number::seconds(word(cursor, "timestamp")?, "timestamp")?);
    }
    let exemplar = if cursor.take_text(" # ") {
        Some(exemplar(cursor)?)
    } else {
        None
    };
    end_of_line(cursor)?;
    Ok(Exposed {
        series,
        value,
        at_ms,
        exemplar,
    })
}

fn exemplar<'a>(cursor: &mut Cursor<'a>) -> Result<Exemplar<'a>, Fault> {
    let labels = take_exemplar_labels(cursor)?;
    let value = number::float(word(cursor, "value after exemplar labels")?)?;
    let at_ms = if cursor.peek() == Some(b' ') {
        Some(number::seconds(
            word(cursor, "exemplar timestamp")?,
            "exemplar timestamp",
        )?)
    } else {
        None
    };
    Ok(Exemplar { labels, value, at_ms })
}

/// One blank and the word behind it.
fn word<'a>(cursor: &mut Cursor<'a>, what: &str) -> Result<&'a str, Fault> {
    let start = cursor.place();
    if cursor.take(b' ') {
        let word = cursor.take_while(|byte| byte != b' ' && byte != b'\n');
        if !word.is_empty() {
            return Ok(word);
        }
    }
    cursor.return_to(start);
    Err(Fault::new(format!("expected {what}, found {}", cursor.here())))
}

fn end_of_line(cursor: &mut Cursor<'_>) -> Result<(), Fault> {
    if cursor.take(b'\n') {
        return Ok(());
    }
    if cursor.at_end() {
        return Err(no_end());
    }
    Err(Fault::new(format!(
        "expected next entry, found {}",
        cursor.here()
    )))
}
