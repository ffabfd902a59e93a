//! Queries end: in time, when nobody waits, and with the server.

use std::time::{Duration, Instant};

use crate::support::{Server, until};

/// Counts the seconds of weeks, more often than anyone waits for.
fn endless() -> String {
    let count = "count_over_time((vector(1))[50d:1s])";
    format!("/api/v1/query?query={}", vec![count; 60].join("%2B"))
}

#[tokio::test]
async fn a_query_ends_at_its_timeout() {
    let server = Server::start().await;
    let response = server
        .get(&format!("{}&timeout=100ms", endless()))
        .send()
        .await
        .unwrap();
    let status = response.status();
    let body: serde_json::Value = response.json().await.unwrap();
    assert_eq!(
        (status.as_u16(), &body["errorType"]),
        (503, &"timeout".into()),
        "{body}"
    );
    server.end().await;
}

#[tokio::test]
async fn a_client_that_leaves_cancels_its_query() {
    let server = Server::start().await;
    let waiting = tokio::spawn(server.get(&endless()).send());
    until(|| async { (server.metric("watchkeeper_web_queries_running").await > 0.0).then_some(()) }).await;
    waiting.abort();
    let left = Instant::now();
    until(|| async { (server.metric("watchkeeper_web_queries_running").await == 0.0).then_some(()) }).await;
    assert!(left.elapsed() < Duration::from_secs(5), "{:?}", left.elapsed());
    server.end().await;
}

#[tokio::test]
async fn a_request_under_way_is_answered_when_the_server_stops() {
    let server = Server::start().await;
    let request = tokio::spawn(server.get(&format!("{}&timeout=1s", endless())).send());
    until(|| async { (server.metric("watchkeeper_web_queries_running").await > 0.0).then_some(()) }).await;
    let url = server.url.clone();
    server.end().await;
    let response = request.await.unwrap().unwrap();
    assert_eq!(response.status(), 503);
    assert!(response.text().await.unwrap().contains("timeout"));
    assert!(reqwest::get(url).await.is_err(), "nobody listens any more");
}
