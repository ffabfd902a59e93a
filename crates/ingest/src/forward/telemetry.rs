//! What remote write counts about itself.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

/// The counters of remote write; clones share them.
#[derive(Debug, Clone, Default)]
pub struct ForwardTelemetry {
    /// Samples that endpoints took, histograms among them.
    pub samples_sent: Family<To, Counter>,
    /// Samples that will never be sent, by endpoint and reason.
    pub samples_dropped: Family<ToFor, Counter>,
    /// Requests that failed and were sent again.
    pub retries: Family<To, Counter>,
    /// How far the newest sample that was sent lies behind, in milliseconds.
    pub lag_ms: Family<To, Gauge>,
    /// Samples that could not be written to the queue.
    pub queue_failures: Counter,
    /// Bytes of the queue.
    pub queue_bytes: Gauge,
}

/// An endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct To {
    /// Its name.
    pub endpoint: String,
}

/// An endpoint, and why something is not sent to it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ToFor {
    /// Its name.
    pub endpoint: String,
    /// Why.
    pub reason: &'static str,
}

impl ForwardTelemetry {
    /// Adds every metric to the registry of the process.
    pub fn register(&self, registry: &mut Registry) {
        let room = registry.sub_registry_with_prefix("watchkeeper_remote_write");
        room.register(
            "samples_sent",
            "Samples that endpoints took",
            self.samples_sent.clone(),
        );
        room.register(
            "samples_dropped",
            "Samples that will never be sent, by endpoint and reason",
            self.samples_dropped.clone(),
        );
        room.register(
            "retries",
            "Requests that failed and were sent again",
            self.retries.clone(),
        );
        room.register(
            "lag_milliseconds",
            "How far the newest sample that was sent lies behind",
            self.lag_ms.clone(),
        );
        room.register(
            "queue_failures",
            "Samples that could not be written to the queue on disk, and are not sent",
            self.queue_failures.clone(),
        );
        room.register_with_unit(
            "queue",
            "Size of the queue on disk",
            Unit::Bytes,
            self.queue_bytes.clone(),
        );
    }

    pub(super) fn count_sent(&self, endpoint: &str, count: u64) {
        self.samples_sent.get_or_create(&to(endpoint)).inc_by(count);
    }

    pub(super) fn count_dropped(&self, endpoint: &str, reason: &'static str, count: u64) {
        if count > 0 {
            let endpoint = endpoint.to_owned();
            self.samples_dropped
                .get_or_create(&ToFor { endpoint, reason })
                .inc_by(count);
        }
    }

    pub(super) fn count_retry(&self, endpoint: &str) {
        self.retries.get_or_create(&to(endpoint)).inc();
    }

    pub(super) fn set_lag(&self, endpoint: &str, lag_ms: i64) {
        self.lag_ms.get_or_create(&to(endpoint)).set(lag_ms);
    }
}

fn to(endpoint: &str) -> To {
    To {
        endpoint: endpoint.to_owned(),
    }
}
