//! The `storage:` section in Prometheus' own form, as settings of the series store.

use serde::{Deserialize, Serialize};
use stdx::{HumanBytes, HumanDuration};

/// `storage:`
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Storage {
    /// The series store.
    pub(crate) tsdb: Tsdb,
}

/// `storage.tsdb:`
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Tsdb {
    /// How much older than the newest sample of its series a sample may be.
    pub(crate) out_of_order_time_window: Option<HumanDuration>,
    /// What is removed, and when.
    pub(crate) retention: Retention,
    /// How many series may take samples at a time.
    pub(crate) active_series_max: Option<u64>,
}

/// `storage.tsdb.retention:`
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Retention {
    /// How long samples are kept.
    pub(crate) time: Option<HumanDuration>,
    /// How many bytes of disk the store may use; the oldest blocks go first.
    pub(crate) size: Option<HumanBytes>,
}

impl Storage {
    /// The series store's settings, in `dir`.
    pub(crate) fn series(&self, dir: std::path::PathBuf) -> tsdb::Config {
        let default = tsdb::Config::in_dir(dir);
        tsdb::Config {
            retention: self.tsdb.retention.time.unwrap_or(default.retention),
            // As in Prometheus, 0 is no limit.
            retention_bytes: self
                .tsdb
                .retention
                .size
                .map(|size| size.0)
                .filter(|bytes| *bytes > 0),
            out_of_order_window: self
                .tsdb
                .out_of_order_time_window
                .unwrap_or(default.out_of_order_window),
            active_series_max: self.tsdb.active_series_max.unwrap_or(default.active_series_max),
            ..default
        }
    }

    /// How long samples are kept, for people.
    pub(crate) fn retention_text(&self) -> String {
        let kept = self.series(std::path::PathBuf::new());
        match kept.retention_bytes {
            Some(bytes) => format!("{} or {}", kept.retention, HumanBytes(bytes)),
            None => kept.retention.to_string(),
        }
    }
}
