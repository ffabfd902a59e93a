//! From a verdict to a receiver's answer: a store in memory, a real database, real HTTP.

mod support;

use std::time::{Duration, Instant};

use support::{Receiver, World};

const RULES: &str = "groups:\n- name: g\n  interval: 100ms\n  rules:\n  - alert: Down\n    expr: up == 0\n    labels: {severity: page}\n    annotations: {summary: '{{ $labels.instance }} is down'}\n";

fn config(url: &str) -> String {
    format!(
        "builtin_rules: false\nroute: {{receiver: hook, group_by: [alertname, instance], group_interval: 200ms}}\n\
         receivers: [{{name: hook, webhook_configs: [{{url: '{url}'}}]}}]\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_reaches_its_webhook_and_so_does_its_end() {
    let receiver = Receiver::start(&[]).await;
    let world = World::new();
    let running = world.start(&config(&receiver.url), RULES).await;
    world.set_up("db", 0.0);
    let began = Instant::now();
    receiver.wait_for(1).await;
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    world.set_up("db", 1.0);
    receiver.wait_for(2).await;
    let got = receiver.got();
    let (firing, resolved) = (&got[0], &got[1]);
    assert_eq!(firing.body["status"], "firing");
    assert_eq!(firing.body["version"], "4");
    assert_eq!(firing.body["receiver"], "hook");
    assert_eq!(
        firing.body["groupKey"],
        "{}:{alertname=\"Down\", instance=\"db\"}"
    );
    assert_eq!(firing.body["alerts"][0]["annotations"]["summary"], "db is down");
    assert_eq!(firing.body["alerts"][0]["endsAt"], "0001-01-01T00:00:00Z");
    assert_eq!(firing.body["commonLabels"]["severity"], "page");
    assert_eq!(firing.body["truncatedAlerts"], 0);
    assert_eq!(resolved.body["status"], "resolved");
    assert_eq!(
        resolved.body["alerts"][0]["fingerprint"],
        firing.body["alerts"][0]["fingerprint"]
    );
    assert_ne!(firing.key, resolved.key);
    running
        .wait_until("both are known to be sent", |alerting| {
            let sent = &alerting.alerts()[0].notifications;
            sent.len() == 2 && sent.iter().all(|message| message.status == "sent")
        })
        .await;
    assert_eq!(running.alerting.recent_changes(10).len(), 2);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_fails_is_tried_again_with_the_same_key() {
    let receiver = Receiver::start(&[503, 429]).await;
    let world = World::new();
    let running = world.start(&config(&receiver.url), RULES).await;
    world.set_up("db", 0.0);
    receiver.wait_for(3).await;
    let got = receiver.got();
    assert!(got.iter().all(|request| request.key == got[0].key), "{got:?}");
    running.stop().await;
    assert_eq!(receiver.got().len(), 3, "once taken, not repeated");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_not_tried_again() {
    let receiver = Receiver::start(&[400]).await;
    let world = World::new();
    let running = world.start(&config(&receiver.url), RULES).await;
    world.set_up("db", 0.0);
    receiver.wait_for(1).await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(receiver.got().len(), 1);
    let alert = &running.alerting.alerts()[0];
    assert_eq!(alert.notifications[0].status, "failed");
    assert!(
        alert.notifications[0]
            .error
            .as_deref()
            .unwrap_or_default()
            .starts_with("400")
    );
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stuck_receiver_delays_no_other() {
    let stuck = Receiver::stuck().await;
    let good = Receiver::start(&[]).await;
    let config = format!(
        "builtin_rules: false\nroute: {{receiver: stuck, group_by: ['...'], routes: [{{receiver: stuck, continue: true}}, {{receiver: good}}]}}\n\
         receivers:\n- {{name: stuck, webhook_configs: [{{url: '{}'}}]}}\n- {{name: good, webhook_configs: [{{url: '{}'}}]}}\n",
        stuck.url, good.url
    );
    let world = World::new();
    let running = world.start(&config, RULES).await;
    for instance in ["a", "b", "c", "d", "e", "f", "g", "h"] {
        world.set_up(instance, 0.0);
    }
    let began = Instant::now();
    good.wait_for(8).await;
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    running.kill();
}
