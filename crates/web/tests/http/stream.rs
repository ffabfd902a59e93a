//! The stream of events over a real connection.

use std::time::Duration;

use futures::StreamExt;
use web::{Config, ConfigView};

use crate::support::{PATIENCE, Server};

/// Reads until `count` events were seen; each as its lines.
pub(crate) async fn events(response: reqwest::Response, count: usize) -> Vec<Vec<String>> {
    let read = async {
        let mut text = String::new();
        let mut chunks = response.bytes_stream();
        while let Some(chunk) = chunks.next().await {
            text.push_str(std::str::from_utf8(&chunk.unwrap()).unwrap());
            let all: Vec<Vec<String>> = text
                .split_inclusive("\n\n")
                .filter(|block| block.ends_with("\n\n") && block.contains("event:"))
                .map(|block| block.trim().lines().map(str::to_owned).collect())
                .collect();
            if all.len() >= count {
                return all;
            }
        }
        panic!("the stream ended early: {text}");
    };
    tokio::time::timeout(PATIENCE, read).await.unwrap()
}

fn field<'a>(event: &'a [String], name: &str) -> &'a str {
    event
        .iter()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
        .unwrap_or_default()
}

#[tokio::test]
async fn ticks_come_numbered_and_a_client_that_returns_misses_none() {
    let server = Server::start().await;
    let path = "/api/ui/stream?topics=tick";
    let response = server.get(path).send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    assert_eq!(response.headers()["cache-control"], "no-store");
    let first = events(response, 2).await;
    let ids: Vec<u64> = first
        .iter()
        .map(|event| field(event, "id").parse().unwrap())
        .collect();
    assert_eq!(ids[1], ids[0] + 1);
    assert!(
        field(&first[0], "data").starts_with(r#"{"now_ms":17000106"#),
        "{first:?}"
    );
    let again = server
        .get(path)
        .header("last-event-id", (ids[0] - 1).to_string())
        .send()
        .await
        .unwrap();
    let again = events(again, 2).await;
    assert_eq!(again[..2], first[..2]);
    let overview = server.json("/api/ui/overview").await;
    assert!(
        overview["ingest"]["samples_per_second"].is_number()
            || overview["ingest"]["samples_per_second"].is_null()
    );
    server.end().await;
}

#[tokio::test]
async fn a_reload_is_told_and_a_stranger_to_the_ids_gets_a_gap() {
    let server = Server::start().await;
    let response = server.get("/api/ui/stream?topics=config").send().await.unwrap();
    let view = ConfigView {
        path: Some("/etc/watchkeeper.yaml".to_owned()),
        error: Some("line 3".to_owned()),
        yaml: "secret".to_owned(),
        ..ConfigView::default()
    };
    server.config_news.offer(view);
    let got = events(response, 1).await;
    assert_eq!(field(&got[0], "event"), "config");
    assert_eq!(
        field(&got[0], "data"),
        r#"{"path":"/etc/watchkeeper.yaml","loaded_at_ms":0,"ok":false,"error":"line 3","warnings":[]}"#
    );
    let stranger = server
        .get("/api/ui/stream")
        .header("last-event-id", "7")
        .send()
        .await
        .unwrap();
    let got = events(stranger, 1).await;
    assert_eq!(field(&got[0], "event"), "gap");
    server.end().await;
}

#[tokio::test]
async fn unknown_topics_are_refused() {
    let server = Server::start().await;
    let response = server
        .get("/api/ui/stream?topics=tick,tock")
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 400);
    server.end().await;
}

#[tokio::test]
async fn streams_end_with_the_server_at_once() {
    let server = Server::start_with(Config::default(), stdx::SystemClock::shared()).await;
    let response = server.get("/api/ui/stream").send().await.unwrap();
    let started = std::time::Instant::now();
    let rest = tokio::spawn(async move { response.bytes().await });
    server.end().await;
    rest.await.unwrap().unwrap();
    assert!(
        started.elapsed() < Duration::from_secs(4),
        "{:?}",
        started.elapsed()
    );
}
