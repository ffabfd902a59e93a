//! `inhibit_rules`: which alerts silence which.

use std::collections::BTreeMap;

use model::names::is_label_name;
use serde::Deserialize;

use crate::config::route::collect_matchers;
use crate::error::ConfigError;

/// While a source fires, targets that agree with it on `equal` are not told about.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InhibitConfig {
    /// A name, for people.
    #[serde(default)]
    pub name: Option<String>,
    /// Labels a source must have.
    #[serde(default)]
    pub source_match: BTreeMap<String, Option<String>>,
    /// Patterns a source's labels must fit.
    #[serde(default)]
    pub source_match_re: BTreeMap<String, Option<String>>,
    /// Conditions on a source.
    #[serde(default)]
    pub source_matchers: Vec<String>,
    /// Labels a target must have.
    #[serde(default)]
    pub target_match: BTreeMap<String, Option<String>>,
    /// Patterns a target's labels must fit.
    #[serde(default)]
    pub target_match_re: BTreeMap<String, Option<String>>,
    /// Conditions on a target.
    #[serde(default)]
    pub target_matchers: Vec<String>,
    /// Labels on which both must agree.
    #[serde(default)]
    pub equal: Vec<String>,
}

impl InhibitConfig {
    pub(crate) fn validate(&self, place: &str, errors: &mut Vec<ConfigError>) {
        for (side, equal, pattern, matchers) in [
            (
                "source",
                &self.source_match,
                &self.source_match_re,
                &self.source_matchers,
            ),
            (
                "target",
                &self.target_match,
                &self.target_match_re,
                &self.target_matchers,
            ),
        ] {
            collect_matchers(&format!("{place}.{side}"), equal, pattern, matchers, errors);
        }
        for name in &self.equal {
            if !is_label_name(name) {
                errors.push(ConfigError::new(
                    format!("{place}.equal"),
                    format!("{name:?} is not a label name"),
                    "write label names",
                ));
            }
        }
    }
}
