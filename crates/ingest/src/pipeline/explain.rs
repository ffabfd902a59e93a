//! Says what each stage did to a line, for whoever writes a pipeline.

use model::Labels;

use super::{Entry, Flow, Pipelines};

/// What became of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// What each stage did, in the order in which they ran.
    pub effects: Vec<StageEffect>,
    /// The line as it would be stored; `None` where it was dropped.
    pub stored: Option<Stored>,
}

/// A line as it would be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The labels of its stream.
    pub labels: Labels,
    /// In nanoseconds since the Unix epoch.
    pub at_ns: i64,
    /// The line.
    pub line: String,
    /// Names and values beside it.
    pub metadata: Vec<(String, String)>,
}

/// What one stage did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageEffect {
    /// The pipeline; empty for the redaction that everything goes through.
    pub pipeline: String,
    /// The stage's kind.
    pub stage: &'static str,
    /// How it ended.
    pub outcome: Outcome,
    /// What is different after it: `field name` and the like, with the value before and after.
    pub changes: Vec<Change>,
}

/// Something that a stage changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// `line`, `time`, `field`, `label` or `metadata`.
    pub what: &'static str,
    /// The name of the field, label or pair; empty for others.
    pub name: String,
    /// The value before; `None` where there was none.
    pub before: Option<String>,
    /// The value after; `None` where there is none any more.
    pub after: Option<String>,
}

/// How a stage ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The line goes on.
    Done,
    /// The stage could not make sense of it, and why.
    Missed(&'static str),
    /// The line was dropped, and why.
    Dropped(&'static str),
}

impl Pipelines {
    /// Takes one line through and tells of every stage. What stages remember (values, rates) is remembered here too.
    pub fn explain(&self, labels: &Labels, line: &str, now_ns: i64) -> Explained {
        let mut entry = Entry::new(labels, now_ns, line, []);
        let mut effects = Vec::new();
        for pipeline in self.selecting(labels) {
            for (stage, run) in &pipeline.stages {
                let before = entry.clone();
                let flow = run.apply(&mut entry, now_ns);
                let is_dropped = matches!(flow, Flow::Dropped(_));
                effects.push(effect(&pipeline.config.name, stage, flow, &before, &entry));
                if is_dropped {
                    return Explained {
                        effects,
                        stored: None,
                    };
                }
            }
        }
        if let Some(redaction) = &self.redaction {
            let before = entry.clone();
            let flow = super::Stage::apply(redaction, &mut entry, now_ns);
            let effect = effect("", "redact", flow, &before, &entry);
            if !effect.changes.is_empty() {
                effects.push(effect);
            }
        }
        let own = |(name, value): &(std::borrow::Cow<'_, str>, std::borrow::Cow<'_, str>)| {
            (name.to_string(), value.to_string())
        };
        let stored = Stored {
            labels: entry.changed_stream().unwrap_or_else(|| labels.clone()),
            at_ns: entry.at_ns,
            line: entry.line.to_string(),
            metadata: entry.metadata.iter().map(own).collect(),
        };
        Explained {
            effects,
            stored: Some(stored),
        }
    }
}

fn effect(
    pipeline: &str,
    stage: &'static str,
    flow: Flow,
    before: &Entry<'_>,
    after: &Entry<'_>,
) -> StageEffect {
    StageEffect {
        pipeline: pipeline.to_owned(),
        stage,
        outcome: match flow {
            Flow::On => Outcome::Done,
            Flow::Missed(reason) => Outcome::Missed(reason),
            Flow::Dropped(reason) => Outcome::Dropped(reason),
        },
        changes: changes(before, after),
    }
}

fn changes(before: &Entry<'_>, after: &Entry<'_>) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut compare = |what, name: &str, before: Option<&str>, after: Option<&str>| {
        if before != after {
            changes.push(Change {
                what,
                name: name.to_owned(),
                before: before.map(str::to_owned),
                after: after.map(str::to_owned),
            });
        }
    };
    compare("line", "", Some(&before.line), Some(&after.line));
    let times = (before.at_ns.to_string(), after.at_ns.to_string());
    compare("time", "", Some(&times.0), Some(&times.1));
    for (name, value) in after.fields() {
        compare("field", name, before.field(name), Some(value));
    }
    let streams =
        [before, after].map(|entry| entry.changed_stream().unwrap_or_else(|| entry.came_in().clone()));
    let [old, new] = &streams;
    let gone = old.iter().filter(|(name, _)| new.get(name).is_none());
    for (name, _) in new.iter().chain(gone) {
        compare("label", name, old.get(name), new.get(name));
    }
    for (name, value) in &after.metadata {
        compare("metadata", name, before.metadata(name), Some(value));
    }
    changes
}
