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
mod tests {
    use std::time::Duration;

    use super::*;

    fn pod(name: &str, uid: &str) -> PodFacts {
        PodFacts {
            uid: uid.to_owned(),
            namespace: "shop".to_owned(),
            name: name.to_owned(),
            ..PodFacts::default()
        }
    }

    fn uid(uid: &str) -> PodName<'_> {
        PodName {
            uid: Some(uid),
            name: Some(("shop", "web-0")),
        }
    }

    const WEB: PodName<'_> = PodName {
        uid: None,
        name: Some(("shop", "web-0")),
    };

    fn found(records: &Records, name: PodName<'_>) -> Option<String> {
        records.find(name).map(|facts| facts.uid.clone())
    }

    #[test]
    fn a_deleted_pod_stays_known_for_a_while_and_the_later_one_has_its_name() {
        let now = Instant::now();
        let mut records = Records::default();
        assert!(records.put(pod("web-0", "u1")));
        records.remove("u1", now);
        assert_eq!(found(&records, WEB).as_deref(), Some("u1"));
        // A set's pod comes again under its name.
        assert!(records.put(pod("web-0", "u2")));
        assert_eq!(found(&records, WEB).as_deref(), Some("u2"));
        assert_eq!(found(&records, uid("u1")).as_deref(), Some("u1"));
        assert_eq!(found(&records, uid("other")), None, "an id decides");
        records.prune(now + POD_KEPT_AFTER_DELETION / 2);
        assert_eq!(records.len(), 2);
        records.prune(now + POD_KEPT_AFTER_DELETION);
        assert_eq!(found(&records, uid("u1")), None);
        assert_eq!(found(&records, WEB).as_deref(), Some("u2"));
        records.remove("u2", now);
        records.prune(now + POD_KEPT_AFTER_DELETION);
        assert_eq!((records.len(), records.bytes, records.by_name.len()), (0, 0, 0));
    }

    #[test]
    fn a_list_replaces_what_was_known_of_its_namespace() {
        let now = Instant::now();
        let later = now + POD_KEPT_AFTER_DELETION;
        let mut records = Records::default();
        assert_eq!(records.replace(None, vec![pod("a", "1"), pod("b", "2")], now), 0);
        assert_eq!(records.replace(Some("other"), Vec::new(), now), 0);
        records.prune(later);
        assert_eq!(records.len(), 2);
        assert_eq!(records.replace(Some("shop"), vec![pod("b", "2")], now), 0);
        // It comes back before it is forgotten, and is not forgotten then.
        assert_eq!(
            records.replace(None, vec![pod("a", "1")], now + Duration::from_secs(1)),
            0
        );
        records.prune(later);
        assert_eq!(found(&records, uid("1")).as_deref(), Some("1"));
        records.prune(later + Duration::from_secs(1));
        assert_eq!(found(&records, uid("2")), None);
        assert_eq!(records.len(), 1);
    }

    #[test]
    fn pods_of_files_are_known_by_the_id_of_the_kubelet() {
        let mut records = Records::default();
        let facts = PodFacts {
            mirrored_uid: Some("hash".to_owned()),
            ..pod("etcd", "u1")
        };
        assert!(records.put(facts));
        assert_eq!(found(&records, uid("hash")).as_deref(), Some("u1"));
        let now = Instant::now();
        records.remove("u1", now);
        records.prune(now + POD_KEPT_AFTER_DELETION);
        assert_eq!(found(&records, uid("hash")), None);
        assert!(records.mirrored.is_empty());
    }

    #[test]
    fn what_is_kept_is_bounded_and_what_was_deleted_makes_room() {
        let large = |uid: &str| PodFacts {
            labels: [("app".to_owned(), "x".repeat(PODS_BYTES_MAX / 2 - 4096))].into(),
            ..pod(uid, uid)
        };
        let mut records = Records::default();
        assert!(records.put(large("1")) && records.put(large("2")));
        assert!(!records.put(large("3")));
        assert!(records.put(large("2")), "one that is known may change");
        records.remove("1", Instant::now());
        assert!(records.put(large("3")));
        assert_eq!(found(&records, uid("1")), None);
        assert_eq!(records.len(), 2);
    }
}
