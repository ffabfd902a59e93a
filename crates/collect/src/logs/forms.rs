//! Cuts what was read of a file into entries: lines, entries of several lines, lines that a container engine split.
//!
//! In: a stretch of a file that begins where an entry begins.  Out: whole entries, and how much of the stretch they took.
//! Owns: nothing; the same stretch always gives the same entries.
//! Invariants: wherever a file is cut into stretches, its entries are the same (`forms::tests::stretches_do_not_matter`); no bytes
//! panic a form (`forms::tests::no_bytes_panic_a_form`).
//! Not here: reading files (`files`), labels (`origin`).
//! Start at: [`Form::cut`].

pub mod container;
mod multiline;
mod plain;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use super::config::{Format, LogFiles};
use crate::limits::LOG_BEGUN_WAIT;
use multiline::Multiline;

/// How entries are written.
#[derive(Debug)]
pub(super) enum Form {
    /// One line each.
    Plain,
    /// Several lines.
    Multiline(Multiline),
    /// As container engines write them.
    Container,
}

/// One entry.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Record<'w> {
    /// When it was written, where that is told, in nanoseconds since the Unix epoch.
    pub(super) at_ns: Option<i64>,
    /// `stdout` or `stderr`, where that is told.
    pub(super) stream: Option<container::Stream>,
    /// The text.
    pub(super) text: Cow<'w, [u8]>,
    /// What else is told.
    pub(super) pairs: Vec<(String, String)>,
    /// Something of the text was cut off, or it was cut in two.
    pub(super) is_cut: bool,
    /// It is not in the form of its source.
    pub(super) is_malformed: bool,
}

/// What is known about the end of a stretch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// More of the file follows.
    Full,
    /// It is the file's end for now; entries may still grow.
    Open,
    /// What is begun at the end has waited long enough for what may follow.
    Waited,
    /// Nothing will follow, not even the end of the last line.
    Closed,
}

/// What became of a stretch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Cut {
    /// Bytes of entries that were handed over.
    pub(super) consumed: usize,
    /// A line was cut off, and what follows up to its end is not wanted.
    pub(super) is_skipping: bool,
}

/// Takes entries; says whether another one would be taken.
pub(super) type Take<'t> = dyn FnMut(Record<'_>) -> bool + 't;

impl<'w> Record<'w> {
    pub(super) fn of_text(text: impl Into<Cow<'w, [u8]>>) -> Self {
        Self {
            at_ns: None,
            stream: None,
            text: text.into(),
            pairs: Vec::new(),
            is_cut: false,
            is_malformed: false,
        }
    }
}

impl Form {
    /// The form that a list of files names.
    pub(super) fn of(config: &LogFiles) -> Result<Self, String> {
        match (config.format, &config.multiline) {
            (Format::Container, _) => Ok(Self::Container),
            (Format::Plain, None) => Ok(Self::Plain),
            (Format::Plain, Some(multiline)) => Ok(Self::Multiline(Multiline::new(multiline)?)),
        }
    }

    /// How long an entry at the end of a file waits for what may follow, if it does.
    pub(super) fn wait(&self) -> Option<std::time::Duration> {
        match self {
            Self::Multiline(multiline) => Some(multiline.wait),
            Self::Container => Some(LOG_BEGUN_WAIT),
            Self::Plain => None,
        }
    }

    /// Hands over the entries of a stretch. `is_skipping`: the stretch begins within a line whose rest is not wanted.
    pub(super) fn cut(&self, window: &[u8], is_skipping: bool, end: End, take: &mut Take<'_>) -> Cut {
        let start = if is_skipping {
            match memchr::memchr(b'\n', window) {
                Some(at) => at + 1,
                None => {
                    return Cut {
                        consumed: window.len(),
                        is_skipping: end != End::Closed,
                    };
                }
            }
        } else {
            0
        };
        let rest = window.get(start..).unwrap_or_default();
        let cut = match self {
            Self::Plain => plain::cut(rest, end, take),
            Self::Multiline(multiline) => multiline.cut(rest, end, take),
            Self::Container => container::cut(rest, end, take),
        };
        Cut {
            consumed: start + cut.consumed,
            ..cut
        }
    }
}

/// Lines of a stretch.
#[derive(Debug)]
struct Lines<'w> {
    window: &'w [u8],
    at: usize,
    takes_last: bool,
}

/// A line without its end, and where the next one begins.
#[derive(Debug, Clone, Copy)]
struct Line<'w> {
    text: &'w [u8],
    next: usize,
}

impl<'w> Lines<'w> {
    fn new(window: &'w [u8], end: End) -> Self {
        Self {
            window,
            at: 0,
            takes_last: end == End::Closed,
        }
    }
}

impl<'w> Iterator for Lines<'w> {
    type Item = Line<'w>;

    fn next(&mut self) -> Option<Line<'w>> {
        let rest = self.window.get(self.at..)?;
        let (text, next) = match memchr::memchr(b'\n', rest) {
            Some(end) => (rest.get(..end)?, self.at + end + 1),
            None if self.takes_last && !rest.is_empty() => (rest, self.window.len()),
            None => return None,
        };
        self.at = next;
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        Some(Line { text, next })
    }
}
