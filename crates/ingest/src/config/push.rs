//! `push`: what becomes of series that others send.

use model::names::is_label_name;
use serde::Deserialize;
use stdx::HumanDuration;

/// The `push` section.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PushConfig {
    /// Pairs of servers that send the same.
    pub ha_pairs: HaPairs,
    /// Whether a zero is written where a sender says when a counter was created.
    pub created_zero_samples: bool,
}

/// Whose series are stored where several servers send the same.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HaPairs {
    /// Whether series with both labels are those of replicas.
    pub enabled: bool,
    /// The label that names the cluster.
    pub cluster_label: String,
    /// The label that names the replica; it is not stored.
    pub replica_label: String,
    /// After so long a silence another replica takes over.
    pub failover_timeout: HumanDuration,
    /// How many clusters there may be, all tenants together.
    pub clusters_max: usize,
}

impl Default for HaPairs {
    fn default() -> Self {
        Self {
            enabled: true,
            cluster_label: "cluster".to_owned(),
            replica_label: "__replica__".to_owned(),
            failover_timeout: HumanDuration::from_secs(30),
            clusters_max: 1000,
        }
    }
}

impl PushConfig {
    /// What is wrong with the section; an empty list says that it is valid.
    pub fn validate(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut add = |wrong: bool, what: &str| {
            if wrong {
                faults.push(format!("push.{what}"));
            }
        };
        let pairs = &self.ha_pairs;
        for (key, name) in [
            ("cluster_label", &pairs.cluster_label),
            ("replica_label", &pairs.replica_label),
        ] {
            add(
                !is_label_name(name) || name == model::METRIC_NAME,
                &format!("ha_pairs.{key} is {name:?}, which cannot be it; write the name of a label"),
            );
        }
        add(
            pairs.cluster_label == pairs.replica_label,
            "ha_pairs has one label for cluster and replica; name two",
        );
        add(
            pairs.failover_timeout.0.as_millis() == 0,
            "ha_pairs.failover_timeout is 0; write a duration such as 30s",
        );
        add(
            pairs.clusters_max == 0,
            "ha_pairs.clusters_max is 0; write a number, or enabled: false for no deduplication",
        );
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_work_is_refused_by_key() {
        let check = |text: &str, fault: &str| {
            let config: PushConfig = stdx::yaml::read(text).unwrap();
            let faults = config.validate();
            assert!(
                faults.len() == 1 && faults[0].contains(fault),
                "{text}: {faults:?}"
            );
        };
        check("ha_pairs: {cluster_label: ''}", "cluster_label");
        check("ha_pairs: {replica_label: __name__}", "replica_label");
        check("ha_pairs: {replica_label: cluster}", "name two");
        check("ha_pairs: {failover_timeout: 0s}", "failover_timeout");
        check("ha_pairs: {clusters_max: 0}", "clusters_max");
        assert!(PushConfig::default().validate().is_empty());
    }
}
