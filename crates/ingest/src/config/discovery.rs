//! Where targets come from: the file itself, or files that are read again and again.

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

/// The place of a key of Prometheus that this build refuses by name instead of as unknown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NotInThisBuild;

impl<'de> Deserialize<'de> for NotInThisBuild {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(de::Error::custom(
            "this build does not have this kind of service discovery; \
             list the targets under static_configs, or in a file under file_sd_configs",
        ))
    }
}
