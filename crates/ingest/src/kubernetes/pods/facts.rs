//! What is kept of a pod and of a namespace: what lines are told of, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use super::owner;
use crate::kubernetes::objects::{Meta, Namespace, Pod};
use crate::limits::POD_VALUE_BYTES_MAX;

/// What the kubelet calls a pod that it was given by a file: its folder of logs has this for an id, the API another one.
const MIRRORED: &str = "kubernetes.io/config.mirror";

/// What is counted for each thing that is kept beside its texts, in bytes.
const OVERHEAD_BYTES: usize = 48;

/// What is asked of pods and their namespaces.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) labels: Keys,
    pub(crate) annotations: Keys,
    pub(crate) namespace_labels: Keys,
}

/// Names of labels or annotations.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Keys {
    pub(crate) all: bool,
    pub(crate) names: BTreeSet<String>,
}

/// A pod.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PodFacts {
    /// Its id; of a pod without one, its namespace and name.
    pub(crate) uid: String,
    /// By which id the kubelet knows it, where that is another one.
    pub(crate) mirrored_uid: Option<String>,
    pub(crate) namespace: String,
    pub(crate) name: String,
    /// Where it runs; empty until that is decided.
    pub(crate) node: String,
    /// What it belongs to, by OpenTelemetry's names; what people deal with first.
    pub(crate) owners: Vec<(&'static str, String)>,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) annotations: BTreeMap<String, String>,
}

/// A namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct NamespaceFacts {
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, String>,
}

// === impl Wanted ===

impl Wanted {
    /// Everything there is.
    pub(crate) fn everything() -> Self {
        let all = || Keys {
            all: true,
            names: BTreeSet::new(),
        };
        Self {
            labels: all(),
            annotations: all(),
            namespace_labels: all(),
        }
    }

    /// Adds what another one asks for.
    pub(crate) fn extend(&mut self, other: &Self) {
        self.labels.extend(&other.labels);
        self.annotations.extend(&other.annotations);
        self.namespace_labels.extend(&other.namespace_labels);
    }

    /// Whether it asks for all that another one does.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        self.labels.covers(&other.labels)
            && self.annotations.covers(&other.annotations)
            && self.namespace_labels.covers(&other.namespace_labels)
    }

    /// Whether namespaces must be asked for.
    pub(crate) fn wants_namespaces(&self) -> bool {
        self.namespace_labels.all || !self.namespace_labels.names.is_empty()
    }
}

impl Keys {
    /// Adds what another one asks for.
    pub(crate) fn extend(&mut self, other: &Self) {
        self.all |= other.all;
        self.names.extend(other.names.iter().cloned());
    }

    fn covers(&self, other: &Self) -> bool {
        self.all || (!other.all && self.names.is_superset(&other.names))
    }

    /// What is wanted of these pairs. Long values are cut.
    fn of(&self, pairs: Option<BTreeMap<String, String>>) -> BTreeMap<String, String> {
        let mut wanted = pairs.unwrap_or_default();
        wanted.retain(|name, value| {
            let end = value.floor_char_boundary(POD_VALUE_BYTES_MAX);
            value.truncate(end);
            self.all || self.names.contains(name)
        });
        wanted
    }
}

// === impl PodFacts ===

impl PodFacts {
    /// What is kept of a pod.
    pub(crate) fn new(pod: Pod, wanted: &Wanted) -> Self {
        let owners = owner::names(&pod.metadata);
        let Meta {
            name,
            namespace,
            uid,
            labels,
            annotations,
            ..
        } = pod.metadata;
        let mirrored = annotations.as_ref().and_then(|all| all.get(MIRRORED));
        Self {
            uid: if uid.is_empty() {
                format!("{namespace}/{name}")
            } else {
                uid
            },
            mirrored_uid: mirrored.filter(|uid| !uid.is_empty()).cloned(),
            namespace,
            name,
            node: pod.spec.node_name,
            owners,
            labels: wanted.labels.of(labels),
            annotations: wanted.annotations.of(annotations),
        }
    }

    /// About how much memory it takes.
    pub(crate) fn bytes(&self) -> usize {
        let owners = self.owners.iter().map(|(_, name)| name.len() + OVERHEAD_BYTES);
        // Id and names are keys, too.
        let names = self.uid.len() + self.namespace.len() + self.name.len();
        let mirrored = self.mirrored_uid.as_ref().map_or(0, String::len);
        8 * OVERHEAD_BYTES
            + 2 * (names + mirrored)
            + self.node.len()
            + owners.sum::<usize>()
            + pairs_bytes(&self.labels)
            + pairs_bytes(&self.annotations)
    }
}

impl NamespaceFacts {
    /// What is kept of a namespace.
    pub(crate) fn new(namespace: Namespace, wanted: &Wanted) -> Self {
        Self {
            name: namespace.metadata.name,
            labels: wanted.namespace_labels.of(namespace.metadata.labels),
        }
    }
}

fn pairs_bytes(pairs: &BTreeMap<String, String>) -> usize {
    let bytes = pairs
        .iter()
        .map(|(name, value)| name.len() + value.len() + 2 * OVERHEAD_BYTES);
    bytes.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_wanted_is_kept_and_long_values_are_cut() {
        let pod: Pod = serde_json::from_value(serde_json::json!({
            "metadata": {"name": "a", "namespace": "shop", "uid": "u", "labels": {"app": "web", "other": "x"},
                "annotations": {"note": "ä".repeat(POD_VALUE_BYTES_MAX), "kubernetes.io/config.mirror": "hash"}},
            "spec": {"nodeName": "n1"}}))
        .unwrap();
        let mut wanted = Wanted::default();
        assert_eq!(PodFacts::new(pod.clone(), &wanted).labels, BTreeMap::new());
        wanted.labels.names.insert("app".to_owned());
        wanted.annotations.names.insert("note".to_owned());
        let facts = PodFacts::new(pod.clone(), &wanted);
        assert_eq!(
            facts.labels,
            BTreeMap::from([("app".to_owned(), "web".to_owned())])
        );
        assert_eq!(facts.annotations.len(), 1);
        assert_eq!(facts.annotations["note"].len(), POD_VALUE_BYTES_MAX);
        assert_eq!(
            (facts.node.as_str(), facts.mirrored_uid.as_deref()),
            ("n1", Some("hash"))
        );
        assert!(facts.bytes() > POD_VALUE_BYTES_MAX);
        let everything = Wanted::everything();
        assert_eq!(PodFacts::new(pod, &everything).annotations.len(), 2);
        assert!(everything.covers(&wanted) && !wanted.covers(&everything) && wanted.covers(&wanted.clone()));
        wanted.extend(&everything);
        assert!(
            wanted.covers(&everything) && wanted.wants_namespaces() && !Wanted::default().wants_namespaces()
        );
    }

    #[test]
    fn a_pod_without_an_id_is_known_by_its_name() {
        let pod: Pod =
            serde_json::from_value(serde_json::json!({"metadata": {"name": "a", "namespace": "b"}})).unwrap();
        assert_eq!(PodFacts::new(pod, &Wanted::default()).uid, "b/a");
    }
}
