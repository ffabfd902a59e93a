//! The scrape walk: a page of text on another process becomes series that PromQL answers, and ends when that page ends.
//!
//! Read this first to see how `ingest`, `tsdb`, `promql` and `web` work together behind the real binary.

mod support;

use support::{Exporter, Server};

const PAGE: &str = "\
# HELP jobs_done_total Jobs done.
# TYPE jobs_done_total counter
jobs_done_total{queue=\"mail\"} 41
jobs_done_total{queue=\"print\"} 7
# HELP queue_length Jobs waiting.
# TYPE queue_length gauge
queue_length 3
";

#[tokio::test]
async fn a_scraped_page_is_answered_and_ends_with_its_target() {
    // 1. Somewhere an exporter shows its page.
    let mut exporter = Exporter::start(PAGE).await;

    // 2. The configuration names it in Prometheus' own form; one label is rewritten on the way in.
    let folder = tempfile::tempdir().unwrap();
    let config = config(&exporter);
    let server = Server::start(folder.path(), &config);

    // 3. Each line of the page is a series now, with the labels of its target.
    let rows = server.until("jobs_done_total", |rows| rows.len() == 2).await;
    let instance = exporter.address.to_string();
    let (mail, done) = rows
        .iter()
        .find(|(metric, _)| metric["queue"] == "letters")
        .unwrap();
    assert_eq!(*done, 41.0);
    assert_eq!(mail["job"], "worker");
    assert_eq!(mail["instance"], instance);
    assert_eq!(mail["zone"], "north");

    // 4. The target itself is described: it is up, and what the scrape cost is kept beside it.
    assert_eq!(server.query("up{job=\"worker\"}").await[0].1, 1.0);
    assert_eq!(server.query("scrape_samples_scraped").await[0].1, 3.0);
    server
        .until_shown("/api/v1/targets", "/data/activeTargets/0/health", "up")
        .await;

    // 5. What the page says about its metrics is known too.
    let metadata = server.get("/api/v1/metadata?metric=queue_length").await;
    assert_eq!(metadata["data"]["queue_length"][0]["help"], "Jobs waiting.");
    assert_eq!(metadata["data"]["queue_length"][0]["type"], "gauge");

    // 6. A line that vanishes from the page ends its series at once, not after five minutes.
    exporter.show("queue_length 4\n");
    server.until("jobs_done_total", |rows| rows.is_empty()).await;
    server.until("queue_length == 4", |rows| rows.len() == 1).await;

    // 7. A target that is gone is down, and all its series have ended. What was stored stays readable.
    exporter.go_away().await;
    server
        .until("up{job=\"worker\"} == 0", |rows| rows.len() == 1)
        .await;
    assert!(server.query("queue_length").await.is_empty());
    assert!(
        !server
            .query("last_over_time(jobs_done_total[5m])")
            .await
            .is_empty()
    );

    // 8. When it comes back, it is up again.
    exporter.come_back().await;
    server
        .until("up{job=\"worker\"} == 1", |rows| rows.len() == 1)
        .await;
    server.until("queue_length", |rows| rows.len() == 1).await;
    assert!(server.stop());
}

fn config(exporter: &Exporter) -> String {
    format!(
        "
collect: {{host: false, self: false}}
scrape_configs:
  - job_name: worker
    scrape_interval: 1s
    scrape_timeout: 500ms
    static_configs:
      - targets: ['{}']
        labels: {{zone: north}}
    metric_relabel_configs:
      - source_labels: [queue]
        regex: mail
        target_label: queue
        replacement: letters
",
        exporter.address
    )
}
