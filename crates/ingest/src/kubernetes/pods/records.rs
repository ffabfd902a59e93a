//! The pods that are known, by id and by name; those that were deleted for a while still.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use tokio::time::Instant;

use super::facts::PodFacts;
use crate::limits::{KUBERNETES_OBJECTS_MAX, POD_KEPT_AFTER_DELETION, PODS_BYTES_MAX};

/// How a line names its pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PodName<'n> {
    /// Its id. Where there is one it decides: a pod of the same name may be a later one.
    pub(crate) uid: Option<&'n str>,
    /// Namespace and name.
    pub(crate) name: Option<(&'n str, &'n str)>,
}

/// The pods.
#[derive(Debug, Default)]
pub(super) struct Records {
    pods: HashMap<String, Known>,
    /// By namespace and name, the one that was seen last.
    by_name: HashMap<String, HashMap<String, String>>,
    /// Ids by which the kubelet knows pods, with those of the API.
    mirrored: HashMap<String, String>,
    /// Those that were deleted, in that order. One that is there again meanwhile is passed over.
    deleted: VecDeque<(Instant, String)>,
    bytes: usize,
}

#[derive(Debug)]
struct Known {
    facts: Arc<PodFacts>,
    bytes: usize,
    deleted_at: Option<Instant>,
}

impl Records {
    /// How many are known, those that were deleted included.
    pub(super) fn len(&self) -> usize {
        self.pods.len()
    }

    /// The pod that a line means.
    pub(super) fn find(&self, name: PodName<'_>) -> Option<Arc<PodFacts>> {
        let found = match (name.uid, name.name) {
            (Some(uid), _) => self
                .pods
                .get(uid)
                .or_else(|| self.pods.get(self.mirrored.get(uid)?)),
            (None, Some((namespace, name))) => self.pods.get(self.by_name.get(namespace)?.get(name)?),
            (None, None) => None,
        };
        found.map(|known| Arc::clone(&known.facts))
    }

    /// Takes a new or changed pod. `false`: there is no room for it.
    pub(super) fn put(&mut self, facts: PodFacts) -> bool {
        // Most events tell of what is not kept, such as a probe.
        let known = self.pods.get(&facts.uid);
        if known.is_some_and(|known| known.deleted_at.is_none() && *known.facts == facts) {
            return true;
        }
        let bytes = facts.bytes();
        loop {
            let before = self.pods.get(&facts.uid).map_or(0, |known| known.bytes);
            let has_place = before > 0 || self.pods.len() < KUBERNETES_OBJECTS_MAX;
            if has_place && self.bytes - before + bytes <= PODS_BYTES_MAX {
                break;
            }
            // What was deleted longest ago makes room.
            let Some((at, uid)) = self.deleted.pop_front() else {
                return false;
            };
            self.forget_deleted(&uid, at);
        }
        self.insert(facts, bytes);
        true
    }

    fn insert(&mut self, facts: PodFacts, bytes: usize) {
        let uid = facts.uid.clone();
        let names = self.by_name.entry(facts.namespace.clone()).or_default();
        names.insert(facts.name.clone(), uid.clone());
        if let Some(mirrored) = &facts.mirrored_uid {
            self.mirrored.insert(mirrored.clone(), uid.clone());
        }
        let known = Known {
            facts: Arc::new(facts),
            bytes,
            deleted_at: None,
        };
        self.bytes += bytes;
        if let Some(before) = self.pods.insert(uid, known) {
            self.bytes -= before.bytes;
        }
    }

    /// A pod was deleted; it stays known for [`POD_KEPT_AFTER_DELETION`].
    pub(super) fn remove(&mut self, uid: &str, now: Instant) {
        if let Some(known) = self.pods.get_mut(uid)
            && known.deleted_at.is_none()
        {
            known.deleted_at = Some(now);
            self.deleted.push_back((now, uid.to_owned()));
        }
    }

    /// Takes a whole list: what was known of the namespace (of all, where it is `None`) and is not in it was deleted. Gives back how
    /// many there was no room for.
    pub(super) fn replace(&mut self, namespace: Option<&str>, list: Vec<PodFacts>, now: Instant) -> u64 {
        let listed: std::collections::HashSet<&str> = list.iter().map(|facts| facts.uid.as_str()).collect();
        let is_meant = |facts: &PodFacts| namespace.is_none_or(|namespace| facts.namespace == namespace);
        let gone = self
            .pods
            .iter()
            .filter(|(uid, known)| !listed.contains(uid.as_str()) && is_meant(&known.facts));
        let gone: Vec<String> = gone.map(|(uid, _)| uid.clone()).collect();
        for uid in gone {
            self.remove(&uid, now);
        }
        let mut refused = 0;
        for facts in list {
            refused += u64::from(!self.put(facts));
        }
        refused
    }

    /// Forgets what was deleted long enough ago.
    pub(super) fn prune(&mut self, now: Instant) {
        while let Some((at, _)) = self.deleted.front()
            && now.saturating_duration_since(*at) >= POD_KEPT_AFTER_DELETION
        {
            if let Some((at, uid)) = self.deleted.pop_front() {
                self.forget_deleted(&uid, at);
            }
        }
    }

    /// Forgets a pod, unless it has been there again since it was deleted at that time.
    fn forget_deleted(&mut self, uid: &str, at: Instant) {
        if self
            .pods
            .get(uid)
            .is_none_or(|known| known.deleted_at != Some(at))
        {
            return;
        }
        let Some(known) = self.pods.remove(uid) else {
            return;
        };
        self.bytes -= known.bytes;
        let facts = &known.facts;
        if let Some(names) = self.by_name.get_mut(&facts.namespace) {
            if names.get(&facts.name).is_some_and(|of| of == uid) {
                names.remove(&facts.name);
            }
            if names.is_empty() {
                self.by_name.remove(&facts.namespace);
            }
        }
        if let Some(mirrored) = &facts.mirrored_uid
            && self.mirrored.get(mirrored).is_some_and(|of| of == uid)
        {
            self.mirrored.remove(mirrored);
        }
    }
}

#[cfg(test)]
mod tests;
