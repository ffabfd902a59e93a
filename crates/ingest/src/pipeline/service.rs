//! `service`: which service a line is from, by OpenTelemetry's names, so that lines, series and spans of it are found together.

use serde::Deserialize;

use super::{Entry, Flow, Stage};

/// The keys of `service`. Of each pair the fixed text is taken where the name stands for nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServiceConfig {
    /// `service_name`.
    pub name: Option<String>,
    /// Names of what may hold `service_name`; the first that does is taken.
    pub name_from: Vec<String>,
    /// `service_namespace`.
    pub namespace: Option<String>,
    /// Names of what may hold it.
    pub namespace_from: Vec<String>,
    /// `deployment_environment`.
    pub environment: Option<String>,
    /// Names of what may hold it.
    pub environment_from: Vec<String>,
    /// `service_version`, which is metadata: versions come and go.
    pub version: Option<String>,
    /// Names of what may hold it.
    pub version_from: Vec<String>,
}

#[derive(Debug)]
pub(super) struct Service(pub(super) ServiceConfig);

impl Stage for Service {
    fn apply(&self, entry: &mut Entry<'_>, _now_ns: i64) -> Flow {
        let config = &self.0;
        let labels = [
            ("service_name", &config.name_from, &config.name),
            ("service_namespace", &config.namespace_from, &config.namespace),
            (
                "deployment_environment",
                &config.environment_from,
                &config.environment,
            ),
        ];
        for (label, sources, fixed) in labels {
            if let Some(value) = first(entry, sources, fixed.as_deref()) {
                entry.set_label(label, &value);
            }
        }
        if let Some(version) = first(entry, &config.version_from, config.version.as_deref()) {
            entry.set_metadata("service_version", version);
        }
        Flow::On
    }
}

fn first(entry: &Entry<'_>, sources: &[String], fixed: Option<&str>) -> Option<String> {
    let mut named = sources.iter().filter_map(|name| entry.value(name));
    named.find(|value| !value.is_empty()).or(fixed).map(str::to_owned)
}
