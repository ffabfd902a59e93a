//! Conditions on labels.

use std::fmt;

use crate::anchored::BadRegex;
use crate::labels::Labels;
use crate::pattern::Pattern;

/// How a matcher compares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MatcherOp {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`
    Matches(Pattern),
    /// `!~`
    NotMatches(Pattern),
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
        let op = MatcherOp::Matches(Pattern::new(pattern)?);
        Ok(Self {
            name: name.into(),
            op,
            value: pattern.to_owned(),
        })
    }

    /// `name!~"pattern"`
    pub fn not_matching(name: impl Into<String>, pattern: &str) -> Result<Self, BadRegex> {
        let op = MatcherOp::NotMatches(Pattern::new(pattern)?);
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

    /// Bytes that its pattern takes, about; 0 where it has none.
    pub fn pattern_bytes(&self) -> usize {
        match &self.op {
            MatcherOp::Equal | MatcherOp::NotEqual => 0,
            MatcherOp::Matches(pattern) | MatcherOp::NotMatches(pattern) => pattern.bytes(),
        }
    }

    /// Whether a label value (empty where the label is absent) meets the condition.
    pub fn matches(&self, value: &str) -> bool {
        match &self.op {
            MatcherOp::Equal => value == self.value,
            MatcherOp::NotEqual => value != self.value,
            MatcherOp::Matches(pattern) => pattern.is_match(value),
            MatcherOp::NotMatches(pattern) => !pattern.is_match(value),
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
