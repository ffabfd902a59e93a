//! The top-level keys of `watchkeeper.yaml`; each section's own type lives in the room it configures.

use std::collections::HashSet;
use std::path::Path;

use ingest::config::logs::LogsConfig;
use ingest::config::{Limits, MultiTenancy, OtlpConfig, PushConfig, RemoteRead, RemoteWrite, TracingConfig};
use ingest::{IngestError, PipelineConfig, PipelineTelemetry, Pipelines, PodDirectories, RedactConfig};
use serde::{Deserialize, Deserializer};
use serde_saphyr::Spanned;

use super::patterns;
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
    /// Where statsd is heard, and what is made of it.
    #[serde(deserialize_with = "or_default")]
    pub(crate) statsd: ingest::statsd::Config,
    /// Where syslog is heard.
    #[serde(deserialize_with = "or_default")]
    pub(crate) syslog: ingest::syslog::Config,
    /// Log files that are followed.
    #[serde(deserialize_with = "entries")]
    pub(super) log_files: Vec<collect::logs::config::LogFiles>,
    /// Logs of Docker's containers.
    #[serde(deserialize_with = "or_default")]
    pub(super) docker_logs: collect::logs::config::DockerLogs,
    /// Logs of Kubernetes' containers.
    #[serde(deserialize_with = "or_default")]
    pub(super) kubernetes_logs: collect::logs::config::KubernetesLogs,
    /// The journal of systemd.
    #[serde(deserialize_with = "or_default")]
    pub(super) journald: collect::logs::config::Journald,
    /// Files with further jobs; patterns may stand for many.
    #[serde(deserialize_with = "or_default")]
    pub(super) scrape_config_files: Vec<Spanned<String>>,
    /// Stores that samples are sent to.
    #[serde(deserialize_with = "entries")]
    pub(crate) remote_write: Vec<RemoteWrite>,
    /// Stores that are asked beside this one.
    #[serde(deserialize_with = "entries")]
    pub(super) remote_read: Vec<RemoteRead>,
    /// What becomes of series that others send.
    #[serde(deserialize_with = "or_default")]
    pub(crate) push: PushConfig,
    /// What becomes of log lines.
    #[serde(deserialize_with = "or_default")]
    pub(crate) logs: LogsConfig,
    /// Whose series there are.
    #[serde(deserialize_with = "or_default")]
    pub(crate) multi_tenancy: MultiTenancy,
    /// How much each tenant may send.
    #[serde(deserialize_with = "or_default")]
    pub(crate) limits: Limits,
    /// What log lines go through before they are stored.
    #[serde(deserialize_with = "entries")]
    pub(crate) pipelines: Vec<PipelineConfig>,
    /// What is hidden in all of them.
    #[serde(deserialize_with = "or_default")]
    pub(crate) redaction: RedactConfig,
    /// How OpenTelemetry metrics become series.
    pub(crate) otlp: Option<OtlpConfig>,
    /// Where Prometheus sends spans of its own.
    pub(super) tracing: Option<TracingConfig>,
    /// Go runtime settings, without meaning here.
    pub(super) runtime: Option<ingest::config::Runtime>,
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

/// A list in which an empty entry is refused.
fn entries<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    ingest::config::sections(deserializer)
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
        self.global.resolve_paths(base);
        self.alerting.resolve_paths(base);
        self.syslog.resolve_paths(base);
        for list in &mut self.log_files {
            for pattern in list.include.iter_mut().chain(&mut list.exclude) {
                stdx::paths::resolve(pattern, base);
            }
        }
        self.storage.resolve_paths(base);
        for config in &mut self.scrape_configs {
            config.resolve_paths(base);
        }
        for config in &mut self.remote_write {
            config.resolve_paths(base);
        }
        for config in &mut self.remote_read {
            config.resolve_paths(base);
        }
        for config in &mut self.pipelines {
            config.resolve_paths(base);
        }
        if let Some(tracing) = &mut self.tracing {
            tracing.resolve_paths(base);
        }
    }

    /// What is gathered of this machine's logs.
    pub(crate) fn gathered_logs(&self) -> collect::LogsConfig {
        collect::LogsConfig {
            files: self.log_files.clone(),
            docker: self.docker_logs.clone(),
            kubernetes: self.kubernetes_logs.clone(),
            journald: self.journald.clone(),
        }
    }

    /// The pipelines of log lines, with the files they name open.
    pub(crate) fn log_pipelines(
        &self,
        telemetry: PipelineTelemetry,
        pods: &PodDirectories,
    ) -> Result<Pipelines, IngestError> {
        Pipelines::with_pods(&self.pipelines, &self.redaction, telemetry, pods)
    }

    /// What the sections say about themselves beyond their form.
    pub(super) fn validate(&self, path: &Path) -> Vec<Problem> {
        let mut messages: Vec<String> = Vec::new();
        messages.extend(self.server.validate().iter().map(ToString::to_string));
        messages.extend(self.collect.validate().err().map(|error| chain(&error)));
        messages.extend(ingest::config::validate(&self.global, &self.scrape_configs));
        messages.extend(self.remote_faults());
        messages.extend(self.statsd.validate());
        messages.extend(self.syslog.validate());
        messages.extend(self.gathered_logs().validate());
        messages.extend(self.push.validate());
        messages.extend(self.logs.validate());
        messages.extend(ingest::config::validate_tenants(
            &self.multi_tenancy,
            &self.limits,
        ));
        match self.log_pipelines(PipelineTelemetry::default(), &PodDirectories::default()) {
            Ok(_) => {}
            Err(IngestError::InvalidConfig {
                messages: of_pipelines,
            }) => messages.extend(of_pipelines),
            Err(error) => messages.push(chain(&error)),
        }
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

    /// The rules of a file that use what is experimental, where that is not let in.
    fn experimental_in(&self, file: &alerting::RuleFile) -> Vec<Problem> {
        let rules = file.groups.iter().flat_map(|group| &group.rules);
        let found = rules.filter_map(|rule| {
            let error = self.server.check_expression(&rule.expr).err()?;
            Some(Problem::at(
                &file.path,
                Some(rule.line as u64),
                format!("expr: {error}"),
            ))
        });
        found.collect()
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
            let line = Some(pattern.referenced.line());
            let files = patterns::files(&pattern.value, base).unwrap_or_else(|fault| {
                problems.push(Problem::at(path, line, format!("rule_files: {fault}")));
                Vec::new()
            });
            // A file that two patterns name is still one file.
            for file in files.into_iter().filter(|file| known.insert(file.clone())) {
                let file = file.to_string_lossy().into_owned();
                match alerting::load_rule_files(&[file], Path::new("")) {
                    Ok(files) => {
                        problems.extend(files.iter().flat_map(|file| self.experimental_in(file)));
                        loaded.extend(files);
                    }
                    Err(errors) => problems.extend(errors.into_iter().map(|error| {
                        if error.line == 0 {
                            // The file itself is at fault: what names it stands in this one.
                            Problem::at(path, line, error.to_string())
                        } else {
                            let message = format!("{}: {}; {}", error.key, error.message, error.mend);
                            Problem::at(error.file, Some(error.line as u64), message)
                        }
                    })),
                }
            }
        }
        if problems.is_empty() {
            Ok(loaded)
        } else {
            Err(problems)
        }
    }

    /// Files that are named and not there. Prometheus starts without them, so that they can come later.
    pub(super) fn missing_files(&self, path: &Path, base: &Path) -> Vec<String> {
        let lists = [
            ("rule_files", &self.rule_files),
            ("scrape_config_files", &self.scrape_config_files),
        ];
        let named = lists
            .into_iter()
            .flat_map(|(key, list)| list.iter().map(move |pattern| (key, pattern)));
        named
            .filter(|(_, pattern)| is_missing(&pattern.value, base))
            .map(|(key, pattern)| {
                let line = Some(pattern.referenced.line());
                let message = format!(
                    "{key}: there is no file {}; create it or correct the path, and reload",
                    base.join(&pattern.value).display()
                );
                Problem::at(path, line, message).to_string()
            })
            .collect()
    }

    /// What works but deserves a look.
    pub(super) fn warnings(&self) -> Vec<String> {
        let mut warnings = self.remote_warnings();
        warnings.extend(self.alerting.validate().unwrap_or_default());
        warnings
    }
}

/// Whether a path without a pattern leads nowhere.
fn is_missing(pattern: &str, base: &Path) -> bool {
    patterns::is_plain(pattern) && !base.join(pattern).exists()
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
