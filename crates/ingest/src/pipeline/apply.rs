//! Takes batches through the pipelines.

use std::borrow::Cow;
use std::collections::HashMap;

use model::{Labels, LogRows};

use super::redact::{Redact, RedactConfig};
use super::settings::PipelineConfig;
use super::stages::StageConfig;
use super::telemetry::{PipelineLabels, StageLabels};
use super::{Entry, Flow, PipelineTelemetry, Stage};
use crate::error::IngestError;
use crate::kubernetes::PodDirectories;

/// All pipelines, and the redaction that everything goes through at the end. What it does follows from the lines, the times and what
/// it was given before.
#[derive(Debug, Default)]
pub struct Pipelines {
    pub(super) all: Vec<Pipeline>,
    pub(super) redaction: Option<Redact>,
    telemetry: PipelineTelemetry,
}

#[derive(Debug)]
pub(super) struct Pipeline {
    pub(super) config: PipelineConfig,
    pub(super) stages: Vec<(&'static str, Box<dyn Stage>)>,
}

/// A line that is kept.
type Kept<'r> = (i64, Cow<'r, str>, Vec<(Cow<'r, str>, Cow<'r, str>)>);

/// Lines by the stream they go to, streams in the order in which they came up.
#[derive(Debug, Default)]
struct Streams<'r> {
    places: HashMap<Labels, usize>,
    streams: Vec<(Labels, Vec<Kept<'r>>)>,
}

impl Pipelines {
    /// Pipelines by the two sections, which know no pods. Opens the files that stages name.
    pub fn new(
        pipelines: &[PipelineConfig],
        redaction: &RedactConfig,
        telemetry: PipelineTelemetry,
    ) -> Result<Self, IngestError> {
        Self::with_pods(pipelines, redaction, telemetry, &PodDirectories::default())
    }

    /// The same, with directories of the pods that lines are from.
    pub fn with_pods(
        pipelines: &[PipelineConfig],
        redaction: &RedactConfig,
        telemetry: PipelineTelemetry,
        pods: &PodDirectories,
    ) -> Result<Self, IngestError> {
        let mut messages = PipelineConfig::validate(pipelines);
        let mut built = Vec::with_capacity(pipelines.len());
        for config in pipelines {
            let stages = config.stages.iter().map(|stage| {
                let built = stage.build(&telemetry, pods);
                built.map(|built| (stage.kind().name, built))
            });
            match stages.collect() {
                Ok(stages) => built.push(Pipeline {
                    config: config.clone(),
                    stages,
                }),
                Err(fault) => messages.push(format!("pipelines: {}: {fault}", config.name)),
            }
        }
        let redaction = match Redact::new(redaction, &telemetry) {
            Ok(redaction) => Some(redaction).filter(|redaction| !redaction.is_idle()),
            Err(fault) => {
                messages.push(format!("redaction: {fault}"));
                None
            }
        };
        if messages.is_empty() {
            Ok(Self {
                all: built,
                redaction,
                telemetry,
            })
        } else {
            Err(IngestError::InvalidConfig { messages })
        }
    }

    /// Takes a batch through; what comes back is to be stored. A batch that no pipeline selects and in which there is nothing to hide
    /// comes back as it is.
    pub fn apply(&self, rows: LogRows, now_ns: i64) -> LogRows {
        if self.leaves_alone(&rows) {
            return rows;
        }
        let mut out = Streams::default();
        for (labels, of_stream) in rows.streams() {
            let selected: Vec<&Pipeline> = self.selecting(labels).collect();
            for pipeline in &selected {
                let lines = self.telemetry.lines.get_or_create(&PipelineLabels {
                    pipeline: pipeline.config.name.clone(),
                });
                lines.inc_by(of_stream.len() as u64);
            }
            for row in of_stream {
                let mut entry = Entry::new(labels, row.at_ns(), row.line(), row.metadata());
                if self.run(&selected, &mut entry, now_ns) {
                    out.keep(entry);
                }
            }
        }
        let mut kept = LogRows::new(rows.tenant);
        kept.key = rows.key;
        kept.reserve(rows.line_count(), rows.line_bytes());
        let lost = out.write(&mut kept);
        if lost > 0 {
            let labels = StageLabels {
                pipeline: String::new(),
                stage: "",
                reason: "batch too large",
            };
            self.telemetry.dropped.get_or_create(&labels).inc_by(lost);
        }
        kept
    }

    /// Whether a stage may have to wait until it knows what it needs.
    pub fn may_wait(&self) -> bool {
        let mut stages = self.all.iter().flat_map(|pipeline| &pipeline.config.stages);
        stages.any(|stage| matches!(stage, StageConfig::Kubernetes(_)))
    }

    /// Whether all stages know what they need for lines of a stream with such metadata.
    pub fn is_ready_for(&self, labels: &Labels, metadata: &[(String, String)]) -> bool {
        let pairs = metadata
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        let entry = Entry::new(labels, 0, "", pairs);
        let mut stages = self.selecting(labels).flat_map(|pipeline| &pipeline.stages);
        stages.all(|(_, stage)| stage.is_ready(&entry))
    }

    /// The pipelines that a stream goes through, in their order.
    pub(super) fn selecting(&self, labels: &Labels) -> impl Iterator<Item = &Pipeline> {
        self.all.iter().filter(|pipeline| {
            pipeline
                .config
                .selector
                .as_ref()
                .is_none_or(|selector| selector.selects(labels))
        })
    }

    fn leaves_alone(&self, rows: &LogRows) -> bool {
        if self.all.is_empty() && self.redaction.is_none() {
            return true;
        }
        rows.streams().all(|(labels, mut of_stream)| {
            self.selecting(labels).next().is_none()
                && self.redaction.as_ref().is_none_or(|redaction| {
                    !redaction.may_find_in_labels(labels)
                        && of_stream.all(|row| !redaction.may_find(row.line(), row.metadata()))
                })
        })
    }

    /// Takes a line through; tells whether it is kept.
    fn run(&self, selected: &[&Pipeline], entry: &mut Entry<'_>, now_ns: i64) -> bool {
        for pipeline in selected {
            for (stage, run) in &pipeline.stages {
                match run.apply(entry, now_ns) {
                    Flow::On => {}
                    Flow::Missed(reason) => self.count(pipeline, stage, reason, false),
                    Flow::Dropped(reason) => {
                        self.count(pipeline, stage, reason, true);
                        return false;
                    }
                }
            }
        }
        if let Some(redaction) = &self.redaction {
            redaction.apply(entry, now_ns);
        }
        true
    }

    fn count(&self, pipeline: &Pipeline, stage: &'static str, reason: &'static str, is_dropped: bool) {
        let counters = if is_dropped {
            &self.telemetry.dropped
        } else {
            &self.telemetry.missed
        };
        let labels = StageLabels {
            pipeline: pipeline.config.name.clone(),
            stage,
            reason,
        };
        counters.get_or_create(&labels).inc();
    }
}

impl<'r> Streams<'r> {
    fn keep(&mut self, entry: Entry<'r>) {
        let labels = entry.changed_stream().unwrap_or_else(|| entry.came_in().clone());
        let kept = (entry.at_ns, entry.line, entry.metadata);
        // Lines of one stream mostly follow each other.
        if let Some((last, lines)) = self.streams.last_mut()
            && *last == labels
        {
            lines.push(kept);
            return;
        }
        let next = self.streams.len();
        let place = *self.places.entry(labels.clone()).or_insert(next);
        match self.streams.get_mut(place) {
            Some((_, lines)) => lines.push(kept),
            None => self.streams.push((labels, vec![kept])),
        }
    }

    /// Writes the lines; returns how many did not fit, as lines may have become longer than a batch can hold.
    fn write(self, out: &mut LogRows) -> u64 {
        let mut lost = 0;
        for (labels, lines) in self.streams {
            out.begin_stream(labels);
            for (at_ns, line, metadata) in &lines {
                let pairs = metadata
                    .iter()
                    .map(|(name, value)| (name.as_ref(), value.as_ref()));
                lost += u64::from(!out.push(*at_ns, line, pairs));
            }
        }
        lost
    }
}
