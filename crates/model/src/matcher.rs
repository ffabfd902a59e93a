//! Conditions on labels, and the anchored regular expressions they use.

use std::fmt;

use regex::Regex;

use crate::labels::Labels;

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

impl AnchoredRegex {
    /// Compiles `pattern`.
    pub fn new(pattern: &str) -> Result<Self, BadRegex> {
        let bad = |error: &regex::Error| {
            let text = error.to_string();
            let reason = text
                .lines()
                .last()
                .unwrap_or_default()
                .trim()
                .trim_start_matches("error: ");
            BadRegex {
                pattern: pattern.to_owned(),
                reason: reason.to_owned(),
            }
        };
        // Compiled alone first: `a)(b` must not become valid by being wrapped.
        Regex::new(pattern).map_err(|error| bad(&error))?;
        let regex = Regex::new(&format!("^(?s:{pattern})$")).map_err(|error| bad(&error))?;
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

/// How a matcher compares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MatcherOp {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`
    Matches(AnchoredRegex),
    /// `!~`
    NotMatches(AnchoredRegex),
}

/// A condition on one label. A label that is absent counts as empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matcher {
    name: String,
    op: MatcherOp,
    value: String,
}

impl Matcher {
    /// `name="value"`
    pub fn equal(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            op: MatcherOp::Equal,
            value: value.into(),
        }
    }

    /// `name!="value"`
    pub fn not_equal(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            op: MatcherOp::NotEqual,
            value: value.into(),
        }
    }

    /// `name=~"pattern"`
    pub fn matching(name: impl Into<String>, pattern: &str) -> Result<Self, BadRegex> {
        let op = MatcherOp::Matches(AnchoredRegex::new(pattern)?);
        Ok(Self {
            name: name.into(),
            op,
            value: pattern.to_owned(),
        })
    }

    /// `name!~"pattern"`
    pub fn not_matching(name: impl Into<String>, pattern: &str) -> Result<Self, BadRegex> {
        let op = MatcherOp::NotMatches(AnchoredRegex::new(pattern)?);
        Ok(Self {
            name: name.into(),
            op,
            value: pattern.to_owned(),
        })
    }

    /// The label it looks at.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How it compares.
    pub fn op(&self) -> &MatcherOp {
        &self.op
    }

    /// The value or pattern as written.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Whether a label value (empty where the label is absent) meets the condition.
    pub fn matches(&self, value: &str) -> bool {
        match &self.op {
            MatcherOp::Equal => value == self.value,
            MatcherOp::NotEqual => value != self.value,
            MatcherOp::Matches(regex) => regex.is_match(value),
            MatcherOp::NotMatches(regex) => !regex.is_match(value),
        }
    }

    /// Whether a label set meets the condition.
    pub fn matches_labels(&self, labels: &Labels) -> bool {
        self.matches(labels.get(&self.name).unwrap_or_default())
    }

    /// Whether series without the label meet the condition too.
    pub fn matches_empty(&self) -> bool {
        self.matches("")
    }
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let op = match self.op {
            MatcherOp::Equal => "=",
            MatcherOp::NotEqual => "!=",
            MatcherOp::Matches(_) => "=~",
            MatcherOp::NotMatches(_) => "!~",
        };
        write!(f, "{}{op}{:?}", self.name, self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_the_whole_value() {
        let matcher = Matcher::matching("job", "node|web.*").unwrap();
        assert!(matcher.matches("node") && matcher.matches("web-1") && !matcher.matches("anode"));
        assert!(Matcher::matching("a", ".*").unwrap().matches("two\nlines"));
    }

    #[test]
    fn absent_labels_count_as_empty() {
        let labels = Labels::from_pairs([("job", "node")]);
        assert!(Matcher::equal("zone", "").matches_labels(&labels));
        assert!(Matcher::not_equal("zone", "a").matches_labels(&labels));
        assert!(Matcher::matching("zone", ".*").unwrap().matches_empty());
    }

    #[test]
    fn unbalanced_patterns_are_refused() {
        for pattern in ["(", "a)(b", "*", "[z-a]"] {
            let error = Matcher::matching("job", pattern).unwrap_err();
            assert!(
                error.to_string().contains("invalid regular expression"),
                "{error}"
            );
        }
    }
}
