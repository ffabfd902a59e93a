//! A commit is whole or absent, whatever happens to the process that made it.

use std::sync::Arc;

use model::{AlertEvent, AlertPhase, Labels, fingerprint, format_fingerprint};
use state::{AlertStateRow, Commit, Error, NewOutboxRow, NotificationLogRow, OutboxStatus, State};
use stdx::SystemClock;

fn commit(number: i64) -> Commit {
    let labels = Labels::from_pairs([("alertname", "X".to_owned()), ("n", number.to_string())]);
    let id = fingerprint(&labels);
    let event = AlertEvent {
        at_ms: number,
        group: "g".into(),
        name: "X".into(),
        labels: labels.clone(),
        fingerprint: id,
        from: AlertPhase::Pending,
        to: AlertPhase::Firing,
        value: f64::NAN,
    };
    let row = AlertStateRow {
        rule_key: "f;g;X;0".into(),
        fingerprint: format_fingerprint(id),
        labels,
        annotations: Labels::from_pairs([("summary", "größer als 1")]),
        phase: AlertPhase::Firing,
        value: 1.5,
        active_at_ms: 1,
        fired_at_ms: Some(2),
        resolved_at_ms: None,
        keep_firing_since_ms: None,
        updated_at_ms: 3,
    };
    Commit {
        states: vec![row],
        events: vec![event],
        outbox: vec![message(number)],
        notified: vec![NotificationLogRow {
            lane: format!("lane-{number}"),
            firing: vec![id],
            resolved: vec![],
            notified_ms: number,
        }],
        ..Commit::default()
    }
}

fn message(number: i64) -> NewOutboxRow {
    NewOutboxRow {
        idempotency_key: format!("key-{number}"),
        receiver: "r".into(),
        channel: "webhook[0]".into(),
        lane: format!("lane-{}", number % 3),
        fingerprints: vec![1, u64::MAX],
        payload: "{}".into(),
    }
}

#[test]
fn what_was_committed_is_there_and_the_rest_is_absent_after_the_runtime_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let acknowledged = {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .unwrap();
        let state = runtime
            .block_on(State::open(&path, SystemClock::shared()))
            .unwrap();
        let done = Arc::new(std::sync::atomic::AtomicI64::new(0));
        for number in 0..50 {
            let (state, done) = (state.clone(), Arc::clone(&done));
            runtime.spawn(async move {
                if state.commit(commit(number)).await.is_ok() {
                    done.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                }
            });
        }
        while done.load(std::sync::atomic::Ordering::SeqCst) < 5 {
            std::thread::yield_now();
        }
        runtime.shutdown_background();
        done.load(std::sync::atomic::Ordering::SeqCst)
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let state = State::open(&path, SystemClock::shared()).await.unwrap();
        let states = state.alert_states().await.unwrap();
        let count = states.len();
        assert!(count as i64 >= acknowledged, "{count} of {acknowledged}");
        assert_eq!(state.recent_alert_events(100).await.unwrap().len(), count);
        assert_eq!(state.outbox_recent(100).await.unwrap().len(), count);
        assert_eq!(state.notification_log().await.unwrap().len(), count);
        assert_eq!(states[0].annotations.get("summary"), Some("größer als 1"));
    });
}

#[tokio::test]
async fn a_key_is_taken_in_once_and_lanes_keep_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let state = State::open(folder.path().join("state.db"), SystemClock::shared())
        .await
        .unwrap();
    for number in [0, 3, 0, 1] {
        let commit = Commit {
            outbox: vec![message(number)],
            ..Commit::default()
        };
        state.commit(commit).await.unwrap();
    }
    let heads = state.outbox_heads("r", "webhook[0]", 10).await.unwrap();
    let keys: Vec<&str> = heads
        .iter()
        .map(|row| row.message.idempotency_key.as_str())
        .collect();
    assert_eq!(keys, ["key-0", "key-1"], "key-3 waits behind key-0");
    assert!(state.outbox_has_newer(&heads[0]).await.unwrap());
    assert_eq!(heads[0].message.fingerprints, [1, u64::MAX]);
    state.outbox_retry(heads[0].id, i64::MAX, "503").await.unwrap();
    assert!(state.outbox_is_pending(heads[1].id).await.unwrap());
    state.outbox_sent(heads[1].id, "200 ok").await.unwrap();
    assert!(!state.outbox_is_pending(heads[1].id).await.unwrap());
    let left = state.outbox_heads("r", "webhook[0]", 10).await.unwrap();
    assert_eq!(
        (left.len(), left[0].attempts, left[0].next_attempt_ms),
        (1, 1, i64::MAX)
    );
    assert_eq!(
        state.outbox_pending().await.unwrap(),
        [("r".to_owned(), "webhook[0]".to_owned(), 2)]
    );
    state.outbox_failed(&heads[0], "gone").await.unwrap();
    let next = state.outbox_heads("r", "webhook[0]", 10).await.unwrap();
    assert_eq!(next[0].message.idempotency_key, "key-3");
}

#[tokio::test]
async fn a_message_that_is_given_up_was_not_told_unless_a_newer_one_was() {
    let folder = tempfile::tempdir().unwrap();
    let state = State::open(folder.path().join("state.db"), SystemClock::shared())
        .await
        .unwrap();
    let log = NotificationLogRow {
        lane: message(0).lane,
        firing: vec![1],
        resolved: Vec::new(),
        notified_ms: 1,
    };
    let commit = Commit {
        outbox: vec![message(0), message(3)],
        notified: vec![log.clone()],
        ..Commit::default()
    };
    assert_eq!(message(0).lane, message(3).lane);
    state.commit(commit).await.unwrap();
    let older = state.outbox_heads("r", "webhook[0]", 10).await.unwrap().remove(0);
    assert!(!state.outbox_failed(&older, "400").await.unwrap());
    assert_eq!(state.notification_log().await.unwrap(), [log]);
    let newest = state.outbox_heads("r", "webhook[0]", 10).await.unwrap().remove(0);
    assert!(state.outbox_failed(&newest, "400").await.unwrap());
    assert_eq!(state.notification_log().await.unwrap(), []);

    let finished = state.outbox_recent(10).await.unwrap();
    for row in finished {
        assert_eq!(row.status, OutboxStatus::Failed);
        assert_eq!(
            (row.receipt.as_deref(), row.message.payload.as_str()),
            (Some("400"), "")
        );
    }
}

#[tokio::test]
async fn old_history_is_pruned_and_pending_messages_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let clock = testkit::FakeClock::new(1_000);
    let state = State::open(
        folder.path().join("state.db"),
        Arc::clone(&clock) as stdx::clock::SharedClock,
    )
    .await
    .unwrap();
    state.commit(commit(1)).await.unwrap();
    state.commit(commit(2)).await.unwrap();
    let first = &state.outbox_recent(10).await.unwrap()[1];
    state.outbox_sent(first.id, "ok").await.unwrap();
    clock.advance(std::time::Duration::from_hours(91 * 24));
    state.prune().await.unwrap();
    assert_eq!(state.recent_alert_events(10).await.unwrap(), []);
    assert_eq!(state.outbox_recent(10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn faults_of_the_file_name_it_and_the_mend() {
    let folder = tempfile::tempdir().unwrap();
    let garbage = folder.path().join("garbage.db");
    std::fs::write(&garbage, vec![b'x'; 8_192]).unwrap();
    let error = State::open(&garbage, SystemClock::shared()).await.unwrap_err();
    assert!(matches!(error, Error::Damaged { .. }), "{error}");
    assert!(error.to_string().contains("garbage.db") && error.to_string().contains("move it"));
    let blocked = folder.path().join("file");
    std::fs::write(&blocked, "").unwrap();
    let error = State::open(blocked.join("state.db"), SystemClock::shared())
        .await
        .unwrap_err();
    assert!(error.to_string().contains("file"), "{error}");
    let is_folder = folder.path().join("folder");
    std::fs::create_dir(&is_folder).unwrap();
    let error = State::open(&is_folder, SystemClock::shared()).await.unwrap_err();
    assert!(matches!(error, Error::Open { .. }), "{error:?}");
}
