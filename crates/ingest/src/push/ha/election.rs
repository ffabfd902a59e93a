//! Who is heard of each cluster: one pure step over what was heard, with the time as an argument.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::TenantId;

use crate::limits::HA_CLUSTER_IDLE_MS;

/// One server of a cluster of servers that send the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Replica {
    /// Whose series it sends.
    pub tenant: TenantId,
    /// The cluster.
    pub cluster: Arc<str>,
    /// Its name among the replicas of the cluster.
    pub name: Arc<str>,
}

/// Who is heard of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Election {
    /// The replica.
    pub replica: Arc<str>,
    /// When it sent something last, milliseconds since the Unix epoch.
    pub heard_ms: i64,
}

/// A cluster of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// Whose.
    pub tenant: TenantId,
    /// Its name.
    pub cluster: Arc<str>,
}

/// What is decided when a replica sends something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It is the elected one.
    Again,
    /// It is elected now.
    Elect,
    /// Another is elected and was heard lately.
    Duplicate,
}

/// What became of something that a replica sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// It is taken: the replica is the elected one.
    Again,
    /// It is taken: the replica is elected from now on.
    Elected {
        /// In whose place.
        before: Option<Arc<str>>,
        /// The silent cluster that was forgotten for it.
        forgotten: Option<(Key, Election)>,
    },
    /// It is left out.
    Duplicate,
}

/// There are as many clusters as there may be, and all of them were heard lately.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "too many clusters of replicas: {cluster:?} would be one more than {max}; raise push.ha_pairs.clusters_max, or take the replica's label off its series"
)]
pub struct TooManyClusters {
    /// The cluster that is one too many.
    pub cluster: String,
    /// The limit.
    pub max: usize,
}

/// Decides on something that `replica` sent at `now_ms`: the first replica of a cluster is elected, and another takes over once
/// the elected one was silent for `timeout_ms`.
pub fn step(
    state: Option<&Election>,
    replica: &Arc<str>,
    now_ms: i64,
    timeout_ms: i64,
) -> (Election, Decision) {
    let heard_now = |decision| {
        let election = Election {
            replica: Arc::clone(replica),
            heard_ms: now_ms,
        };
        (election, decision)
    };
    match state {
        None => heard_now(Decision::Elect),
        Some(elected) if elected.replica == *replica => heard_now(Decision::Again),
        Some(elected) if now_ms.saturating_sub(elected.heard_ms) >= timeout_ms => heard_now(Decision::Elect),
        Some(elected) => {
            // A clock that was set back must not keep the others waiting for longer than the timeout.
            let election = Election {
                heard_ms: elected.heard_ms.min(now_ms),
                ..elected.clone()
            };
            (election, Decision::Duplicate)
        }
    }
}

/// The elections of all clusters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Elections {
    by_cluster: BTreeMap<Key, Election>,
    /// Whether anything is different since the last [`take_changed`](Self::take_changed).
    changed: bool,
}

impl Elections {
    /// Takes note of something that a replica sent.
    ///
    /// # Errors
    /// The cluster is new, there are `clusters_max`, and none of them was silent for long.
    pub fn hear(
        &mut self,
        replica: &Replica,
        now_ms: i64,
        timeout_ms: i64,
        clusters_max: usize,
    ) -> Result<Heard, TooManyClusters> {
        let key = Key {
            tenant: replica.tenant,
            cluster: Arc::clone(&replica.cluster),
        };
        let state = self.by_cluster.get(&key);
        let (next, decision) = step(state, &replica.name, now_ms, timeout_ms);
        let before = state.map(|election| Arc::clone(&election.replica));
        let mut forgotten = None;
        if before.is_none() && self.by_cluster.len() >= clusters_max {
            forgotten = Some(self.forget_silent(now_ms).ok_or_else(|| TooManyClusters {
                cluster: key.cluster.to_string(),
                max: clusters_max,
            })?);
        }
        self.by_cluster.insert(key, next);
        self.changed = true;
        Ok(match decision {
            Decision::Again => Heard::Again,
            Decision::Elect => Heard::Elected { before, forgotten },
            Decision::Duplicate => Heard::Duplicate,
        })
    }

    /// Forgets the cluster that was silent for longest, if any was silent for long.
    fn forget_silent(&mut self, now_ms: i64) -> Option<(Key, Election)> {
        let (key, election) = self
            .by_cluster
            .iter()
            .min_by_key(|(_, election)| election.heard_ms)?;
        if now_ms.saturating_sub(election.heard_ms) < HA_CLUSTER_IDLE_MS {
            return None;
        }
        let key = key.clone();
        self.by_cluster.remove_entry(&key)
    }

    /// All of them, by cluster.
    pub fn iter(&self) -> impl Iterator<Item = (&Key, &Election)> {
        self.by_cluster.iter()
    }

    /// How many clusters there are.
    pub fn len(&self) -> usize {
        self.by_cluster.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_cluster.is_empty()
    }

    /// A copy where anything is different since the last call.
    pub fn take_changed(&mut self) -> Option<Self> {
        std::mem::take(&mut self.changed).then(|| self.clone())
    }

    /// Makes the next [`take_changed`](Self::take_changed) give a copy.
    pub fn mark_changed(&mut self) {
        self.changed = true;
    }
}

impl FromIterator<(Key, Election)> for Elections {
    fn from_iter<I: IntoIterator<Item = (Key, Election)>>(all: I) -> Self {
        Self {
            by_cluster: all.into_iter().collect(),
            changed: false,
        }
    }
}
