//! `pattern`: texts with captures between them, as LogQL's `| pattern` has them: `<ip> - <_> [<time>]`.

use logql::LinePattern;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::{Entry, Flow, Stage};

/// The keys of `pattern`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PatternConfig {
    /// What is read; the line where absent.
    pub source: Option<String>,
    /// The pattern.
    pub expression: PatternText,
}

/// A pattern that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatternText(String);

impl<'de> Deserialize<'de> for PatternText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        LinePattern::for_parser(&text).map_err(|fault| {
            D::Error::custom(format!(
                "pattern.expression: {fault}; write texts with <name> between them"
            ))
        })?;
        Ok(Self(text))
    }
}

#[derive(Debug)]
pub(super) struct Pattern {
    source: Option<String>,
    expression: LinePattern,
    names: Vec<String>,
}

impl Pattern {
    pub(super) fn new(config: &PatternConfig) -> Result<Self, String> {
        let expression = LinePattern::for_parser(&config.expression.0)?;
        let names = expression.names().map(str::to_owned).collect();
        Ok(Self {
            source: config.source.clone(),
            expression,
            names,
        })
    }
}

impl Stage for Pattern {
    fn apply(&self, entry: &mut Entry<'_>, _now_ns: i64) -> Flow {
        let Some(text) = entry.text_of(self.source.as_deref()) else {
            return Flow::Missed("no source");
        };
        let mut found: Vec<(usize, String)> = Vec::with_capacity(self.names.len());
        self.expression
            .captures(text, |place, held| found.push((place, held.to_owned())));
        if found.len() < self.names.len() {
            return Flow::Missed("does not fit");
        }
        for (place, value) in found {
            if let Some(name) = self.names.get(place) {
                entry.set_field(name.clone(), value);
            }
        }
        Flow::On
    }
}
