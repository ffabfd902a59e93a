//! `sample`: keeps a share of the lines, by a hash: the same lines in every run, and all lines of a trace or none.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::{Entry, Flow, Stage};

/// The keys of `sample`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SampleConfig {
    /// The share that is kept, from 0 to 1.
    pub rate: Rate,
    /// The name of what is hashed, such as `trace_id`; the line with its time where absent. Lines that do not have it are kept.
    pub by: Option<String>,
}

/// A share from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate(f64);

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let rate = f64::deserialize(deserializer)?;
        if (0.0..=1.0).contains(&rate) {
            return Ok(Self(rate));
        }
        Err(D::Error::custom(format!(
            "sample.rate is {rate}; write a share from 0 to 1"
        )))
    }
}

#[derive(Debug)]
pub(super) struct Sample(pub(super) SampleConfig);

impl Stage for Sample {
    fn apply(&self, entry: &mut Entry<'_>, _now_ns: i64) -> Flow {
        let hash = match &self.0.by {
            Some(name) => match entry.value(name) {
                Some(value) => xxh3_64_with_seed(value.as_bytes(), 0),
                None => return Flow::On,
            },
            None => xxh3_64_with_seed(entry.line.as_bytes(), entry.at_ns as u64),
        };
        let share = (hash >> 11) as f64 / (1_u64 << 53) as f64;
        if share < self.0.rate.0 {
            Flow::On
        } else {
            Flow::Dropped("sampled")
        }
    }
}
