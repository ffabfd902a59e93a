//! The rules that come with the program: this machine's CPU, memory and disks, targets that do not answer, and what
//! would make Watchkeeper itself blind or mute.

use model::Labels;

use crate::config::InhibitConfig;
use crate::notify::inhibit::Inhibition;
use crate::rules::{Action, NameScheme, RuleError, RuleFile, RuleGroup, parse_rule_file};

/// The name under which these rules are shown.
pub const FILE: &str = "builtin";

/// The group that expects this machine's vitals.
const VITALS_GROUP: &str = "vitals";

/// The group that tells of targets that do not answer.
const TARGETS_GROUP: &str = "targets";

/// The rules, in the form of any other rule file.
const RULES: &str = include_str!("builtin.yml");

/// The built-in rules.
///
/// # Errors
/// Never in a build whose tests pass (`tests::the_rules_are_sound`).
pub fn rule_file() -> Result<RuleFile, Vec<RuleError>> {
    parse_rule_file(FILE, RULES, NameScheme::Utf8)
}

/// The built-in groups that fit a setup: none asks for vitals where none are taken, and none tells of targets that do not
/// answer where a rule of the owner's does, because one outage is one page.
pub(crate) fn groups_for(owners: &[RuleGroup], expects_vitals: bool) -> Vec<RuleGroup> {
    let mut rules = owners.iter().flat_map(|group| &group.rules);
    let owner_watches_up = rules.any(|rule| {
        let names = rule.expr.metric_names().unwrap_or_default();
        matches!(rule.action, Action::Alert(_)) && names.iter().any(|name| name == "up")
    });
    // The text is part of the program and its tests read it.
    let all = rule_file().map(|file| file.groups).unwrap_or_default();
    all.into_iter()
        .filter(|group| match group.name.as_str() {
            VITALS_GROUP => expects_vitals,
            TARGETS_GROUP => !owner_watches_up,
            _ => true,
        })
        .collect()
}

/// Critical alerts silence the warning of the same name about the same thing.
pub fn inhibitions() -> Vec<Inhibition> {
    let texts = |pairs: &[&str]| pairs.iter().map(|text| (*text).to_owned()).collect();
    vec![Inhibition::compile(&InhibitConfig {
        source_matchers: texts(&["severity=\"critical\"", "origin=\"builtin\""]),
        target_matchers: texts(&["severity=\"warning\"", "origin=\"builtin\""]),
        equal: texts(&["alertname", "instance", "mountpoint"]),
        ..InhibitConfig::default()
    })]
}

/// Whether an alert comes from these rules.
pub fn is_builtin(labels: &Labels) -> bool {
    labels.get("origin") == Some(FILE)
}

#[cfg(test)]
mod tests;
