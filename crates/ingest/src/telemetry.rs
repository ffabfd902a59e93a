//! What this room counts about itself.

use std::collections::HashSet;
use std::sync::Arc;

use parking_lot::Mutex;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use crate::limits::REFUSING_TARGETS_NAMED_MAX;
use crate::series_cache::SeriesRefused;

/// What stands for all that is not named.
const OTHERS: &str = "(others)";

/// The counters of the scraper; clones share them.
#[derive(Debug, Clone, Default)]
pub struct Telemetry {
    /// Scrapes by outcome.
    pub scrapes: Family<Outcome, Counter>,
    /// Samples that the store took in.
    pub samples_stored: Counter,
    /// Samples that were not stored, by reason.
    pub samples_refused: Family<Reason, Counter>,
    /// Batches that the store did not take in at all.
    pub write_failures: Counter,
    /// Uncompressed bytes of bodies that were read.
    pub body_bytes: Counter,
    /// Exemplars that the store took in.
    pub exemplars_stored: Counter,
    /// Exemplars that were not kept because their labels are too long.
    pub exemplars_dropped: Counter,
    /// Staleness markers that were written.
    pub stale_markers: Counter,
    /// Series whose labels had to be parsed because they were new to their target.
    pub series_parsed: Counter,
    /// Loops that panicked and were started again.
    pub loops_restarted: Counter,
    /// Targets that are scraped now.
    pub targets_active: Gauge,
    /// Files of `file_sd_configs` that could not be read or understood.
    pub target_files_failed: Counter,
    /// Looks of service discovery, by kind and outcome.
    pub discovery_looks: Family<Look, Counter>,
    /// Targets that no rule dropped and that still cannot be scraped.
    pub targets_faulty: Gauge,
    /// Samples of new series that were refused because their target has as many series as it may.
    pub target_series_refused: Family<Refusing, Counter>,
    /// The targets that are counted there by name.
    refusing: Arc<Mutex<HashSet<Refusing>>>,
}

/// A target that makes too many series.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Refusing {
    /// The job's name.
    pub scrape_job: String,
    /// The target's `instance`.
    pub target: String,
    /// The metric that most of the refused series belong to.
    pub metric: String,
}

/// How a scrape ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Outcome {
    /// `ok` or `failed`.
    pub outcome: &'static str,
}

/// How a look of service discovery ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Look {
    /// The kind, as in `KIND_sd_configs`.
    pub kind: &'static str,
    /// `ok` or `failed`.
    pub outcome: &'static str,
}

/// Why a sample was not stored.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Reason {
    /// A refusal of the store, or `duplicate` within one body.
    pub reason: &'static str,
}

impl Telemetry {
    /// Adds every metric to the registry of the process.
    pub fn register(&self, registry: &mut Registry) {
        let room = registry.sub_registry_with_prefix("watchkeeper_ingest");
        room.register("scrapes", "Scrapes by outcome", self.scrapes.clone());
        room.register(
            "samples_stored",
            "Scraped samples that were stored",
            self.samples_stored.clone(),
        );
        room.register(
            "samples_refused",
            "Scraped samples that were not stored, by reason",
            self.samples_refused.clone(),
        );
        room.register(
            "write_failures",
            "Batches of scraped samples that the store did not take in",
            self.write_failures.clone(),
        );
        room.register_with_unit(
            "body",
            "Uncompressed size of scraped bodies",
            Unit::Bytes,
            self.body_bytes.clone(),
        );
        room.register(
            "exemplars_stored",
            "Scraped exemplars that were stored",
            self.exemplars_stored.clone(),
        );
        room.register(
            "exemplars_dropped",
            "Scraped exemplars that were left out because their labels are too long",
            self.exemplars_dropped.clone(),
        );
        room.register(
            "stale_markers",
            "Staleness markers written",
            self.stale_markers.clone(),
        );
        room.register(
            "series_parsed",
            "Series whose labels were parsed because they were new to their target",
            self.series_parsed.clone(),
        );
        room.register(
            "loops_restarted",
            "Scrape loops that panicked and were started again",
            self.loops_restarted.clone(),
        );
        self.register_targets(room);
    }

    fn register_targets(&self, room: &mut Registry) {
        room.register(
            "targets_active",
            "Targets that are scraped",
            self.targets_active.clone(),
        );
        room.register(
            "target_files_failed",
            "Files of file_sd_configs that could not be used",
            self.target_files_failed.clone(),
        );
        room.register(
            "discovery_looks",
            "Looks of service discovery, by kind and outcome",
            self.discovery_looks.clone(),
        );
        room.register(
            "targets_faulty",
            "Targets that cannot be scraped, because their labels make no address or no interval",
            self.targets_faulty.clone(),
        );
        room.register(
            "target_series_refused",
            "Samples of new series that were refused because their target has as many series as it may",
            self.target_series_refused.clone(),
        );
    }

    /// Counts what a target was refused; of more targets than are named, the others are counted together.
    pub(crate) fn count_series_refused(&self, job: &str, instance: &str, refused: &SeriesRefused) {
        let named = Refusing {
            scrape_job: job.to_owned(),
            target: instance.to_owned(),
            metric: refused.metric.clone(),
        };
        let mut known = self.refusing.lock();
        let others = || Refusing {
            scrape_job: OTHERS.to_owned(),
            target: OTHERS.to_owned(),
            metric: OTHERS.to_owned(),
        };
        let full = known.len() >= REFUSING_TARGETS_NAMED_MAX && !known.contains(&named);
        let named = if full { others() } else { named };
        known.insert(named.clone());
        drop(known);
        self.target_series_refused
            .get_or_create(&named)
            .inc_by(refused.count);
    }

    pub(crate) fn count_scrape(&self, ok: bool) {
        let outcome = if ok { "ok" } else { "failed" };
        self.scrapes.get_or_create(&Outcome { outcome }).inc();
    }

    pub(crate) fn count_look(&self, kind: &'static str, ok: bool) {
        let outcome = if ok { "ok" } else { "failed" };
        self.discovery_looks.get_or_create(&Look { kind, outcome }).inc();
    }

    pub(crate) fn count_refused(&self, reason: &'static str, count: u64) {
        if count > 0 {
            self.samples_refused
                .get_or_create(&Reason { reason })
                .inc_by(count);
        }
    }
}

/// The counters of what is pushed; clones share them.
#[derive(Debug, Clone, Default)]
pub struct PushTelemetry {
    /// Samples that the store took in, histograms among them.
    pub samples_stored: Counter,
    /// Exemplars that the store took in.
    pub exemplars_stored: Counter,
    /// Samples that were not stored, by reason.
    pub samples_refused: Family<Reason, Counter>,
    /// Bodies that the store did not take in at all.
    pub write_failures: Counter,
    /// Bytes of bodies, unpacked.
    pub body_bytes: Counter,
    /// Series whose labels had to be parsed because their number was not known.
    pub series_parsed: Counter,
    /// Series of OTLP deltas whose totals are kept.
    pub otlp_delta_series: Gauge,
    /// Zeros written at the moments in which counters were created.
    pub created_zeros: Counter,
    /// Samples refused because a tenant may not send more.
    pub limited: Family<LimitLabels, Counter>,
    /// 1 for the replica that is heard of each cluster.
    pub ha_elected: Family<ReplicaLabels, Gauge>,
    /// How often another replica took over.
    pub ha_changes: Family<ClusterLabels, Counter>,
    /// Samples left out because another replica sends them.
    pub ha_deduplicated: Family<ClusterLabels, Counter>,
}

/// A tenant's limit.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct LimitLabels {
    /// The tenant.
    pub tenant: u32,
    /// The key of the limit.
    pub limit: &'static str,
}

/// A cluster of servers that send the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ClusterLabels {
    /// Whose series they are.
    pub tenant: u32,
    /// The cluster.
    pub cluster: String,
}

/// One of the servers of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ReplicaLabels {
    /// Whose series they are.
    pub tenant: u32,
    /// The cluster.
    pub cluster: String,
    /// The server.
    pub replica: String,
}

impl ReplicaLabels {
    pub(crate) fn new(cluster: &ClusterLabels, replica: &str) -> Self {
        Self {
            tenant: cluster.tenant,
            cluster: cluster.cluster.clone(),
            replica: replica.to_owned(),
        }
    }
}

impl PushTelemetry {
    /// Adds every metric to the registry of the process.
    pub fn register(&self, registry: &mut Registry) {
        let room = registry.sub_registry_with_prefix("watchkeeper_push");
        room.register(
            "samples_stored",
            "Pushed samples that were stored",
            self.samples_stored.clone(),
        );
        room.register(
            "exemplars_stored",
            "Pushed exemplars that were stored",
            self.exemplars_stored.clone(),
        );
        room.register(
            "samples_refused",
            "Pushed samples that were not stored, by reason",
            self.samples_refused.clone(),
        );
        room.register(
            "write_failures",
            "Pushed bodies that the store did not take in",
            self.write_failures.clone(),
        );
        room.register_with_unit(
            "body",
            "Size of pushed bodies, unpacked",
            Unit::Bytes,
            self.body_bytes.clone(),
        );
        room.register(
            "series_parsed",
            "Pushed series whose labels were parsed because they were new",
            self.series_parsed.clone(),
        );
        room.register(
            "otlp_delta_series",
            "Series of OTLP deltas whose totals are kept",
            self.otlp_delta_series.clone(),
        );
        room.register(
            "created_zeros",
            "Zeros written at the moments in which pushed counters were created",
            self.created_zeros.clone(),
        );
        room.register(
            "limited_samples",
            "Pushed samples refused because their tenant may not send more, by limit",
            self.limited.clone(),
        );
        room.register(
            "ha_elected_replica",
            "1 for the replica that is heard of each cluster of servers that send the same",
            self.ha_elected.clone(),
        );
        room.register(
            "ha_elected_replica_changes",
            "How often another replica of a cluster took over",
            self.ha_changes.clone(),
        );
        room.register(
            "ha_deduplicated_samples",
            "Pushed samples left out because another replica of the cluster sends them",
            self.ha_deduplicated.clone(),
        );
    }

    pub(crate) fn count(&self, accepted: &model::Accepted) {
        self.samples_stored.inc_by(accepted.stored);
        self.exemplars_stored.inc_by(accepted.exemplars_stored);
        for &(reason, count) in &accepted.refused {
            self.count_refused(reason.as_str(), count);
        }
    }

    pub(crate) fn count_refused(&self, reason: &'static str, count: u64) {
        if count > 0 {
            self.samples_refused
                .get_or_create(&Reason { reason })
                .inc_by(count);
        }
    }
}
