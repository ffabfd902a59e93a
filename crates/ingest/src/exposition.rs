//! Reads what targets expose: Prometheus' text format 0.0.4 and OpenMetrics 1.0, line by line, without copying; protobuf,
//! message by message.
//!
//! In: a body as text.  Out: [`Entry`]s that borrow from it; a series' labels only for those who ask
//! ([`parse_series`]), because a steady scrape knows them already.
//! Owns: nothing.
//! Invariants: what Prometheus' parsers refuse is refused (`tests/conformance_exposition.rs`); no text panics
//! (`exposition::tests`); labels survive printing and parsing (`exposition::tests`).
//! Not here: limits, relabelling and storing (`intake`), fetching (`scrape`).
//! Start at: [`Exposition::new`].

mod cursor;
mod number;
mod openmetrics;
pub mod protobuf;
mod series;
mod text;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;

use model::MetricKind;

use cursor::Cursor;
pub use cursor::Fault;
pub(crate) use cursor::{snippet, snippet_of};
pub use series::{LabelPairs, exemplar_labels, parse_series};

/// How a body is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Prometheus' text format 0.0.4 (and 1.0.0, which adds quoted names).
    Text,
    /// OpenMetrics 1.0 (and 0.0.1).
    OpenMetrics,
}

/// One line that means something.
#[derive(Debug, Clone, PartialEq)]
pub enum Entry<'a> {
    /// A measurement.
    Sample(Exposed<'a>),
    /// A family's kind.
    Kind {
        /// The family.
        family: Cow<'a, str>,
        /// Its kind.
        kind: MetricKind,
    },
    /// A family's help.
    Help {
        /// The family.
        family: Cow<'a, str>,
        /// One line for people.
        help: Cow<'a, str>,
    },
    /// A family's unit.
    Unit {
        /// The family.
        family: Cow<'a, str>,
        /// The unit.
        unit: &'a str,
    },
}

/// One measurement as exposed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Exposed<'a> {
    /// Name and labels as written; [`parse_series`] reads them, and refuses what is wrong with them.
    pub series: &'a str,
    /// The value; every NaN is the ordinary one, so that no target can write a staleness marker.
    pub value: f64,
    /// The time stamp, where the target gives one.
    pub at_ms: Option<i64>,
    /// The exemplar, where there is one.
    pub exemplar: Option<Exemplar<'a>>,
}

/// An example that a target attaches to a measurement (OpenMetrics 1.0, section 4.6).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Exemplar<'a> {
    /// Its labels with their braces, checked.
    pub labels: &'a str,
    /// Its value.
    pub value: f64,
    /// Its time stamp.
    pub at_ms: Option<i64>,
}

/// What is wrong with a body, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong, with a piece of the text.
    pub reason: String,
}

/// The entries of a body in order. Ends after the first error.
#[derive(Debug, Clone)]
pub struct Exposition<'a> {
    cursor: Cursor<'a>,
    format: Format,
    ended: bool,
}

// === impl Exposition ===

impl<'a> Exposition<'a> {
    /// Starts to read `body`.
    pub fn new(format: Format, body: &'a str) -> Self {
        Self {
            cursor: Cursor::new(body),
            format,
            ended: false,
        }
    }

    /// Makes a fault of the line that was read last into an error with its place.
    pub(crate) fn error_here(&self, fault: Fault) -> ParseError {
        self.cursor.error(fault)
    }
}

impl<'a> Iterator for Exposition<'a> {
    type Item = Result<Entry<'a>, ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let step = match self.format {
            Format::Text => text::next(&mut self.cursor),
            Format::OpenMetrics => openmetrics::next(&mut self.cursor),
        };
        match step {
            Ok(Some(entry)) => Some(Ok(entry)),
            Ok(None) => {
                self.ended = true;
                None
            }
            Err(fault) => {
                self.ended = true;
                Some(Err(self.cursor.error(fault)))
            }
        }
    }
}

/// Reads the bytes of a body as UTF-8. Only plain comments may hold other bytes, which are then replaced.
pub fn body_text(bytes: &[u8]) -> Result<Cow<'_, str>, ParseError> {
    let Err(first) = std::str::from_utf8(bytes) else {
        return Ok(String::from_utf8_lossy(bytes));
    };
    for (place, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        if std::str::from_utf8(line).is_err() && !is_plain_comment(line) {
            let reason = format!("invalid UTF-8 in {:?}", snippet(&String::from_utf8_lossy(line)));
            return Err(ParseError {
                line: place + 1,
                reason,
            });
        }
    }
    debug_assert!(first.valid_up_to() < bytes.len());
    Ok(String::from_utf8_lossy(bytes))
}

fn is_plain_comment(line: &[u8]) -> bool {
    let Some(after) = line.trim_ascii_start().strip_prefix(b"#") else {
        return false;
    };
    let word = after.trim_ascii_start();
    ![b"HELP".as_slice(), b"TYPE", b"UNIT"]
        .iter()
        .any(|known| word.starts_with(known))
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.reason)
    }
}

impl std::error::Error for ParseError {}
