//! What this room says about itself.

use std::sync::atomic::{AtomicI64, AtomicU64};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

/// The counters of this room; clones share them.
#[derive(Debug, Clone, Default)]
pub struct Telemetry {
    pub(crate) ticks: Counter,
    pub(crate) ticks_missed: Counter,
    pub(crate) tick_seconds: Counter<f64, AtomicU64>,
    pub(crate) samples: Counter,
    pub(crate) samples_dropped: Family<ReasonLabel, Counter>,
    pub(crate) series: Gauge<i64, AtomicI64>,
    pub(crate) source_errors: Family<SourceLabel, Counter>,
    pub(crate) rows_refused: Family<SourceLabel, Counter>,
    pub(crate) filesystem_failures: Family<FilesystemLabels, Counter>,
}

/// Why samples were dropped.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ReasonLabel {
    pub(crate) reason: &'static str,
}

/// Which source.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct SourceLabel {
    pub(crate) source: &'static str,
}

/// Which filesystem failed, and how.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct FilesystemLabels {
    pub(crate) mountpoint: String,
    pub(crate) reason: &'static str,
}

impl Telemetry {
    /// Makes the counters visible.
    pub fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("watchkeeper_collect");
        registry.register("ticks", "Readings of this machine", self.ticks.clone());
        registry.register(
            "ticks_missed",
            "Readings left out because the one before took too long",
            self.ticks_missed.clone(),
        );
        registry.register_with_unit(
            "tick_duration",
            "Time spent reading this machine, storing left out",
            Unit::Seconds,
            self.tick_seconds.clone(),
        );
        registry.register(
            "samples",
            "Samples of this machine that were stored",
            self.samples.clone(),
        );
        registry.register(
            "samples_dropped",
            "Samples of this machine that were not stored, by reason",
            self.samples_dropped.clone(),
        );
        registry.register("series", "Series of this machine in use", self.series.clone());
        registry.register(
            "source_errors",
            "Readings of a source that failed",
            self.source_errors.clone(),
        );
        registry.register(
            "rows_refused",
            "Rows of a source left out because it has too many",
            self.rows_refused.clone(),
        );
        registry.register(
            "filesystem_failures",
            "Filesystems that did not answer (timeout), could not be asked (error) or were not asked (busy)",
            self.filesystem_failures.clone(),
        );
    }

    pub(crate) fn count_dropped(&self, reason: &'static str, count: u64) {
        if count > 0 {
            self.samples_dropped
                .get_or_create(&ReasonLabel { reason })
                .inc_by(count);
        }
    }

    pub(crate) fn count_source_error(&self, source: &'static str) {
        self.source_errors.get_or_create(&SourceLabel { source }).inc();
    }

    pub(crate) fn count_filesystem_failure(&self, mountpoint: &str, reason: &'static str) {
        let labels = FilesystemLabels {
            mountpoint: mountpoint.to_owned(),
            reason,
        };
        self.filesystem_failures.get_or_create(&labels).inc();
    }
}
