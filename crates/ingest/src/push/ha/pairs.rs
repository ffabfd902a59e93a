//! Replicas by number, so that a series whose labels are not read again is still known to be a replica's.

use std::num::NonZeroU32;

use hashbrown::HashMap;

use super::election::Replica;
use crate::limits::HA_REPLICAS_KNOWN_MAX;

/// The number of a replica; never given to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::push) struct ReplicaId(NonZeroU32);

/// The replicas that have been heard lately.
#[derive(Debug, Default)]
pub(super) struct Replicas {
    ids: HashMap<Replica, ReplicaId>,
    list: Vec<Replica>,
    /// Numbers up to this one are forgotten.
    forgotten: u32,
}

impl Replicas {
    pub(super) fn find(&self, replica: &Replica) -> Option<ReplicaId> {
        self.ids.get(replica).copied()
    }

    /// The number of a replica. Where there are too many, all others are forgotten.
    pub(super) fn add(&mut self, replica: Replica) -> ReplicaId {
        if let Some(known) = self.find(&replica) {
            return known;
        }
        if self.list.len() >= HA_REPLICAS_KNOWN_MAX {
            self.forgotten = self.forgotten.wrapping_add(self.list.len() as u32);
            self.ids.clear();
            self.list.clear();
        }
        let number = self
            .forgotten
            .wrapping_add(self.list.len() as u32)
            .saturating_add(1);
        let id = ReplicaId(NonZeroU32::new(number).unwrap_or(NonZeroU32::MAX));
        self.list.push(replica.clone());
        self.ids.insert(replica, id);
        id
    }

    pub(super) fn get(&self, id: ReplicaId) -> Option<Replica> {
        let place = id.0.get().checked_sub(self.forgotten)?.checked_sub(1)?;
        self.list.get(place as usize).cloned()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use model::TenantId;

    use super::*;

    #[test]
    fn a_number_is_one_replica_for_ever() {
        let replica = |name: usize| Replica {
            tenant: TenantId::DEFAULT,
            cluster: Arc::from("a"),
            name: Arc::from(name.to_string()),
        };
        let mut replicas = Replicas::default();
        let first = replicas.add(replica(0));
        assert_eq!(replicas.add(replica(0)), first);
        assert_eq!(replicas.get(first), Some(replica(0)));
        (1..=HA_REPLICAS_KNOWN_MAX).for_each(|name| _ = replicas.add(replica(name)));
        assert_eq!(replicas.get(first), None);
        let again = replicas.add(replica(0));
        assert_ne!(again, first);
        assert_eq!(replicas.get(again), Some(replica(0)));
    }
}
