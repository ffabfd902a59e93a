//! What the gathering of logs counts about itself.

use std::sync::atomic::AtomicI64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

/// The counters of gathering; clones share them.
#[derive(Debug, Clone, Default)]
pub struct LogsTelemetry {
    pub(super) lines: Family<SourceLabel, Counter>,
    pub(super) bytes: Family<SourceLabel, Counter>,
    pub(super) lines_cut: Family<SourceLabel, Counter>,
    pub(super) lines_mended: Family<SourceLabel, Counter>,
    pub(super) malformed: Family<SourceLabel, Counter>,
    pub(super) fields_dropped: Counter,
    pub(super) errors: Family<ErrorLabels, Counter>,
    pub(super) retries: Family<SourceLabel, Counter>,
    pub(super) repeated: Family<SourceLabel, Counter>,
    pub(super) files: Gauge<i64, AtomicI64>,
    pub(super) files_open: Gauge<i64, AtomicI64>,
    pub(super) lag: Gauge<i64, AtomicI64>,
    pub(super) lost: Counter,
    pub(super) rotated: Counter,
    pub(super) truncated: Counter,
    pub(super) rounds: Counter,
    pub(super) journal_restarts: Counter,
}

/// Where lines come from: `files`, `docker`, `kubernetes` or `journald`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct SourceLabel {
    pub(super) source: &'static str,
}

/// What went wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ErrorLabels {
    pub(super) source: &'static str,
    pub(super) reason: &'static str,
}

/// Of one source.
pub(super) fn of(source: &'static str) -> SourceLabel {
    SourceLabel { source }
}

impl LogsTelemetry {
    /// Makes the counters visible.
    pub fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("watchkeeper_collect_log");
        let lines = "Log lines that were gathered and handed over, by source";
        registry.register("lines", lines, self.lines.clone());
        let bytes = "Bytes of logs that were read and handed over, by source";
        registry.register_with_unit("read", bytes, Unit::Bytes, self.bytes.clone());
        let cut =
            "Log lines of which the end was cut off, or that were cut in two, because they are too long";
        registry.register("lines_cut", cut, self.lines_cut.clone());
        let mended = "Log lines of which something that is no UTF-8 was replaced";
        registry.register("lines_mended", mended, self.lines_mended.clone());
        let malformed = "Log lines that are not in the form of their source and were kept as they are, or left out of the journal";
        registry.register("lines_malformed", malformed, self.malformed.clone());
        let dropped = "Fields of the journal that were cut or left out because an entry has too much of them";
        registry.register("journal_fields_dropped", dropped, self.fields_dropped.clone());
        let errors = "Logs that could not be read, or notes about them that could not be kept, by reason";
        registry.register("errors", errors, self.errors.clone());
        let retries = "Batches of log lines that were not taken in and are tried again";
        registry.register("retries", retries, self.retries.clone());
        let repeated = "Batches of log lines that had been stored before the process ended";
        registry.register("batches_repeated", repeated, self.repeated.clone());
        registry.register("files", "Log files that are followed", self.files.clone());
        registry.register(
            "files_open",
            "Log files that are held open",
            self.files_open.clone(),
        );
        let lag = "Bytes of followed files that are not read yet";
        registry.register_with_unit("lag", lag, Unit::Bytes, self.lag.clone());
        let lost = "Bytes of files that were gone before they were read";
        registry.register_with_unit("lost", lost, Unit::Bytes, self.lost.clone());
        let rotated = "Followed files that got another name or were removed";
        registry.register("files_rotated", rotated, self.rotated.clone());
        let truncated = "Followed files whose contents were replaced";
        registry.register("files_truncated", truncated, self.truncated.clone());
        registry.register("rounds", "Batches of log lines of files", self.rounds.clone());
        let restarts = "How often the reader of the journal ended and was started again";
        registry.register("journal_restarts", restarts, self.journal_restarts.clone());
    }

    pub(super) fn count_error(&self, source: &'static str, reason: &'static str) {
        let labels = ErrorLabels { source, reason };
        self.errors.get_or_create(&labels).inc();
    }
}
