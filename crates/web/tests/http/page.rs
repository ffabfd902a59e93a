//! The embedded page: what is kept for ever, what is asked for anew, and what never gets the page.

use crate::support::Server;

const HTML: &str = "text/html,application/xhtml+xml,*/*;q=0.8";

#[tokio::test]
async fn the_page_and_its_assets_arrive_with_the_right_keeping() {
    let server = Server::start().await;
    let index = server.get("/").header("accept", HTML).send().await.unwrap();
    assert_eq!(index.status(), 200);
    let headers = index.headers().clone();
    assert_eq!(headers["cache-control"], "no-cache");
    let etag = headers["etag"].clone();
    let html = index.text().await.unwrap();
    let assets: Vec<&str> = html.split('"').filter(|part| part.starts_with("/_a/")).collect();
    assert!(!assets.is_empty(), "{html}");
    for asset in assets {
        let response = server.get(asset).send().await.unwrap();
        assert_eq!(response.status(), 200, "{asset}");
        assert_eq!(
            response.headers()["cache-control"],
            "public, max-age=31536000, immutable",
            "{asset}"
        );
        let (_, name) = asset.trim_start_matches("/_a/").split_once('/').unwrap();
        let other_build = server.get(&format!("/_a/0/{name}")).send().await.unwrap();
        assert_eq!(
            (
                other_build.status().as_u16(),
                &other_build.headers()["cache-control"]
            ),
            (200, &"no-cache".parse().unwrap())
        );
    }
    let again = server
        .get("/")
        .header("accept", HTML)
        .header("if-none-match", etag)
        .send()
        .await
        .unwrap();
    assert_eq!(again.status(), 304);
    assert!(again.bytes().await.unwrap().is_empty());
    server.end().await;
}

#[tokio::test]
async fn a_known_place_is_found_by_whoever_asks_and_an_unknown_one_by_nobody() {
    let server = Server::start().await;
    for (path, accept, status, is_page) in [
        ("/host", HTML, 200, true),
        ("/alerts?state=firing", HTML, 200, true),
        ("/nowhere", HTML, 404, true),
        ("/", "*/*", 200, true),
        ("/host", "application/json", 200, true),
        ("/nowhere", "*/*", 404, false),
        ("/api", HTML, 404, false),
        ("/api/nothing", HTML, 404, false),
        ("/api/v1/nothing", HTML, 404, false),
        ("/api/ui/nothing", HTML, 404, false),
        ("/_a/0/nothing.js", HTML, 404, false),
        ("/.source-hash", HTML, 404, true),
        ("/../Cargo.toml", HTML, 404, true),
    ] {
        let response = server.get(path).header("accept", accept).send().await.unwrap();
        assert_eq!(response.status(), status, "{path}");
        let is_json = response
            .headers()
            .get("content-type")
            .is_some_and(|kind| kind == "application/json");
        assert_eq!(is_json, path.starts_with("/api"), "{path}");
        let body = response.text().await.unwrap();
        assert_eq!(body.contains("<html"), is_page, "{path}: {body}");
    }
    let posted = server.post("/host").header("accept", HTML).send().await.unwrap();
    assert_eq!(posted.status(), 405);
    server.end().await;
}

#[tokio::test]
async fn the_compressed_page_is_the_page() {
    let server = Server::start().await;
    let plain = server
        .get("/")
        .header("accept", HTML)
        .send()
        .await
        .unwrap()
        .bytes()
        .await
        .unwrap();
    let packed = server
        .get("/")
        .header("accept", HTML)
        .header("accept-encoding", "br, gzip")
        .send()
        .await
        .unwrap();
    assert_eq!(packed.headers()["content-encoding"], "gzip");
    let packed = packed.bytes().await.unwrap();
    let mut unpacked = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&*packed), &mut unpacked).unwrap();
    assert_eq!(unpacked, plain);
    server.end().await;
}

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    let server = Server::start().await;
    for path in [
        "/",
        "/api/v1/query?query=1",
        "/api/nothing",
        "/metrics",
        "/-/healthy",
        "/nowhere",
    ] {
        let response = server.get(path).send().await.unwrap();
        let headers = response.headers();
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(
            policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"),
            "{policy}"
        );
        assert!(
            policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"),
            "{policy}"
        );
        assert_eq!(headers["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(headers["referrer-policy"], "no-referrer", "{path}");
        assert!(headers.get("access-control-allow-origin").is_none(), "{path}");
    }
    server.end().await;
}
