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
pub(super) struct NotInThisBuild;

impl<'de> Deserialize<'de> for NotInThisBuild {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(de::Error::custom(
            "this build does not have this kind of service discovery or authentication; \
             list the targets under static_configs, or in a file under file_sd_configs",
        ))
    }
}

/// Reads a list in which an entry with nothing behind its dash is refused, as Prometheus does, instead of being taken
/// for an entry without keys.
pub(super) fn sections<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    let entries = Vec::<Option<T>>::deserialize(deserializer)?;
    let whole: Option<Vec<T>> = entries.into_iter().collect();
    whole.ok_or_else(|| {
        de::Error::custom("the list has an empty or null entry; fill it in or remove its dash")
    })
}
