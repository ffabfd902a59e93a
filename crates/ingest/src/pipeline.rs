//! Makes sense of log lines before they are stored: parses them into fields, finds times, levels and traces, makes labels and
//! metadata, hides secrets, drops what nobody wants.
//!
//! In: batches of lines from the intake; the `pipelines` and `redaction` sections.  Out: the batches as they are to be stored.
//! Owns: counts of values and rates of its own stages; no task, nothing on disk.
//! Invariants: nothing configured changes nothing (`pipeline::tests::nothing_configured_changes_nothing`); the same lines with the
//! same times give the same lines (`pipeline::tests::a_replay_gives_the_same_lines`), while the cluster that `kubernetes` asks
//! tells the same; a stage that cannot read a line leaves it as it
//! is and is counted (`pipeline::tests::what_a_stage_cannot_read_is_counted`).
//! Not here: joining several lines to one, which needs what came before (the sources of lines do it); storing (`logs`).
//! Start at: [`Pipelines::apply`].
//!
//! One stage is one file: its keys, and what it does to an [`Entry`]. The table of all is [`stages::all`].

mod access;
mod apply;
mod cri;
mod docker;
mod drop;
mod entry;
mod explain;
mod fields;
mod geo;
mod grok;
mod grok_patterns;
mod json;
mod kubernetes;
mod labels;
mod level;
mod limit;
mod line;
mod line_pattern;
mod logfmt;
mod metadata;
pub mod redact;
mod regex;
mod sample;
mod service;
mod settings;
pub mod stages;
mod static_labels;
mod syslog;
mod telemetry;
mod timestamp;
mod timestamp_format;
mod trace;

pub use apply::Pipelines;
pub use entry::Entry;
pub use explain::{Change, Explained, Outcome, StageEffect, Stored};
pub use kubernetes::KubernetesConfig;
pub use redact::RedactConfig;
pub use settings::PipelineConfig;
pub use stages::StageConfig;
pub use telemetry::PipelineTelemetry;

/// What became of a line in a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    /// It goes on.
    On,
    /// The stage could not make sense of it; it goes on as it is.
    Missed(&'static str),
    /// It ends here.
    Dropped(&'static str),
}

/// One step of a pipeline. What it does follows from the line, the time and what it was given before, and from nothing else.
trait Stage: Send + Sync + std::fmt::Debug {
    /// Does its work on a line.
    fn apply(&self, entry: &mut Entry<'_>, now_ns: i64) -> Flow;

    /// Whether it knows all that it needs for such a line. Where it does not, and the line can wait, it may know a little later.
    fn is_ready(&self, _entry: &Entry<'_>) -> bool {
        true
    }
}

#[cfg(test)]
mod tests;
