//! All stages: what each is called, what it is for, and how it is made of its section.

use serde::Deserialize;

use super::Stage;
use super::access::{AccessLog, AccessLogConfig};
use super::cri::{Cri, CriConfig};
use super::docker::{Docker, DockerConfig};
use super::drop::{Drop, DropConfig};
use super::geo::{Geo, GeoConfig};
use super::grok::GrokConfig;
use super::json::{Json, JsonConfig};
use super::kubernetes::{Kubernetes, KubernetesConfig};
use super::labels::{FieldLabels, LabelsConfig};
use super::level::{Level, LevelConfig};
use super::limit::{Limit, LimitConfig};
use super::line::{Line, LineConfig};
use super::line_pattern::{Pattern, PatternConfig};
use super::logfmt::{Logfmt, LogfmtConfig};
use super::metadata::{Metadata, MetadataConfig};
use super::redact::{Redact, RedactConfig};
use super::regex::{Captures, RegexConfig};
use super::sample::{Sample, SampleConfig};
use super::service::{Service, ServiceConfig};
use super::static_labels::{StaticLabels, StaticLabelsConfig};
use super::syslog::{Syslog, SyslogConfig};
use super::telemetry::PipelineTelemetry;
use super::timestamp::{Time, TimestampConfig};
use super::trace::{Trace, TraceConfig};
use crate::kubernetes::PodDirectories;
use crate::limits::PIPELINE_LABEL_VALUES_MAX;

/// A kind of stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StageKind {
    /// Its key in the configuration.
    pub name: &'static str,
    /// What it is for, in one sentence.
    pub summary: &'static str,
}

/// A stage as configured: its key, and its keys.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(
    missing_docs,
    reason = "each is the section of the stage of its name; the table says what it is for"
)]
pub enum StageConfig {
    Json(JsonConfig),
    Logfmt(LogfmtConfig),
    Syslog(SyslogConfig),
    AccessLog(AccessLogConfig),
    Cri(CriConfig),
    Docker(DockerConfig),
    Regex(RegexConfig),
    Grok(GrokConfig),
    Pattern(PatternConfig),
    Timestamp(TimestampConfig),
    Level(LevelConfig),
    Trace(TraceConfig),
    Labels(LabelsConfig),
    Metadata(MetadataConfig),
    StaticLabels(StaticLabelsConfig),
    Service(ServiceConfig),
    Geo(GeoConfig),
    Kubernetes(Box<KubernetesConfig>),
    Line(LineConfig),
    Redact(RedactConfig),
    Sample(SampleConfig),
    Drop(DropConfig),
    Limit(LimitConfig),
}

const fn kind(name: &'static str, summary: &'static str) -> StageKind {
    StageKind { name, summary }
}

/// All kinds, in the order of [`StageConfig`].
pub fn all() -> &'static [StageKind] {
    &KINDS
}

static KINDS: [StageKind; 23] = [
    kind("json", "the fields of a JSON object"),
    kind("logfmt", "the fields of `name=value` pairs"),
    kind("syslog", "the fields of a syslog message, RFC 5424 or RFC 3164"),
    kind(
        "access_log",
        "the fields of a web server's line in the common or combined form",
    ),
    kind(
        "cri",
        "time, stream and line of a container's log as Kubernetes has it",
    ),
    kind(
        "docker",
        "time, stream and line of a container's log as Docker's json-file has it",
    ),
    kind("regex", "named captures of a regular expression"),
    kind("grok", "named parts of a pattern of the grok library"),
    kind("pattern", "captures between texts, as LogQL's `pattern` has them"),
    kind("timestamp", "when the line was written, from a field"),
    kind("level", "how severe it is, from fields or from the line"),
    kind("trace", "which trace and span it belongs to"),
    kind("labels", "fields become labels, with a bound on their values"),
    kind("metadata", "fields become metadata"),
    kind("static_labels", "labels that every line gets or loses"),
    kind(
        "service",
        "service, namespace, environment and version by OpenTelemetry's names",
    ),
    kind("geo", "where an address is, from a database in MaxMind's form"),
    kind(
        "kubernetes",
        "what the cluster knows of the pod that a line is from",
    ),
    kind("line", "a field, or a text made of fields, becomes the line"),
    kind("redact", "secrets and personal data are replaced"),
    kind("sample", "a share of the lines is kept, by a hash"),
    kind("drop", "lines that meet conditions are dropped"),
    kind("limit", "so many lines a second are let through"),
];

impl StageConfig {
    /// Its kind.
    pub fn kind(&self) -> StageKind {
        let place = match self {
            Self::Json(_) => 0,
            Self::Logfmt(_) => 1,
            Self::Syslog(_) => 2,
            Self::AccessLog(_) => 3,
            Self::Cri(_) => 4,
            Self::Docker(_) => 5,
            Self::Regex(_) => 6,
            Self::Grok(_) => 7,
            Self::Pattern(_) => 8,
            Self::Timestamp(_) => 9,
            Self::Level(_) => 10,
            Self::Trace(_) => 11,
            Self::Labels(_) => 12,
            Self::Metadata(_) => 13,
            Self::StaticLabels(_) => 14,
            Self::Service(_) => 15,
            Self::Geo(_) => 16,
            Self::Kubernetes(_) => 17,
            Self::Line(_) => 18,
            Self::Redact(_) => 19,
            Self::Sample(_) => 20,
            Self::Drop(_) => 21,
            Self::Limit(_) => 22,
        };
        all().get(place).copied().unwrap_or(kind("", ""))
    }

    /// What is wrong with it that its form does not show.
    pub(super) fn fault(&self) -> Option<String> {
        match self {
            Self::Labels(config)
                if config.values_max == 0 || config.values_max > PIPELINE_LABEL_VALUES_MAX =>
            {
                Some(format!(
                    "labels.values_max is {}; write a number from 1 to {PIPELINE_LABEL_VALUES_MAX}",
                    config.values_max
                ))
            }
            Self::Redact(config) => config.fault(),
            Self::Kubernetes(config) => config.fault(),
            _ => None,
        }
    }

    /// The stage itself. Opens the files it names.
    pub(super) fn build(
        &self,
        telemetry: &PipelineTelemetry,
        pods: &PodDirectories,
    ) -> Result<Box<dyn Stage>, String> {
        Ok(match self {
            Self::Json(config) => Box::new(Json(config.clone())),
            Self::Logfmt(config) => Box::new(Logfmt(config.clone())),
            Self::Syslog(config) => Box::new(Syslog(config.clone())),
            Self::AccessLog(config) => Box::new(AccessLog(config.clone())),
            Self::Cri(_) => Box::new(Cri),
            Self::Docker(_) => Box::new(Docker),
            Self::Regex(config) => Box::new(Captures::of(config)),
            Self::Grok(config) => Box::new(Captures::new(config.source.clone(), config.regexes())),
            Self::Pattern(config) => Box::new(Pattern::new(config)?),
            Self::Timestamp(config) => Box::new(Time(config.clone())),
            Self::Level(config) => Box::new(Level(config.clone())),
            Self::Trace(config) => Box::new(Trace(config.clone())),
            Self::Labels(config) => Box::new(FieldLabels::new(config)),
            Self::Metadata(config) => Box::new(Metadata(config.clone())),
            Self::StaticLabels(config) => Box::new(StaticLabels(config.clone())),
            Self::Service(config) => Box::new(Service(config.clone())),
            Self::Geo(config) => Box::new(Geo::open(config)?),
            Self::Kubernetes(config) => Box::new(Kubernetes::open(config, pods)),
            Self::Line(config) => Box::new(Line(config.clone())),
            Self::Redact(config) => Box::new(Redact::new(config, telemetry)?),
            Self::Sample(config) => Box::new(Sample(config.clone())),
            Self::Drop(config) => Box::new(Drop(config.clone())),
            Self::Limit(config) => Box::new(Limit::new(config)),
        })
    }
}
