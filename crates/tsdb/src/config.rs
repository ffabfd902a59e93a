//! What the operator may choose about the keeping of series.

use std::collections::BTreeMap;
use std::path::PathBuf;

use model::{Matcher, RAW, TenantId};
use serde::{Deserialize, Serialize};
use stdx::HumanDuration;

use crate::error::TsdbError;
use crate::limits::{EXEMPLARS_MAX_DEFAULT, READ_CACHE_BYTES_DEFAULT};
use crate::tiers::{HOURS, MINUTES, TierKeep};

/// Settings of the store; the defaults suit one machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The folder the store owns; set by the command line, not by the file.
    #[serde(skip)]
    pub dir: PathBuf,
    /// How long samples are kept as they were measured.
    pub retention: HumanDuration,
    /// How many bytes of disk the store may use, log included; of all tiers those blocks go first that are nearest to the end
    /// of their time. `None`: no limit.
    pub retention_bytes: Option<u64>,
    /// The blocks of samples as they were measured may take so many bytes.
    pub raw_bytes: Option<u64>,
    /// What is kept of rollups over a minute.
    pub minutes: TierRetention,
    /// What is kept of rollups over an hour.
    pub hours: TierRetention,
    /// Series that are kept for another time than all others.
    #[serde(skip)]
    pub series_retention: Vec<SeriesRetention>,
    /// How much older than the newest sample of its series a sample may be.
    pub out_of_order_window: HumanDuration,
    /// How far in the future a sample may lie.
    pub future_limit: HumanDuration,
    /// How many series may take samples at a time, all tenants together.
    pub active_series_max: u64,
    /// How many series of one metric may take samples at a time.
    pub series_per_metric_max: u64,
    /// How many exemplars are kept in memory; 0 is none.
    pub exemplars_max: usize,
    /// How many bytes of memory what was read of blocks may take, for those who ask for it again.
    pub read_cache_bytes: u64,
}

/// How many series tenants may have that take samples at a time; no limit where none is given.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TenantLimits {
    /// Of tenants that are not listed.
    pub series_max: Option<u64>,
    /// Of those that are.
    pub series_max_of: BTreeMap<TenantId, Option<u64>>,
}

impl TenantLimits {
    /// What holds for a tenant.
    pub(crate) fn series_max(&self, tenant: TenantId) -> u64 {
        let own = self.series_max_of.get(&tenant).copied();
        own.unwrap_or(self.series_max).unwrap_or(u64::MAX)
    }
}

/// What is kept of a coarse tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TierRetention {
    /// How long; 0 for not at all.
    pub keep: HumanDuration,
    /// How many bytes its blocks may take.
    pub bytes: Option<u64>,
}

/// How long some series are kept: not longer than this, whatever their tier allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesRetention {
    /// Which series: all must hold.
    pub matchers: Vec<Matcher>,
    /// In which tier, by its resolution in milliseconds; `None` for all.
    pub resolution_ms: Option<i64>,
    /// How long.
    pub keep: HumanDuration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            dir: PathBuf::new(),
            retention: HumanDuration::from_secs(7 * 86_400),
            retention_bytes: None,
            raw_bytes: None,
            minutes: TierRetention {
                keep: HumanDuration::from_secs(30 * 86_400),
                bytes: None,
            },
            hours: TierRetention {
                keep: HumanDuration::from_secs(365 * 86_400),
                bytes: None,
            },
            series_retention: Vec::new(),
            out_of_order_window: HumanDuration::from_secs(3_600),
            future_limit: HumanDuration::from_secs(600),
            active_series_max: 2_000_000,
            series_per_metric_max: 200_000,
            exemplars_max: EXEMPLARS_MAX_DEFAULT,
            read_cache_bytes: READ_CACHE_BYTES_DEFAULT,
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

    /// The tiers that are kept, finest first.
    pub(crate) fn tiers(&self) -> Vec<TierKeep> {
        let tiers = [
            (RAW, self.retention, self.raw_bytes),
            (MINUTES, self.minutes.keep, self.minutes.bytes),
            (HOURS, self.hours.keep, self.hours.bytes),
        ];
        tiers
            .into_iter()
            .map(|(resolution_ms, keep, bytes_max)| TierKeep {
                resolution_ms,
                keep_ms: keep.as_millis_i64(),
                bytes_max,
            })
            .filter(|keep| keep.keep_ms > 0)
            .collect()
    }

    /// How long anything is kept, in milliseconds.
    pub(crate) fn keep_ms_max(&self) -> i64 {
        self.tiers()
            .iter()
            .map(|keep| keep.keep_ms)
            .max()
            .unwrap_or_default()
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
        if self
            .series_retention
            .iter()
            .any(|rule| rule.keep < HumanDuration::from_secs(2 * 3_600))
        {
            return refuse("retention", "keep must be 2h or longer, the span of one block");
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
