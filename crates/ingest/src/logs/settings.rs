//! What the `logs` section says of streams and lines, applied.

use std::borrow::Cow;

use model::Labels;

use super::gather::{Pair, SERVICE_NAME, SERVICE_UNKNOWN, label_name};
use super::known::Stream;
use super::level;
use crate::config::logs::LogsConfig;

/// The section as lines are judged by it.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(super) config: LogsConfig,
    pub(super) line_bytes_max: usize,
    /// Names of labels and metadata that may hold a level.
    level_names: Vec<String>,
    /// What senders' names of streams are hashed with: another one for every configuration, whose streams may differ.
    pub(super) seed: u64,
}

impl Settings {
    pub(super) fn new(config: &LogsConfig, seed: u64) -> Self {
        Self {
            line_bytes_max: usize::try_from(config.line_size_max.0).unwrap_or(usize::MAX),
            level_names: level_names(&config.level_fields),
            config: config.clone(),
            seed,
        }
    }

    /// A stream as it is stored, or why it is not.
    pub(super) fn stream(&self, labels: Labels) -> Result<Stream, String> {
        let count = labels.len();
        let count_max = self.config.labels_per_stream_max;
        if count > count_max {
            return Err(format!(
                "entry for stream '{labels}' has {count} label names; limit {count_max}; drop labels, or raise \
                 logs.labels_per_stream_max"
            ));
        }
        for (name, value) in &labels {
            if name.len() as u64 > self.config.label_name_size_max.0 {
                return Err(format!(
                    "stream '{labels}' has label name too long: '{name}'; shorten it, or raise logs.label_name_size_max"
                ));
            }
            if value.len() as u64 > self.config.label_value_size_max.0 {
                return Err(format!(
                    "stream '{labels}' has label value too long: '{name}'; shorten it, or raise logs.label_value_size_max"
                ));
            }
        }
        let level = self
            .level_names
            .iter()
            .find_map(|name| labels.get(name))
            .map(|value| level::normal(value).into());
        let labels = self.with_service_name(labels);
        if labels.is_empty() {
            return Err("error at least one label pair is required per stream".to_owned());
        }
        Ok(Stream { labels, level })
    }

    /// Adds `service_name`, by which Grafana lists streams, where the sender names none.
    fn with_service_name(&self, labels: Labels) -> Labels {
        let names = &self.config.service_name_labels;
        if names.is_empty() || labels.get(SERVICE_NAME).is_some() {
            return labels;
        }
        let service = names.iter().find_map(|name| labels.get(name));
        let mut builder = labels.to_builder();
        builder.set(SERVICE_NAME, service.unwrap_or(SERVICE_UNKNOWN));
        builder.build()
    }

    /// The line as it is stored; `None` where it is too long.
    pub(super) fn fitting<'a>(&self, line: &'a str) -> Option<&'a str> {
        if line.len() <= self.line_bytes_max {
            return Some(line);
        }
        if !self.config.cut_long_lines {
            return None;
        }
        line.get(..line.floor_char_boundary(self.line_bytes_max))
    }

    /// What is too much of a line's metadata, if anything is.
    pub(super) fn check_metadata(&self, metadata: &[Pair<'_>]) -> Result<(), String> {
        let (count, count_max) = (metadata.len(), self.config.metadata_pairs_max);
        if count > count_max {
            return Err(format!(
                "too many structured metadata labels: '{count}', limit: '{count_max}'; send fewer, or raise logs.metadata_pairs_max"
            ));
        }
        let pairs = metadata.iter();
        let bytes: usize = pairs.map(|(name, value)| name.len() + value.len()).sum();
        let bytes_max = self.config.metadata_size_max.0;
        if bytes as u64 > bytes_max {
            return Err(format!(
                "structured metadata too large: '{bytes}' bytes, limit: '{bytes_max}' bytes; send less, or raise \
                 logs.metadata_size_max"
            ));
        }
        Ok(())
    }

    /// The level of a line: of its stream, of its metadata, or what it tells itself.
    pub(super) fn level<'a>(&self, stream: &'a Stream, line: &str, metadata: &'a [Pair<'_>]) -> Cow<'a, str> {
        if let Some(level) = &stream.level {
            return Cow::Borrowed(level);
        }
        let mut number = None;
        for (name, value) in metadata {
            if self.level_names.iter().any(|known| **known == **name) {
                return Cow::Owned(level::normal(value).to_owned());
            }
            if name == "severity_number" {
                number = Some(level::of_severity_number(value.parse().unwrap_or_default()));
            }
        }
        let level = number.unwrap_or_else(|| level::of_line(line, &self.config.level_fields));
        Cow::Borrowed(level)
    }
}

/// Fields as they are called once they are labels or metadata.
fn level_names(fields: &[String]) -> Vec<String> {
    let mut names: Vec<String> = fields.iter().map(|field| label_name(field)).collect();
    names.dedup();
    names
}
