//! The rules of elections over any history: recorded inputs, a clock of the test's own, restarts in between.

use std::sync::Arc;

use model::TenantId;
use proptest::prelude::*;

use super::election::{Elections, Heard, Replica, TooManyClusters};
use super::kept;
use crate::limits::HA_CLUSTER_IDLE_MS;

const TIMEOUT_MS: i64 = 30_000;

/// What was heard: cluster, replica, and how long after the one before.
type Input = (u8, u8, i64);

fn inputs() -> impl Strategy<Value = Vec<Input>> {
    let gap = prop_oneof![8 => 0..5_000_i64, 3 => 5_000..40_000_i64, 1 => 0..4_000_000_i64];
    proptest::collection::vec((0..4_u8, 0..3_u8, gap), 1..200)
}

fn replica(cluster: u8, name: u8) -> Replica {
    Replica {
        tenant: TenantId(u32::from(cluster % 2)),
        cluster: Arc::from(format!("cluster-{cluster}")),
        name: Arc::from(format!("replica-{name}")),
    }
}

/// Every input with its time and what became of it; the process is started again before the inputs of `restarts`.
fn run(inputs: &[Input], clusters_max: usize, restarts: &[usize]) -> Vec<(u8, u8, i64, Option<Heard>)> {
    let mut elections = Elections::default();
    let mut now_ms = 1_700_000_000_000;
    let mut heard = Vec::new();
    for (place, &(cluster, name, gap)) in inputs.iter().enumerate() {
        if restarts.contains(&place) {
            elections = kept::decode(&kept::encode(&elections)).unwrap();
        }
        now_ms += gap;
        let what = elections.hear(&replica(cluster, name), now_ms, TIMEOUT_MS, clusters_max);
        assert!(elections.len() <= clusters_max);
        heard.push((cluster, name, now_ms, what.ok()));
    }
    heard
}

fn is_taken(heard: Option<&Heard>) -> bool {
    matches!(heard, Some(Heard::Again | Heard::Elected { .. }))
}

proptest! {
    #[test]
    fn one_replica_is_heard_at_a_time_and_another_only_after_the_timeout(inputs in inputs()) {
        let heard = run(&inputs, 4, &[]);
        for cluster in 0..4 {
            let mut last: Option<(u8, i64)> = None;
            for (_, name, at_ms, what) in heard.iter().filter(|(of, ..)| *of == cluster) {
                let silent = last.is_none_or(|(elected, last_ms)| elected == *name || at_ms - last_ms >= TIMEOUT_MS);
                prop_assert_eq!(is_taken(what.as_ref()), silent, "{} at {}", name, at_ms);
                if silent {
                    last = Some((*name, *at_ms));
                }
            }
        }
    }

    #[test]
    fn restarts_change_nothing(inputs in inputs(), restarts in proptest::collection::vec(0..200_usize, 0..8)) {
        prop_assert_eq!(run(&inputs, 3, &restarts), run(&inputs, 3, &[]));
    }

    #[test]
    fn clusters_do_not_disturb_each_other(inputs in inputs()) {
        let mut now_ms = 0;
        let timed: Vec<(u8, u8, i64)> = inputs
            .iter()
            .map(|&(cluster, name, gap)| {
                now_ms += gap;
                (cluster, name, now_ms)
            })
            .collect();
        let verdicts = |of: &dyn Fn(u8) -> bool| {
            let mut elections = Elections::default();
            let own = timed.iter().filter(|(cluster, ..)| of(*cluster));
            own.map(|&(cluster, name, at_ms)| (cluster, elections.hear(&replica(cluster, name), at_ms, TIMEOUT_MS, 4)))
                .collect::<Vec<_>>()
        };
        let together = verdicts(&|_| true);
        for cluster in 0..4 {
            let own: Vec<_> = together.iter().filter(|(of, _)| *of == cluster).cloned().collect();
            prop_assert_eq!(own, verdicts(&|of| of == cluster));
        }
    }
}

#[test]
fn a_cluster_too_many_is_refused_until_another_was_silent_for_long() {
    let mut elections = Elections::default();
    let mut hear = |cluster, now_ms| elections.hear(&replica(cluster, 0), now_ms, TIMEOUT_MS, 2);
    assert!(hear(0, 0).is_ok());
    assert!(hear(1, 1_000).is_ok());
    let refused: TooManyClusters = hear(2, 2_000).unwrap_err();
    assert!(
        refused.to_string().contains("push.ha_pairs.clusters_max"),
        "{refused}"
    );
    assert!(hear(1, HA_CLUSTER_IDLE_MS).is_ok());
    let Ok(Heard::Elected {
        forgotten: Some((key, _)),
        ..
    }) = hear(2, HA_CLUSTER_IDLE_MS)
    else {
        panic!("the silent cluster gives way");
    };
    assert_eq!(&*key.cluster, "cluster-0");
    assert!(hear(0, HA_CLUSTER_IDLE_MS + 1).is_err());
}

#[test]
fn a_clock_that_is_set_back_keeps_nobody_waiting() {
    let mut elections = Elections::default();
    let mut hear = |name, now_ms| elections.hear(&replica(0, name), now_ms, TIMEOUT_MS, 2).unwrap();
    hear(0, 10_000_000);
    assert_eq!(hear(1, 1_000_000), Heard::Duplicate);
    assert_eq!(hear(1, 1_000_000 + TIMEOUT_MS - 1), Heard::Duplicate);
    assert!(matches!(
        hear(1, 1_000_000 + TIMEOUT_MS),
        Heard::Elected { before: Some(_), .. }
    ));
}

/// Stays for ever: files that are out there look like this.
#[test]
fn a_file_of_version_1_is_read() {
    let text =
        br#"{"version":1,"elections":[{"tenant":0,"cluster":"eu","replica":"a","heard_ms":1700000000000}]}"#;
    let elections = kept::decode(text).unwrap();
    let (key, election) = elections.iter().next().unwrap();
    assert_eq!(
        (&*key.cluster, &*election.replica, election.heard_ms),
        ("eu", "a", 1_700_000_000_000)
    );
    assert_eq!(kept::encode(&elections), text);
    assert!(kept::decode(br#"{"version":2,"elections":[]}"#).is_err());
    assert!(kept::decode(b"").is_err());
}
