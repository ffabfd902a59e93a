//! What is known of targets: for pages, for the API and as news.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use model::Labels;
use url::Url;

use crate::series_cache::SeriesRefused;

/// How the last scrape of a target went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Health {
    /// It succeeded.
    Up,
    /// It failed.
    Down,
    /// There was none yet.
    #[default]
    Unknown,
}

impl Health {
    /// The lower-case word that Prometheus' API uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::Unknown => "unknown",
        }
    }
}

/// A target's health changed; its samples are already stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetNews {
    /// The `job` label.
    pub job: Arc<str>,
    /// The `instance` label.
    pub instance: Arc<str>,
    /// What it is now.
    pub health: Health,
    /// The time stamp of the scrape that showed it.
    pub at_ms: i64,
}

/// Everything that is scraped, and what relabelling dropped.
#[derive(Debug, Clone, Default)]
pub struct Targets {
    /// Scraped targets, by pool and then address.
    pub active: Vec<TargetStatus>,
    /// Targets that `relabel_configs` dropped.
    pub dropped: Vec<DroppedTarget>,
    /// How many each pool has of them, listed or not.
    pub dropped_counts: BTreeMap<String, usize>,
    /// How looking for targets goes, by pool.
    pub discovery: Vec<DiscoveryStatus>,
}

/// How one entry of a job's `…_sd_configs` goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiscoveryStatus {
    /// The `job_name` of the configuration it comes from.
    pub scrape_pool: String,
    /// The kind, as in `KIND_sd_configs`.
    pub kind: &'static str,
    /// Targets that are known by it, before relabelling.
    pub targets: usize,
    /// Whether looking has ever worked.
    pub looked: bool,
    /// Why looking failed last; empty where it did not.
    pub last_error: String,
}

/// One scraped target.
#[derive(Debug, Clone)]
pub struct TargetStatus {
    /// The `job` label.
    pub job: String,
    /// The `job_name` of the configuration it comes from.
    pub scrape_pool: String,
    /// Where it is scraped.
    pub scrape_url: String,
    /// The same with a loopback host replaced by this machine's name, for people who read it elsewhere.
    pub global_url: String,
    /// Labels before relabelling.
    pub discovered_labels: Labels,
    /// Labels that its series carry.
    pub labels: Labels,
    /// How the last scrape went.
    pub health: Health,
    /// Why the last scrape failed; empty where it did not.
    pub last_error: String,
    /// When the last scrape began; `None` before the first.
    pub last_scrape_ms: Option<i64>,
    /// How long the last scrape took.
    pub last_duration: Duration,
    /// What of the last scrape was refused because the target has as many series as it may.
    pub series_refused: Option<SeriesRefused>,
    /// Time between scrapes.
    pub interval: Duration,
    /// The most a scrape may take.
    pub timeout: Duration,
}

/// A target that relabelling dropped.
#[derive(Debug, Clone)]
pub struct DroppedTarget {
    /// Labels before relabelling.
    pub discovered_labels: Labels,
    /// The `job_name` of the configuration it comes from.
    pub scrape_pool: String,
}

/// This machine's name.
pub(super) fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// The URL with a loopback host replaced by this machine's name.
pub(super) fn global_url(url: &Url) -> String {
    let mut url = url.clone();
    if matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]")) {
        // A machine name that is no host name leaves the URL as it is.
        let _ = url.set_host(Some(&host_name()));
    }
    url.into()
}
