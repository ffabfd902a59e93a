//! The keys of `kubernetes`, and what they pick of a pod.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::config::PodsCluster;
use crate::kubernetes::pods::PodName;
use crate::kubernetes::pods::facts::Keys;
use crate::limits::PIPELINE_POD_NAMES_MAX;
use crate::pipeline::Entry;
use crate::pipeline::fields::{LabelName, sanitized};

/// Stands for all labels.
const ALL: &str = "*";

/// The keys of `kubernetes`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KubernetesConfig {
    /// Labels of the pod that become labels of the stream.
    pub labels: Vec<Asked>,
    /// What becomes metadata of the line.
    pub metadata: PodMetadata,
    /// What becomes of the name of the pod's node, `k8s_node_name`.
    pub node: Placement,
    /// What becomes of the name of what the pod belongs to, such as `k8s_deployment_name`.
    pub owner: Placement,
    /// Names of metadata or labels that may hold the id of the pod.
    pub pod_uid_from: Vec<String>,
    /// Names of metadata or labels that may hold its namespace.
    pub namespace_from: Vec<String>,
    /// Names of metadata or labels that may hold its name.
    pub pod_name_from: Vec<String>,
    /// Which cluster is asked.
    pub cluster: PodsCluster,
}

/// What of a pod becomes metadata.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PodMetadata {
    /// Its labels; `*` for all.
    pub labels: Vec<Asked>,
    /// Its annotations.
    pub annotations: Vec<Asked>,
    /// The labels of its namespace; `*` for all.
    pub namespace_labels: Vec<Asked>,
}

/// What becomes of a name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Placement {
    /// A label of the stream.
    Label,
    /// Metadata of the line.
    #[default]
    Metadata,
    /// Nothing.
    Off,
}

/// A label or an annotation, as `app` or as `app.kubernetes.io/name: service`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// What Kubernetes calls it.
    key: String,
    /// What it is called here; a name made of the key where it is absent.
    name: Option<String>,
}

impl Default for KubernetesConfig {
    fn default() -> Self {
        let own = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Self {
            labels: Vec::new(),
            metadata: PodMetadata::default(),
            node: Placement::default(),
            owner: Placement::default(),
            // As the kubelet's folders tell them here, OpenTelemetry, Filebeat, and Fluent Bit.
            pod_uid_from: own(&[
                "pod_uid",
                "k8s_pod_uid",
                "kubernetes_pod_uid",
                "kubernetes_pod_id",
            ]),
            namespace_from: own(&[
                "namespace",
                "k8s_namespace_name",
                "kubernetes_namespace",
                "kubernetes_namespace_name",
            ]),
            pod_name_from: own(&["pod", "k8s_pod_name", "kubernetes_pod_name"]),
            cluster: PodsCluster::default(),
        }
    }
}

impl KubernetesConfig {
    /// What is wrong with it that its form does not show.
    pub(in crate::pipeline) fn fault(&self) -> Option<String> {
        let lists = [
            ("labels", &self.labels, false),
            ("metadata.labels", &self.metadata.labels, true),
            ("metadata.annotations", &self.metadata.annotations, false),
            ("metadata.namespace_labels", &self.metadata.namespace_labels, true),
        ];
        for (list, asked, takes_all) in lists {
            if asked.len() > PIPELINE_POD_NAMES_MAX {
                return Some(format!(
                    "kubernetes.{list} has {} names, the limit is {PIPELINE_POD_NAMES_MAX}",
                    asked.len()
                ));
            }
            let mut all = asked.iter().filter(|asked| asked.key == ALL);
            if all.any(|all| !takes_all || all.name.is_some()) {
                return Some(format!(
                    "kubernetes.{list} has '*', which stands for all labels in metadata only, and without a name; name what is \
                     wanted"
                ));
            }
        }
        let names = [
            ("pod_uid_from", &self.pod_uid_from),
            ("namespace_from", &self.namespace_from),
            ("pod_name_from", &self.pod_name_from),
        ];
        for (list, names) in names {
            if names.len() > PIPELINE_POD_NAMES_MAX || names.iter().any(String::is_empty) {
                return Some(format!(
                    "kubernetes.{list} has an empty name, or more than {PIPELINE_POD_NAMES_MAX}; correct it"
                ));
            }
        }
        if self.pod_uid_from.is_empty() && (self.namespace_from.is_empty() || self.pod_name_from.is_empty()) {
            return Some(
                "kubernetes: nothing says whose a line is; name pod_uid_from, or namespace_from and pod_name_from"
                    .to_owned(),
            );
        }
        None
    }
}

impl<'de> Deserialize<'de> for Asked {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;
        impl<'de> Visitor<'de> for Form {
            type Value = Asked;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a label or annotation such as app, or with its name here as in app.kubernetes.io/name: service")
            }

            fn visit_str<E: serde::de::Error>(self, key: &str) -> Result<Asked, E> {
                if key.is_empty() {
                    return Err(E::custom("an empty name; remove it"));
                }
                Ok(Asked {
                    key: key.to_owned(),
                    name: None,
                })
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Asked, A::Error> {
                let pair: Option<(String, LabelName)> = map.next_entry()?;
                let more: Option<(String, serde::de::IgnoredAny)> = map.next_entry()?;
                match (pair, more) {
                    (Some((key, LabelName(name))), None) if !key.is_empty() => Ok(Asked {
                        key,
                        name: Some(name),
                    }),
                    _ => Err(A::Error::custom(
                        "write one label or annotation with one name, such as app.kubernetes.io/name: service",
                    )),
                }
            }
        }
        deserializer.deserialize_any(Form)
    }
}

/// What a list asks for, with the names that it gets.
#[derive(Debug)]
pub(super) struct Picked {
    /// Those that are not named one by one get this in front.
    all: Option<&'static str>,
    named: Vec<(String, String)>,
}

impl Picked {
    /// `prefix` is in front of names that are made of keys.
    pub(super) fn new(asked: &[Asked], prefix: &'static str) -> Self {
        let named = asked.iter().filter(|asked| asked.key != ALL);
        let named = named.map(|Asked { key, name }| {
            let name = name.clone().unwrap_or_else(|| name_of(key, prefix));
            (key.clone(), name)
        });
        Self {
            all: asked.iter().any(|asked| asked.key == ALL).then_some(prefix),
            named: named.collect(),
        }
    }

    pub(super) fn is_any(&self) -> bool {
        self.all.is_some() || !self.named.is_empty()
    }

    /// What must be known for it.
    pub(super) fn keys(&self) -> Keys {
        Keys {
            all: self.all.is_some(),
            names: self.named.iter().map(|(key, _)| key.clone()).collect(),
        }
    }

    /// Picks out of these pairs.
    pub(super) fn pick(&self, pairs: &BTreeMap<String, String>, out: &mut Vec<(String, String)>) {
        for (key, name) in &self.named {
            if let Some(value) = pairs.get(key) {
                out.push((name.clone(), value.clone()));
            }
        }
        let Some(prefix) = self.all else { return };
        let others = pairs
            .iter()
            .filter(|(key, _)| !self.named.iter().any(|(named, _)| named == *key));
        out.extend(others.map(|(key, value)| (name_of(key, prefix), value.clone())));
    }
}

/// `app_kubernetes_io_name` of `app.kubernetes.io/name`.
fn name_of(key: &str, prefix: &str) -> String {
    if prefix.is_empty() {
        // Two underscores in front are Prometheus' own.
        let name = sanitized(key).into_owned();
        return if name.starts_with("__") {
            format!("key{name}")
        } else {
            name
        };
    }
    key.chars().fold(prefix.to_owned(), |mut name, c| {
        name.push(if c.is_ascii_alphanumeric() { c } else { '_' });
        name
    })
}

/// Where a line names its pod.
#[derive(Debug)]
pub(super) struct Names {
    uid: Vec<String>,
    namespace: Vec<String>,
    name: Vec<String>,
}

impl Names {
    pub(super) fn new(config: &KubernetesConfig) -> Self {
        Self {
            uid: config.pod_uid_from.clone(),
            namespace: config.namespace_from.clone(),
            name: config.pod_name_from.clone(),
        }
    }

    /// How a line names its pod; `None` where it names none.
    pub(super) fn of<'e>(&self, entry: &'e Entry<'_>) -> Option<PodName<'e>> {
        let first = |names: &[String]| {
            names.iter().find_map(|name| {
                let value = entry.metadata(name).or_else(|| entry.label(name));
                value.filter(|value| !value.is_empty())
            })
        };
        let uid = first(&self.uid);
        let name = first(&self.namespace).zip(first(&self.name));
        (uid.is_some() || name.is_some()).then_some(PodName { uid, name })
    }
}
