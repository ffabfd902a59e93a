//! `level`: how severe a line is, from its fields or from its text, in the words that Loki has for it.

use serde::Deserialize;

use super::fields::LabelName;
use super::{Entry, Flow, Stage};
use crate::config::logs::LogsConfig;
use crate::logs::level;

/// The keys of `level`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LevelConfig {
    /// Names that may hold the level; the first that names one is taken.
    pub sources: Vec<String>,
    /// Whether the text of the line is looked at where none does.
    pub from_line: bool,
    /// The label that gets the level too; none where absent.
    pub label: Option<LabelName>,
}

impl Default for LevelConfig {
    fn default() -> Self {
        Self {
            sources: LogsConfig::default().level_fields,
            from_line: true,
            label: None,
        }
    }
}

#[derive(Debug)]
pub(super) struct Level(pub(super) LevelConfig);

impl Stage for Level {
    fn apply(&self, entry: &mut Entry<'_>, _now_ns: i64) -> Flow {
        let named = self.0.sources.iter().find_map(|name| of_text(entry.value(name)?));
        let found = named.or_else(|| {
            let of_line = self
                .0
                .from_line
                .then(|| level::of_line(&entry.line, &self.0.sources));
            of_line.filter(|level| *level != level::UNKNOWN)
        });
        let Some(found) = found else {
            return Flow::Missed("no level");
        };
        entry.set_metadata(level::DETECTED_LEVEL, found);
        if let Some(LabelName(label)) = &self.0.label {
            entry.set_label(label, found);
        }
        Flow::On
    }
}

/// A word, or a number: of OpenTelemetry where it is at most 24, of pino and bunyan from 10 to 60 by tens.
fn of_text(text: &str) -> Option<&'static str> {
    if let Some(known) = level::known(text.as_bytes()) {
        return Some(known);
    }
    match text.parse::<u64>().ok()? {
        30 => Some("info"),
        40 => Some("warn"),
        50 => Some("error"),
        60 => Some("fatal"),
        number @ 1..=24 => Some(level::of_severity_number(number)),
        _ => None,
    }
}
