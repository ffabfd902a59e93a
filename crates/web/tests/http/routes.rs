//! Routes by script: `scripts/*.http` holds requests and the answers they must get.
//!
//! A case is `> METHOD /path`, further lines `> name=value` of a form, then `< status type` and the body. With
//! `WATCHKEEPER_UPDATE_SCRIPTS=1` the answers are written anew, for a person to read through.

use std::path::Path;
use std::sync::atomic::Ordering;

use crate::support::{NOW_MS, Server};

fn fill(server: &Server) {
    let labels = |name, instance| [("__name__", name), ("job", "node"), ("instance", instance)];
    for (instance, value) in [("a:9100", 1.0), ("b:9100", 0.0)] {
        let samples: Vec<_> = (0..=4).map(|i| (NOW_MS - 60_000 + i * 15_000, value)).collect();
        server.store.add(&labels("up", instance), &samples);
    }
    let counter: Vec<_> = (0..=4)
        .map(|i| (NOW_MS - 60_000 + i * 15_000, i as f64 * 7.5))
        .collect();
    server.store.add(&labels("requests_total", "a:9100"), &counter);
    let describe = model::MetricMetadata {
        name: "requests".into(),
        kind: model::MetricKind::Counter,
        help: "Requests \"served\".".into(),
        unit: "".into(),
    };
    model::SeriesWrite::describe(&*server.store, model::TenantId::DEFAULT, &[describe]).unwrap();
}

async fn answer(server: &Server, request: &[&str]) -> String {
    let (method, path) = request[0].split_once(' ').unwrap();
    let method: reqwest::Method = method.parse().unwrap();
    let mut builder = server.client.request(method, format!("{}{path}", server.url));
    if request.len() > 1 {
        builder = builder
            .header("content-type", "application/x-www-form-urlencoded")
            .body(request[1..].join("&"));
    }
    let response = builder.send().await.unwrap();
    let status = response.status().as_u16();
    let kind = response
        .headers()
        .get("content-type")
        .map_or("-", |value| value.to_str().unwrap())
        .to_owned();
    let body = response.text().await.unwrap();
    format!("< {status} {kind}\n{}", body.trim_end())
        .trim_end()
        .to_owned()
}

async fn run(script: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/http/scripts")
        .join(script);
    let text = std::fs::read_to_string(&path).unwrap();
    let server = Server::start().await;
    fill(&server);
    let mut written = String::new();
    let mut differences = Vec::new();
    for block in text
        .split("\n\n")
        .map(str::trim)
        .filter(|block| !block.is_empty())
    {
        let (comments, rest): (Vec<_>, Vec<_>) = block.lines().partition(|line| line.starts_with('#'));
        let request: Vec<_> = rest.iter().filter_map(|line| line.strip_prefix("> ")).collect();
        let expected: Vec<_> = rest.iter().skip(request.len()).copied().collect();
        let mut lines: Vec<String> = comments.iter().map(|&line| line.to_owned()).collect();
        if !request.is_empty() {
            let got = answer(&server, &request).await;
            if got != expected.join("\n") {
                differences.push(format!(
                    "{}\n  expected {}\n  got      {got}",
                    request.join(" "),
                    expected.join("\n")
                ));
            }
            lines.extend(request.iter().map(|line| format!("> {line}")));
            lines.push(got);
        }
        written.push_str(&lines.join("\n"));
        written.push_str("\n\n");
    }
    if std::env::var_os("WATCHKEEPER_UPDATE_SCRIPTS").is_some() {
        std::fs::write(&path, format!("{}\n", written.trim_end())).unwrap();
    } else {
        assert!(differences.is_empty(), "{script}:\n{}", differences.join("\n"));
    }
    server.end().await;
}

#[tokio::test]
async fn queries_answer_as_prometheus_does() {
    run("query.http").await;
}

#[tokio::test]
async fn series_and_labels_answer_as_prometheus_does() {
    run("series.http").await;
}

#[tokio::test]
async fn the_state_of_the_process_answers_as_prometheus_does() {
    run("status.http").await;
}

#[tokio::test]
async fn nothing_but_the_replay_answers_before_the_server_is_ready() {
    let server = Server::start().await;
    server.control.ready.store(false, Ordering::SeqCst);
    for (path, status) in [
        ("/-/ready", 503),
        ("/-/healthy", 200),
        ("/api/v1/query?query=1", 503),
        ("/api/v1/status/walreplay", 200),
        ("/metrics", 200),
    ] {
        assert_eq!(server.get(path).send().await.unwrap().status(), status, "{path}");
    }
    let body = server
        .get("/api/v1/labels")
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(body.contains(r#""errorType":"unavailable""#), "{body}");
    server.end().await;
}

#[tokio::test]
async fn a_refused_reload_says_why() {
    let server = Server::start().await;
    assert_eq!(server.post("/-/reload").send().await.unwrap().status(), 200);
    *server.control.reload_error.lock() = Some("watchkeeper.yaml:3: unknown key `lisen`".to_owned());
    let refused = server
        .client
        .put(format!("{}/-/reload", server.url))
        .send()
        .await
        .unwrap();
    assert_eq!(refused.status(), 500);
    let text = refused.text().await.unwrap();
    assert_eq!(
        text,
        "failed to reload config: watchkeeper.yaml:3: unknown key `lisen`\n"
    );
    assert_eq!(server.get("/-/reload").send().await.unwrap().status(), 405);
    assert_eq!(server.control.reloads.load(Ordering::SeqCst), 2);
    server.end().await;
}

#[tokio::test]
async fn own_metrics_come_in_both_formats() {
    let server = Server::start().await;
    server.json("/api/v1/query?query=1").await;
    let plain = server.get("/metrics").send().await.unwrap();
    assert_eq!(
        plain.headers()["content-type"],
        "text/plain; version=0.0.4; charset=utf-8"
    );
    let plain = plain.text().await.unwrap();
    let line = r#"watchkeeper_web_requests_total{route="/api/v1/query",method="GET",status="200"} 1"#;
    assert!(plain.lines().any(|known| known == line), "{plain}");
    assert!(!plain.contains("# EOF"));
    let accept = "application/openmetrics-text;version=1.0.0,text/plain;q=0.5";
    let open = server
        .get("/metrics")
        .header("accept", accept)
        .send()
        .await
        .unwrap();
    assert!(
        open.headers()["content-type"]
            .to_str()
            .unwrap()
            .starts_with("application/openmetrics-text")
    );
    assert!(open.text().await.unwrap().ends_with("# EOF\n"));
    server.end().await;
}

#[tokio::test]
async fn statistics_come_where_they_are_asked_for() {
    let server = Server::start().await;
    fill(&server);
    let with = server.json("/api/v1/query?query=up&stats=true").await;
    let statistics = &with["data"]["stats"];
    assert!(statistics["timings"]["evalTotalTime"].is_number(), "{with}");
    assert!(
        statistics["samples"]["totalQueryableSamples"].as_u64().unwrap() >= 2,
        "{with}"
    );
    assert!(
        server.json("/api/v1/query?query=up").await["data"]
            .get("stats")
            .is_none()
    );
    server.end().await;
}

#[tokio::test]
async fn large_answers_are_compressed_for_those_who_ask() {
    let server = Server::start().await;
    let path = "/api/v1/query_range?query=vector(1)&start=0&end=10000&step=1";
    let plain = server.get(path).send().await.unwrap().bytes().await.unwrap();
    let packed = server
        .get(path)
        .header("accept-encoding", "gzip")
        .send()
        .await
        .unwrap();
    assert_eq!(packed.headers()["content-encoding"], "gzip");
    let packed = packed.bytes().await.unwrap();
    assert!(
        packed.len() * 4 < plain.len(),
        "{} of {}",
        packed.len(),
        plain.len()
    );
    let mut unpacked = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&*packed), &mut unpacked).unwrap();
    assert_eq!(unpacked, plain);
    server.end().await;
}
