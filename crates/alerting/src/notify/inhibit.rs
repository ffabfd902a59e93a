//! Inhibition: while a source fires, targets that agree with it are not told about.

use model::{Labels, Matcher};

use crate::config::InhibitConfig;
use crate::config::route::collect_matchers;
use crate::notify::Notice;

/// One inhibition, ready to be asked.
#[derive(Debug, Clone)]
pub struct Inhibition {
    source: Vec<Matcher>,
    target: Vec<Matcher>,
    equal: Vec<String>,
}

impl Inhibition {
    /// Takes what was written; it has been validated before.
    pub fn compile(config: &InhibitConfig) -> Self {
        let mut ignored = Vec::new();
        Self {
            source: collect_matchers(
                "source",
                &config.source_match,
                &config.source_match_re,
                &config.source_matchers,
                &mut ignored,
            ),
            target: collect_matchers(
                "target",
                &config.target_match,
                &config.target_match_re,
                &config.target_matchers,
                &mut ignored,
            ),
            equal: config.equal.clone(),
        }
    }

    /// Whether any of the firing alerts silences `target`. An alert that is both source and target of the rule is not
    /// silenced by another such alert (Alertmanager's protection against alerts that inhibit themselves).
    pub fn inhibits<'a>(&self, target: &Labels, mut firing: impl Iterator<Item = &'a Notice>) -> bool {
        let fits = |matchers: &[Matcher], labels: &Labels| matchers.iter().all(|m| m.matches_labels(labels));
        if !fits(&self.target, target) {
            return false;
        }
        let target_is_source = fits(&self.source, target);
        firing.any(|source| {
            !source.is_resolved()
                && fits(&self.source, &source.labels)
                && !(target_is_source && fits(&self.target, &source.labels))
                && self.equal.iter().all(|name| {
                    source.labels.get(name).unwrap_or_default() == target.get(name).unwrap_or_default()
                })
        })
    }
}
