//! `otlp`: how OpenTelemetry metrics become series, in Prometheus' own keys.

use std::collections::HashSet;

use serde::Deserialize;

use super::section::{Checked, section};
use super::{GlobalConfig, NameValidation};

section! {
    /// The `otlp` section.
    pub struct OtlpConfig {
        /// Whether every resource attribute becomes a label.
        pub promote_all_resource_attributes: bool,
        /// Resource attributes that become labels.
        pub promote_resource_attributes: Vec<String>,
        /// Resource attributes that do not, where all others do.
        pub ignore_resource_attributes: Vec<String>,
        /// How names are made.
        pub translation_strategy: TranslationStrategy,
        /// Whether `service.name`, `service.namespace` and `service.instance.id` stay in `target_info` beside being `job`
        /// and `instance`.
        pub keep_identifying_resource_attributes: bool,
        /// Whether explicit histograms become native ones with custom buckets.
        pub convert_histograms_to_nhcb: bool,
        /// Whether name, version, schema and attributes of a scope become labels.
        pub promote_scope_metadata: bool,
        /// Whether label names that begin with one underscore are given `key` in front; yes where absent.
        #[serde(default = "yes")]
        pub label_name_underscore_sanitization: bool,
        /// Whether several underscores in a row stay in label names; yes where absent.
        #[serde(default = "yes")]
        pub label_name_preserve_multiple_underscores: bool,
    }
}

/// How OpenTelemetry names become names of metrics and labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub enum TranslationStrategy {
    /// Foreign characters become underscores; unit and `_total` are added.
    #[default]
    UnderscoreEscapingWithSuffixes,
    /// Foreign characters become underscores; nothing is added.
    UnderscoreEscapingWithoutSuffixes,
    /// Characters stay; unit and `_total` are added.
    NoUTF8EscapingWithSuffixes,
    /// Names stay as they are.
    NoTranslation,
}

fn yes() -> bool {
    true
}

impl Default for OtlpConfig {
    fn default() -> Self {
        Self {
            promote_all_resource_attributes: false,
            promote_resource_attributes: Vec::new(),
            ignore_resource_attributes: Vec::new(),
            translation_strategy: TranslationStrategy::default(),
            keep_identifying_resource_attributes: false,
            convert_histograms_to_nhcb: false,
            promote_scope_metadata: false,
            label_name_underscore_sanitization: true,
            label_name_preserve_multiple_underscores: true,
        }
    }
}

impl OtlpConfig {
    /// What the section says against the global one, if anything.
    pub fn fault_beside(&self, global: &GlobalConfig) -> Option<String> {
        let legacy = global.metric_name_validation_scheme == Some(NameValidation::Legacy);
        (legacy && self.translation_strategy.makes_utf8_names()).then(|| {
            format!(
                "otlp: translation_strategy is {:?} while metric_name_validation_scheme is legacy; \
                 use UnderscoreEscapingWithSuffixes or UnderscoreEscapingWithoutSuffixes",
                self.translation_strategy
            )
        })
    }

    /// Attribute names with the blanks around them taken off, as Prometheus compares them.
    pub fn promoted(&self) -> impl Iterator<Item = &str> {
        self.promote_resource_attributes.iter().map(|name| name.trim())
    }

    /// The same of the attributes that are left out.
    pub fn ignored(&self) -> impl Iterator<Item = &str> {
        self.ignore_resource_attributes.iter().map(|name| name.trim())
    }
}

impl TranslationStrategy {
    /// Whether names may hold characters that legacy names may not.
    pub fn makes_utf8_names(self) -> bool {
        matches!(self, Self::NoUTF8EscapingWithSuffixes | Self::NoTranslation)
    }

    /// Whether unit and `_total` are added to names.
    pub fn adds_suffixes(self) -> bool {
        matches!(
            self,
            Self::NoUTF8EscapingWithSuffixes | Self::UnderscoreEscapingWithSuffixes
        )
    }
}

impl Checked for OtlpConfig {
    /// Source: prometheus/config, `OTLPConfig.UnmarshalYAML`.
    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.promote_all_resource_attributes && !self.promote_resource_attributes.is_empty() {
            faults.push(
                "promote_all_resource_attributes excludes promote_resource_attributes; keep one of them"
                    .to_owned(),
            );
        }
        if !self.promote_all_resource_attributes && !self.ignore_resource_attributes.is_empty() {
            faults.push(
                "ignore_resource_attributes needs promote_all_resource_attributes: true; add it or remove the list"
                    .to_owned(),
            );
        }
        check_names("promote_resource_attributes", self.promoted(), &mut faults);
        check_names("ignore_resource_attributes", self.ignored(), &mut faults);
        faults
    }
}

fn check_names<'a>(key: &str, names: impl Iterator<Item = &'a str>, faults: &mut Vec<String>) {
    let mut seen = HashSet::new();
    for name in names {
        if name.is_empty() {
            faults.push(format!("{key} has an empty name; remove it"));
        } else if !seen.insert(name) {
            faults.push(format!("{key} has {name:?} twice; remove one"));
        }
    }
}
