//! Regular expressions that must fit the whole text.

use regex::Regex;

/// A regular expression that must fit the whole text, dot matching line ends, as in Prometheus: `^(?s:…)$`.
///
/// Matching takes time linear in the text; patterns that compile to a program above 10 MiB are refused.
#[derive(Debug, Clone)]
pub struct AnchoredRegex {
    source: String,
    regex: Regex,
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
        regex_syntax::parse(pattern).map_err(|error| BadRegex::new(pattern, &error.to_string()))?;
        let regex = Regex::new(&format!("^(?s:{pattern})$"))
            .map_err(|error| BadRegex::new(pattern, &error.to_string()))?;
        Ok(Self {
            source: pattern.to_owned(),
            regex,
        })
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
