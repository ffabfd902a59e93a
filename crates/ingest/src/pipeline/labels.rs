//! `labels`: fields become labels of the stream, as long as there are not too many values.

use std::collections::{BTreeMap, HashSet};

use parking_lot::Mutex;
use serde::Deserialize;
use xxhash_rust::xxh3::xxh3_64;

use super::fields::LabelName;
use super::{Entry, Flow, Stage};
use crate::limits::PIPELINE_LABEL_VALUES;

/// The keys of `labels`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelsConfig {
    /// Each label with the name of what it is made of; where that is absent, its own name.
    pub from: BTreeMap<LabelName, Option<String>>,
    /// So many different values a label may have; what comes beyond is kept as metadata of the line.
    #[serde(default = "values_default")]
    pub values_max: usize,
}

fn values_default() -> usize {
    PIPELINE_LABEL_VALUES
}

#[derive(Debug)]
pub(super) struct FieldLabels {
    labels: Vec<(String, String, Mutex<HashSet<u64>>)>,
    values_max: usize,
}

impl FieldLabels {
    pub(super) fn new(config: &LabelsConfig) -> Self {
        let label = |(LabelName(name), source): (&LabelName, &Option<String>)| {
            let source = source.as_ref().unwrap_or(name).clone();
            (name.clone(), source, Mutex::default())
        };
        Self {
            labels: config.from.iter().map(label).collect(),
            values_max: config.values_max,
        }
    }

    /// Whether a value is among those a label may have.
    fn may_have(&self, known: &Mutex<HashSet<u64>>, value: &str) -> bool {
        let hash = xxh3_64(value.as_bytes());
        let mut known = known.lock();
        known.contains(&hash) || (known.len() < self.values_max && known.insert(hash))
    }
}

impl Stage for FieldLabels {
    fn apply(&self, entry: &mut Entry<'_>, _now_ns: i64) -> Flow {
        let mut flow = Flow::On;
        for (name, source, known) in &self.labels {
            let Some(value) = entry.value(source).map(str::to_owned) else {
                continue;
            };
            if value.is_empty() || self.may_have(known, &value) {
                entry.set_label(name, &value);
            } else {
                entry.set_metadata(name, value);
                flow = Flow::Missed("too many values");
            }
        }
        flow
    }
}
