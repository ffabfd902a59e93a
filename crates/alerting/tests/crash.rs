//! A crash while an alert fires neither loses nor repeats a notification.

mod support;

use std::time::Duration;

use model::AlertPhase;
use support::{Receiver, World};

const RULES: &str =
    "groups:\n- name: g\n  interval: 100ms\n  rules:\n  - alert: Down\n    expr: up == 0\n    for: 300ms\n";

fn config(url: &str) -> String {
    format!(
        "builtin_rules: false\nroute: {{receiver: hook, group_interval: 200ms}}\n\
         receivers: [{{name: hook, webhook_configs: [{{url: '{url}'}}]}}]\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_firing_it_is_told_once_and_its_end_once() {
    let receiver = Receiver::start(&[]).await;
    let world = World::new();
    let running = world.start(&config(&receiver.url), RULES).await;
    world.set_up("db", 0.0);
    receiver.wait_for(1).await;
    // Between a receiver's answer and its commit lies the one moment in which a crash repeats a message, under its old key.
    running
        .wait_until("it is known to be sent", |alerting| {
            alerting.alerts()[0]
                .notifications
                .iter()
                .all(|message| message.status == "sent")
        })
        .await;
    let before = running.alerting.alerts().remove(0);
    running.kill();

    // After the start nothing is known of `up` at first: the alert stays as it was.
    let kept = world.without_series();
    let running = kept.start(&config(&receiver.url), RULES).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let alerts = running.alerting.alerts();
    assert_eq!(alerts.len(), 1);
    assert_eq!(alerts[0].state, AlertPhase::Firing);
    assert_eq!(
        (alerts[0].active_at_ms, alerts[0].firing_at_ms),
        (before.active_at_ms, before.firing_at_ms)
    );
    assert_eq!(receiver.got().len(), 1, "not repeated");
    kept.set_up("db", 0.0);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(receiver.got().len(), 1, "still the same episode");
    kept.set_up("db", 1.0);
    receiver.wait_for(2).await;
    assert_eq!(receiver.got()[1].body["status"], "resolved");
    running.stop().await;
    assert_eq!(receiver.got().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_before_it_was_sent_it_is_sent_after_the_start() {
    let stuck = Receiver::stuck().await;
    let world = World::new();
    let running = world.start(&config(&stuck.url), RULES).await;
    world.set_up("db", 0.0);
    stuck.wait_for(1).await;
    running.kill();
    let first = stuck.got().remove(0);
    stuck.heal();
    let running = world.start(&config(&stuck.url), RULES).await;
    stuck.wait_for(2).await;
    running.stop().await;
    let got = stuck.got();
    assert_eq!(got.len(), 2);
    assert_eq!(
        (&got[1].key, &got[1].body),
        (&first.key, &first.body),
        "the same message under the same key"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_rule_ends_its_alert() {
    let receiver = Receiver::start(&[]).await;
    let world = World::new();
    let running = world.start(&config(&receiver.url), RULES).await;
    world.set_up("db", 0.0);
    receiver.wait_for(1).await;
    running.apply(&config(&receiver.url), "groups: []\n");
    receiver.wait_for(2).await;
    assert_eq!(receiver.got()[1].body["status"], "resolved");
    running.stop().await;
}
