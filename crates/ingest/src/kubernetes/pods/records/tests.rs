//! What is remembered of pods, and for how long.

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
