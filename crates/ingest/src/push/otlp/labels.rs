//! Labels out of resources, scopes and attributes, as Prometheus' OTLP receiver sets them.
//!
//! Source: prometheus/storage/remote/otlptranslator/prometheusremotewrite, `createAttributes` and `addResourceTargetInfo`.

use std::collections::HashSet;

use model::{LabelsBuilder, METRIC_NAME};
use xxhash_rust::xxh3::xxh3_128;

use super::message::{Attribute, Scope};
use super::names::Namer;
use crate::config::otlp::OtlpConfig;

/// The resource attributes that become `job` and `instance`.
const NAMESPACE: &str = "service.namespace";
const NAME: &str = "service.name";
const INSTANCE: &str = "service.instance.id";

/// What a configuration asks for.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) namer: Namer,
    /// Whether listed histograms become native ones.
    pub(super) custom_buckets: bool,
    /// Counts the configurations of this process, so that what was learnt under one is not used under another.
    pub(super) generation: u64,
    promoted: Promoted,
    keep_identifying: bool,
    promote_scope: bool,
}

#[derive(Debug)]
enum Promoted {
    Only(HashSet<String>),
    AllBut(HashSet<String>),
}

/// What a resource adds to every series, with a hash of it.
#[derive(Debug, Default)]
pub(super) struct ResourceLabels {
    pub(super) alias: u128,
    job: String,
    instance: String,
    promoted: Vec<(String, String)>,
}

/// What a scope adds to every series, with a hash of it.
#[derive(Debug, Default)]
pub(super) struct ScopeLabels {
    pub(super) alias: u128,
    labels: Vec<(String, String)>,
}

impl Rules {
    /// The rules of a configuration.
    pub(super) fn new(config: &OtlpConfig, generation: u64) -> Self {
        let set = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect();
        Self {
            namer: Namer::new(config),
            custom_buckets: config.convert_histograms_to_nhcb,
            generation,
            promoted: if config.promote_all_resource_attributes {
                Promoted::AllBut(set(config.ignored().collect()))
            } else {
                Promoted::Only(set(config.promoted().collect()))
            },
            keep_identifying: config.keep_identifying_resource_attributes,
            promote_scope: config.promote_scope_metadata,
        }
    }

    fn promotes(&self, attribute: &str) -> bool {
        match &self.promoted {
            Promoted::Only(names) => names.contains(attribute),
            Promoted::AllBut(names) => !names.contains(attribute),
        }
    }

    /// What a resource adds to every series.
    pub(super) fn resource(&self, attributes: &[Attribute<'_>]) -> Result<ResourceLabels, String> {
        let of = |key: &str| attributes.iter().find(|attribute| attribute.key == key);
        let mut labels = ResourceLabels::default();
        if let Some(name) = of(NAME) {
            labels.job = match of(NAMESPACE) {
                Some(namespace) => format!("{}/{}", namespace.value, name.value),
                None => name.value.to_string(),
            };
        }
        if let Some(instance) = of(INSTANCE) {
            labels.instance = instance.value.to_string();
        }
        for attribute in attributes
            .iter()
            .filter(|attribute| self.promotes(&attribute.key))
        {
            let name = self.namer.label(&attribute.key)?.into_owned();
            labels.promoted.push((name, attribute.value.to_string()));
        }
        labels.promoted.sort_unstable();
        let own = [
            ("job", labels.job.as_str()),
            ("instance", labels.instance.as_str()),
        ];
        labels.alias = alias_of(own.into_iter().chain(pairs(&labels.promoted)));
        Ok(labels)
    }

    /// What a scope adds to every series: nothing, unless scopes are to be promoted.
    pub(super) fn scope(&self, scope: &Scope<'_>) -> Result<ScopeLabels, String> {
        let mut labels = ScopeLabels::default();
        if !self.promote_scope || scope.name.is_empty() {
            return Ok(labels);
        }
        for attribute in &scope.attributes {
            let name = format!("otel_scope_{}", attribute.key);
            let name = self.namer.label(&name)?.into_owned();
            labels.labels.push((name, attribute.value.to_string()));
        }
        labels.labels.sort_unstable();
        // Set last, so that no attribute takes their place.
        for (name, value) in [
            ("otel_scope_name", &scope.name),
            ("otel_scope_version", &scope.version),
            ("otel_scope_schema_url", &scope.schema_url),
        ] {
            labels.labels.push((name.to_owned(), value.to_string()));
        }
        labels.alias = alias_of(pairs(&labels.labels));
        Ok(labels)
    }

    /// The labels of a point, all but the metric's name. `attributes` are sorted by key, so that those whose names become one
    /// are joined in a fixed order.
    pub(super) fn point(
        &self,
        resource: &ResourceLabels,
        scope: &ScopeLabels,
        attributes: &[Attribute<'_>],
    ) -> Result<LabelsBuilder, String> {
        let mut labels = self.attributes(attributes.iter())?;
        resource.set(&mut labels);
        for (name, value) in &scope.labels {
            labels.set(name, value);
        }
        Ok(labels)
    }

    /// The labels of a resource's `target_info`; `None` where there is none: nothing identifies the resource, or nothing else
    /// is known of it.
    pub(super) fn target_info(
        &self,
        resource: &ResourceLabels,
        attributes: &[Attribute<'_>],
    ) -> Result<Option<LabelsBuilder>, String> {
        let identifies =
            |attribute: &&Attribute<'_>| [NAMESPACE, NAME, INSTANCE].contains(&attribute.key.as_ref());
        if attributes.iter().all(|attribute| identifies(&attribute)) {
            return Ok(None);
        }
        let mut shown: Vec<&Attribute<'_>> = attributes
            .iter()
            .filter(|attribute| self.keep_identifying || !identifies(attribute))
            .collect();
        shown.sort_by(|a, b| a.key.cmp(&b.key));
        let mut labels = self.attributes(shown.into_iter())?;
        resource.set(&mut labels);
        let is_identified = ["job", "instance"]
            .iter()
            .any(|name| labels.get(name).is_some_and(|value| !value.is_empty()));
        labels.set(METRIC_NAME, "target_info");
        Ok(is_identified.then_some(labels))
    }

    fn attributes<'a>(
        &self,
        attributes: impl Iterator<Item = &'a Attribute<'a>>,
    ) -> Result<LabelsBuilder, String> {
        let mut labels = LabelsBuilder::default();
        for attribute in attributes {
            // The metric's name is not the attribute's to give.
            if attribute.key == METRIC_NAME {
                continue;
            }
            let name = self.namer.label(&attribute.key)?;
            let joined = labels
                .get(&name)
                .filter(|value| !value.is_empty())
                .map(|value| format!("{value};{}", attribute.value));
            labels.set(name, joined.unwrap_or_else(|| attribute.value.to_string()));
        }
        Ok(labels)
    }
}

impl ResourceLabels {
    fn set(&self, labels: &mut LabelsBuilder) {
        for (name, value) in &self.promoted {
            if labels.get(name).is_none_or(str::is_empty) {
                labels.set(name, value);
            }
        }
        for (name, value) in [("job", &self.job), ("instance", &self.instance)] {
            if !value.is_empty() {
                labels.set(name, value);
            }
        }
    }
}

/// A hash of pairs in their order.
pub(super) fn alias_of<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> u128 {
    let mut bytes = Vec::new();
    for (name, value) in pairs {
        push_text(&mut bytes, name);
        push_text(&mut bytes, value);
    }
    xxh3_128(&bytes)
}

/// With its length in front, so that no two lists of texts are written alike.
pub(super) fn push_text(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend_from_slice(&(text.len() as u64).to_le_bytes());
    bytes.extend_from_slice(text.as_bytes());
}

fn pairs(labels: &[(String, String)]) -> impl Iterator<Item = (&str, &str)> {
    labels.iter().map(|(name, value)| (name.as_str(), value.as_str()))
}
