//! Rewrites label sets by rules, exactly as Prometheus' `relabel_configs` do.
//!
//! In: a [`LabelsBuilder`] and rules from the configuration.  Out: the same labels rewritten, or the word to drop them.
//! Owns: nothing.
//! Invariants: a rule that Prometheus refuses never becomes a [`Rule`] (`relabel::tests`); `hashmod` gives
//! Prometheus' own shard numbers (`relabel::tests::hashmod_gives_the_shards_of_prometheus`).
//! Not here: which rules apply where; scraping and alerting decide.
//! Start at: [`apply`].

mod rule;
mod template;

#[cfg(test)]
mod tests;

use md5::{Digest, Md5};
use model::LabelsBuilder;

pub use rule::{Action, BadRule, Rule};
pub use template::Template;

/// Runs the rules in order. `false` says that the labels are to be dropped; what the builder then holds is of no use.
pub fn apply(rules: &[Rule], labels: &mut LabelsBuilder) -> bool {
    rules.iter().all(|rule| apply_one(rule, labels))
}

/// Source: prometheus/model/relabel, `relabel`.
fn apply_one(rule: &Rule, labels: &mut LabelsBuilder) -> bool {
    let value = joined(rule, labels);
    match rule.action {
        Action::Drop => return !rule.regex.is_match(&value),
        Action::Keep => return rule.regex.is_match(&value),
        Action::DropEqual => return labels.get(&rule.target_label).unwrap_or_default() != value,
        Action::KeepEqual => return labels.get(&rule.target_label).unwrap_or_default() == value,
        Action::Replace => replace(rule, &value, labels),
        Action::Lowercase => set(labels, &rule.target_label, value.to_lowercase()),
        Action::Uppercase => set(labels, &rule.target_label, value.to_uppercase()),
        Action::HashMod => set(
            labels,
            &rule.target_label,
            shard(&value, rule.modulus).to_string(),
        ),
        Action::LabelMap => map_names(rule, labels),
        Action::LabelDrop => remove_names(labels, |name| rule.regex.is_match(name)),
        Action::LabelKeep => remove_names(labels, |name| !rule.regex.is_match(name)),
    }
    true
}

fn joined(rule: &Rule, labels: &LabelsBuilder) -> String {
    let mut value = String::new();
    for (place, name) in rule.source_labels.iter().enumerate() {
        if place > 0 {
            value.push_str(&rule.separator);
        }
        value.push_str(labels.get(name).unwrap_or_default());
    }
    value
}

fn replace(rule: &Rule, value: &str, labels: &mut LabelsBuilder) {
    let Some(captures) = rule.regex.regex().captures(value) else {
        return;
    };
    let target = rule.target_template.expand(&captures);
    if !target.is_empty() {
        set(labels, &target, rule.replacement_template.expand(&captures));
    }
}

/// An empty value removes the label at once, so that a later rule does not find it.
fn set(labels: &mut LabelsBuilder, name: &str, value: String) {
    if value.is_empty() {
        labels.remove(name);
    } else {
        labels.set(name, value);
    }
}

/// The last 8 bytes of the MD5 sum, big-endian, as Prometheus takes them.
fn shard(value: &str, modulus: u64) -> u64 {
    let sum: [u8; 16] = Md5::digest(value.as_bytes()).into();
    let (_, low) = sum.split_at(8);
    let low = low
        .iter()
        .fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
    low.checked_rem(modulus).unwrap_or_default()
}

fn map_names(rule: &Rule, labels: &mut LabelsBuilder) {
    let mut mapped: Vec<(String, String)> = labels
        .iter()
        .filter_map(|(name, value)| {
            let captures = rule.regex.regex().captures(name)?;
            Some((rule.replacement_template.expand(&captures), value.to_owned()))
        })
        .collect();
    // Sorted, so that two names that map to one give the same result every time.
    mapped.sort();
    for (name, value) in mapped.into_iter().filter(|(name, _)| !name.is_empty()) {
        set(labels, &name, value);
    }
}

fn remove_names(labels: &mut LabelsBuilder, which: impl Fn(&str) -> bool) {
    let names: Vec<String> = labels
        .iter()
        .filter(|(name, _)| which(name))
        .map(|(name, _)| name.to_owned())
        .collect();
    for name in names {
        labels.remove(&name);
    }
}
