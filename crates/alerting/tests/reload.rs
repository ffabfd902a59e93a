//! What changes while it runs: rules that go, labels that change, a database and a run that break.

mod support;

use std::time::Duration;

use model::{AlertPhase, STALE_NAN};
use sqlx::{Connection, SqliteConnection};
use support::{Receiver, Trap, World};

fn config(url: &str) -> String {
    format!(
        "builtin_rules: false\nroute: {{receiver: hook, group_by: [alertname], group_interval: 100ms}}\n\
         receivers: [{{name: hook, webhook_configs: [{{url: '{url}'}}]}}]\n"
    )
}

fn group(rules: &[&str]) -> String {
    let rules: Vec<String> = rules.iter().map(|rule| format!("  - {{{rule}}}\n")).collect();
    format!(
        "groups:\n- name: g\n  interval: 100ms\n  rules:\n{}",
        rules.concat()
    )
}

const DOWN: &str = "alert: Down, expr: up == 0";

fn is_ended(values: &[f64]) -> bool {
    !values.is_empty() && values.iter().all(|value| value.to_bits() == STALE_NAN.to_bits())
}

#[tokio::test(flavor = "multi_thread")]
async fn series_of_a_rule_that_left_its_group_are_ended() {
    let world = World::new();
    let config = config("http://127.0.0.1:9/");
    let (twice, thrice) = ("record: twice, expr: up + up", "record: thrice, expr: 3 * up");
    world.set_up("db", 0.0);
    let running = world.start(&config, &group(&[DOWN, twice, thrice])).await;
    running
        .wait_until("all is written", |_| {
            ["ALERTS", "ALERTS_FOR_STATE", "twice", "thrice"]
                .iter()
                .all(|metric| world.last_values(metric).len() == 1)
        })
        .await;
    running.apply(&config, &group(&[thrice]));
    running
        .wait_until("what left is ended", |_| {
            ["ALERTS", "ALERTS_FOR_STATE", "twice"]
                .iter()
                .all(|metric| is_ended(&world.last_values(metric)))
        })
        .await;
    assert!(!is_ended(&world.last_values("thrice")), "what stayed goes on");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_is_removed_while_it_is_evaluated_leaves_nothing_open() {
    let world = World::new();
    let config = config("http://127.0.0.1:9/");
    world.set_up("db", 0.0);
    world.gate.close();
    let running = world.start(&config, &group(&[DOWN])).await;
    world.gate.wait_for_one().await;
    running.apply(&config, "groups: []\n");
    // Time for the change to pass by the evaluation, if it could.
    tokio::time::sleep(Duration::from_millis(300)).await;
    world.gate.open();
    running
        .wait_until("it is out of force", |alerting| alerting.groups().is_empty())
        .await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let alerts = world.last_values("ALERTS");
    assert!(is_ended(&alerts), "{alerts:?}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn notifications_carry_the_external_labels_of_the_configuration_in_force() {
    let receiver = Receiver::start(&[]).await;
    let world = World::new();
    let config = config(&receiver.url);
    let running = world.start(&config, "groups: []\n").await;
    let site = |site| [("site", site), ("instance", "loses")];
    running.apply_with(&config, &group(&[DOWN]), &site("here"));
    world.set_up("db", 0.0);
    receiver.wait_for(1).await;
    running.apply_with(&config, &group(&[DOWN]), &site("there"));
    tokio::time::sleep(Duration::from_millis(300)).await;
    world.set_up("web", 0.0);
    receiver.wait_for(2).await;
    let got = receiver.got();
    let labels = |request: usize, alert: usize| got[request].body["alerts"][alert]["labels"].clone();
    assert_eq!(labels(0, 0)["site"], "here");
    assert_eq!(labels(0, 0)["instance"], "db", "an alert's own labels win");
    assert_eq!(got[1].body["commonLabels"]["site"], "there");
    assert!(running.alerting.alerts()[0].labels.get("site").is_none());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_breaks_before_anything_is_in_force_loses_no_message() {
    let receiver = Receiver::stuck().await;
    let world = World::new();
    let (config, rules) = (config(&receiver.url), group(&[DOWN]));
    let running = world.start(&config, &rules).await;
    world.set_up("db", 0.0);
    receiver.wait_for(1).await;
    running.kill();
    receiver.heal();

    let mut running = world.start_over(Some(Trap::new()), &config, &rules).await;
    running.run_again().await;
    receiver.wait_for(2).await;
    let got = receiver.got();
    assert_eq!(got[0].key, got[1].key, "the message that was waiting");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_fails_is_asked_again_after_a_pause() {
    let receiver = Receiver::start(&[]).await;
    let world = World::new();
    let rules = group(&["alert: Down, expr: up == 0, for: 700ms"]);
    let running = world.start(&config(&receiver.url), &rules).await;
    world.set_up("db", 0.0);
    running
        .wait_until("it is pending", |alerting| {
            alerting
                .alerts()
                .iter()
                .any(|alert| alert.state == AlertPhase::Pending)
        })
        .await;
    let mut database = SqliteConnection::connect(world.database().to_str().unwrap())
        .await
        .unwrap();
    let rename = |from: &str, to: &str| format!("ALTER TABLE {from} RENAME TO {to}");
    let broken = rename("alert_events", "elsewhere");
    sqlx::query(sqlx::AssertSqlSafe(broken))
        .execute(&mut database)
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let failures = running.counter("commit_failures_total");
    assert!(
        (1.0..=8.0).contains(&failures),
        "{failures} tries in three seconds"
    );
    assert_eq!(receiver.got().len(), 0);
    let mended = rename("elsewhere", "alert_events");
    sqlx::query(sqlx::AssertSqlSafe(mended))
        .execute(&mut database)
        .await
        .unwrap();
    receiver.wait_for(1).await;
    running.stop().await;
}
