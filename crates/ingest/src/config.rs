//! What to scrape and how: Prometheus' own `global` and `scrape_configs` sections.
//!
//! In: YAML or any other text form, through serde.  Out: [`GlobalConfig`], [`ScrapeConfig`]; resolved against each other
//! they make a [`Job`].
//! Owns: nothing; plain data.
//! Invariants: what Prometheus refuses is refused, with the place (`config::tests`); secrets never print
//! (`config::tests::secrets_do_not_print`).
//! Not here: reading files of targets (`scrape::file_sd`), the other sections of the file (the roof).
//! Start at: [`validate()`].

pub mod alertmanagers;
mod cluster;
pub mod discovery;
mod headers;
pub mod http;
pub mod job;
pub mod logs;
pub mod oauth2;
pub mod otlp;
mod paths;
pub mod protocol;
pub mod push;
pub mod remote;
pub mod secret;
mod section;
pub mod tenants;
pub mod tls;
pub mod traces;
pub(crate) mod validate;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::Deserialize;
use stdx::{HumanBytes, HumanDuration};

use crate::relabel::Rule;
pub use cluster::PodsCluster;
pub use discovery::dns::{DnsDiscovery, DnsRecord};
pub use discovery::docker::{DockerDiscovery, DockerHost};
pub use discovery::http::HttpDiscovery;
pub use discovery::kubernetes::{KubernetesDiscovery, KubernetesRole};
pub use discovery::{FileDiscovery, TargetGroup};
pub use http::{Authorization, BasicAuth, HttpConfig, HttpHeader};
pub use job::Job;
pub use oauth2::OAuth2;
pub use otlp::{OtlpConfig, TranslationStrategy};
pub use protocol::ScrapeProtocol;
pub use push::PushConfig;
pub use remote::{RemoteRead, RemoteWrite};
pub use secret::Secret;
pub use tenants::{Limits, MultiTenancy, validate_tenants};
pub use tls::TlsConfig;
pub use traces::TracingConfig;
pub use validate::{validate, validate_global, validate_jobs};

use discovery::NotInThisBuild;
pub use section::sections;
use section::{Checked, http_section};

/// The `global` section. Keys that concern other rooms are read here too, because they stand in one section.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GlobalConfig {
    /// Time between scrapes of a target.
    pub scrape_interval: HumanDuration,
    /// The most a scrape may take; without it 10 s, or the interval where that is shorter.
    pub scrape_timeout: Option<HumanDuration>,
    /// Formats to ask targets for, best first.
    pub scrape_protocols: Option<Vec<ScrapeProtocol>>,
    /// Time between evaluations of rules; where absent, the rules choose.
    pub evaluation_interval: Option<HumanDuration>,
    /// How far in the past rules are evaluated.
    pub rule_query_offset: HumanDuration,
    /// The file that queries are logged to.
    pub query_log_file: Option<String>,
    /// The file that failed scrapes are written to, for jobs that name none.
    pub scrape_failure_log_file: Option<String>,
    /// Labels for whoever receives data or alerts from here.
    pub external_labels: BTreeMap<String, String>,
    /// Limit for all jobs that name none.
    #[serde(deserialize_with = "HumanBytes::deserialize_with_unit")]
    pub body_size_limit: HumanBytes,
    /// Limit for all jobs that name none.
    pub sample_limit: u64,
    /// Limit for all jobs that name none.
    pub series_limit: u64,
    /// Limit for all jobs that name none.
    pub target_limit: u64,
    /// Limit for all jobs that name none.
    pub label_limit: u64,
    /// Limit for all jobs that name none.
    pub label_name_length_limit: u64,
    /// Limit for all jobs that name none.
    pub label_value_length_limit: u64,
    /// Limit for all jobs that name none.
    pub keep_dropped_targets: u64,
    /// Which names are allowed: `utf8` or `legacy`.
    pub metric_name_validation_scheme: Option<NameValidation>,
    /// How names are asked for.
    pub metric_name_escaping_scheme: Option<NameEscaping>,
    /// Whether classic histograms become native ones with listed bounds, for all jobs that do not say.
    pub convert_classic_histograms_to_nhcb: bool,
    /// Whether the classic form of a histogram is kept beside the native one, for all jobs that do not say.
    pub always_scrape_classic_histograms: bool,
    /// Whether native histograms are asked for and kept.
    pub scrape_native_histograms: Option<bool>,
    /// Whether each target gets `scrape_timeout_seconds`, `scrape_sample_limit` and `scrape_body_size_bytes`.
    pub extra_scrape_metrics: bool,
    /// Go runtime settings, without meaning here.
    pub runtime: Runtime,
}

/// Go runtime settings of Prometheus; read so that its files load, without effect.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Runtime {
    /// Percentage of heap growth between collections.
    pub gogc: Option<i64>,
}

/// Which label and metric names are allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NameValidation {
    /// Any UTF-8.
    Utf8,
    /// Letters, digits, underscores; colons in metric names.
    Legacy,
}

/// How a target is asked to write names that are not legacy names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NameEscaping {
    /// As they are.
    #[serde(rename = "allow-utf-8")]
    AllowUtf8,
    /// Foreign characters as underscores.
    Underscores,
    /// Dots as `_dot_`, foreign characters as underscores.
    Dots,
    /// As `U__` and code points.
    Values,
}

http_section! {
    /// One entry of `scrape_configs`. `None` says that the key is absent and the global section decides.
    #[derive(Default)]
    pub struct ScrapeConfig {
        /// The `job` label of its targets; unique.
        pub job_name: String,
        /// Time between scrapes.
        pub scrape_interval: Option<HumanDuration>,
        /// The most a scrape may take.
        pub scrape_timeout: Option<HumanDuration>,
        /// Formats to ask for, best first.
        pub scrape_protocols: Option<Vec<ScrapeProtocol>>,
        /// What a body is taken for whose type says nothing known.
        pub fallback_scrape_protocol: Option<ScrapeProtocol>,
        /// The path of the URL; `/metrics` where absent.
        pub metrics_path: Option<String>,
        /// `http` or `https`; `http` where absent.
        pub scheme: Option<String>,
        /// Query parameters of the URL.
        pub params: BTreeMap<String, Vec<String>>,
        /// Whether labels of the body win over those of the target.
        pub honor_labels: bool,
        /// Whether time stamps of the body are used; yes where absent.
        pub honor_timestamps: Option<bool>,
        /// Whether series with time stamps of their own end with a marker.
        pub track_timestamps_staleness: bool,
        /// Whether compressed bodies are asked for; yes where absent.
        pub enable_compression: Option<bool>,
        /// Uncompressed bytes of a body.
        #[serde(deserialize_with = "HumanBytes::deserialize_optional_with_unit")]
        pub body_size_limit: Option<HumanBytes>,
        /// Samples of a scrape after relabelling.
        pub sample_limit: Option<u64>,
        /// Series of a target, those that it gave up within the last hour among them; further new ones are refused.
        pub series_limit: Option<u64>,
        /// Targets of the job.
        pub target_limit: Option<u64>,
        /// Labels of a series.
        pub label_limit: Option<u64>,
        /// Bytes of a label name.
        pub label_name_length_limit: Option<u64>,
        /// Bytes of a label value.
        pub label_value_length_limit: Option<u64>,
        /// Dropped targets that are listed.
        pub keep_dropped_targets: Option<u64>,
        /// Buckets of a native histogram; one with more is made coarser, and refused where that is not enough.
        pub native_histogram_bucket_limit: Option<u64>,
        /// By how much the bounds of a native histogram grow at least from bucket to bucket; finer ones are made coarser.
        pub native_histogram_min_bucket_factor: Option<f64>,
        /// Whether the classic form of a histogram is kept beside the native one.
        pub always_scrape_classic_histograms: Option<bool>,
        /// Whether classic histograms become native ones with listed bounds.
        pub convert_classic_histograms_to_nhcb: Option<bool>,
        /// Whether native histograms are asked for and kept.
        pub scrape_native_histograms: Option<bool>,
        /// Whether the targets get the three further `scrape_*` series.
        pub extra_scrape_metrics: Option<bool>,
        /// Which names are allowed.
        pub metric_name_validation_scheme: Option<NameValidation>,
        /// How names are asked for.
        pub metric_name_escaping_scheme: Option<NameEscaping>,
        /// The file that failed scrapes are written to, one JSON line each.
        pub scrape_failure_log_file: Option<String>,
        /// Rules for targets.
        #[serde(deserialize_with = "sections")]
        pub relabel_configs: Vec<Rule>,
        /// Rules for series.
        #[serde(deserialize_with = "sections")]
        pub metric_relabel_configs: Vec<Rule>,
        /// Targets written here.
        #[serde(deserialize_with = "sections")]
        pub static_configs: Vec<TargetGroup>,
        /// Targets in files.
        #[serde(deserialize_with = "sections")]
        pub file_sd_configs: Vec<FileDiscovery>,
        /// Targets that a server lists.
        #[serde(deserialize_with = "sections")]
        pub http_sd_configs: Vec<HttpDiscovery>,
        /// Targets named by DNS records.
        #[serde(deserialize_with = "sections")]
        pub dns_sd_configs: Vec<DnsDiscovery>,
        /// Containers of a Docker host.
        #[serde(deserialize_with = "sections")]
        pub docker_sd_configs: Vec<DockerDiscovery>,
        /// Objects of a Kubernetes cluster.
        #[serde(deserialize_with = "sections")]
        pub kubernetes_sd_configs: Vec<KubernetesDiscovery>,
        /// Every other kind of service discovery, refused by name.
        #[serde(
            rename = "azure_sd_configs",
            alias = "aws_sd_configs",
            alias = "consul_sd_configs",
            alias = "digitalocean_sd_configs",
            alias = "dockerswarm_sd_configs",
            alias = "ec2_sd_configs",
            alias = "eureka_sd_configs",
            alias = "gce_sd_configs",
            alias = "hetzner_sd_configs",
            alias = "ionos_sd_configs",
            alias = "kuma_sd_configs",
            alias = "lightsail_sd_configs",
            alias = "linode_sd_configs",
            alias = "marathon_sd_configs",
            alias = "nerve_sd_configs",
            alias = "nomad_sd_configs",
            alias = "openstack_sd_configs",
            alias = "ovhcloud_sd_configs",
            alias = "puppetdb_sd_configs",
            alias = "scaleway_sd_configs",
            alias = "serverset_sd_configs",
            alias = "stackit_sd_configs",
            alias = "triton_sd_configs",
            alias = "uyuni_sd_configs",
            alias = "vultr_sd_configs"
        )]
        pub other_discovery: NotInThisBuild,
    }
}

impl Checked for ScrapeConfig {
    /// None alone: a job is judged with the global section, by [`validate()`].
    fn faults(&self) -> Vec<String> {
        Vec::new()
    }
}

impl GlobalConfig {
    /// Time between scrapes where nothing is configured.
    pub const SCRAPE_INTERVAL_DEFAULT: HumanDuration = HumanDuration::from_secs(15);
    /// The most a scrape may take where nothing is configured.
    pub const SCRAPE_TIMEOUT_DEFAULT: HumanDuration = HumanDuration::from_secs(10);
}

impl Default for GlobalConfig {
    fn default() -> Self {
        Self {
            scrape_interval: Self::SCRAPE_INTERVAL_DEFAULT,
            scrape_timeout: None,
            scrape_protocols: None,
            evaluation_interval: None,
            rule_query_offset: HumanDuration::default(),
            query_log_file: None,
            scrape_failure_log_file: None,
            external_labels: BTreeMap::new(),
            body_size_limit: HumanBytes::default(),
            sample_limit: 0,
            series_limit: 0,
            target_limit: 0,
            label_limit: 0,
            label_name_length_limit: 0,
            label_value_length_limit: 0,
            keep_dropped_targets: 0,
            metric_name_validation_scheme: None,
            metric_name_escaping_scheme: None,
            convert_classic_histograms_to_nhcb: false,
            always_scrape_classic_histograms: false,
            scrape_native_histograms: None,
            extra_scrape_metrics: false,
            runtime: Runtime::default(),
        }
    }
}

impl NameEscaping {
    /// The word in configuration files and `Accept` headers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AllowUtf8 => "allow-utf-8",
            Self::Underscores => "underscores",
            Self::Dots => "dots",
            Self::Values => "values",
        }
    }
}
