//! `docker_sd_configs`: containers, asked of the daemon's own HTTP API, over its socket or over TCP.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;

use http::StatusCode;
use http::header::ACCEPT;
use model::names::sanitize_label_name;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

use super::{ADDRESS, Findings, Group, LabelSet, Source, Sources, host_port, refresh};
use crate::client::{HttpClient, Setup, read_capped, request_error};
use crate::config::{DockerDiscovery, DockerHost, HttpConfig, ScrapeConfig};
use crate::error::IngestError;
use crate::limits::DISCOVERY_ANSWER_BYTES_MAX;

#[derive(Debug)]
struct DockerSource {
    client: HttpClient,
    base: String,
    config: DockerDiscovery,
}

/// An entry of `/containers/json` (Docker Engine API 1.24 and later).
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Container {
    id: String,
    names: Option<Vec<String>>,
    labels: Option<BTreeMap<String, String>>,
    ports: Option<Vec<Exposed>>,
    host_config: HostConfig,
    network_settings: Option<NetworkSettings>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct HostConfig {
    network_mode: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct NetworkSettings {
    networks: Option<BTreeMap<String, Option<Endpoint>>>,
}

/// A container's place in a network.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Endpoint {
    #[serde(rename = "NetworkID")]
    network_id: String,
    #[serde(rename = "IPAddress")]
    address: String,
    #[serde(rename = "GlobalIPv6Address")]
    address_v6: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Exposed {
    #[serde(rename = "IP")]
    ip: String,
    private_port: u16,
    public_port: u16,
    #[serde(rename = "Type")]
    protocol: String,
}

/// An entry of `/networks`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Network {
    id: String,
    name: String,
    scope: String,
    internal: bool,
    ingress: bool,
    labels: Option<BTreeMap<String, String>>,
}

pub(super) fn sources(job: &ScrapeConfig) -> Sources {
    let source = |config: &DockerDiscovery| {
        let owner = format!("job {:?}: docker_sd_configs", job.job_name);
        let daemon = config.daemon();
        let daemon =
            daemon.ok_or_else(|| IngestError::Discovery(format!("{owner}: host is not an address")))?;
        let setup = Setup {
            owner,
            gzip: true,
            idle: config.refresh_interval.0.saturating_mul(2),
            unix_socket: match &daemon {
                DockerHost::Socket(path) => Some(path.into()),
                DockerHost::Url(_) => None,
            },
        };
        let (base, http) = match daemon {
            // As in Prometheus, keys of the HTTP client do not concern a socket.
            DockerHost::Socket(_) => ("http://docker".to_owned(), HttpConfig::default()),
            DockerHost::Url(base) => (base, config.http.clone()),
        };
        Ok(Arc::new(DockerSource {
            client: HttpClient::new(&http, &setup)?,
            base,
            config: config.clone(),
        }) as Arc<dyn Source>)
    };
    job.docker_sd_configs.iter().map(source).collect()
}

impl Source for DockerSource {
    fn look(self: Arc<Self>, findings: Arc<Findings>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            refresh::every(self.config.refresh_interval.0, &findings, || self.ask()).await;
        })
    }
}

impl DockerSource {
    async fn ask(&self) -> Result<BTreeMap<String, Group>, IngestError> {
        let mut query = Vec::new();
        if !self.config.filters.is_empty() {
            let mut filters: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
            for filter in &self.config.filters {
                let values = filter.values.iter().map(String::as_str);
                filters.entry(&filter.name).or_default().extend(values);
            }
            query.push(("filters", serde_json::to_string(&filters).unwrap_or_default()));
        }
        let containers: Vec<Container> = self.fetch("/containers/json", &query).await?;
        let networks: Vec<Network> = self.fetch("/networks", &[]).await?;
        let networks: BTreeMap<String, LabelSet> = networks
            .into_iter()
            .map(|network| (network.id.clone(), network_labels(&network)))
            .collect();
        let targets = targets(&self.config, &containers, &networks);
        let group = Group {
            targets,
            labels: LabelSet::new(),
        };
        Ok(BTreeMap::from([("docker".to_owned(), group)]))
    }

    async fn fetch<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<T, IngestError> {
        let bad = |what: String| IngestError::Discovery(format!("{path}: {what}"));
        let mut url = Url::parse(&format!("{}{path}", self.base)).map_err(|error| bad(error.to_string()))?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let request = self.client.get(url).await?.header(ACCEPT, "application/json");
        let response = request.send().await.map_err(|error| request_error(&error))?;
        let status = response.status();
        if status != StatusCode::OK {
            return Err(bad(format!("the daemon answered with status {status}")));
        }
        let body = read_capped(response, DISCOVERY_ANSWER_BYTES_MAX, 0).await?;
        serde_json::from_slice(&body)
            .map_err(|error| bad(format!("not the answer of a Docker daemon: {error}")))
    }
}

fn network_labels(network: &Network) -> LabelSet {
    let mut labels = LabelSet::from([
        ("__meta_docker_network_id".to_owned(), network.id.clone()),
        ("__meta_docker_network_name".to_owned(), network.name.clone()),
        ("__meta_docker_network_scope".to_owned(), network.scope.clone()),
        (
            "__meta_docker_network_internal".to_owned(),
            network.internal.to_string(),
        ),
        (
            "__meta_docker_network_ingress".to_owned(),
            network.ingress.to_string(),
        ),
    ]);
    for (name, value) in network.labels.iter().flatten() {
        let name = format!("__meta_docker_network_label_{}", sanitize_label_name(name));
        labels.insert(name, value.clone());
    }
    labels
}

/// One target for each TCP port of each container in each network that counts.
fn targets(
    config: &DockerDiscovery,
    containers: &[Container],
    networks: &BTreeMap<String, LabelSet>,
) -> Vec<LabelSet> {
    let by_id: BTreeMap<&str, &Container> = containers
        .iter()
        .map(|container| (container.id.as_str(), container))
        .collect();
    let mut targets = Vec::new();
    for container in containers {
        let Some(common) = container_labels(container) else {
            continue;
        };
        let endpoints = endpoints_of(container, &by_id);
        let counted = if config.match_first_network { 1 } else { usize::MAX };
        for endpoint in endpoints.into_iter().take(counted) {
            let mut labels = common.clone();
            labels.extend(networks.get(&endpoint.network_id).cloned().unwrap_or_default());
            let ip = if endpoint.address.is_empty() {
                &endpoint.address_v6
            } else {
                &endpoint.address
            };
            labels.insert("__meta_docker_network_ip".to_owned(), ip.clone());
            push_ports(config, container, ip, &labels, &mut targets);
        }
    }
    targets
}

fn push_ports(
    config: &DockerDiscovery,
    container: &Container,
    ip: &str,
    labels: &LabelSet,
    targets: &mut Vec<LabelSet>,
) {
    let ports = container
        .ports
        .iter()
        .flatten()
        .filter(|port| port.protocol == "tcp");
    let before = targets.len();
    for port in ports {
        let mut labels = labels.clone();
        let mut set = |name: &str, value: String| labels.insert(name.to_owned(), value);
        set(ADDRESS, host_port(ip, port.private_port));
        set("__meta_docker_port_private", port.private_port.to_string());
        if port.public_port > 0 {
            set("__meta_docker_port_public", port.public_port.to_string());
            set("__meta_docker_port_public_ip", port.ip.clone());
        }
        targets.push(labels);
    }
    if targets.len() == before {
        let address = if container.host_config.network_mode == "host" {
            config.host_networking_host.clone()
        } else {
            host_port(ip, config.port)
        };
        let mut labels = labels.clone();
        labels.insert(ADDRESS.to_owned(), address);
        targets.push(labels);
    }
}

/// `None` for a container without a name, which cannot be told apart.
fn container_labels(container: &Container) -> Option<LabelSet> {
    let name = container.names.iter().flatten().next()?;
    let mut labels = LabelSet::from([
        ("__meta_docker_container_id".to_owned(), container.id.clone()),
        ("__meta_docker_container_name".to_owned(), name.clone()),
        (
            "__meta_docker_container_network_mode".to_owned(),
            container.host_config.network_mode.clone(),
        ),
    ]);
    for (name, value) in container.labels.iter().flatten() {
        let name = format!("__meta_docker_container_label_{}", sanitize_label_name(name));
        labels.insert(name, value.clone());
    }
    Some(labels)
}

/// A container's networks by name, or those of the container whose networks it shares.
fn endpoints_of(container: &Container, by_id: &BTreeMap<&str, &Container>) -> Vec<Endpoint> {
    let mut current = container;
    // A chain of shared networks is no longer than there are containers, even if it bites its tail.
    for _ in 0..=by_id.len() {
        let networks = current
            .network_settings
            .as_ref()
            .and_then(|settings| settings.networks.as_ref());
        let endpoints: Vec<Endpoint> = networks
            .into_iter()
            .flatten()
            .filter_map(|(_, one)| one.clone())
            .collect();
        if !endpoints.is_empty() {
            return endpoints;
        }
        let shared = current.host_config.network_mode.strip_prefix("container:");
        match shared.and_then(|id| by_id.get(id)) {
            Some(other) => current = other,
            None => break,
        }
    }
    Vec::new()
}
