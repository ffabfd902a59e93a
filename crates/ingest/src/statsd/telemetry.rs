//! What the statsd listener counts about itself.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::telemetry::Reason;

/// The counters of the listener; clones share them.
#[derive(Debug, Clone, Default)]
pub struct StatsdTelemetry {
    /// Packets that arrived.
    pub packets: Counter,
    /// Packets that the system dropped because they were not read in time.
    pub packets_dropped: Counter,
    /// Lines of packets and connections.
    pub lines: Counter,
    /// Values that were added up.
    pub samples: Counter,
    /// Lines and values that were turned away, by reason.
    pub refused: Family<Reason, Counter>,
    /// Metrics that are being added up.
    pub metrics: Gauge,
    /// Connections that are open.
    pub connections: Gauge,
}

impl StatsdTelemetry {
    /// Adds every metric to the registry of the process.
    pub fn register(&self, registry: &mut Registry) {
        let room = registry.sub_registry_with_prefix("watchkeeper_statsd");
        room.register("packets", "Packets that arrived", self.packets.clone());
        room.register(
            "packets_dropped",
            "Packets that the system dropped because they were not read in time",
            self.packets_dropped.clone(),
        );
        room.register("lines", "Lines of packets and connections", self.lines.clone());
        room.register("samples", "Values that were added up", self.samples.clone());
        room.register(
            "refused",
            "Lines, values and connections that were turned away, by reason",
            self.refused.clone(),
        );
        room.register("metrics", "Metrics that are being added up", self.metrics.clone());
        room.register(
            "connections",
            "Connections that are open",
            self.connections.clone(),
        );
    }

    pub(super) fn count_refused(&self, reason: &'static str) {
        self.refused.get_or_create(&Reason { reason }).inc();
    }
}
