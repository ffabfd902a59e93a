//! `docker_sd_configs`: containers of a Docker host.

use serde::Deserialize;
use stdx::HumanDuration;

use crate::config::HttpConfig;
use crate::config::section::{Checked, http_section, sections};

http_section! {
    /// An entry of `docker_sd_configs`.
    pub struct DockerDiscovery {
        /// Where the daemon listens: `unix:///var/run/docker.sock`, `tcp://…`, `http://…` or `https://…`.
        pub host: String,
        /// The port of targets that expose none; 80 where absent.
        #[serde(default = "port_80")]
        pub port: u16,
        /// The address of containers that use the host's network; `localhost` where absent.
        #[serde(default = "localhost")]
        pub host_networking_host: String,
        /// Whether only the first network of a container counts; yes where absent.
        #[serde(default = "yes")]
        pub match_first_network: bool,
        /// Which containers, in the daemon's own terms.
        #[serde(deserialize_with = "sections")]
        pub filters: Vec<DockerFilter>,
        /// Time between questions.
        #[serde(default = "crate::config::discovery::minute")]
        pub refresh_interval: HumanDuration,
    }
}

/// A filter of the daemon's list.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DockerFilter {
    /// The filter, for example `label`.
    pub name: String,
    /// Any of these.
    pub values: Vec<String>,
}

/// A daemon's address, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DockerHost {
    /// A socket in the file system.
    Socket(String),
    /// The beginning of every URL.
    Url(String),
}

fn port_80() -> u16 {
    80
}

fn localhost() -> String {
    "localhost".to_owned()
}

fn yes() -> bool {
    true
}

impl DockerDiscovery {
    /// Where the daemon is; `None` where `host` says nothing known.
    pub fn daemon(&self) -> Option<DockerHost> {
        let (scheme, rest) = self.host.split_once("://")?;
        let rest = rest.trim_end_matches('/');
        if rest.is_empty() {
            return None;
        }
        match scheme {
            "unix" => Some(DockerHost::Socket(rest.to_owned())),
            "tcp" => Some(DockerHost::Url(format!("http://{rest}"))),
            "http" | "https" => Some(DockerHost::Url(format!("{scheme}://{rest}"))),
            _ => None,
        }
    }
}

impl Checked for DockerDiscovery {
    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.daemon().is_none() {
            faults.push(format!(
                "docker_sd_configs: host is {:?}; write unix:///var/run/docker.sock, tcp://host:2375 or https://host:2376",
                self.host
            ));
        }
        super::check_refresh("docker_sd_configs", self.refresh_interval, &mut faults);
        faults.extend(
            self.http
                .faults()
                .into_iter()
                .map(|fault| format!("docker_sd_configs: {fault}")),
        );
        faults
    }
}
