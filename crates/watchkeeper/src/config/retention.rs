//! `storage.tsdb.retention`: how long which samples are kept, in Prometheus' form (`time`, `size`, `percentage`), with rules by
//! tier and by series, or as a list of such rules alone.

use std::fmt;

use model::{Matcher, RAW, tier_name};
use serde::de::{self, MapAccess, SeqAccess, Visitor, value};
use serde::{Deserialize, Deserializer, Serialize};
use stdx::{HumanBytes, HumanDuration};
use tsdb::tiers::{HOURS, MINUTES, RESOLUTIONS};

use super::storage::Percentage;

/// `storage.tsdb.retention:`
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub(crate) struct Retention {
    /// How long samples are kept as they were measured.
    pub(crate) time: Option<HumanDuration>,
    /// How many bytes of disk the store may use, all tiers together.
    pub(crate) size: Option<HumanBytes>,
    /// The same as a share of the filesystem that holds the store, in percent; takes the place of `size`.
    pub(crate) percentage: Option<Percentage>,
    /// Tiers, and series that are kept for a time of their own.
    pub(crate) rules: Vec<Rule>,
}

/// What is kept of a tier, or of some series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    /// Which series; all where it is left out.
    #[serde(default, rename = "match", skip_serializing_if = "Option::is_none")]
    pub(crate) selector: Option<Series>,
    /// In which tier; without it in all tiers, and for all series in that of what was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tier: Option<Tier>,
    /// How long.
    pub(crate) keep: HumanDuration,
    /// How many bytes the tier may take; not for single series.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) size: Option<HumanBytes>,
}

/// A selector of series such as `{job="debug"}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Series {
    text: String,
    pub(crate) matchers: Vec<Matcher>,
}

impl TryFrom<String> for Series {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let matchers = promql::parse_selector(&text)
            .map_err(|error| format!("{text:?} is no selector of series: {error}"))?;
        Ok(Self { text, matchers })
    }
}

impl From<Series> for String {
    fn from(series: Series) -> Self {
        series.text
    }
}

/// A tier by its name: `raw`, `1m` or `1h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Tier {
    pub(crate) resolution_ms: i64,
}

impl TryFrom<String> for Tier {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let known = RESOLUTIONS
            .into_iter()
            .find(|&resolution_ms| tier_name(resolution_ms) == text);
        known
            .map(|resolution_ms| Self { resolution_ms })
            .ok_or_else(|| format!("{text:?} is no tier; write raw, 1m or 1h"))
    }
}

impl From<Tier> for String {
    fn from(tier: Tier) -> Self {
        tier_name(tier.resolution_ms)
    }
}

/// The form with names.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Named {
    time: Option<HumanDuration>,
    size: Option<HumanBytes>,
    percentage: Option<Percentage>,
    rules: Vec<Rule>,
}

impl<'de> Deserialize<'de> for Retention {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Forms)
    }
}

struct Forms;

impl<'de> Visitor<'de> for Forms {
    type Value = Retention;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("time, size, percentage and rules, or a list of rules with match, tier, keep and size")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Retention, A::Error> {
        let named = Named::deserialize(value::MapAccessDeserializer::new(map))?;
        Ok(Retention {
            time: named.time,
            size: named.size,
            percentage: named.percentage,
            rules: checked(named.rules)?,
        })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, rules: A) -> Result<Retention, A::Error> {
        let rules = Vec::deserialize(value::SeqAccessDeserializer::new(rules))?;
        Ok(Retention {
            rules: checked(rules)?,
            ..Retention::default()
        })
    }

    fn visit_unit<E: de::Error>(self) -> Result<Retention, E> {
        Ok(Retention::default())
    }
}

fn checked<E: de::Error>(rules: Vec<Rule>) -> Result<Vec<Rule>, E> {
    if rules
        .iter()
        .any(|rule| rule.selector.is_some() && rule.size.is_some())
    {
        return Err(E::custom(
            "size holds for whole tiers; leave it out where match names series",
        ));
    }
    Ok(rules)
}

impl Retention {
    /// Puts what the rules say into the settings of the store.
    pub(super) fn apply(&self, config: &mut tsdb::Config) {
        config.retention = self.time.unwrap_or(config.retention);
        for rule in &self.rules {
            if let Some(series) = &rule.selector {
                config.series_retention.push(tsdb::SeriesRetention {
                    matchers: series.matchers.clone(),
                    resolution_ms: rule.tier.map(|tier| tier.resolution_ms),
                    keep: rule.keep,
                });
                continue;
            }
            let bytes = rule.size.map(|size| size.0).filter(|bytes| *bytes > 0);
            let tier = tsdb::TierRetention {
                keep: rule.keep,
                bytes,
            };
            match rule.tier.map_or(RAW, |tier| tier.resolution_ms) {
                MINUTES => config.minutes = tier,
                HOURS => config.hours = tier,
                _ => (config.retention, config.raw_bytes) = (tier.keep, tier.bytes),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(text: &str) -> tsdb::Config {
        let mut config = tsdb::Config::in_dir("/data");
        stdx::yaml::read::<Retention>(text).unwrap().apply(&mut config);
        config
    }

    #[test]
    fn rules_stand_alone_or_beside_the_names() {
        let days = |days: u64| HumanDuration::from_secs(days * 86_400);
        let alone = applied(
            "[{match: '{job=\"debug\"}', keep: 2d}, {tier: 1m, keep: 10d, size: 1GiB}, {tier: raw, keep: 3d}, {tier: 1h, keep: 0}]",
        );
        assert_eq!(alone.series_retention.len(), 1);
        assert_eq!(
            alone.series_retention[0].matchers,
            [Matcher::equal("job", "debug")]
        );
        assert_eq!(
            (alone.minutes.keep, alone.minutes.bytes),
            (days(10), Some(1 << 30))
        );
        assert_eq!((alone.retention, alone.hours.keep), (days(3), days(0)));
        let beside = applied("{time: 20d, size: 1GB, rules: [{match: 'up', tier: 1h, keep: 9d}]}");
        assert_eq!(
            (beside.retention, beside.series_retention[0].keep),
            (days(20), days(9))
        );
        assert_eq!(beside.series_retention[0].resolution_ms, Some(3_600_000));
        assert_eq!(applied("[]").retention, tsdb::Config::in_dir("/data").retention);
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_the_mend() {
        let fault = |text: &str| {
            stdx::yaml::read::<Retention>(text).unwrap_err()[0]
                .message
                .clone()
        };
        assert!(fault("[{tier: 5m, keep: 2d}]").contains("raw, 1m or 1h"));
        assert!(fault("[{match: '{job=', keep: 2d}]").contains("no selector"));
        assert!(fault("[{match: 'up', keep: 2d, size: 1GB}]").contains("leave it out"));
        assert!(fault("{tme: 2d}").contains("tme"));
        assert!(fault("[{match: up}]").contains("keep"));
    }
}
