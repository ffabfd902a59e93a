//! `regex`: the named captures of a regular expression become fields.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::fields::Expression;
use super::{Entry, Flow, Stage};

/// The keys of `regex`.
#[derive(Debug, Clone, PartialEq)]
pub struct RegexConfig {
    /// What is read; the line where absent.
    pub source: Option<String>,
    /// The expression, with a named capture at least.
    pub expression: Expression,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    source: Option<String>,
    expression: Expression,
}

impl<'de> Deserialize<'de> for RegexConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Written { source, expression } = Written::deserialize(deserializer)?;
        if expression.0.capture_names().flatten().next().is_none() {
            let fault =
                "regex.expression captures nothing by name; write (?P<name>…) around what is to be a field";
            return Err(D::Error::custom(fault));
        }
        Ok(Self { source, expression })
    }
}

/// Also what `grok` runs.
#[derive(Debug)]
pub(super) struct Captures {
    source: Option<String>,
    /// The first that fits is taken.
    expressions: Vec<(::regex::Regex, Vec<(usize, String)>)>,
}

impl Captures {
    pub(super) fn new(source: Option<String>, expressions: impl IntoIterator<Item = ::regex::Regex>) -> Self {
        let with_names = |expression: ::regex::Regex| {
            let names = expression.capture_names().enumerate();
            let names = names
                .filter_map(|(place, name)| Some((place, name?.to_owned())))
                .collect();
            (expression, names)
        };
        Self {
            source,
            expressions: expressions.into_iter().map(with_names).collect(),
        }
    }

    /// A stage of the `regex` section.
    pub(super) fn of(config: &RegexConfig) -> Self {
        Self::new(config.source.clone(), [config.expression.0.clone()])
    }

    /// What was captured, by name.
    fn found(&self, text: &str) -> Option<Vec<(String, String)>> {
        self.expressions.iter().find_map(|(expression, names)| {
            let captures = expression.captures(text)?;
            let named = names.iter().filter_map(|(place, name)| {
                captures
                    .get(*place)
                    .map(|value| (name.clone(), value.as_str().to_owned()))
            });
            Some(named.collect())
        })
    }
}

impl Stage for Captures {
    fn apply(&self, entry: &mut Entry<'_>, _now_ns: i64) -> Flow {
        let Some(text) = entry.text_of(self.source.as_deref()) else {
            return Flow::Missed("no source");
        };
        let Some(found) = self.found(text) else {
            return Flow::Missed("does not fit");
        };
        entry.set_fields(found)
    }
}
