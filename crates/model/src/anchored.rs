//! Regular expressions that must fit the whole text.

use regex::Regex;

use crate::go_regex::GoRegex;

/// A regular expression in Go's manner that must fit the whole text, dot matching line ends, as in Prometheus: `^(?s:…)$`.
///
/// Matching takes time linear in the text; patterns that compile to a program above
/// [`PROGRAM_BYTES_MAX`](crate::PROGRAM_BYTES_MAX) are refused.
#[derive(Debug, Clone)]
pub struct AnchoredRegex {
    source: String,
    regex: Regex,
    program_bytes: usize,
}

/// A pattern that does not compile.
#[derive(Debug, Clone, thiserror::Error)]
#[error("invalid regular expression {pattern:?}: {reason}")]
pub struct BadRegex {
    /// The pattern as written.
    pub pattern: String,
    /// What is wrong with it, in one line.
    pub reason: String,
}

impl BadRegex {
    /// The fault as Go's `regexp` words it.
    pub fn as_go_says(&self) -> String {
        format!("error parsing regexp: {}: `{}`", self.reason, self.pattern)
    }

    /// Of what the library says, the last line tells what is wrong.
    pub(crate) fn new(pattern: &str, said: &str) -> Self {
        let last = said.lines().last().unwrap_or_default();
        Self {
            pattern: pattern.to_owned(),
            reason: last.trim().trim_start_matches("error: ").to_owned(),
        }
    }
}

impl AnchoredRegex {
    /// Compiles `pattern`.
    pub fn new(pattern: &str) -> Result<Self, BadRegex> {
        // Read alone first: `a)(b` must not become valid by being wrapped.
        Self::of(pattern, &GoRegex::parse(pattern)?)
    }

    /// Compiles `pattern`, which was read.
    pub(crate) fn of(pattern: &str, read: &GoRegex) -> Result<Self, BadRegex> {
        Ok(Self {
            source: pattern.to_owned(),
            regex: read.compile_as(pattern, &format!("^(?s:{})$", read.written))?,
            program_bytes: read.program_bytes(),
        })
    }

    /// Bytes that the program takes, about.
    pub fn program_bytes(&self) -> usize {
        self.program_bytes
    }

    /// Whether the whole of `text` fits.
    pub fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    /// The pattern as written.
    pub fn as_str(&self) -> &str {
        &self.source
    }

    /// The compiled, anchored expression, for captures and replacement.
    pub fn regex(&self) -> &Regex {
        &self.regex
    }
}

impl PartialEq for AnchoredRegex {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for AnchoredRegex {}
