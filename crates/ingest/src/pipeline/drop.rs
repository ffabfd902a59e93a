//! `drop`: takes lines away that meet all conditions that are given.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use stdx::{HumanBytes, HumanDuration};

use super::fields::Expression;
use super::timestamp::nanoseconds;
use super::{Entry, Flow, Stage};

/// The keys of `drop`.
#[derive(Debug, Clone, PartialEq)]
pub struct DropConfig {
    /// The name of what the expression and the values are held against; the line where absent.
    pub source: Option<String>,
    /// An expression that fits somewhere.
    pub expression: Option<Expression>,
    /// Values, one of which it is.
    pub values: Vec<String>,
    /// Lines longer than so many bytes.
    pub longer_than: Option<HumanBytes>,
    /// Lines older than so.
    pub older_than: Option<HumanDuration>,
    /// Whether lines are dropped that do not meet the conditions, instead of those that do.
    pub invert: bool,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Written {
    source: Option<String>,
    expression: Option<Expression>,
    values: Vec<String>,
    longer_than: Option<HumanBytes>,
    older_than: Option<HumanDuration>,
    invert: bool,
}

impl<'de> Deserialize<'de> for DropConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = Written::deserialize(deserializer)?;
        let has_text = written.expression.is_some() || !written.values.is_empty();
        if !has_text && written.longer_than.is_none() && written.older_than.is_none() {
            return Err(D::Error::custom(
                "drop has no condition and would drop every line; add expression, values, longer_than or older_than",
            ));
        }
        Ok(Self {
            source: written.source,
            expression: written.expression,
            values: written.values,
            longer_than: written.longer_than,
            older_than: written.older_than,
            invert: written.invert,
        })
    }
}

#[derive(Debug)]
pub(super) struct Drop(pub(super) DropConfig);

impl Drop {
    fn meets(&self, entry: &Entry<'_>, now_ns: i64) -> bool {
        let config = &self.0;
        let text = entry.text_of(config.source.as_deref()).unwrap_or_default();
        let age_ns = now_ns.saturating_sub(entry.at_ns);
        config
            .expression
            .as_ref()
            .is_none_or(|expression| expression.0.is_match(text))
            && (config.values.is_empty() || config.values.iter().any(|value| value == text))
            && config
                .longer_than
                .is_none_or(|bytes| entry.line.len() as u64 > bytes.0)
            && config.older_than.is_none_or(|age| age_ns > nanoseconds(age))
    }
}

impl Stage for Drop {
    fn apply(&self, entry: &mut Entry<'_>, now_ns: i64) -> Flow {
        if self.meets(entry, now_ns) == self.0.invert {
            Flow::On
        } else {
            Flow::Dropped("rule")
        }
    }
}
