//! Rewrites label sets by rules, exactly as Prometheus' `relabel_configs` do.
//!
//! In: a [`LabelsBuilder`] and rules from the configuration.  Out: the same labels rewritten, or the word to drop them.
//! Owns: nothing.
//! Invariants: a rule that Prometheus refuses never becomes a [`Rule`] (`relabel::tests`); `hashmod` gives
//! Prometheus' own shard numbers (`relabel::tests::hashmod_gives_the_shards_of_prometheus`);
//! rules that make more of themselves end within their limits (`relabel::tests::rules_that_double_end_somewhere`).
//! Not here: which rules apply where; scraping and alerting decide.
//! Start at: [`apply`].

mod room;
mod rule;
mod template;

#[cfg(test)]
mod tests;

use md5::{Digest, Md5};
use model::LabelsBuilder;

use crate::relabel::room::Room;

pub use room::TooMuchMade;
pub use rule::{Action, BadRule, Rule};

/// Runs the rules in order. `false` says that the labels are to be dropped; what the builder then holds is of no use.
///
/// # Errors
/// The rules make more labels or text than any target or series needs; what the builder then holds is of no use either.
pub fn apply(rules: &[Rule], labels: &mut LabelsBuilder) -> Result<bool, TooMuchMade> {
    let mut room = Room::default();
    for rule in rules {
        if !apply_one(rule, labels, &mut room)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Source: prometheus/model/relabel, `relabel`.
fn apply_one(rule: &Rule, labels: &mut LabelsBuilder, room: &mut Room) -> Result<bool, TooMuchMade> {
    let value = joined(rule, labels, room)?;
    let target = &rule.target_label;
    match rule.action {
        Action::Drop => return Ok(!rule.regex.is_match(&value)),
        Action::Keep => return Ok(rule.regex.is_match(&value)),
        Action::DropEqual => return Ok(labels.get(target).unwrap_or_default() != value),
        Action::KeepEqual => return Ok(labels.get(target).unwrap_or_default() == value),
        Action::Replace => replace(rule, &value, labels, room)?,
        Action::Lowercase => set(labels, target, value.to_lowercase(), room)?,
        Action::Uppercase => set(labels, target, value.to_uppercase(), room)?,
        Action::HashMod => set(labels, target, shard(&value, rule.modulus).to_string(), room)?,
        Action::LabelMap => map_names(rule, labels, room)?,
        Action::LabelDrop => remove_names(labels, |name| rule.regex.is_match(name)),
        Action::LabelKeep => remove_names(labels, |name| !rule.regex.is_match(name)),
    }
    Ok(true)
}

fn joined(rule: &Rule, labels: &LabelsBuilder, room: &mut Room) -> Result<String, TooMuchMade> {
    let mut value = String::new();
    for (place, name) in rule.source_labels.iter().enumerate() {
        if place > 0 {
            room.push(&mut value, &rule.separator)?;
        }
        room.push(&mut value, labels.get(name).unwrap_or_default())?;
    }
    Ok(value)
}

fn replace(rule: &Rule, value: &str, labels: &mut LabelsBuilder, room: &mut Room) -> Result<(), TooMuchMade> {
    let Some(captures) = rule.regex.regex().captures(value) else {
        return Ok(());
    };
    let target = rule.target_template.expand(&captures, room)?;
    if target.is_empty() {
        return Ok(());
    }
    let value = rule.replacement_template.expand(&captures, room)?;
    set(labels, &target, value, room)
}

/// An empty value removes the label at once, so that a later rule does not find it.
fn set(labels: &mut LabelsBuilder, name: &str, value: String, room: &mut Room) -> Result<(), TooMuchMade> {
    if value.is_empty() {
        labels.remove(name);
    } else {
        room.add_label()?;
        labels.set(name, value);
    }
    Ok(())
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

fn map_names(rule: &Rule, labels: &mut LabelsBuilder, room: &mut Room) -> Result<(), TooMuchMade> {
    let mut mapped: Vec<(String, String)> = Vec::new();
    for (name, value) in labels.iter() {
        let Some(captures) = rule.regex.regex().captures(name) else {
            continue;
        };
        let mut copy = String::new();
        room.push(&mut copy, value)?;
        mapped.push((rule.replacement_template.expand(&captures, room)?, copy));
    }
    // Sorted, so that two names that map to one give the same result every time.
    mapped.sort();
    for (name, value) in mapped.into_iter().filter(|(name, _)| !name.is_empty()) {
        set(labels, &name, value, room)?;
    }
    Ok(())
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
