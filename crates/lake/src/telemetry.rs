//! The store's own metrics, counted where the fact happens.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// What the store counts about itself. Cloning shares the counters.
#[derive(Debug, Clone, Default)]
pub struct Telemetry {
    /// Lines that became durable.
    pub lines_stored: Counter,
    /// Bytes of these lines.
    pub line_bytes_stored: Counter,
    /// Lines refused, by reason.
    pub lines_refused: Family<Vec<(String, String)>, Counter>,
    /// Batches answered from memory because their key had been seen.
    pub batches_repeated: Counter,
    /// Appends that failed because the log could not be written, or too much was waiting to be sealed.
    pub append_failures: Counter,
    /// Bytes of lines in memory.
    pub buffer_bytes: Gauge,
    /// Segments that answer.
    pub segments: Gauge,
    /// Bytes on disk, log included.
    pub disk_bytes: Gauge,
    /// Bytes read from segments.
    pub bytes_read: Counter,
    /// Segments whose contents were read because somebody asked for their lines.
    pub segments_opened: Counter,
    /// Bytes of contents of segments that are kept in memory.
    pub contents_bytes: Gauge,
    /// Requests to the object store, by operation and result.
    pub object_requests: Family<Vec<(String, String)>, Counter>,
    /// Requests to the object store that were repeated.
    pub object_retries: Counter,
    /// Bytes sent to the object store.
    pub object_bytes_sent: Counter,
    /// Bytes fetched from the object store.
    pub object_bytes_received: Counter,
    /// Bytes of copies on this machine of segments in the object store.
    pub copy_bytes: Gauge,
    /// Segments written.
    pub segments_written: Counter,
    /// Segments that were merged into larger ones.
    pub segments_merged: Counter,
    /// Segments removed because their time or the space was over.
    pub segments_expired: Counter,
    /// Requests to delete lines.
    pub deletions_requested: Counter,
    /// Lines that left the disk before their segment did: deleted ones, and those of streams whose time was over.
    pub lines_deleted: Counter,
    /// Pieces of damage met: records, parts, whole segments.
    pub damage: Counter,
    /// Runs of maintenance that failed and will be tried again.
    pub maintenance_failures: Counter,
    /// The log's own counters.
    pub log: disk::Telemetry,
}

impl Telemetry {
    /// Offers the metrics under `watchkeeper_lake_`.
    pub fn register(&self, registry: &mut Registry) {
        let lake = registry.sub_registry_with_prefix("watchkeeper_lake");
        lake.register(
            "lines_stored",
            "Lines that became durable",
            self.lines_stored.clone(),
        );
        lake.register(
            "line_bytes_stored",
            "Bytes of lines that became durable",
            self.line_bytes_stored.clone(),
        );
        lake.register(
            "lines_refused",
            "Lines refused, by reason",
            self.lines_refused.clone(),
        );
        lake.register(
            "batches_repeated",
            "Batches whose key had been seen and that were not stored again",
            self.batches_repeated.clone(),
        );
        lake.register(
            "append_failures",
            "Appends that failed because the log could not be written or too much waited to be sealed",
            self.append_failures.clone(),
        );
        lake.register(
            "buffer_bytes",
            "Bytes of lines in memory",
            self.buffer_bytes.clone(),
        );
        lake.register("segments", "Segments that answer", self.segments.clone());
        lake.register(
            "disk_bytes",
            "Bytes on disk, log included",
            self.disk_bytes.clone(),
        );
        lake.register("bytes_read", "Bytes read from segments", self.bytes_read.clone());
        self.register_segments(lake);
        lake.register(
            "deletions_requested",
            "Requests to delete lines",
            self.deletions_requested.clone(),
        );
        lake.register(
            "lines_deleted",
            "Lines that left the disk before their segment did: deleted ones, and those of streams whose time was over",
            self.lines_deleted.clone(),
        );
        lake.register("damage", "Pieces of damage met", self.damage.clone());
        lake.register(
            "maintenance_failures",
            "Runs of maintenance that failed",
            self.maintenance_failures.clone(),
        );
        self.register_objects(lake);
        self.log.register_in(lake.sub_registry_with_prefix("log"));
    }

    fn register_segments(&self, lake: &mut Registry) {
        lake.register(
            "segments_opened",
            "Segments whose contents were read because somebody asked for their lines",
            self.segments_opened.clone(),
        );
        lake.register(
            "contents_bytes",
            "Bytes of contents of segments that are kept in memory",
            self.contents_bytes.clone(),
        );
        lake.register(
            "segments_written",
            "Segments written",
            self.segments_written.clone(),
        );
        lake.register(
            "segments_merged",
            "Segments that were merged into larger ones",
            self.segments_merged.clone(),
        );
        lake.register(
            "segments_expired",
            "Segments removed because their time or the space was over",
            self.segments_expired.clone(),
        );
    }

    fn register_objects(&self, lake: &mut Registry) {
        lake.register(
            "object_requests",
            "Requests to the object store, by operation and result",
            self.object_requests.clone(),
        );
        lake.register(
            "object_retries",
            "Requests to the object store that were repeated",
            self.object_retries.clone(),
        );
        lake.register(
            "object_bytes_sent",
            "Bytes sent to the object store",
            self.object_bytes_sent.clone(),
        );
        lake.register(
            "object_bytes_received",
            "Bytes fetched from the object store",
            self.object_bytes_received.clone(),
        );
        lake.register(
            "copy_bytes",
            "Bytes of copies on this machine of segments in the object store",
            self.copy_bytes.clone(),
        );
    }
}
