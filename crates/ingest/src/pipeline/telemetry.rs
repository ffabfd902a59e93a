//! What pipelines count about themselves.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// The counters of all pipelines; clones share them.
#[derive(Debug, Clone, Default)]
pub struct PipelineTelemetry {
    /// Lines that went in, by pipeline.
    pub lines: Family<PipelineLabels, Counter>,
    /// Lines that a stage dropped.
    pub dropped: Family<StageLabels, Counter>,
    /// Lines that a stage could not make sense of.
    pub missed: Family<StageLabels, Counter>,
    /// Texts that were replaced, by what they were.
    pub redacted: Family<KindLabels, Counter>,
}

/// A pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct PipelineLabels {
    /// Its name.
    pub pipeline: String,
}

/// A stage of a pipeline, and why.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct StageLabels {
    /// The pipeline's name.
    pub pipeline: String,
    /// The stage's kind.
    pub stage: &'static str,
    /// Why.
    pub reason: &'static str,
}

/// What was replaced.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct KindLabels {
    /// The detector, or the name of an own pattern.
    pub kind: String,
}

impl PipelineTelemetry {
    /// Adds every metric to the registry of the process.
    pub fn register(&self, registry: &mut Registry) {
        let room = registry.sub_registry_with_prefix("watchkeeper_pipeline");
        room.register("lines", "Log lines that went into a pipeline", self.lines.clone());
        room.register(
            "lines_dropped",
            "Log lines that a stage of a pipeline dropped, by reason",
            self.dropped.clone(),
        );
        room.register(
            "lines_missed",
            "Log lines that a stage of a pipeline could not make sense of, by reason",
            self.missed.clone(),
        );
        room.register(
            "redacted",
            "Secrets and personal data that were replaced in log lines, by kind",
            self.redacted.clone(),
        );
    }
}
