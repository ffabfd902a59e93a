//! `remote_write` and `remote_read`: other stores that samples are sent to and asked of, as Prometheus names them.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use stdx::HumanDuration;

use super::section::{Checked, http_section, sections};
use super::{HttpConfig, headers};
use crate::relabel::Rule;

http_section! {
    /// One entry of `remote_write`.
    pub struct RemoteWrite {
        /// Where samples are posted to. Prometheus takes any text that is not empty; only http and https can be sent to.
        pub url: Option<String>,
        /// Its name in metrics and logs; unique where given.
        pub name: Option<String>,
        /// The most a request may take; 30 s where absent.
        #[serde(default = "seconds_30")]
        pub remote_timeout: HumanDuration,
        /// Further headers.
        pub headers: BTreeMap<String, String>,
        /// Rules for series on their way out.
        #[serde(deserialize_with = "sections")]
        pub write_relabel_configs: Vec<Rule>,
        /// The message that requests carry.
        pub protobuf_message: RemoteWriteMessage,
        /// Whether exemplars are sent.
        pub send_exemplars: bool,
        /// Whether native histograms are sent.
        pub send_native_histograms: bool,
        /// Whether the addresses behind the host are used in turn.
        pub round_robin_dns: bool,
        /// How samples wait and go out.
        #[serde(default)]
        pub queue_config: QueueConfig,
        /// How metadata go out.
        #[serde(default)]
        pub metadata_config: MetadataConfig,
        /// Signatures of a cloud (`sigv4`, `azuread`, `google_iam`), which this build does not make.
        #[serde(alias = "sigv4", alias = "azuread", alias = "google_iam", deserialize_with = "present")]
        pub cloud_signature: bool,
    }
}

http_section! {
    /// One entry of `remote_read`.
    pub struct RemoteRead {
        /// Where questions are posted to.
        pub url: Option<String>,
        /// Its name in metrics and logs; unique where given.
        pub name: Option<String>,
        /// The most a request may take; 1 min where absent.
        #[serde(default = "minute")]
        pub remote_timeout: HumanDuration,
        /// Further headers.
        pub headers: BTreeMap<String, String>,
        /// Whether it is asked for times that are stored here whole.
        pub read_recent: bool,
        /// Labels that a selector must equal for the endpoint to be asked.
        pub required_matchers: BTreeMap<String, String>,
        /// Bytes of one frame of a streamed answer.
        #[serde(default = "chunked_read_limit")]
        pub chunked_read_limit: u64,
        /// Whether `external_labels` are added to the question; yes where absent.
        #[serde(default = "yes")]
        pub filter_external_labels: bool,
    }
}

/// The message of a remote write request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub enum RemoteWriteMessage {
    /// Remote write 1.0.
    #[default]
    #[serde(rename = "prometheus.WriteRequest")]
    V1,
    /// Remote write 2.0.
    #[serde(rename = "io.prometheus.write.v2.Request")]
    V2,
}

/// How samples wait for an endpoint and go out to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueConfig {
    /// Samples that wait, per shard.
    pub capacity: u64,
    /// The most requests at a time.
    pub max_shards: u64,
    /// The fewest requests at a time.
    pub min_shards: u64,
    /// Samples of one request.
    pub max_samples_per_send: u64,
    /// The longest that a sample waits for its request to fill.
    pub batch_send_deadline: HumanDuration,
    /// The first wait after a refusal that may pass.
    pub min_backoff: HumanDuration,
    /// The longest such wait.
    pub max_backoff: HumanDuration,
    /// Whether status 429 is such a refusal.
    pub retry_on_http_429: bool,
    /// Samples older than this are not sent; 0 is no limit.
    pub sample_age_limit: HumanDuration,
}

/// How metadata of metrics go out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetadataConfig {
    /// Whether they are sent.
    pub send: bool,
    /// How often.
    pub send_interval: HumanDuration,
    /// Metrics of one request.
    pub max_samples_per_send: u64,
}

/// The keys of `queue_config` as written.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct WrittenQueue {
    capacity: Option<u64>,
    max_shards: Option<u64>,
    min_shards: Option<u64>,
    max_samples_per_send: Option<u64>,
    batch_send_deadline: Option<HumanDuration>,
    min_backoff: Option<HumanDuration>,
    max_backoff: Option<HumanDuration>,
    retry_on_http_429: bool,
    sample_age_limit: HumanDuration,
}

/// The keys of `metadata_config` as written.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct WrittenMetadata {
    send: Option<bool>,
    send_interval: Option<HumanDuration>,
    max_samples_per_send: Option<u64>,
}

fn seconds_30() -> HumanDuration {
    HumanDuration::from_secs(30)
}

fn minute() -> HumanDuration {
    HumanDuration::from_secs(60)
}

fn chunked_read_limit() -> u64 {
    50_000_000
}

fn yes() -> bool {
    true
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}

/// Names that more than one entry has; each entry without a name has one of its own.
pub fn names_used_twice<'a>(names: impl IntoIterator<Item = Option<&'a str>>) -> Vec<String> {
    let mut seen = HashSet::new();
    let names = names.into_iter().flatten().filter(|name| !name.is_empty());
    names
        .filter(|name| !seen.insert(*name))
        .map(str::to_owned)
        .collect()
}

fn check_endpoint(url: Option<&String>, given: &BTreeMap<String, String>, http: &HttpConfig) -> Vec<String> {
    let mut faults = Vec::new();
    if url.is_none_or(|url| url.trim().is_empty()) {
        faults.push(
            "url is missing; write where the endpoint is, for example http://host:9090/api/v1/write"
                .to_owned(),
        );
    }
    headers::check_plain("headers", given, &mut faults);
    faults.extend(http.faults());
    faults
}

// === impl RemoteWrite ===

impl RemoteWrite {
    /// Makes every relative path one below `base`.
    pub fn resolve_paths(&mut self, base: &Path) {
        self.http.resolve_paths(base);
    }
}

impl Checked for RemoteWrite {
    fn faults(&self) -> Vec<String> {
        let mut faults = check_endpoint(self.url.as_ref(), &self.headers, &self.http);
        let http = &self.http;
        let signs = http.basic_auth.is_some() || http.authorization.is_some() || http.oauth2.is_some();
        if self.cloud_signature && signs {
            faults.push(
                "sigv4, azuread and google_iam exclude basic_auth, authorization and oauth2; keep one"
                    .to_owned(),
            );
        }
        faults
    }
}

// === impl RemoteRead ===

impl RemoteRead {
    /// Makes every relative path one below `base`.
    pub fn resolve_paths(&mut self, base: &Path) {
        self.http.resolve_paths(base);
    }
}

impl Checked for RemoteRead {
    fn faults(&self) -> Vec<String> {
        check_endpoint(self.url.as_ref(), &self.headers, &self.http)
    }
}

// === impl QueueConfig ===

impl Default for QueueConfig {
    fn default() -> Self {
        Self {
            capacity: 10_000,
            max_shards: 50,
            min_shards: 1,
            max_samples_per_send: 2000,
            batch_send_deadline: HumanDuration::from_secs(5),
            min_backoff: HumanDuration(std::time::Duration::from_millis(30)),
            max_backoff: HumanDuration::from_secs(5),
            retry_on_http_429: false,
            sample_age_limit: HumanDuration::default(),
        }
    }
}

impl<'de> Deserialize<'de> for QueueConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = WrittenQueue::deserialize(deserializer)?;
        let default = Self::default();
        super::section::checked(Self {
            capacity: written.capacity.unwrap_or(default.capacity),
            max_shards: written.max_shards.unwrap_or(default.max_shards),
            min_shards: written.min_shards.unwrap_or(default.min_shards),
            max_samples_per_send: written
                .max_samples_per_send
                .unwrap_or(default.max_samples_per_send),
            batch_send_deadline: written.batch_send_deadline.unwrap_or(default.batch_send_deadline),
            min_backoff: written.min_backoff.unwrap_or(default.min_backoff),
            max_backoff: written.max_backoff.unwrap_or(default.max_backoff),
            retry_on_http_429: written.retry_on_http_429,
            sample_age_limit: written.sample_age_limit,
        })
    }
}

impl Checked for QueueConfig {
    /// Source: prometheus/config, `QueueConfig.Validate`.
    fn faults(&self) -> Vec<String> {
        let positive = [
            ("capacity", self.capacity),
            ("max_shards", self.max_shards),
            ("min_shards", self.min_shards),
            ("max_samples_per_send", self.max_samples_per_send),
        ];
        let zero = positive.iter().filter(|(_, number)| *number == 0);
        let mut faults: Vec<String> = zero
            .map(|(key, _)| format!("queue_config: {key} is 0; write a number above 0"))
            .collect();
        if self.min_shards > self.max_shards {
            faults.push("queue_config: min_shards is above max_shards; swap them".to_owned());
        }
        if self.min_backoff > self.max_backoff {
            faults.push("queue_config: min_backoff is above max_backoff; swap them".to_owned());
        }
        faults
    }
}

// === impl MetadataConfig ===

impl Default for MetadataConfig {
    fn default() -> Self {
        Self {
            send: true,
            send_interval: minute(),
            max_samples_per_send: 2000,
        }
    }
}

impl<'de> Deserialize<'de> for MetadataConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = WrittenMetadata::deserialize(deserializer)?;
        let default = Self::default();
        Ok(Self {
            send: written.send.unwrap_or(default.send),
            send_interval: written.send_interval.unwrap_or(default.send_interval),
            max_samples_per_send: written
                .max_samples_per_send
                .unwrap_or(default.max_samples_per_send),
        })
    }
}
