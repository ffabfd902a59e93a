//! The top-level keys of `watchkeeper.yaml`; each section's own type lives in the room it configures.

use std::collections::HashSet;
use std::path::Path;

use serde::{Deserialize, Deserializer};
use serde_saphyr::Spanned;

use super::problem::Problem;
use super::storage::Storage;

/// A configuration file. Prometheus' sections stand where Prometheus has them; `alerting` holds Alertmanager's.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ConfigFile {
    /// Where to listen, who may ask.
    #[serde(deserialize_with = "or_default")]
    pub(crate) server: web::Config,
    /// This machine's vitals and this process' own metrics.
    #[serde(deserialize_with = "or_default")]
    pub(crate) collect: collect::Config,
    /// Prometheus' defaults for jobs and rules.
    #[serde(deserialize_with = "or_default")]
    pub(crate) global: ingest::GlobalConfig,
    /// What is scraped.
    #[serde(deserialize_with = "or_default")]
    pub(crate) scrape_configs: Vec<ingest::ScrapeConfig>,
    /// Files with rules; patterns may stand for many.
    #[serde(deserialize_with = "or_default")]
    pub(crate) rule_files: Vec<Spanned<String>>,
    /// Who is told what.
    #[serde(deserialize_with = "or_default")]
    pub(crate) alerting: alerting::Config,
    /// How long series are kept.
    #[serde(deserialize_with = "or_default")]
    pub(crate) storage: Storage,
    /// Prometheus' sections that this build reads over, so that its files can be used unchanged.
    remote_write: Option<serde::de::IgnoredAny>,
    remote_read: Option<serde::de::IgnoredAny>,
    otlp: Option<serde::de::IgnoredAny>,
    tracing: Option<serde::de::IgnoredAny>,
    runtime: Option<serde::de::IgnoredAny>,
}

/// The one key that is still read when other parts of the file are faulty.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RuleFilesAlone {
    rule_files: Vec<Spanned<String>>,
}

/// A section whose value is missing (`global:` and nothing after it) is the default section.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

impl ConfigFile {
    /// Only the rule files that a file names, whatever else is wrong with it.
    pub(super) fn of_rule_files_alone(text: &str) -> Self {
        let rule_files = serde_saphyr::from_str::<RuleFilesAlone>(text)
            .unwrap_or_default()
            .rule_files;
        Self {
            rule_files,
            ..Self::default()
        }
    }

    /// Makes relative paths in the sections relative to `base`, the file's folder.
    pub(super) fn resolve_paths(&mut self, base: &Path) {
        self.alerting.resolve_paths(base);
        for config in &mut self.scrape_configs {
            config.resolve_paths(base);
        }
    }

    /// What the sections say about themselves beyond their form.
    pub(super) fn validate(&self, path: &Path) -> Vec<Problem> {
        let mut messages: Vec<String> = Vec::new();
        messages.extend(self.server.validate().iter().map(ToString::to_string));
        messages.extend(self.collect.validate().err().map(|error| chain(&error)));
        messages.extend(ingest::config::validate(&self.global, &self.scrape_configs));
        // Channels can be tried only where their settings are sound.
        let alerting = self
            .alerting
            .validate()
            .and_then(|_| self.alerting.check_channels());
        let alerting = alerting.err().unwrap_or_default();
        messages.extend(alerting.iter().map(|error| format!("alerting.{error}")));
        let series = self.storage.series("series".into());
        messages.extend(
            series
                .validate()
                .err()
                .map(|error| format!("storage.tsdb: {}", chain(&error))),
        );
        messages
            .into_iter()
            .map(|message| Problem::at(path, None, message))
            .collect()
    }

    /// Reads the rule files; a fault in the list names this file and line, a fault in a rule file its own.
    pub(super) fn load_rules(
        &self,
        path: &Path,
        base: &Path,
    ) -> Result<Vec<alerting::RuleFile>, Vec<Problem>> {
        let mut loaded = Vec::new();
        let mut known = HashSet::new();
        let mut problems = Vec::new();
        for pattern in &self.rule_files {
            match alerting::load_rule_files(std::slice::from_ref(&pattern.value), base) {
                // A file that two patterns name is still one file.
                Ok(files) => loaded.extend(files.into_iter().filter(|file| known.insert(file.path.clone()))),
                Err(errors) => problems.extend(errors.into_iter().map(|error| {
                    if error.line == 0 {
                        // The file itself is at fault: what names it stands in this one.
                        Problem::at(path, Some(pattern.referenced.line()), error.to_string())
                    } else {
                        let message = format!("{}: {}; {}", error.key, error.message, error.mend);
                        Problem::at(error.file, Some(error.line as u64), message)
                    }
                })),
            }
        }
        if problems.is_empty() {
            Ok(loaded)
        } else {
            Err(problems)
        }
    }

    /// What works but deserves a look.
    pub(super) fn warnings(&self) -> Vec<String> {
        let read_over = [
            ("remote_write", self.remote_write.is_some()),
            ("remote_read", self.remote_read.is_some()),
            ("otlp", self.otlp.is_some()),
            ("tracing", self.tracing.is_some()),
            ("runtime", self.runtime.is_some()),
        ];
        let mut warnings: Vec<String> = read_over
            .iter()
            .filter(|(_, present)| *present)
            .map(|(key, _)| {
                format!("{key}: this version reads over this section; nothing of it takes effect")
            })
            .collect();
        warnings.extend(self.alerting.validate().unwrap_or_default());
        warnings
    }
}

/// An error with its causes on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_file_that_is_named_twice_is_loaded_once() {
        let folder = tempfile::tempdir().unwrap();
        let rules = "groups: [{name: g, rules: [{alert: A, expr: up == 0}]}]";
        std::fs::write(folder.path().join("rules.yaml"), rules).unwrap();
        let file: ConfigFile =
            stdx::yaml::read("rule_files: [rules.yaml, './*.yaml', ./rules.yaml]").unwrap();
        let loaded = file
            .load_rules(Path::new("watchkeeper.yaml"), folder.path())
            .unwrap();
        assert_eq!(loaded.len(), 1, "{loaded:?}");
    }
}
