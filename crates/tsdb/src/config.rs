//! What the operator may choose about the keeping of series.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use stdx::HumanDuration;

use crate::error::TsdbError;

/// Settings of the store; the defaults suit one machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The folder the store owns; set by the command line, not by the file.
    #[serde(skip)]
    pub dir: PathBuf,
    /// How long samples are kept.
    pub retention: HumanDuration,
    /// How many bytes of disk the store may use, log included; the oldest blocks go first. `None`: no limit.
    pub retention_bytes: Option<u64>,
    /// How much older than the newest sample of its series a sample may be.
    pub out_of_order_window: HumanDuration,
    /// How far in the future a sample may lie.
    pub future_limit: HumanDuration,
    /// How many series may take samples at a time, all tenants together.
    pub active_series_max: u64,
    /// How many series of one metric may take samples at a time.
    pub series_per_metric_max: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            dir: PathBuf::new(),
            retention: HumanDuration::from_secs(15 * 86_400),
            retention_bytes: None,
            out_of_order_window: HumanDuration::from_secs(3_600),
            future_limit: HumanDuration::from_secs(600),
            active_series_max: 2_000_000,
            series_per_metric_max: 200_000,
        }
    }
}

impl Config {
    /// The defaults, in `dir`.
    pub fn in_dir(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            ..Self::default()
        }
    }

    /// Refuses what cannot work, naming the key and the mend.
    pub fn validate(&self) -> Result<(), TsdbError> {
        let refuse = |key: &'static str, reason: &str| {
            Err(TsdbError::Config {
                key,
                reason: reason.to_owned(),
            })
        };
        if self.dir.as_os_str().is_empty() {
            return refuse("dir", "no data folder was given");
        }
        if self.retention < HumanDuration::from_secs(2 * 3_600) {
            return refuse("retention", "must be 2h or longer, the span of one block");
        }
        if self.out_of_order_window > self.retention {
            return refuse("out_of_order_window", "must not be longer than retention");
        }
        if self.retention_bytes == Some(0) {
            return refuse("retention_bytes", "must be above 0; leave it out for no limit");
        }
        if self.series_per_metric_max == 0 {
            return refuse("series_per_metric_max", "must be above 0");
        }
        if self.active_series_max == 0 {
            return refuse("active_series_max", "must be above 0");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid_and_read_back() {
        let config = Config::in_dir("/data");
        config.validate().unwrap();
        let text = serde_json::to_string(&config).unwrap();
        let read: Config = serde_json::from_str(&text).unwrap();
        assert_eq!(read.retention, config.retention);
        assert!(serde_json::from_str::<Config>(r#"{"retentoin": "1d"}"#).is_err());
    }

    #[test]
    fn what_cannot_work_is_refused_by_key() {
        let check = |change: fn(&mut Config), key: &str| {
            let mut config = Config::in_dir("/data");
            change(&mut config);
            let error = config.validate().unwrap_err().to_string();
            assert!(error.contains(key), "{error}");
        };
        check(|c| c.dir = PathBuf::new(), "dir");
        check(|c| c.retention = HumanDuration::from_secs(60), "retention");
        check(
            |c| c.out_of_order_window = HumanDuration::from_secs(86_400 * 30),
            "out_of_order_window",
        );
        check(|c| c.retention_bytes = Some(0), "retention_bytes");
        check(|c| c.active_series_max = 0, "active_series_max");
        check(|c| c.series_per_metric_max = 0, "series_per_metric_max");
    }
}
