//! A place in a body, and the few moves that both formats are read with.

use super::ParseError;
use crate::limits::ERROR_SNIPPET_CHARS_MAX;

/// What is wrong, without its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault(pub(crate) String);

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Fault {}

impl Fault {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

/// A place in a text. Moves only over ASCII or to the place of an ASCII byte, so that it never splits a character.
#[derive(Debug, Clone)]
pub(crate) struct Cursor<'a> {
    text: &'a str,
    at: usize,
    line_start: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            line_start: 0,
        }
    }

    /// Remembers this place as the line that errors speak of.
    pub(super) fn start_line(&mut self) {
        self.line_start = self.at;
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    pub(super) fn at_end(&self) -> bool {
        self.at >= self.text.len()
    }

    pub(super) fn place(&self) -> usize {
        self.at
    }

    pub(super) fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub(super) fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    /// Moves on by the length of something that was just seen.
    pub(super) fn advance(&mut self, bytes: usize) {
        self.at = self.at.saturating_add(bytes).min(self.text.len());
    }

    /// Moves back over bytes that were just taken.
    pub(super) fn return_to(&mut self, place: usize) {
        self.at = place.min(self.at);
    }

    /// Takes `expected` if it comes next.
    pub(super) fn take(&mut self, expected: u8) -> bool {
        let found = self.peek() == Some(expected);
        if found {
            self.at += 1;
        }
        found
    }

    /// Takes `expected` if it comes next.
    pub(super) fn take_text(&mut self, expected: &str) -> bool {
        let found = self.rest().starts_with(expected);
        if found {
            self.at += expected.len();
        }
        found
    }

    /// Takes the longest run of bytes for which `belongs` says so; only ASCII bytes may end it.
    pub(super) fn take_while(&mut self, belongs: impl Fn(u8) -> bool) -> &'a str {
        let bytes = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let length = bytes
            .iter()
            .position(|byte| !belongs(*byte))
            .unwrap_or(bytes.len());
        let start = self.at;
        self.at += length;
        self.since(start)
    }

    /// Takes everything up to the line's end, and the end itself; tells whether there was one.
    pub(super) fn take_line(&mut self) -> (&'a str, bool) {
        let rest = self.rest();
        match memchr::memchr(b'\n', rest.as_bytes()) {
            Some(length) => {
                self.at += length + 1;
                (rest.get(..length).unwrap_or_default(), true)
            }
            None => {
                self.at = self.text.len();
                (rest, false)
            }
        }
    }

    pub(super) fn take_blanks(&mut self) {
        self.take_while(|byte| byte == b' ' || byte == b'\t');
    }

    /// What stands here, for messages.
    pub(super) fn here(&self) -> String {
        match self.rest().split('\n').next() {
            _ if self.at_end() => "the end".to_owned(),
            Some("") | None => "the end of the line".to_owned(),
            Some(rest) => format!("{:?}", snippet(rest)),
        }
    }

    pub(crate) fn error(&self, fault: Fault) -> ParseError {
        let before = self.text.as_bytes().get(..self.line_start).unwrap_or_default();
        let line_text = self.text.get(self.line_start..).unwrap_or_default();
        let line_text = snippet(line_text.split('\n').next().unwrap_or_default());
        ParseError {
            line: memchr::memchr_iter(b'\n', before).count() + 1,
            reason: format!("{} in {line_text:?}", fault.0),
        }
    }
}

/// The beginning of a text, short enough for a message.
pub(crate) fn snippet(text: &str) -> &str {
    match text.char_indices().nth(ERROR_SNIPPET_CHARS_MAX) {
        Some((end, _)) => text.get(..end).unwrap_or_default(),
        None => text,
    }
}

/// The beginning of what is written, which is written no further.
pub(crate) fn snippet_of(written: &impl std::fmt::Display) -> String {
    struct Beginning(String);
    impl std::fmt::Write for Beginning {
        fn write_str(&mut self, piece: &str) -> std::fmt::Result {
            self.0.push_str(snippet(piece));
            // No character takes more bytes.
            if self.0.len() > 4 * ERROR_SNIPPET_CHARS_MAX {
                return Err(std::fmt::Error);
            }
            Ok(())
        }
    }
    let mut beginning = Beginning(String::new());
    // The error says only that there is more.
    let _ = std::fmt::write(&mut beginning, format_args!("{written}"));
    snippet(&beginning.0).to_owned()
}
