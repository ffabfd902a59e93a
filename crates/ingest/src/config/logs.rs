//! `logs`: what becomes of log lines that others send.

use model::names::is_legacy_label_name;
use serde::Deserialize;
use stdx::HumanBytes;

use crate::limits::{
    LOG_LABEL_NAME_BYTES, LOG_LABEL_VALUE_BYTES, LOG_LABELS_PER_STREAM, LOG_LINE_BYTES, LOG_METADATA_BYTES,
    LOG_METADATA_PAIRS, LOG_NAMES_LISTED_MAX,
};

/// The `logs` section.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogsConfig {
    /// Bytes of one line.
    pub line_size_max: HumanBytes,
    /// Whether a longer line is cut rather than refused.
    pub cut_long_lines: bool,
    /// Labels of one stream.
    pub labels_per_stream_max: usize,
    /// Bytes of a label's name.
    pub label_name_size_max: HumanBytes,
    /// Bytes of a label's value.
    pub label_value_size_max: HumanBytes,
    /// Pairs of structured metadata of one line.
    pub metadata_pairs_max: usize,
    /// Bytes of all pairs of one line.
    pub metadata_size_max: HumanBytes,
    /// Whether every line is given its level as `detected_level`.
    pub detect_level: bool,
    /// Fields of a line, its labels and its metadata that may hold its level.
    pub level_fields: Vec<String>,
    /// Labels that may name the service of a stream without `service_name`; where the list is empty, none is added.
    pub service_name_labels: Vec<String>,
    /// How attributes of OTLP become labels.
    pub otlp: OtlpLogsConfig,
    /// How documents of Elasticsearch's bulk protocol become lines.
    pub elasticsearch: ElasticsearchConfig,
}

/// How documents of Elasticsearch's bulk protocol become lines. Fields within objects are named with dots.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ElasticsearchConfig {
    /// The first of these fields that is a text becomes the line; the whole document where there is none.
    pub message_fields: Vec<String>,
    /// The first of these fields that is a time becomes that of the line; the time of arrival where there is none.
    pub time_fields: Vec<String>,
    /// Fields that become labels of the stream, beside the name of the index.
    pub index_fields: Vec<String>,
}

impl Default for ElasticsearchConfig {
    fn default() -> Self {
        let own = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Self {
            message_fields: own(&["message", "msg", "log"]),
            time_fields: own(&["@timestamp", "timestamp", "time"]),
            index_fields: own(&[
                "service.name",
                "host.name",
                "container.name",
                "kubernetes.namespace",
                "kubernetes.pod.name",
                "kubernetes.container.name",
                "kubernetes.namespace_name",
                "kubernetes.pod_name",
                "kubernetes.container_name",
            ]),
        }
    }
}

/// How attributes of OTLP become labels.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OtlpLogsConfig {
    /// Resource attributes that become labels of the stream; all others become structured metadata.
    pub index_attributes: Vec<String>,
    /// Attributes that are not stored.
    pub drop_attributes: Vec<String>,
}

impl Default for LogsConfig {
    fn default() -> Self {
        let own = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Self {
            line_size_max: HumanBytes(LOG_LINE_BYTES),
            cut_long_lines: false,
            labels_per_stream_max: LOG_LABELS_PER_STREAM,
            label_name_size_max: HumanBytes(LOG_LABEL_NAME_BYTES),
            label_value_size_max: HumanBytes(LOG_LABEL_VALUE_BYTES),
            metadata_pairs_max: LOG_METADATA_PAIRS,
            metadata_size_max: HumanBytes(LOG_METADATA_BYTES),
            detect_level: true,
            level_fields: own(&[
                "level",
                "severity",
                "lvl",
                "severity_text",
                "SeverityText",
                "log.level",
            ]),
            // Loki's `discover_service_name`.
            service_name_labels: own(&[
                "service",
                "app",
                "application",
                "app_name",
                "name",
                "app_kubernetes_io_name",
                "container",
                "container_name",
                "k8s_container_name",
                "component",
                "workload",
                "job",
                "k8s_job_name",
            ]),
            otlp: OtlpLogsConfig::default(),
            elasticsearch: ElasticsearchConfig::default(),
        }
    }
}

impl Default for OtlpLogsConfig {
    fn default() -> Self {
        // The resource attributes that Loki makes labels of unless told otherwise.
        let names = [
            "service.name",
            "service.namespace",
            "service.instance.id",
            "deployment.environment",
            "deployment.environment.name",
            "cloud.region",
            "cloud.availability_zone",
            "k8s.cluster.name",
            "k8s.namespace.name",
            "k8s.pod.name",
            "k8s.container.name",
            "container.name",
            "k8s.replicaset.name",
            "k8s.deployment.name",
            "k8s.statefulset.name",
            "k8s.daemonset.name",
            "k8s.cronjob.name",
            "k8s.job.name",
        ];
        Self {
            index_attributes: names.map(str::to_owned).to_vec(),
            drop_attributes: Vec::new(),
        }
    }
}

impl LogsConfig {
    /// What is wrong with the section; an empty list says that it is valid.
    pub fn validate(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut add = |wrong: bool, what: String| {
            if wrong {
                faults.push(format!("logs.{what}"));
            }
        };
        for (key, size) in [
            ("line_size_max", self.line_size_max),
            ("label_name_size_max", self.label_name_size_max),
            ("label_value_size_max", self.label_value_size_max),
        ] {
            add(
                size.0 == 0,
                format!("{key} is 0, so that nothing would be taken; write a size such as 256KiB"),
            );
            add(
                size.0 > 16 << 20,
                format!("{key} is above 16MiB, which no store of lines takes; write less"),
            );
        }
        add(
            self.labels_per_stream_max == 0,
            "labels_per_stream_max is 0, so that nothing would be taken; write a number such as 32"
                .to_owned(),
        );
        for (key, names) in [
            ("level_fields", &self.level_fields),
            ("service_name_labels", &self.service_name_labels),
            ("otlp.index_attributes", &self.otlp.index_attributes),
            ("otlp.drop_attributes", &self.otlp.drop_attributes),
            ("elasticsearch.message_fields", &self.elasticsearch.message_fields),
            ("elasticsearch.time_fields", &self.elasticsearch.time_fields),
            ("elasticsearch.index_fields", &self.elasticsearch.index_fields),
        ] {
            add(
                names.len() > LOG_NAMES_LISTED_MAX,
                format!(
                    "{key} has {} names, the limit is {LOG_NAMES_LISTED_MAX}",
                    names.len()
                ),
            );
            add(
                names.iter().any(String::is_empty),
                format!("{key} has an empty name; remove it"),
            );
        }
        for name in &self.service_name_labels {
            add(
                !name.is_empty() && !is_legacy_label_name(name),
                format!("service_name_labels has {name:?}, which is no label's name; correct or remove it"),
            );
        }
        add(
            self.detect_level && self.level_fields.is_empty(),
            "level_fields is empty while detect_level is on; name fields, or turn it off".to_owned(),
        );
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_work_is_refused_by_key() {
        let check = |text: &str, fault: &str| {
            let config: LogsConfig = stdx::yaml::read(text).unwrap();
            let faults = config.validate();
            assert!(
                faults.len() == 1 && faults[0].contains(fault),
                "{text}: {faults:?}"
            );
        };
        check("line_size_max: 0", "line_size_max");
        check("line_size_max: 1GiB", "line_size_max");
        check("labels_per_stream_max: 0", "labels_per_stream_max");
        check("level_fields: []", "level_fields");
        check("service_name_labels: ['a b']", "service_name_labels");
        check("otlp: {index_attributes: ['']}", "otlp.index_attributes");
        assert!(LogsConfig::default().validate().is_empty());
        let off: LogsConfig =
            stdx::yaml::read("{detect_level: false, level_fields: [], service_name_labels: []}").unwrap();
        assert!(off.validate().is_empty());
    }
}
