//! `kubernetes_sd_configs`: objects of a Kubernetes cluster.

use std::collections::HashSet;

use serde::Deserialize;

use crate::config::HttpConfig;
use crate::config::http::is_address;
use crate::config::section::{Checked, http_section, sections};

http_section! {
    /// An entry of `kubernetes_sd_configs`.
    pub struct KubernetesDiscovery {
        /// The address of the API; without it, and without a kubeconfig file, the service account of this pod is used.
        pub api_server: Option<String>,
        /// What becomes a target.
        pub role: Option<KubernetesRole>,
        /// The file that names cluster and user, as kubectl has it.
        pub kubeconfig_file: Option<String>,
        /// Where to look; everywhere where absent.
        pub namespaces: Namespaces,
        /// Which objects.
        #[serde(deserialize_with = "sections")]
        pub selectors: Vec<KubernetesSelector>,
        /// What targets tell beside their own object.
        pub attach_metadata: AttachMetadata,
    }
}

/// What becomes a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KubernetesRole {
    /// Each node's kubelet.
    Node,
    /// Each port of each container.
    Pod,
    /// Each port of each service.
    Service,
    /// Each address and port behind a service, by `Endpoints` objects.
    Endpoints,
    /// The same by `EndpointSlice` objects.
    EndpointSlice,
    /// Each path of each ingress.
    Ingress,
}

/// Where to look.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Namespaces {
    /// Whether the namespace of this pod is one of them.
    pub own_namespace: bool,
    /// Their names.
    pub names: Vec<String>,
}

/// Which objects of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KubernetesSelector {
    /// The kind.
    pub role: KubernetesRole,
    /// By labels, in Kubernetes' own terms.
    #[serde(default)]
    pub label: String,
    /// By fields.
    #[serde(default)]
    pub field: String,
}

/// What targets tell beside their own object.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AttachMetadata {
    /// Labels of the node that a pod or endpoint is on.
    pub node: bool,
    /// Labels and annotations of the namespace.
    pub namespace: bool,
}

impl KubernetesRole {
    /// The kinds of objects that are asked for, its own first.
    pub fn kinds(self) -> &'static [Self] {
        match self {
            Self::Endpoints => &[Self::Endpoints, Self::Service, Self::Pod],
            Self::EndpointSlice => &[Self::EndpointSlice, Self::Service, Self::Pod],
            Self::Node => &[Self::Node],
            Self::Pod => &[Self::Pod],
            Self::Service => &[Self::Service],
            Self::Ingress => &[Self::Ingress],
        }
    }
}

impl Checked for KubernetesDiscovery {
    /// Source: prometheus/discovery/kubernetes, `SDConfig.UnmarshalYAML`.
    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut add = |fault: &str| faults.push(format!("kubernetes_sd_configs: {fault}"));
        let Some(role) = self.role else {
            add("role is missing; write node, pod, service, endpoints, endpointslice or ingress");
            return faults;
        };
        if let Some(address) = &self.api_server {
            if !is_address(address) {
                add("api_server is not an http or https address; correct it");
            }
            if self.kubeconfig_file.is_some() {
                add("api_server and kubeconfig_file exclude each other; keep one");
            }
            if self.namespaces.own_namespace {
                add("own_namespace is known inside a pod only; remove it beside api_server");
            }
        } else if self.http != HttpConfig::default() {
            add("keys of the HTTP client need api_server; add it, or remove them");
        }
        if self.kubeconfig_file.is_some() && self.namespaces.own_namespace {
            add("own_namespace is known inside a pod only; remove it beside kubeconfig_file");
        }
        let mut seen = HashSet::new();
        for selector in &self.selectors {
            if !seen.insert(selector.role) {
                add(&format!(
                    "selectors has {:?} twice; put both into one",
                    selector.role
                ));
            }
            if !role.kinds().contains(&selector.role) {
                add(&format!(
                    "selectors has {:?}, which role {role:?} does not ask for; remove it",
                    selector.role
                ));
            }
        }
        faults.extend(
            self.http
                .faults()
                .into_iter()
                .map(|fault| format!("kubernetes_sd_configs: {fault}")),
        );
        faults
    }
}
