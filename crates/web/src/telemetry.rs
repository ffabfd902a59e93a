//! This room's own metrics: requests, queries, streams, and everything that was refused or lost.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// Seconds that requests take; from an answer out of memory to the longest query.
const DURATION_BUCKETS: [f64; 12] = [
    0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0, 120.0,
];

/// The web room's own metrics.
#[derive(Debug, Clone)]
pub struct Telemetry {
    /// Requests by route, method and status.
    pub(crate) requests: Family<RequestLabels, Counter>,
    /// Seconds until the head of the answer, by route.
    pub(crate) request_duration: Family<RouteLabels, Histogram, fn() -> Histogram>,
    /// Requests that the guard turned away.
    pub(crate) requests_refused: Family<ReasonLabels, Counter>,
    /// Requests that ended in a panic.
    pub(crate) panics: Counter,
    /// Open connections.
    pub(crate) connections: Gauge,
    /// Queries that run now.
    pub(crate) queries_running: Gauge,
    /// Queries that wait for a worker.
    pub(crate) queries_waiting: Gauge,
    /// Queries that ended without an answer, by reason.
    pub(crate) queries_failed: Family<ReasonLabels, Counter>,
    /// Range queries that were answered, whole or in part, from answers kept.
    pub(crate) answer_cache_hits: Counter,
    /// Range queries that could have been, but were computed whole.
    pub(crate) answer_cache_misses: Counter,
    /// Memory of the answers kept.
    pub(crate) answer_cache_bytes: Gauge,
    /// Clients of the event stream.
    pub(crate) stream_clients: Gauge,
    /// Events that clients of the stream lost because they were too slow.
    pub(crate) stream_events_dropped: Counter,
}

/// A request that was answered.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct RequestLabels {
    pub(crate) route: String,
    pub(crate) method: &'static str,
    pub(crate) status: u16,
}

/// A route as it is declared, never a path as it was asked for: the number of routes is fixed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct RouteLabels {
    pub(crate) route: String,
}

/// Why something was refused or failed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct ReasonLabels {
    pub(crate) reason: &'static str,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self {
            requests: Family::default(),
            request_duration: Family::new_with_constructor(new_duration_histogram),
            requests_refused: Family::default(),
            panics: Counter::default(),
            connections: Gauge::default(),
            queries_running: Gauge::default(),
            queries_waiting: Gauge::default(),
            queries_failed: Family::default(),
            answer_cache_hits: Counter::default(),
            answer_cache_misses: Counter::default(),
            answer_cache_bytes: Gauge::default(),
            stream_clients: Gauge::default(),
            stream_events_dropped: Counter::default(),
        }
    }
}

impl Telemetry {
    /// Adds the metrics to a registry.
    pub fn register(&self, registry: &mut Registry) {
        let web = registry.sub_registry_with_prefix("watchkeeper_web");
        web.register(
            "requests",
            "Requests by route, method and status",
            self.requests.clone(),
        );
        web.register(
            "request_duration_seconds",
            "Time until the head of the answer was ready",
            self.request_duration.clone(),
        );
        web.register(
            "requests_refused",
            "Requests turned away because of their host or origin",
            self.requests_refused.clone(),
        );
        web.register(
            "panics",
            "Requests and queries that ended in a panic",
            self.panics.clone(),
        );
        web.register("connections", "Open connections", self.connections.clone());
        web.register(
            "queries_running",
            "Queries that run now",
            self.queries_running.clone(),
        );
        web.register(
            "queries_waiting",
            "Queries that wait for a worker",
            self.queries_waiting.clone(),
        );
        web.register(
            "queries_failed",
            "Queries that ended without an answer, by reason",
            self.queries_failed.clone(),
        );
        web.register(
            "answer_cache_hits",
            "Range queries answered, whole or in part, from answers that were kept",
            self.answer_cache_hits.clone(),
        );
        web.register(
            "answer_cache_misses",
            "Range queries that were computed whole although their answers may be kept",
            self.answer_cache_misses.clone(),
        );
        web.register(
            "answer_cache_bytes",
            "Memory of the answers kept",
            self.answer_cache_bytes.clone(),
        );
        web.register(
            "stream_clients",
            "Clients of the event stream",
            self.stream_clients.clone(),
        );
        web.register(
            "stream_events_dropped",
            "Events that slow clients of the stream lost",
            self.stream_events_dropped.clone(),
        );
    }

    /// Counts a query that ended without an answer.
    pub(crate) fn count_query_failure(&self, reason: &'static str) {
        self.queries_failed.get_or_create(&ReasonLabels { reason }).inc();
    }
}

fn new_duration_histogram() -> Histogram {
    Histogram::new(DURATION_BUCKETS)
}
