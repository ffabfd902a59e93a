//! `static_labels`: labels that every line of the pipeline gets, and labels that it loses.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::fields::LabelName;
use super::{Entry, Flow, Stage};

/// The keys of `static_labels`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StaticLabelsConfig {
    /// Labels with their values.
    pub set: BTreeMap<LabelName, String>,
    /// Labels that are taken away.
    pub remove: Vec<String>,
}

#[derive(Debug)]
pub(super) struct StaticLabels(pub(super) StaticLabelsConfig);

impl Stage for StaticLabels {
    fn apply(&self, entry: &mut Entry<'_>, _now_ns: i64) -> Flow {
        for name in &self.0.remove {
            entry.set_label(name, "");
        }
        for (LabelName(name), value) in &self.0.set {
            entry.set_label(name, value);
        }
        Flow::On
    }
}
