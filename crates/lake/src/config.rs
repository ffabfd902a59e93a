//! What the operator may choose about the keeping of events.

use std::path::PathBuf;

use model::{Labels, Matcher};
use serde::{Deserialize, Serialize};
use stdx::HumanDuration;

use crate::limits::{MERGED_RETENTION_PARTS, MERGED_SPAN_MS_MIN};

/// Settings of the store; the defaults suit one machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The folder the store owns; set by the command line, not by the file.
    #[serde(skip)]
    pub dir: PathBuf,
    /// How long lines are kept.
    pub retention: HumanDuration,
    /// Streams that are kept for a time of their own, longer or shorter.
    #[serde(skip)]
    pub stream_retention: Vec<StreamRetention>,
    /// How long a request to delete lines may be taken back; their lines are hidden at once.
    pub delete_cancel_period: HumanDuration,
    /// How many bytes of disk the store may use, log included; the oldest segments go first. `None`: no limit.
    pub retention_bytes: Option<u64>,
    /// How far in the future a line may lie.
    pub future_limit: HumanDuration,
    /// How many streams of a tenant may take lines at a time.
    pub streams_max: usize,
    /// Contents of segments that were asked for may take so many bytes of memory while nobody reads.
    pub contents_cache_bytes: u64,
    /// Lines in memory are sealed into a segment once they take so many bytes ...
    pub seal_bytes: u64,
    /// ... or once the first of them came so long ago.
    pub seal_after: HumanDuration,
}

/// How long some streams are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamRetention {
    /// Which ones; all must hold.
    pub matchers: Vec<Matcher>,
    /// How long.
    pub keep: HumanDuration,
    /// Of several that are about a stream the one with the highest priority holds, of equal ones the first.
    pub priority: i32,
}

impl Config {
    /// Before which time lines are over, unless they are of streams that are kept for a time of their own.
    pub(crate) fn oldest_ns(&self, now_ms: i64) -> i64 {
        let oldest_ms = now_ms.saturating_sub(self.retention.as_millis_i64());
        oldest_ms.saturating_mul(1_000_000)
    }

    /// The time of which lines are merged into one segment: what is over of it then is not much of what is kept.
    pub(crate) fn merged_span_ns(&self) -> i64 {
        let span_ms = self.retention.as_millis_i64() / MERGED_RETENTION_PARTS;
        span_ms.max(MERGED_SPAN_MS_MIN).saturating_mul(1_000_000)
    }

    /// How long the lines of a stream are kept.
    pub fn keep_for(&self, stream: &Labels) -> HumanDuration {
        let mut best: Option<&StreamRetention> = None;
        for rule in &self.stream_retention {
            let is_better = best.is_none_or(|best| rule.priority > best.priority);
            if is_better && rule.matchers.iter().all(|matcher| matcher.matches_labels(stream)) {
                best = Some(rule);
            }
        }
        best.map_or(self.retention, |rule| rule.keep)
    }
}

impl Default for Config {
    fn default() -> Self {
        let hours = |hours: u64| HumanDuration(std::time::Duration::from_hours(hours));
        Self {
            dir: PathBuf::new(),
            retention: hours(30 * 24),
            stream_retention: Vec::new(),
            delete_cancel_period: hours(24),
            retention_bytes: None,
            future_limit: hours(1),
            streams_max: 100_000,
            contents_cache_bytes: 64 << 20,
            seal_bytes: 64 << 20,
            seal_after: HumanDuration(std::time::Duration::from_mins(10)),
        }
    }
}
