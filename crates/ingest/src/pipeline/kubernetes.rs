//! `kubernetes`: what the cluster knows of the pod that a line is from, by OpenTelemetry's names.
//!
//! In: metadata and labels by which a line names its pod.  Out: labels and metadata of that pod, its node, its owner, its namespace.
//! Owns: a place among the users of a directory of pods.
//! Invariants: the text of a line names no pod, as a line must not say whose it is
//! (`kubernetes::tests::what_cannot_be_told_is_counted_and_the_text_of_a_line_names_no_pod`); where there is an id it decides
//! (`kubernetes::tests::pods_are_found_by_the_names_that_shippers_use`).
//! Not here: asking the cluster (`crate::kubernetes::pods`); waiting for a pod, which who gathers lines does (decision 0030).
//! Start at: [`Kubernetes::open`].

mod settings;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use parking_lot::Mutex;

use super::{Entry, Flow, Stage};
use crate::kubernetes::pods::facts::{NamespaceFacts, PodFacts, Wanted};
use crate::kubernetes::pods::{PodDirectories, PodName, Pods};
pub use settings::KubernetesConfig;
use settings::{Names, Picked, Placement};

#[derive(Debug)]
pub(super) struct Kubernetes {
    pods: Pods,
    names: Names,
    labels: Picked,
    metadata: Picked,
    annotations: Picked,
    namespace_labels: Picked,
    node: Placement,
    owner: Placement,
    /// What the last pod's lines were given: lines of one pod mostly follow each other.
    last: Mutex<Option<Arc<Told>>>,
}

/// What the lines of a pod are given.
#[derive(Debug)]
struct Told {
    pod: Arc<PodFacts>,
    namespace: Option<Arc<NamespaceFacts>>,
    labels: Vec<(String, String)>,
    metadata: Vec<(String, String)>,
}

impl Kubernetes {
    pub(super) fn open(config: &KubernetesConfig, directories: &PodDirectories) -> Self {
        let labels = Picked::new(&config.labels, "");
        let metadata = Picked::new(&config.metadata.labels, "k8s_pod_label_");
        let annotations = Picked::new(&config.metadata.annotations, "k8s_pod_annotation_");
        let namespace_labels = Picked::new(&config.metadata.namespace_labels, "k8s_namespace_label_");
        let mut wanted = Wanted {
            labels: labels.keys(),
            annotations: annotations.keys(),
            namespace_labels: namespace_labels.keys(),
        };
        wanted.labels.extend(&metadata.keys());
        Self {
            pods: directories.open(&config.cluster, wanted),
            names: Names::new(config),
            labels,
            metadata,
            annotations,
            namespace_labels,
            node: config.node,
            owner: config.owner,
            last: Mutex::default(),
        }
    }

    /// What the lines of a pod are given.
    fn told(&self, pod: Arc<PodFacts>) -> Arc<Told> {
        let namespace = self
            .namespace_labels
            .is_any()
            .then(|| self.pods.namespace(&pod.namespace))
            .flatten();
        let is_same = |told: &Arc<Told>| {
            let is_same_namespace = match (&told.namespace, &namespace) {
                (Some(one), Some(other)) => Arc::ptr_eq(one, other),
                (one, other) => one.is_none() && other.is_none(),
            };
            Arc::ptr_eq(&told.pod, &pod) && is_same_namespace
        };
        if let Some(told) = self.last.lock().as_ref().filter(|told| is_same(told)) {
            return Arc::clone(told);
        }
        let told = Arc::new(self.tell(pod, namespace));
        *self.last.lock() = Some(Arc::clone(&told));
        told
    }

    fn tell(&self, pod: Arc<PodFacts>, namespace: Option<Arc<NamespaceFacts>>) -> Told {
        let (mut labels, mut metadata) = (Vec::new(), Vec::new());
        let own = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        match self.node {
            _ if pod.node.is_empty() => {}
            Placement::Label => labels.push(own("k8s_node_name", &pod.node)),
            Placement::Metadata => metadata.push(own("k8s_node_name", &pod.node)),
            Placement::Off => {}
        }
        for (place, (name, value)) in pod.owners.iter().enumerate() {
            match self.owner {
                // What lies between, such as a ReplicaSet, is another one with every change of the Deployment.
                Placement::Label if place == 0 => labels.push(own(name, value)),
                Placement::Label | Placement::Metadata => metadata.push(own(name, value)),
                Placement::Off => {}
            }
        }
        self.labels.pick(&pod.labels, &mut labels);
        self.metadata.pick(&pod.labels, &mut metadata);
        self.annotations.pick(&pod.annotations, &mut metadata);
        if let Some(namespace) = &namespace {
            self.namespace_labels.pick(&namespace.labels, &mut metadata);
        }
        Told {
            pod,
            namespace,
            labels,
            metadata,
        }
    }

    /// Whether all that is asked for is known of a pod.
    fn knows(&self, name: PodName<'_>) -> bool {
        self.pods.find(name).is_some_and(|pod| {
            !self.namespace_labels.is_any() || self.pods.namespace(&pod.namespace).is_some()
        })
    }
}

impl Stage for Kubernetes {
    fn apply(&self, entry: &mut Entry<'_>, _now_ns: i64) -> Flow {
        let Some(name) = self.names.of(entry) else {
            return Flow::Missed("no pod named");
        };
        let Some(pod) = self.pods.find(name) else {
            return Flow::Missed("unknown");
        };
        let told = self.told(pod);
        for (name, value) in &told.labels {
            entry.set_label(name, value);
        }
        for (name, value) in &told.metadata {
            entry.set_metadata(name, value.as_str());
        }
        Flow::On
    }

    fn is_ready(&self, entry: &Entry<'_>) -> bool {
        match self.names.of(entry) {
            Some(name) => self.knows(name) || !self.pods.may_learn(),
            None => true,
        }
    }
}
