//! `limit`: lets so many lines a second through, for all of the pipeline or for each value of a name.

use std::collections::HashMap;

use parking_lot::Mutex;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use xxhash_rust::xxh3::xxh3_64;

use super::{Entry, Flow, Stage};
use crate::limits::PIPELINE_LIMITED_VALUES_MAX;

/// The keys of `limit`.
#[derive(Debug, Clone, PartialEq)]
pub struct LimitConfig {
    /// Lines a second.
    pub rate: f64,
    /// Lines that may come at once; the rate where absent, one at least.
    pub burst: Option<f64>,
    /// The name of what each value of has a rate of its own.
    pub by: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    rate: f64,
    burst: Option<f64>,
    by: Option<String>,
}

impl<'de> Deserialize<'de> for LimitConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Written { rate, burst, by } = Written::deserialize(deserializer)?;
        if !(rate.is_finite() && rate > 0.0) {
            return Err(D::Error::custom(format!(
                "limit.rate is {rate}; write lines a second, more than 0"
            )));
        }
        if let Some(burst) = burst.filter(|burst| !(burst.is_finite() && *burst >= 1.0)) {
            return Err(D::Error::custom(format!(
                "limit.burst is {burst}; write a number of lines, 1 at least"
            )));
        }
        Ok(Self { rate, burst, by })
    }
}

/// How many lines may still come, and as of when.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    lines: f64,
    as_of_ns: i64,
}

#[derive(Debug)]
pub(super) struct Limit {
    rate: f64,
    burst: f64,
    by: Option<String>,
    buckets: Mutex<HashMap<u64, Bucket>>,
}

impl Limit {
    pub(super) fn new(config: &LimitConfig) -> Self {
        Self {
            rate: config.rate,
            burst: config.burst.unwrap_or(config.rate).max(1.0),
            by: config.by.clone(),
            buckets: Mutex::default(),
        }
    }

    fn lets_through(&self, value: &str, now_ns: i64) -> bool {
        let mut buckets = self.buckets.lock();
        let mut hash = xxh3_64(value.as_bytes());
        if !buckets.contains_key(&hash) && buckets.len() >= PIPELINE_LIMITED_VALUES_MAX {
            buckets.retain(|_, bucket| self.refilled(*bucket, now_ns).lines < self.burst);
            if buckets.len() >= PIPELINE_LIMITED_VALUES_MAX {
                // What does not fit shares one rate.
                hash = 0;
            }
        }
        let full = Bucket {
            lines: self.burst,
            as_of_ns: now_ns,
        };
        let bucket = buckets.entry(hash).or_insert(full);
        *bucket = self.refilled(*bucket, now_ns);
        let fits = bucket.lines >= 1.0;
        if fits {
            bucket.lines -= 1.0;
        }
        fits
    }

    fn refilled(&self, bucket: Bucket, now_ns: i64) -> Bucket {
        let elapsed_ns = now_ns.saturating_sub(bucket.as_of_ns).max(0);
        let lines = bucket.lines + elapsed_ns as f64 * self.rate / 1e9;
        Bucket {
            lines: lines.min(self.burst),
            as_of_ns: bucket.as_of_ns.max(now_ns),
        }
    }
}

impl Stage for Limit {
    fn apply(&self, entry: &mut Entry<'_>, now_ns: i64) -> Flow {
        let value = self
            .by
            .as_deref()
            .and_then(|name| entry.value(name))
            .unwrap_or_default();
        if self.lets_through(value, now_ns) {
            Flow::On
        } else {
            Flow::Dropped("rate")
        }
    }
}
