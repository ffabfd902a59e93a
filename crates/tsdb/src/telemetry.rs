//! The store's own metrics, counted where the fact happens.

use model::tier_name;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// What the store counts about itself. Cloning shares the counters.
#[derive(Debug, Clone, Default)]
pub struct Telemetry {
    /// Samples that became durable.
    pub samples_stored: Counter,
    /// Old samples that were written to blocks in bulk.
    pub samples_backfilled: Counter,
    /// Samples refused, by reason.
    pub samples_refused: Family<Vec<(String, String)>, Counter>,
    /// New series refused because there were as many as there may be, by metric.
    pub series_refused: Family<Vec<(String, String)>, Counter>,
    /// Batches answered from memory because their key had been seen.
    pub batches_repeated: Counter,
    /// Appends that failed because the log could not be written.
    pub append_failures: Counter,
    /// Series in memory.
    pub head_series: Gauge,
    /// Blocks that answer.
    pub blocks: Gauge,
    /// Bytes on disk, log included.
    pub disk_bytes: Gauge,
    /// Bytes of blocks, by tier.
    pub tier_bytes: Family<Vec<(String, String)>, Gauge>,
    /// Bytes read from blocks, by tier.
    pub bytes_read: Family<Vec<(String, String)>, Counter>,
    /// Parts of blocks that were at hand in memory when they were asked for.
    pub read_cache_hits: Counter,
    /// Parts of blocks that had to be read.
    pub read_cache_misses: Counter,
    /// Bytes of memory that parts of blocks take.
    pub read_cache_bytes: Gauge,
    /// Blocks written.
    pub blocks_written: Counter,
    /// Blocks that were merged into larger ones.
    pub blocks_merged: Counter,
    /// Blocks removed because their time or the space was over.
    pub blocks_expired: Counter,
    /// Pieces of damage met: records, chunks, pages, whole blocks.
    pub damage: Counter,
    /// Runs of maintenance that failed and will be tried again.
    pub maintenance_failures: Counter,
    /// The log's own counters.
    pub log: disk::Telemetry,
}

impl Telemetry {
    /// Counts what is read from the blocks of a tier.
    pub(crate) fn bytes_read_of(&self, resolution_ms: i64) -> Counter {
        self.bytes_read.get_or_create(&tier_label(resolution_ms)).clone()
    }

    /// What the blocks of a tier take on disk.
    pub(crate) fn tier_bytes_of(&self, resolution_ms: i64) -> Gauge {
        self.tier_bytes.get_or_create(&tier_label(resolution_ms)).clone()
    }

    /// Makes the metrics visible.
    pub fn register(&self, registry: &mut Registry) {
        let counters = [
            (
                "samples_stored",
                "Samples that became durable",
                &self.samples_stored,
            ),
            (
                "samples_backfilled",
                "Old samples written to blocks in bulk",
                &self.samples_backfilled,
            ),
            (
                "batches_repeated",
                "Batches answered from memory, their key had been seen",
                &self.batches_repeated,
            ),
            (
                "append_failures",
                "Appends that failed in the log",
                &self.append_failures,
            ),
            (
                "read_cache_hits",
                "Parts of blocks that were in memory when they were asked for",
                &self.read_cache_hits,
            ),
            (
                "read_cache_misses",
                "Parts of blocks that had to be read",
                &self.read_cache_misses,
            ),
            ("blocks_written", "Blocks written", &self.blocks_written),
            (
                "blocks_merged",
                "Blocks merged into larger ones",
                &self.blocks_merged,
            ),
            (
                "blocks_expired",
                "Blocks removed by retention",
                &self.blocks_expired,
            ),
            (
                "damage",
                "Damaged records, chunks, pages and blocks met",
                &self.damage,
            ),
            (
                "maintenance_failures",
                "Maintenance runs that failed",
                &self.maintenance_failures,
            ),
        ];
        for (name, help, counter) in counters {
            registry.register(format!("watchkeeper_tsdb_{name}"), help, counter.clone());
        }
        self.register_families(registry);
        self.register_gauges(registry);
        self.log.register(registry);
    }

    fn register_gauges(&self, registry: &mut Registry) {
        let gauges = [
            ("head_series", "Series in memory", &self.head_series),
            ("blocks", "Blocks that answer", &self.blocks),
            ("disk_bytes", "Bytes on disk, log included", &self.disk_bytes),
            (
                "read_cache_bytes",
                "Bytes of memory that parts of blocks take",
                &self.read_cache_bytes,
            ),
        ];
        for (name, help, gauge) in gauges {
            registry.register(format!("watchkeeper_tsdb_{name}"), help, gauge.clone());
        }
    }

    fn register_families(&self, registry: &mut Registry) {
        registry.register(
            "watchkeeper_tsdb_samples_refused",
            "Samples refused, by reason",
            self.samples_refused.clone(),
        );
        registry.register(
            "watchkeeper_tsdb_series_refused",
            "New series refused at a limit, by metric",
            self.series_refused.clone(),
        );
        registry.register(
            "watchkeeper_tsdb_tier_bytes",
            "Bytes of blocks, by tier",
            self.tier_bytes.clone(),
        );
        registry.register(
            "watchkeeper_tsdb_block_bytes_read",
            "Bytes read from blocks, by tier",
            self.bytes_read.clone(),
        );
    }
}

fn tier_label(resolution_ms: i64) -> Vec<(String, String)> {
    vec![("tier".to_owned(), tier_name(resolution_ms))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_is_shown_under_the_rooms_name() {
        let telemetry = Telemetry::default();
        telemetry.samples_stored.inc_by(3);
        let mut registry = Registry::default();
        telemetry.register(&mut registry);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        assert!(text.contains("watchkeeper_tsdb_samples_stored_total 3"), "{text}");
        assert!(text.contains("watchkeeper_disk_log_syncs_total 0"), "{text}");
    }
}
