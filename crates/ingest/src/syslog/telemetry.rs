//! What the syslog listener counts about itself; what becomes of its lines is counted with all others.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::telemetry::Reason;

/// The counters of the listener; clones share them.
#[derive(Debug, Clone, Default)]
pub struct SyslogTelemetry {
    /// Messages that arrived, by how.
    pub messages: Family<TransportLabels, Counter>,
    /// Packets that the system dropped because they were not read in time.
    pub packets_dropped: Counter,
    /// Messages and connections that were turned away, by reason.
    pub refused: Family<Reason, Counter>,
    /// Connections that are open.
    pub connections: Gauge,
    /// Batches that the store did not take and that were tried again.
    pub retries: Counter,
}

/// How a message came.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct TransportLabels {
    /// `udp`, `tcp` or `tls`.
    pub transport: &'static str,
}

impl SyslogTelemetry {
    /// Adds every metric to the registry of the process.
    pub fn register(&self, registry: &mut Registry) {
        let room = registry.sub_registry_with_prefix("watchkeeper_syslog");
        room.register(
            "messages",
            "Syslog messages that arrived, by transport",
            self.messages.clone(),
        );
        room.register(
            "packets_dropped",
            "Syslog packets that the system dropped because they were not read in time",
            self.packets_dropped.clone(),
        );
        room.register(
            "refused",
            "Syslog messages and connections that were turned away, by reason",
            self.refused.clone(),
        );
        room.register(
            "connections",
            "Syslog connections that are open",
            self.connections.clone(),
        );
        room.register(
            "retries",
            "Batches of syslog messages that the store did not take and that were tried again",
            self.retries.clone(),
        );
    }

    pub(super) fn count_refused(&self, reason: &'static str, count: u64) {
        self.refused.get_or_create(&Reason { reason }).inc_by(count);
    }

    pub(super) fn count_message(&self, transport: &'static str) {
        self.messages.get_or_create(&TransportLabels { transport }).inc();
    }
}
