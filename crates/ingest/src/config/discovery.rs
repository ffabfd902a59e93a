//! Where targets come from: the configuration itself, files, or what tells of them over the network; one file per kind.
//!
//! In: the entries of `static_configs` and of each `…_sd_configs`, through serde.  Out: plain data, to `scrape::discovery`.
//! Owns: nothing.
//! Invariants: an entry that could find nothing is refused with its line (`config::tests`).
//! Not here: looking (`scrape::discovery`).
//! Start at: [`TargetGroup`].

pub mod dns;
pub mod docker;
pub mod http;
pub mod kubernetes;

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, de};
use stdx::HumanDuration;

/// Addresses that share labels: an entry of `static_configs`, or of a file of targets.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TargetGroup {
    /// `host:port` each.
    pub targets: Vec<String>,
    /// Labels of all of them.
    pub labels: BTreeMap<String, String>,
}

/// An entry of `file_sd_configs`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileDiscovery {
    /// Paths ending in `.json`, `.yml` or `.yaml`; the last part may hold one `*`.
    pub files: Vec<String>,
    /// Time between looks at the files.
    #[serde(default = "refresh_default")]
    pub refresh_interval: HumanDuration,
}

fn refresh_default() -> HumanDuration {
    HumanDuration::from_secs(300)
}

pub(super) fn minute() -> HumanDuration {
    HumanDuration::from_secs(60)
}

pub(super) fn seconds_30() -> HumanDuration {
    HumanDuration::from_secs(30)
}

fn check_refresh(place: &str, interval: HumanDuration, faults: &mut Vec<String>) {
    if interval.0.is_zero() {
        faults.push(format!(
            "{place}: refresh_interval is 0; write a duration such as 1m"
        ));
    }
}

/// The place of a key of Prometheus that this build refuses by name instead of as unknown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NotInThisBuild;

impl<'de> Deserialize<'de> for NotInThisBuild {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(de::Error::custom(
            "this build does not have this kind of service discovery; \
             list the targets in a file under file_sd_configs, or let a server list them under http_sd_configs",
        ))
    }
}
