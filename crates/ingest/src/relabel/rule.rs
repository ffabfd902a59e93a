//! One relabelling rule, checked as Prometheus checks it when it reads its file.

use std::fmt;

use model::AnchoredRegex;
use model::names::{is_label_name, is_legacy_label_name};
use serde::{Deserialize, Deserializer};

use super::template::Template;

const DEFAULT_SEPARATOR: &str = ";";
const DEFAULT_REGEX: &str = "(.*)";
const DEFAULT_REPLACEMENT: &str = "$1";

/// What a rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Sets the target label to the expanded replacement where the regex fits.
    Replace,
    /// Drops what does not fit.
    Keep,
    /// Drops what fits.
    Drop,
    /// Drops where the joined source labels differ from the target label.
    KeepEqual,
    /// Drops where the joined source labels equal the target label.
    DropEqual,
    /// Sets the target label to a shard number.
    HashMod,
    /// Copies labels whose names fit to new names.
    LabelMap,
    /// Removes labels whose names fit.
    LabelDrop,
    /// Removes labels whose names do not fit.
    LabelKeep,
    /// Sets the target label to the source in lower case.
    Lowercase,
    /// Sets the target label to the source in upper case.
    Uppercase,
}

/// All actions with their names in configuration files.
const ACTIONS: [(&str, Action); 11] = [
    ("replace", Action::Replace),
    ("keep", Action::Keep),
    ("drop", Action::Drop),
    ("keepequal", Action::KeepEqual),
    ("dropequal", Action::DropEqual),
    ("hashmod", Action::HashMod),
    ("labelmap", Action::LabelMap),
    ("labeldrop", Action::LabelDrop),
    ("labelkeep", Action::LabelKeep),
    ("lowercase", Action::Lowercase),
    ("uppercase", Action::Uppercase),
];

/// A rule that is ready to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    pub(super) source_labels: Vec<String>,
    pub(super) separator: String,
    pub(super) regex: AnchoredRegex,
    pub(super) modulus: u64,
    pub(super) target_label: String,
    pub(super) target_template: Template,
    pub(super) replacement_template: Template,
    pub(super) action: Action,
}

/// Why a rule is refused, and the mend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("relabel rule: {0}")]
pub struct BadRule(String);

/// The keys as written; what is absent is `None`, so that "not allowed here" can be told from "default".
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Written {
    source_labels: Option<Vec<String>>,
    separator: Option<String>,
    regex: Option<String>,
    modulus: Option<u64>,
    target_label: Option<String>,
    replacement: Option<String>,
    action: WrittenAction,
}

/// The action as written; `action:` with nothing behind it is refused, unlike an absent key.
#[derive(Debug, Default)]
enum WrittenAction {
    #[default]
    Absent,
    Empty,
    Named(String),
}

impl<'de> Deserialize<'de> for WrittenAction {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = Option::<String>::deserialize(deserializer)?;
        Ok(name.map_or(Self::Empty, Self::Named))
    }
}

// === impl Rule ===

impl Rule {
    /// What the rule does.
    pub fn action(&self) -> Action {
        self.action
    }

    fn check(written: Written) -> Result<Self, BadRule> {
        let action = match &written.action {
            WrittenAction::Absent => Action::Replace,
            WrittenAction::Empty => {
                return Err(BadRule(
                    "action cannot be empty; leave the key out for replace".to_owned(),
                ));
            }
            WrittenAction::Named(name) => Action::parse(name)?,
        };
        written.check_keys(action)?;
        written.check_names(action)?;
        let pattern = written.regex.as_deref().unwrap_or(DEFAULT_REGEX);
        let regex = AnchoredRegex::new(pattern).map_err(|error| BadRule(error.to_string()))?;
        let target_label = written.target_label.unwrap_or_default();
        Ok(Self {
            source_labels: written.source_labels.unwrap_or_default(),
            separator: written.separator.unwrap_or_else(|| DEFAULT_SEPARATOR.to_owned()),
            regex,
            modulus: written.modulus.unwrap_or_default(),
            target_template: Template::new(&target_label),
            target_label,
            replacement_template: Template::new(
                written.replacement.as_deref().unwrap_or(DEFAULT_REPLACEMENT),
            ),
            action,
        })
    }
}

impl Written {
    /// A key that equals its default counts as absent, as in Prometheus.
    fn differs(value: Option<&String>, default: &str) -> bool {
        value.is_some_and(|value| value != default)
    }

    /// Source: prometheus/model/relabel, `Config.Validate`.
    fn check_keys(&self, action: Action) -> Result<(), BadRule> {
        use Action::{DropEqual, HashMod, KeepEqual, LabelDrop, LabelKeep, Lowercase, Replace, Uppercase};
        let target_given = self
            .target_label
            .as_ref()
            .is_some_and(|target| !target.is_empty());
        let regex_given = Self::differs(self.regex.as_ref(), DEFAULT_REGEX);
        let separator_given = Self::differs(self.separator.as_ref(), DEFAULT_SEPARATOR);
        let replacement_given = Self::differs(self.replacement.as_ref(), DEFAULT_REPLACEMENT);
        let modulus_given = self.modulus.is_some_and(|modulus| modulus != 0);
        let refuse = |what: &str| Err(BadRule(format!("{action} {what}")));
        if action == HashMod && !modulus_given {
            return refuse("requires a non-zero modulus");
        }
        let needs_target = [Replace, HashMod, Lowercase, Uppercase, KeepEqual, DropEqual].contains(&action);
        if needs_target && !target_given {
            return refuse("requires 'target_label'");
        }
        if [Lowercase, Uppercase, KeepEqual, DropEqual].contains(&action) && replacement_given {
            return refuse("does not take 'replacement'; remove it");
        }
        if [KeepEqual, DropEqual].contains(&action) && (regex_given || modulus_given || separator_given) {
            return refuse("takes only 'source_labels' and 'target_label'; remove the other keys");
        }
        let more_than_regex = self.source_labels.is_some()
            || target_given
            || modulus_given
            || separator_given
            || replacement_given;
        if [LabelDrop, LabelKeep].contains(&action) && more_than_regex {
            return refuse("takes only 'regex'; remove the other keys");
        }
        Ok(())
    }

    fn check_names(&self, action: Action) -> Result<(), BadRule> {
        use Action::{DropEqual, HashMod, KeepEqual, LabelMap, Lowercase, Replace, Uppercase};
        if let Some(bad) = self
            .source_labels
            .iter()
            .flatten()
            .find(|name| !is_label_name(name))
        {
            return Err(BadRule(format!(
                "{bad:?} is not a label name for 'source_labels'"
            )));
        }
        let target = self.target_label.as_deref().unwrap_or_default();
        let plain_target = [HashMod, Lowercase, Uppercase, KeepEqual, DropEqual].contains(&action);
        let bad_template = action == Replace && !is_label_name(target);
        if bad_template || (plain_target && !is_label_name(target)) {
            return Err(BadRule(format!(
                "{target:?} is not a label name for 'target_label' of {action}"
            )));
        }
        let replacement = self.replacement.as_deref().unwrap_or(DEFAULT_REPLACEMENT);
        if action == LabelMap && !is_label_name(replacement) {
            return Err(BadRule(format!(
                "{replacement:?} gives no label name in 'replacement' of {action}"
            )));
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Rule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = Written::deserialize(deserializer)?;
        Self::check(written).map_err(serde::de::Error::custom)
    }
}

// === impl Action ===

impl Action {
    fn parse(name: &str) -> Result<Self, BadRule> {
        let lower = name.to_lowercase();
        let known = ACTIONS.iter().find(|(known, _)| *known == lower);
        known.map(|(_, action)| *action).ok_or_else(|| {
            let names: Vec<&str> = ACTIONS.iter().map(|(name, _)| *name).collect();
            BadRule(format!(
                "unknown action {name:?}; write one of {}",
                names.join(", ")
            ))
        })
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = ACTIONS.iter().find(|(_, action)| action == self);
        f.write_str(name.map_or("", |(name, _)| name))
    }
}

impl Rule {
    /// Says what is wrong with the rule under `metric_name_validation_scheme: legacy`, if anything.
    pub fn fault_under_legacy_names(&self) -> Option<String> {
        let writes_target = !matches!(
            self.action,
            Action::Keep | Action::Drop | Action::LabelMap | Action::LabelDrop | Action::LabelKeep
        );
        let bad = writes_target
            && !self.target_template.has_variables()
            && !is_legacy_label_name(&self.target_label);
        bad.then(|| {
            format!(
                "{:?} is not a legacy label name for 'target_label'",
                self.target_label
            )
        })
    }
}
