//! A disk without space to spare: what comes from outside is refused and told, what the server says itself goes on.
#![allow(clippy::unwrap_used, reason = "a test ends at its first fault")]

mod support;

use serde_json::Value;
use support::{Exporter, Server, Webhook, client};

#[tokio::test]
async fn samples_from_outside_are_refused_and_somebody_is_told() {
    let exporter = Exporter::start("a 1\n").await;
    let webhook = Webhook::start().await;
    let folder = tempfile::tempdir().unwrap();
    let config = format!(
        "
storage: {{free_space_min: 1000000GiB}}
scrape_configs: [{{job_name: a, scrape_interval: 200ms, scrape_timeout: 200ms, static_configs: [{{targets: ['{}']}}]}}]
alerting: {{route: {{receiver: hook}}, receivers: [{{name: hook, webhook_configs: [{{url: '{}'}}]}}]}}
",
        exporter.address, webhook.url
    );
    let server = Server::start(folder.path(), &config);

    let pushed = client()
        .post(format!("{}/api/v2/write", server.url))
        .body("pushed value=1")
        .send()
        .await
        .unwrap();
    assert_eq!(pushed.status().as_u16(), 500);
    assert!(pushed.text().await.unwrap().contains("make room"));

    let overview = server.get("/api/ui/overview").await;
    let fault = overview["store"]["fault"].as_str().unwrap();
    assert!(fault.contains("the disk is full"), "{fault}");
    assert_eq!(overview["store"]["damage"], Value::Array(Vec::new()));

    let told = server_tells(&webhook).await;
    assert!(told.contains("is full"), "{told}");
    assert_eq!(server.query("up{job=\"a\"}").await, Vec::new());
    assert_eq!(server.query("system_uptime_seconds > 0").await.len(), 1);
}

/// The summary of the alert, which goes by the same disk.
async fn server_tells(webhook: &Webhook) -> String {
    for count in 1.. {
        let pages = webhook.until(count).await;
        let alerts = pages
            .iter()
            .flat_map(|page| page.body["alerts"].as_array().unwrap());
        let mut full = alerts.filter(|alert| alert["labels"]["alertname"] == "StoreFull");
        if let Some(alert) = full.next() {
            return alert["annotations"]["summary"].as_str().unwrap().to_owned();
        }
    }
    unreachable!("the loop has no end")
}
