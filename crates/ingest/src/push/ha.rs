//! Pairs of servers that scrape the same things: of every cluster one replica is heard, what the others send is left out.
//!
//! In: series with a label that names their cluster and one that names the replica.  Out: which of them are stored, without the
//! label of the replica.
//! Owns: who is elected in each cluster, and the file that this survives a restart in (docs/formats/ha-elections.md).
//! Invariants: no two replicas of a cluster are heard within the time after which another takes over, over restarts too, and
//! the same inputs always elect the same (`ha::tests`); there are no more clusters than are allowed (`ha::tests`).
//! Not here: reading the labels of a request (`remote_write`).
//! Start at: [`election::Elections::hear`].
//!
//! Source of the rules: Cortex and Mimir, `ha_tracker.go`.

pub mod election;
mod kept;
mod pairs;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;

use model::{Labels, TenantId};
use parking_lot::{Mutex, RwLock};

use crate::config::push::HaPairs;
use crate::error::IngestError;
use crate::telemetry::{ClusterLabels, PushTelemetry, ReplicaLabels};
use election::{Elections, Heard, Replica};
pub(super) use pairs::ReplicaId;
use pairs::Replicas;

/// The elections of this process.
#[derive(Debug, Default)]
pub(super) struct Ha {
    rules: RwLock<Arc<Rules>>,
    elections: Mutex<Elections>,
    replicas: RwLock<Replicas>,
}

/// The configuration, and how often it has changed.
#[derive(Debug, Default)]
pub(super) struct Rules {
    config: HaPairs,
    /// Part of what senders' series are called, so that what was learned under other rules is not used.
    pub(super) generation: u64,
}

/// What becomes of a series of a replica.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Judgement {
    /// It is stored.
    Take,
    /// Another replica is heard.
    Duplicate,
    /// There are as many clusters as there may be.
    Refuse(String),
    /// The replica is not known by its number any more: its labels are asked.
    Forgotten,
}

/// How the replicas of one request were judged: the same from its first series to its last.
#[derive(Debug)]
pub(super) struct Hearing<'h> {
    ha: &'h Ha,
    telemetry: &'h PushTelemetry,
    pub(super) rules: Arc<Rules>,
    now_ms: i64,
    /// As a rule there is one.
    judged: Vec<(ReplicaId, Judgement)>,
}

impl Ha {
    /// Takes over the section. Who is elected stays so.
    pub(super) fn configure(&self, config: &HaPairs) {
        let mut rules = self.rules.write();
        if rules.config != *config {
            *rules = Arc::new(Rules {
                config: config.clone(),
                generation: rules.generation + 1,
            });
        }
    }

    /// Begins with a request.
    pub(super) fn hearing<'h>(&'h self, telemetry: &'h PushTelemetry, now_ms: i64) -> Hearing<'h> {
        Hearing {
            ha: self,
            telemetry,
            rules: Arc::clone(&self.rules.read()),
            now_ms,
            judged: Vec::new(),
        }
    }

    /// Begins with the elections that a file holds; a file that is missing, or that cannot be understood, holds none.
    pub(super) fn load(&self, path: &Path, telemetry: &PushTelemetry) -> Result<(), IngestError> {
        let loaded = kept::load(path)?;
        for (key, election) in loaded.iter() {
            telemetry.elect(&cluster_labels(key.tenant, &key.cluster), None, &election.replica);
        }
        *self.elections.lock() = loaded;
        Ok(())
    }

    /// Makes the elections durable where they have changed since the last time. Blocks on the disk.
    pub(super) fn save(&self, storage: &dyn disk::Storage, path: &Path) -> Result<(), IngestError> {
        let changed = self.elections.lock().take_changed();
        let Some(text) = changed.map(|elections| kept::encode(&elections)) else {
            return Ok(());
        };
        kept::save(storage, path, &text).inspect_err(|_| self.elections.lock().mark_changed())
    }
}

impl Rules {
    /// The replica that a series is of; `None` where it is of none.
    fn replica(&self, tenant: TenantId, labels: &Labels) -> Option<Replica> {
        if !self.config.enabled {
            return None;
        }
        Some(Replica {
            tenant,
            cluster: Arc::from(labels.get(&self.config.cluster_label)?),
            name: Arc::from(labels.get(&self.config.replica_label)?),
        })
    }
}

impl Hearing<'_> {
    /// The labels that a series is stored with, and its replica.
    pub(super) fn identify(&self, tenant: TenantId, labels: Labels) -> (Labels, Option<ReplicaId>) {
        let Some(replica) = self.rules.replica(tenant, &labels) else {
            return (labels, None);
        };
        let known = self.ha.replicas.read().find(&replica);
        let id = known.unwrap_or_else(|| self.ha.replicas.write().add(replica));
        let mut builder = labels.to_builder();
        builder.remove(&self.rules.config.replica_label);
        (builder.build(), Some(id))
    }

    /// What becomes of the series of a replica; series of none are taken.
    pub(super) fn judge(&mut self, id: Option<ReplicaId>) -> Judgement {
        let Some(id) = id else {
            return Judgement::Take;
        };
        if let Some((_, judgement)) = self.judged.iter().find(|(known, _)| *known == id) {
            return judgement.clone();
        }
        let Some(replica) = self.ha.replicas.read().get(id) else {
            return Judgement::Forgotten;
        };
        let judgement = self.hear(&replica);
        self.judged.push((id, judgement.clone()));
        judgement
    }

    fn hear(&self, replica: &Replica) -> Judgement {
        let config = &self.rules.config;
        let timeout_ms = i64::try_from(config.failover_timeout.0.as_millis()).unwrap_or(i64::MAX);
        let mut elections = self.ha.elections.lock();
        let labels = cluster_labels(replica.tenant, &replica.cluster);
        match elections.hear(replica, self.now_ms, timeout_ms, config.clusters_max) {
            Ok(Heard::Again) => Judgement::Take,
            Ok(Heard::Elected { before, forgotten }) => {
                if let Some((key, election)) = forgotten {
                    self.telemetry
                        .forget_cluster(&cluster_labels(key.tenant, &key.cluster), &election.replica);
                }
                self.telemetry.elect(&labels, before.as_deref(), &replica.name);
                tracing::info!(
                    cluster = &*replica.cluster,
                    replica = &*replica.name,
                    before = before.as_deref().unwrap_or_default(),
                    "replica elected"
                );
                Judgement::Take
            }
            Ok(Heard::Duplicate) => Judgement::Duplicate,
            Err(refused) => Judgement::Refuse(refused.to_string()),
        }
    }

    /// Counts samples that are left out because another replica sends them.
    pub(super) fn count_duplicates(&self, id: Option<ReplicaId>, count: u64) {
        if let Some(replica) = id.and_then(|id| self.ha.replicas.read().get(id)) {
            let labels = cluster_labels(replica.tenant, &replica.cluster);
            self.telemetry
                .ha_deduplicated
                .get_or_create(&labels)
                .inc_by(count);
        }
    }
}

fn cluster_labels(tenant: TenantId, cluster: &Arc<str>) -> ClusterLabels {
    ClusterLabels {
        tenant: tenant.0,
        cluster: cluster.to_string(),
    }
}

impl PushTelemetry {
    /// Shows who is elected.
    fn elect(&self, cluster: &ClusterLabels, before: Option<&str>, replica: &str) {
        if let Some(before) = before {
            self.ha_elected.remove(&ReplicaLabels::new(cluster, before));
            self.ha_changes.get_or_create(cluster).inc();
        } else {
            // Seen from the beginning, so that the first change shows in a rate.
            drop(self.ha_changes.get_or_create(cluster));
        }
        self.ha_elected
            .get_or_create(&ReplicaLabels::new(cluster, replica))
            .set(1);
    }

    fn forget_cluster(&self, cluster: &ClusterLabels, replica: &str) {
        self.ha_elected.remove(&ReplicaLabels::new(cluster, replica));
        self.ha_changes.remove(cluster);
        self.ha_deduplicated.remove(cluster);
    }
}
