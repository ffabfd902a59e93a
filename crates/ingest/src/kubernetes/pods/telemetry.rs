//! What directories of pods count about themselves.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// The counters of all directories; clones share them.
#[derive(Debug, Clone, Default)]
pub struct PodsTelemetry {
    /// Pods that are known, those that were deleted a short while ago included.
    pub pods: Family<ClusterLabel, Gauge>,
    /// Lists that were taken whole, and lists and watches that failed.
    pub looks: Family<LookLabels, Counter>,
    /// Pods for which there was no room.
    pub refused: Family<ClusterLabel, Counter>,
}

/// A cluster.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ClusterLabel {
    /// The address of its API, the kubeconfig file, or `in_cluster`.
    pub cluster: String,
}

/// How looking ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct LookLabels {
    /// The address of its API, the kubeconfig file, or `in_cluster`.
    pub cluster: String,
    /// `ok` or `failed`.
    pub outcome: &'static str,
}

impl PodsTelemetry {
    /// Adds every metric to the registry of the process.
    pub fn register(&self, registry: &mut Registry) {
        let room = registry.sub_registry_with_prefix("watchkeeper_kubernetes");
        room.register(
            "pods",
            "Pods that log lines are told of, those that were deleted a short while ago included",
            self.pods.clone(),
        );
        room.register(
            "looks",
            "Lists of pods and namespaces that were taken whole, and lists and watches that failed, by outcome",
            self.looks.clone(),
        );
        room.register(
            "pods_refused",
            "Pods that are not kept because there are too many, or too much is asked of them",
            self.refused.clone(),
        );
    }
}
