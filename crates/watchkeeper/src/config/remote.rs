//! Prometheus' sections about other stores, tracing and Alertmanagers: read and checked as Prometheus does.

use std::path::Path;

use ingest::config::alertmanagers::PrometheusAlerting;
use serde::Deserialize;

use super::file::ConfigFile;
use super::problem::Problem;

/// What is read of the file a second time: Prometheus' own keys below `alerting`, where the room that delivers alerts has
/// the others.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct AlertingAlone {
    alerting: Option<PrometheusAlerting>,
}

/// Checks `alerting.alertmanagers` and `alerting.alert_relabel_configs`.
pub(super) fn alertmanager_faults(text: &str, path: &Path) -> Vec<Problem> {
    let read = stdx::yaml::read::<AlertingAlone>(text);
    let faults = read.err().unwrap_or_default();
    faults
        .into_iter()
        .map(|fault| Problem::at(path, fault.line, format!("alerting: {}", fault.message)))
        .collect()
}

impl ConfigFile {
    /// Faults that no section of the kind has alone.
    pub(super) fn remote_faults(&self) -> Vec<String> {
        let writes = self.remote_write.iter().map(|entry| entry.name.as_deref());
        let reads = self.remote_read.iter().map(|entry| entry.name.as_deref());
        let twice = [
            ("remote_write", ingest::config::remote::names_used_twice(writes)),
            ("remote_read", ingest::config::remote::names_used_twice(reads)),
        ];
        let mut faults: Vec<String> = twice
            .into_iter()
            .flat_map(|(key, names)| {
                names.into_iter().map(move |name| {
                    format!("{key}: more than one entry has the name {name:?}; give each its own")
                })
            })
            .collect();
        let otlp = self
            .otlp
            .as_ref()
            .and_then(|otlp| otlp.fault_beside(&self.global));
        faults.extend(otlp);
        faults
    }

    /// Sections that are checked and have no effect.
    pub(super) fn remote_warnings(&self) -> Vec<String> {
        let without_effect = [
            ("remote_read", !self.remote_read.is_empty()),
            ("tracing", self.tracing.is_some()),
            ("runtime", self.runtime.is_some()),
        ];
        without_effect
            .iter()
            .filter(|(_, present)| *present)
            .map(|(key, _)| format!("{key}: this version checks this section; nothing of it takes effect"))
            .chain(ingest::forward::unusable(&self.remote_write))
            .collect()
    }
}
