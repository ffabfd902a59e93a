//! The `statsd` section: where to listen and what to make of times and observations.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use model::names::is_legacy_label_name;
use serde::Deserialize;
use stdx::HumanDuration;

use crate::limits::STATSD_SERIES_MAX;

/// How statsd is heard. Off where neither address is given.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The address that takes packets.
    pub listen_udp: Option<SocketAddr>,
    /// The address that takes connections with a line for each metric.
    pub listen_tcp: Option<SocketAddr>,
    /// Time between two samples of every series.
    pub flush_interval: HumanDuration,
    /// What times, histograms and distributions become.
    pub observations: Form,
    /// Quantiles of summaries.
    pub quantiles: Vec<f64>,
    /// Observations of so long a time make the quantiles.
    pub quantile_window: HumanDuration,
    /// Upper bounds of histograms, ascending; times are in seconds.
    pub buckets: Vec<f64>,
    /// How many metrics there may be, names and tags together.
    pub metrics_max: usize,
    /// A metric that nobody sent for so long ends; 0 is never.
    pub idle_after: HumanDuration,
    /// Labels of every series.
    pub labels: BTreeMap<String, String>,
}

/// What times, histograms and distributions become.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// Quantiles, sum and count.
    #[default]
    Summary,
    /// Buckets, sum and count.
    Histogram,
}

impl Config {
    /// Whether anything is to be heard.
    pub fn is_on(&self) -> bool {
        self.listen_udp.is_some() || self.listen_tcp.is_some()
    }

    /// What is wrong with the section; an empty list says that it is valid.
    pub fn validate(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut add = |wrong: bool, what: &str| {
            if wrong {
                faults.push(format!("statsd.{what}"));
            }
        };
        add(
            self.flush_interval.0.as_millis() < 100,
            "flush_interval is below 100ms; write a duration such as 10s",
        );
        add(
            self.quantile_window.0 < self.flush_interval.0,
            "quantile_window is shorter than flush_interval; make it at least as long",
        );
        add(
            !self.quantiles.iter().all(|share| (0.0..=1.0).contains(share)),
            "quantiles has a value outside 0 to 1; write shares such as 0.99",
        );
        add(
            !self.buckets.windows(2).all(|pair| pair[0] < pair[1])
                || self.buckets.iter().any(|bound| !bound.is_finite()),
            "buckets must be finite and ascending; sort them, and leave +Inf out",
        );
        add(
            self.metrics_max == 0 || self.metrics_max > STATSD_SERIES_MAX,
            &format!("metrics_max must be between 1 and {STATSD_SERIES_MAX}"),
        );
        add(
            !self.idle_after.0.is_zero() && self.idle_after.0 < self.flush_interval.0,
            "idle_after is shorter than flush_interval; make it longer, or 0 for never",
        );
        for name in self.labels.keys() {
            add(
                !is_legacy_label_name(name) || name.starts_with("__"),
                &format!("labels has {name:?}, which is not a label name; rename it"),
            );
        }
        faults
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen_udp: None,
            listen_tcp: None,
            flush_interval: HumanDuration::from_secs(10),
            observations: Form::Summary,
            quantiles: vec![0.5, 0.9, 0.99],
            quantile_window: HumanDuration::from_secs(600),
            // client_golang, `DefBuckets`.
            buckets: vec![0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0],
            metrics_max: 100_000,
            idle_after: HumanDuration::from_secs(3_600),
            labels: BTreeMap::from([("job".to_owned(), "statsd".to_owned())]),
        }
    }
}
