//! Texts of the configuration that are checked while they are read, so that a fault carries its line.

use std::borrow::Cow;

use model::Matcher;
use model::names::is_legacy_label_name;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// A stream selector of LogQL.
#[derive(Debug, Clone, PartialEq)]
pub struct Selector {
    matchers: Vec<Matcher>,
}

impl Selector {
    /// Whether a stream is selected.
    pub fn selects(&self, labels: &model::Labels) -> bool {
        self.matchers.iter().all(|matcher| matcher.matches_labels(labels))
    }
}

impl<'de> Deserialize<'de> for Selector {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let matchers = logql::parse_selector(&text).map_err(|error| {
            D::Error::custom(format!(
                "selector: {error}; write a stream selector such as '{{app=\"web\"}}', or leave the key out for all streams"
            ))
        })?;
        Ok(Self { matchers })
    }
}

/// A regular expression.
#[derive(Debug, Clone)]
pub struct Expression(pub ::regex::Regex);

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Expression {
    /// Compiles a text; the fault says what to mend.
    pub fn new(text: &str) -> Result<Self, String> {
        ::regex::RegexBuilder::new(text)
            .size_limit(crate::limits::PIPELINE_REGEX_BYTES)
            .build()
            .map(Self)
            .map_err(|error| {
                let reason = error.to_string();
                let reason = reason
                    .lines()
                    .last()
                    .unwrap_or_default()
                    .trim_start_matches("error: ");
                format!(
                    "{text:?} is no regular expression: {reason}; correct it (RE2 syntax, without lookaround)"
                )
            })
    }
}

impl<'de> Deserialize<'de> for Expression {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::new(&text).map_err(D::Error::custom)
    }
}

/// The name of a label.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LabelName(pub String);

impl<'de> Deserialize<'de> for LabelName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if is_legacy_label_name(&text) && !text.starts_with("__") {
            return Ok(Self(text));
        }
        Err(D::Error::custom(format!(
            "{text:?} is not a label name; write letters, digits and underscores, not two underscores first"
        )))
    }
}

/// A name as LogQL's parsers make it: what no label name may hold becomes `_`.
pub(super) fn sanitized(name: &str) -> Cow<'_, str> {
    let is_fit = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let starts_with_digit = name.starts_with(|c: char| c.is_ascii_digit());
    if name.chars().all(is_fit) && !starts_with_digit {
        return Cow::Borrowed(name);
    }
    let fit = name.chars().map(|c| if is_fit(c) { c } else { '_' });
    let before = if starts_with_digit { "_" } else { "" };
    Cow::Owned(before.chars().chain(fit).collect())
}
