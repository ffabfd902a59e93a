//! The rules that come with the program: this machine's CPU, memory and disks, targets that do not answer, and what
//! would make Watchkeeper itself blind or mute.

use model::Labels;

use crate::config::InhibitConfig;
use crate::notify::inhibit::Inhibition;
use crate::rules::{NameScheme, RuleError, RuleFile, parse_rule_file};

/// The name under which these rules are shown.
pub const FILE: &str = "builtin";

/// The group that expects this machine's vitals.
pub(crate) const VITALS_GROUP: &str = "vitals";

/// The rules, in the form of any other rule file.
const RULES: &str = include_str!("builtin.yml");

/// The built-in rules.
///
/// # Errors
/// Never in a build whose tests pass (`tests::the_rules_are_sound`).
pub fn rule_file() -> Result<RuleFile, Vec<RuleError>> {
    parse_rule_file(FILE, RULES, NameScheme::Utf8)
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
