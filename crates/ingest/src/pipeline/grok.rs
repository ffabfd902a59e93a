//! `grok`: patterns of named parts, `%{IPORHOST:client} %{WORD:method} %{URIPATHPARAM:request}`.
//!
//! A pattern becomes one regular expression of the `regex` crate, which takes time linear in the line whatever the pattern is. The
//! library (`grok_patterns`) is Logstash's by name, without what needs to look around.

use std::collections::BTreeMap;

use ::regex::Regex;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::fields::{Expression, sanitized};
use super::grok_patterns::PATTERNS;
use crate::limits::{PIPELINE_GROK_BYTES_MAX, PIPELINE_GROK_DEPTH_MAX};

/// The keys of `grok`.
#[derive(Debug, Clone, PartialEq)]
pub struct GrokConfig {
    /// What is read; the line where absent.
    pub source: Option<String>,
    /// What the patterns became; the first that fits is taken.
    pub(super) expressions: Vec<Expression>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    source: Option<String>,
    patterns: Vec<String>,
    #[serde(default)]
    definitions: BTreeMap<String, String>,
}

impl<'de> Deserialize<'de> for GrokConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = Written::deserialize(deserializer)?;
        if written.patterns.is_empty() {
            return Err(D::Error::custom(
                "grok.patterns is empty; write a pattern at least",
            ));
        }
        let compiled = written
            .patterns
            .iter()
            .map(|pattern| compile(pattern, &written.definitions));
        Ok(Self {
            source: written.source,
            expressions: compiled.collect::<Result<_, _>>().map_err(D::Error::custom)?,
        })
    }
}

impl GrokConfig {
    pub(super) fn regexes(&self) -> impl Iterator<Item = Regex> {
        self.expressions.iter().map(|expression| expression.0.clone())
    }
}

/// The expression that a pattern stands for; own definitions go before those of the library.
fn compile(pattern: &str, definitions: &BTreeMap<String, String>) -> Result<Expression, String> {
    let mut expression = String::new();
    let mut names = Vec::new();
    expand(pattern, definitions, 0, &mut expression, &mut names)?;
    Expression::new(&expression).map_err(|fault| format!("grok pattern {pattern:?}: {fault}"))
}

fn expand(
    pattern: &str,
    definitions: &BTreeMap<String, String>,
    depth: usize,
    out: &mut String,
    names: &mut Vec<String>,
) -> Result<(), String> {
    if depth > PIPELINE_GROK_DEPTH_MAX || out.len() > PIPELINE_GROK_BYTES_MAX {
        return Err(format!(
            "grok pattern {pattern:?} holds itself, or too much; take apart what it is made of"
        ));
    }
    let mut rest = pattern;
    while let Some((before, tail)) = rest.split_once("%{") {
        out.push_str(before);
        let (inside, tail) = tail
            .split_once('}')
            .ok_or_else(|| format!("grok pattern {pattern:?} has a %{{ that nothing closes"))?;
        let mut parts = inside.split(':');
        let name = parts.next().unwrap_or_default();
        let field = parts.next().filter(|field| !field.is_empty());
        // A type behind the field (`:int`) means nothing here: all values are texts.
        let inner = definitions
            .get(name)
            .map(String::as_str)
            .or_else(|| of_library(name))
            .ok_or_else(|| {
                format!(
                    "there is no grok pattern {name:?}; correct its name, or define it under grok.definitions"
                )
            })?;
        match field.map(|field| sanitized(field).into_owned()) {
            // A name can be captured once.
            Some(field) if !names.contains(&field) => {
                out.push_str("(?P<");
                out.push_str(&field);
                out.push('>');
                names.push(field);
            }
            _ => out.push_str("(?:"),
        }
        expand(inner, definitions, depth + 1, out, names)?;
        out.push(')');
        rest = tail;
    }
    out.push_str(rest);
    Ok(())
}

fn of_library(name: &str) -> Option<&'static str> {
    PATTERNS
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, pattern)| *pattern)
}

#[cfg(test)]
mod tests;
