//! Foreign pages, rebound names and oversized requests are turned away.

use std::sync::atomic::Ordering;

use crate::support::Server;

#[tokio::test]
async fn a_rebound_name_is_refused_everywhere() {
    let server = Server::start().await;
    for path in ["/", "/metrics", "/api/v1/query?query=1", "/api/ui/bootstrap"] {
        let foreign = server
            .get(path)
            .header("host", "evil.example")
            .send()
            .await
            .unwrap();
        assert_eq!(foreign.status(), 403, "{path}");
        let text = foreign.text().await.unwrap();
        assert!(text.contains("server.allowed_hosts"), "{text}");
    }
    let known = server
        .get("/-/healthy")
        .header("host", "localhost:9595")
        .send()
        .await
        .unwrap();
    assert_eq!(known.status(), 200);
    assert!(
        server
            .metric("watchkeeper_web_requests_refused_total{reason=\"host\"}")
            .await
            >= 4.0
    );
    server.end().await;
}

#[tokio::test]
async fn a_foreign_page_cannot_reload() {
    let server = Server::start().await;
    for (name, value) in [
        ("origin", "http://evil.example"),
        ("sec-fetch-site", "cross-site"),
    ] {
        let refused = server.post("/-/reload").header(name, value).send().await.unwrap();
        assert_eq!(refused.status(), 403, "{name}");
    }
    assert_eq!(server.control.reloads.load(Ordering::SeqCst), 0);
    let own = server
        .post("/-/reload")
        .header("sec-fetch-site", "same-origin")
        .send()
        .await
        .unwrap();
    assert_eq!(own.status(), 200);
    server.end().await;
}

#[tokio::test]
async fn oversized_requests_are_refused() {
    let server = Server::start().await;
    let form = format!("query={}", "1".repeat(2 * 1024 * 1024));
    let large = server
        .post("/api/v1/query")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form)
        .send()
        .await
        .unwrap();
    assert_eq!(large.status(), 413);
    let long = server
        .get("/-/healthy")
        .header("x-long", "a".repeat(100_000))
        .send()
        .await
        .unwrap();
    assert_eq!(long.status(), 431);
    let mut many = server.get("/-/healthy");
    for number in 0..80 {
        many = many.header(format!("x-{number}"), "a");
    }
    assert_eq!(many.send().await.unwrap().status(), 431);
    server.end().await;
}
