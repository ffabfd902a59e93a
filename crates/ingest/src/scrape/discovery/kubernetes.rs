//! `kubernetes_sd_configs`: objects of a cluster, listed once and then watched, over its plain HTTP API.
//!
//! In: the API's answers.  Out: one group for each object of the role.
//! Owns: a task for each kind of object and namespace that the role needs.
//! Invariants: nothing is told before every kind was listed, so that no target appears half (`tests/kubernetes.rs`); a
//! watch that breaks off, or is too old, is listed anew and changes nothing meanwhile (`tests/kubernetes.rs`).
//! Not here: writing to the cluster; this room only lists and watches.
//! Start at: [`sources`].

mod cluster;
mod endpoints;
mod endpointslice;
mod ingress;
mod node;
mod pod;
mod service;

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;

use model::names::sanitize_label_name;
use tokio::task::JoinSet;

use super::{Findings, Group, LabelSet, Source, Sources};
use crate::config::discovery::kubernetes::KubernetesSelector;
use crate::config::{KubernetesDiscovery, KubernetesRole, ScrapeConfig};
use crate::error::IngestError;
use crate::kubernetes::access::{Access, Named};
use crate::kubernetes::objects::{Meta, Object};
use crate::kubernetes::watch::{Selectors, Watch};
use cluster::{Cluster, IntoCluster, Objects};

const NAMESPACE: &str = "__meta_kubernetes_namespace";

#[derive(Debug)]
struct KubernetesSource {
    access: Arc<Access>,
    role: KubernetesRole,
    config: KubernetesDiscovery,
}

pub(super) fn sources(job: &ScrapeConfig) -> Sources {
    let source = |config: &KubernetesDiscovery| {
        let owner = format!("job {:?}: kubernetes_sd_configs", job.job_name);
        let named = Named {
            api_server: config.api_server.as_deref(),
            kubeconfig_file: config.kubeconfig_file.as_deref(),
            http: &config.http,
        };
        let access = match Access::of(&named, &owner)? {
            Ok(access) => access,
            Err(fault) => return Ok(Arc::new(Outside { fault }) as Arc<dyn Source>),
        };
        let role = config
            .role
            .ok_or_else(|| IngestError::Discovery(format!("{owner}: role is missing")))?;
        Ok(Arc::new(KubernetesSource {
            access: Arc::new(access),
            role,
            config: config.clone(),
        }) as Arc<dyn Source>)
    };
    job.kubernetes_sd_configs.iter().map(source).collect()
}

/// A search without a cluster: the process runs outside, and nothing names one. As in Prometheus, this keeps nothing else
/// from working.
#[derive(Debug)]
struct Outside {
    fault: String,
}

impl Source for Outside {
    fn look(self: Arc<Self>, findings: Arc<Findings>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            findings.failed(&self.fault);
            std::future::pending::<()>().await;
        })
    }
}

impl Source for KubernetesSource {
    fn look(self: Arc<Self>, findings: Arc<Findings>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            let cluster = Arc::new(Cluster::default());
            // Ends with this future: whoever stops looking stops the watches.
            let mut watches = JoinSet::new();
            for namespace in self.namespaces() {
                for kind in self.role.kinds() {
                    self.start(*kind, namespace.as_deref(), &cluster, &findings, &mut watches);
                }
            }
            self.start_attached(&cluster, &findings, &mut watches);
            loop {
                tokio::select! {
                    () = cluster.changed.notified() => {
                        if cluster.is_complete() {
                            findings.replace(self.groups(&cluster));
                        }
                    }
                    Some(ended) = watches.join_next() => {
                        if let Err(failed) = ended && failed.is_panic() {
                            // The search starts again with all its watches.
                            std::panic::resume_unwind(failed.into_panic());
                        }
                    }
                }
            }
        })
    }
}

impl KubernetesSource {
    /// Where to look; `None` is everywhere.
    fn namespaces(&self) -> Vec<Option<String>> {
        let mut names = self.config.namespaces.names.clone();
        if self.config.namespaces.own_namespace {
            names.extend(self.access.own_namespace.clone());
        }
        names.sort();
        names.dedup();
        if names.is_empty() {
            return vec![None];
        }
        names.into_iter().map(Some).collect()
    }

    fn start(
        &self,
        kind: KubernetesRole,
        namespace: Option<&str>,
        cluster: &Arc<Cluster>,
        findings: &Arc<Findings>,
        watches: &mut JoinSet<()>,
    ) {
        cluster.expect_one_more();
        let watch = Watch {
            access: Arc::clone(&self.access),
            namespace: namespace.map(str::to_owned),
            selectors: selectors_of(&self.config.selectors, kind),
        };
        let into = (cluster, findings);
        match kind {
            KubernetesRole::Node => watches.spawn(watch.run(keeper(into, |cluster| &cluster.nodes))),
            KubernetesRole::Pod => watches.spawn(watch.run(keeper(into, |cluster| &cluster.pods))),
            KubernetesRole::Service => watches.spawn(watch.run(keeper(into, |cluster| &cluster.services))),
            KubernetesRole::Endpoints => watches.spawn(watch.run(keeper(into, |cluster| &cluster.endpoints))),
            KubernetesRole::EndpointSlice => {
                watches.spawn(watch.run(keeper(into, |cluster| &cluster.slices)))
            }
            KubernetesRole::Ingress => watches.spawn(watch.run(keeper(into, |cluster| &cluster.ingresses))),
        };
    }

    /// The objects that `attach_metadata` asks for beside those of the role.
    fn start_attached(&self, cluster: &Arc<Cluster>, findings: &Arc<Findings>, watches: &mut JoinSet<()>) {
        if self.attaches_nodes() {
            self.start(KubernetesRole::Node, None, cluster, findings, watches);
        }
        if self.config.attach_metadata.namespace && self.role != KubernetesRole::Node {
            cluster.expect_one_more();
            let watch = Watch {
                access: Arc::clone(&self.access),
                namespace: None,
                selectors: Selectors::default(),
            };
            watches.spawn(watch.run(keeper((cluster, findings), |cluster| &cluster.namespaces)));
        }
    }

    fn attaches_nodes(&self) -> bool {
        let has_nodes = [
            KubernetesRole::Pod,
            KubernetesRole::Endpoints,
            KubernetesRole::EndpointSlice,
        ];
        self.config.attach_metadata.node && has_nodes.contains(&self.role)
    }

    /// A group for each object of the role, as the cluster is now.
    fn groups(&self, cluster: &Cluster) -> BTreeMap<String, Group> {
        let mut groups = match self.role {
            KubernetesRole::Node => cluster.nodes.map(node::group),
            KubernetesRole::Pod => cluster.pods.map(|pod| pod::group(pod, cluster)),
            KubernetesRole::Service => cluster.services.map(service::group),
            KubernetesRole::Endpoints => cluster.endpoints.map(|one| endpoints::group(one, cluster)),
            KubernetesRole::EndpointSlice => cluster.slices.map(|one| endpointslice::group(one, cluster)),
            KubernetesRole::Ingress => cluster.ingresses.map(ingress::group),
        };
        if self.config.attach_metadata.namespace {
            for group in groups.values_mut() {
                let namespace = group.labels.get(NAMESPACE).cloned().unwrap_or_default();
                if let Some(namespace) = cluster.namespaces.get("", &namespace) {
                    push_meta(&mut group.labels, "namespace", &namespace.metadata);
                }
            }
        }
        groups
    }
}

fn keeper<T: Object>(
    (cluster, findings): (&Arc<Cluster>, &Arc<Findings>),
    objects: fn(&Cluster) -> &Objects<T>,
) -> IntoCluster<T> {
    IntoCluster {
        cluster: Arc::clone(cluster),
        findings: Arc::clone(findings),
        objects,
    }
}

fn selectors_of(selectors: &[KubernetesSelector], kind: KubernetesRole) -> Selectors {
    let own = selectors.iter().find(|selector| selector.role == kind);
    own.map_or_else(Selectors::default, |selector| Selectors {
        label: selector.label.clone(),
        field: selector.field.clone(),
    })
}

/// Adds a label that Prometheus calls `__meta_kubernetes_NAME`.
fn set(labels: &mut LabelSet, name: &str, value: impl Into<String>) {
    labels.insert(format!("__meta_kubernetes_{name}"), value.into());
}

/// Adds the labels and annotations of an object: each with its value, and each as present.
fn push_meta(labels: &mut LabelSet, kind: &str, meta: &Meta) {
    for (what, pairs) in [("label", &meta.labels), ("annotation", &meta.annotations)] {
        for (name, value) in pairs.iter().flatten() {
            let name = sanitize_label_name(name);
            set(labels, &format!("{kind}_{what}_{name}"), value);
            set(labels, &format!("{kind}_{what}present_{name}"), "true");
        }
    }
}
