//! The alert walk: a rule's verdict becomes one page, survives a crash without a second one, and resolves; rules are evaluated by
//! the times that are set for all.
//!
//! Read this first to see how `ingest`, `alerting` and `state` work together behind the real binary.

mod support;

use std::time::{Duration, Instant};

use support::{Exporter, Page, Server, Webhook};

const RULES: &str = r"
groups:
  - name: targets
    rules:
      - alert: TargetIsDown
        expr: up == 0
        for: 2s
        labels: {severity: critical}
        annotations:
          summary: 'Target {{ $labels.instance }} of {{ $labels.job }} does not answer (up is {{ $value }})'
";

#[tokio::test]
async fn one_failure_is_one_page_whatever_happens_to_the_server() {
    // 1. An exporter, a receiver of pages, and a rule in Prometheus' own form.
    let mut exporter = Exporter::start("jobs_waiting 3\n").await;
    let webhook = Webhook::start().await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("rules.yaml"), RULES).unwrap();
    let config = config(&exporter, &webhook);
    let server = Server::start(folder.path(), &config);
    server.until("up == 1", |rows| rows.len() == 1).await;

    // 2. The exporter goes away. The alert is pending for its two seconds, then it fires and the page goes out.
    exporter.go_away().await;
    let gone = Instant::now();
    let page = webhook.until(1).await.remove(0);
    let took = gone.elapsed();
    assert!(
        took >= Duration::from_secs(2),
        "paged after {took:?}, before the rule's two seconds were over"
    );
    assert!(took < Duration::from_secs(8), "paged only after {took:?}");

    // 3. The page is Alertmanager's webhook payload, its texts filled in.
    check_payload(&page, &exporter);

    // 4. Prometheus' API tells the same story.
    let alerts = server.get("/api/v1/alerts").await;
    assert_eq!(alerts["data"]["alerts"][0]["state"], "firing");
    assert_eq!(server.query("ALERTS{alertstate=\"firing\"}").await.len(), 1);

    // 5. The server crashes while the alert fires, and comes back. The page is neither lost nor repeated, and the alert
    //    is the same one: it has been active since the same moment.
    let active_since = alerts["data"]["alerts"][0]["activeAt"].clone();
    //    Between a receiver's answer and its record lies the one moment in which a crash repeats a message, under the
    //    key that it had before.
    server
        .until_message("pager", |message| message["status"] == "sent")
        .await;
    server.kill();
    let server = Server::start_again(folder.path());
    server
        .until("ALERTS{alertstate=\"firing\"}", |rows| rows.len() == 1)
        .await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(webhook.pages().len(), 1, "{:?}", webhook.pages());
    let alerts = server.get("/api/v1/alerts").await;
    assert_eq!(alerts["data"]["alerts"][0]["activeAt"], active_since);

    // 6. The exporter comes back: one more notification, and it says resolved.
    exporter.come_back().await;
    let resolved = webhook.until(2).await.remove(1);
    assert_eq!(resolved.status(), "resolved");
    assert_eq!(
        resolved.body["alerts"][0]["fingerprint"],
        page.body["alerts"][0]["fingerprint"]
    );
    assert_ne!(resolved.key, page.key);
    server.until("ALERTS", |rows| rows.is_empty()).await;
    assert!(server.stop());
}

/// A rule that says what steps its subquery had, and one that has an offset of its own.
const TIMED: &str = r"
groups:
  - name: late
    rules: [{record: 'steps:late', expr: 'count_over_time(vector(1)[1m:])'}]
  - name: now
    query_offset: 0s
    rules: [{record: 'steps:now', expr: 'count_over_time(vector(1)[1m:])'}]
";

#[tokio::test]
async fn the_global_times_hold_for_rules_and_for_queries() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("rules.yaml"), TIMED).unwrap();
    let config = "
global: {evaluation_interval: 2s, rule_query_offset: 40s}
collect: {host: false, self: false}
alerting: {builtin_rules: false}
rule_files: [rules.yaml]
";
    let server = Server::start(folder.path(), config);
    for name in ["steps:late", "steps:now"] {
        server
            .until(name, |rows| matches!(rows, [(_, steps)] if *steps == 30.0))
            .await;
    }
    let asked = server.query("count_over_time(vector(1)[1m:])").await;
    assert!(matches!(&*asked, [(_, steps)] if *steps == 30.0), "{asked:?}");
    let age = |name: &str| format!("time() - timestamp({name})");
    let late = server.query(&age("steps:late")).await;
    assert!(
        matches!(&*late, [(_, age_s)] if (40.0..60.0).contains(age_s)),
        "{late:?}"
    );
    let now = server.query(&age("steps:now")).await;
    assert!(
        matches!(&*now, [(_, age_s)] if (0.0..20.0).contains(age_s)),
        "{now:?}"
    );
    assert!(server.stop());
}

fn config(exporter: &Exporter, webhook: &Webhook) -> String {
    format!(
        "
collect: {{host: false, self: false}}
scrape_configs:
  - job_name: worker
    scrape_interval: 1s
    scrape_timeout: 500ms
    static_configs: [{{targets: ['{}']}}]
rule_files: [rules.yaml]
alerting:
  builtin_rules: false
  route: {{receiver: pager, group_wait: 0s, group_interval: 1s}}
  receivers:
    - name: pager
      webhook_configs: [{{url: '{}'}}]
",
        exporter.address, webhook.url
    )
}

fn check_payload(page: &Page, exporter: &Exporter) {
    assert_eq!(page.status(), "firing");
    assert_eq!(page.body["version"], "4");
    assert_eq!(page.body["receiver"], "pager");
    let alert = &page.body["alerts"][0];
    assert_eq!(alert["labels"]["alertname"], "TargetIsDown");
    assert_eq!(alert["labels"]["severity"], "critical");
    let summary = format!("Target {} of worker does not answer (up is 0)", exporter.address);
    assert_eq!(alert["annotations"]["summary"], summary);
}
