//! `metadata`: fields become metadata of the line.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Entry, Flow, Stage};

/// The keys of `metadata`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetadataConfig {
    /// Each name with the name of what it is made of; where that is absent, its own name.
    #[serde(default)]
    pub from: BTreeMap<String, Option<String>>,
    /// Whether all fields become metadata by their own names.
    #[serde(default)]
    pub all_fields: bool,
}

#[derive(Debug)]
pub(super) struct Metadata(pub(super) MetadataConfig);

impl Stage for Metadata {
    fn apply(&self, entry: &mut Entry<'_>, _now_ns: i64) -> Flow {
        if self.0.all_fields {
            let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
            let fields: Vec<(String, String)> = entry.fields().map(own).collect();
            for (name, value) in fields {
                entry.set_metadata(&name, value);
            }
        }
        for (name, source) in &self.0.from {
            let value = entry.value(source.as_ref().unwrap_or(name)).map(str::to_owned);
            if let Some(value) = value {
                entry.set_metadata(name, value);
            }
        }
        Flow::On
    }
}
