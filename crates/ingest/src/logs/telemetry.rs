//! What the intake of lines counts about itself.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::{Registry, Unit};

use crate::telemetry::{LimitLabels, Reason};

/// The counters of the intake; clones share them.
#[derive(Debug, Clone, Default)]
pub struct LogsTelemetry {
    /// Lines that the store took in, by protocol.
    pub lines_stored: Family<ProtocolLabels, Counter>,
    /// Bytes of these lines.
    pub line_bytes: Counter,
    /// Lines that were not stored, by reason.
    pub lines_refused: Family<Reason, Counter>,
    /// Lines of which something that is no UTF-8 was replaced, or the end was cut off.
    pub lines_mended: Counter,
    /// Batches that the store had taken in before.
    pub batches_repeated: Counter,
    /// Batches that the store did not take in at all.
    pub write_failures: Counter,
    /// Bytes of bodies, unpacked.
    pub body_bytes: Counter,
    /// Streams whose labels had to be parsed because their text was not known.
    pub streams_parsed: Counter,
    /// Lines that were stored and not offered to live tails.
    pub tail_lines_dropped: Counter,
    /// Bytes of lines refused because a tenant may not send more.
    pub limited: Family<LimitLabels, Counter>,
}

/// How lines came.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ProtocolLabels {
    /// The protocol: `loki`, `otlp`, `elasticsearch`, `lines` or `syslog`.
    pub protocol: &'static str,
}

impl LogsTelemetry {
    /// Adds every metric to the registry of the process.
    pub fn register(&self, registry: &mut Registry) {
        let room = registry.sub_registry_with_prefix("watchkeeper_logs");
        room.register(
            "lines_stored",
            "Log lines that were stored, by protocol",
            self.lines_stored.clone(),
        );
        room.register_with_unit(
            "line",
            "Size of log lines that were stored",
            Unit::Bytes,
            self.line_bytes.clone(),
        );
        room.register(
            "lines_refused",
            "Log lines that were not stored, by reason",
            self.lines_refused.clone(),
        );
        room.register(
            "lines_mended",
            "Log lines that were cut, or of which something that is no UTF-8 was replaced",
            self.lines_mended.clone(),
        );
        room.register(
            "batches_repeated",
            "Batches of log lines that had been stored before",
            self.batches_repeated.clone(),
        );
        room.register(
            "write_failures",
            "Batches of log lines that the store did not take in",
            self.write_failures.clone(),
        );
        room.register_with_unit(
            "body",
            "Size of pushed bodies of log lines, unpacked",
            Unit::Bytes,
            self.body_bytes.clone(),
        );
        room.register(
            "streams_parsed",
            "Streams whose labels were parsed because they were new",
            self.streams_parsed.clone(),
        );
        room.register(
            "tail_lines_dropped",
            "Log lines that were stored and not shown in live tails, because those were too slow",
            self.tail_lines_dropped.clone(),
        );
        room.register(
            "limited_bytes",
            "Bytes of log lines refused because their tenant may not send more, by limit",
            self.limited.clone(),
        );
    }

    pub(crate) fn count_refused(&self, reason: &'static str, count: u64) {
        if count > 0 {
            self.lines_refused.get_or_create(&Reason { reason }).inc_by(count);
        }
    }

    pub(crate) fn count_stored(&self, protocol: &'static str, count: u64) {
        if count > 0 {
            self.lines_stored
                .get_or_create(&ProtocolLabels { protocol })
                .inc_by(count);
        }
    }
}
