//! Prometheus' own keys of the `alerting` section. Checked so that its files load; alerts are delivered from here.

use std::path::Path;

use serde::Deserialize;
use serde::de::IgnoredAny;
use stdx::HumanDuration;

use super::section::{Checked, http_section, sections};
use super::{HttpConfig, TargetGroup};
use crate::relabel::Rule;

/// The two keys of `alerting` that Prometheus has. All others are for the room that delivers.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct PrometheusAlerting {
    /// Rules for alerts on their way to an Alertmanager.
    #[serde(deserialize_with = "sections")]
    pub alert_relabel_configs: Vec<Rule>,
    /// Where Alertmanagers are.
    #[serde(deserialize_with = "sections")]
    pub alertmanagers: Vec<AlertmanagerConfig>,
}

http_section! {
    /// One entry of `alerting.alertmanagers`.
    pub struct AlertmanagerConfig {
        /// `http` or `https`; `http` where absent.
        pub scheme: Option<String>,
        /// In front of the path of the URL.
        pub path_prefix: Option<String>,
        /// The most a request may take.
        pub timeout: Option<HumanDuration>,
        /// The version of the API, of which there is one.
        pub api_version: Option<ApiVersion>,
        /// Rules for Alertmanagers.
        #[serde(deserialize_with = "sections")]
        pub relabel_configs: Vec<Rule>,
        /// Rules for alerts on their way to these Alertmanagers.
        #[serde(deserialize_with = "sections")]
        pub alert_relabel_configs: Vec<Rule>,
        /// Alertmanagers written here.
        #[serde(deserialize_with = "sections")]
        pub static_configs: Vec<TargetGroup>,
        /// Every other way to find them. Nobody looks, so that nothing of it is kept.
        #[serde(
            rename = "file_sd_configs",
            alias = "http_sd_configs",
            alias = "dns_sd_configs",
            alias = "docker_sd_configs",
            alias = "kubernetes_sd_configs",
            alias = "azure_sd_configs",
            alias = "aws_sd_configs",
            alias = "consul_sd_configs",
            alias = "dockerswarm_sd_configs",
            alias = "ec2_sd_configs",
            alias = "eureka_sd_configs",
            alias = "gce_sd_configs",
            alias = "marathon_sd_configs",
            alias = "nerve_sd_configs",
            alias = "openstack_sd_configs",
            alias = "serverset_sd_configs",
            alias = "triton_sd_configs"
        )]
        pub discovery: Option<IgnoredHere>,
        /// Signatures of a cloud.
        #[serde(alias = "google_iam")]
        pub sigv4: Option<IgnoredHere>,
    }
}

/// The version of Alertmanager's API; Prometheus 3 speaks no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum ApiVersion {
    /// Version 2.
    #[serde(rename = "v2")]
    V2,
}

/// A value of any form that nobody looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IgnoredHere;

impl<'de> Deserialize<'de> for IgnoredHere {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}

impl PrometheusAlerting {
    /// Makes every relative path one below `base`.
    pub fn resolve_paths(&mut self, base: &Path) {
        for config in &mut self.alertmanagers {
            config.http.resolve_paths(base);
        }
    }
}

impl Checked for AlertmanagerConfig {
    fn faults(&self) -> Vec<String> {
        let mut faults = self.http.faults();
        if let Some(scheme) = self
            .scheme
            .as_deref()
            .filter(|scheme| !matches!(*scheme, "http" | "https"))
        {
            faults.push(format!("scheme is {scheme:?}; write http or https"));
        }
        for address in self.static_configs.iter().flat_map(|group| &group.targets) {
            if address.contains('/') {
                faults.push(format!("static_configs has {address:?}; write host:port"));
            }
        }
        faults
    }
}
