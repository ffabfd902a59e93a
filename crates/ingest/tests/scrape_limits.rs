//! What a target cannot do: take too long, send too much, get in without a password.

#![allow(
    clippy::unwrap_used,
    reason = "a test ends where its world is not as it should be"
)]

mod support;

use std::io::Write as _;
use std::time::Duration;

use axum::http::StatusCode;
use flate2::Compression;
use flate2::write::GzEncoder;
use ingest::Health;
use support::{Answer, FakeTarget, Rig, job};

fn gzipped(body: &[u8]) -> Answer {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(body).unwrap();
    let mut answer = Answer::text("");
    answer.headers.push(("content-encoding", "gzip".to_owned()));
    answer.body = encoder.finish().unwrap();
    answer
}

/// Scrapes once and gives the error.
async fn error_of(answer: Answer, more: &str) -> String {
    let target = FakeTarget::start(answer).await;
    let rig = Rig::start(&job(&target.address, more));
    rig.until("up", "0").await;
    assert!(rig.values("a").is_empty(), "nothing of a failed scrape is stored");
    rig.until_told(Health::Down).await.last_error
}

#[tokio::test]
async fn compressed_bodies_are_read() {
    let target = FakeTarget::start(gzipped(b"a 1\n")).await;
    let rig = Rig::start(&job(&target.address, ""));
    rig.until("a", "1").await;
    assert_eq!(target.last_request().1["accept-encoding"], "gzip");
}

#[tokio::test]
async fn a_bomb_is_stopped_while_it_inflates() {
    let error = error_of(
        gzipped(&vec![b'#'; 64 << 20]),
        ", scrape_interval: 5s, scrape_timeout: 5s, body_size_limit: 50MB",
    )
    .await;
    assert!(error.contains("body size limit exceeded"), "{error}");
}

#[tokio::test]
async fn limits_of_the_job_are_kept() {
    let error = error_of(Answer::text(&"a 1\n".repeat(1000)), ", body_size_limit: 1KB").await;
    assert!(
        error.contains("body size limit exceeded (limit: 1024 bytes)"),
        "{error}"
    );
    let error = error_of(Answer::text("a 1\na{b=\"c\"} 2\n"), ", sample_limit: 1").await;
    assert!(error.contains("sample limit exceeded"), "{error}");
    let target = FakeTarget::start(Answer::text("a 1\n")).await;
    let two = format!(
        "{0}', 'localhost:{1}",
        target.address,
        target.address.rsplit(':').next().unwrap()
    );
    let rig = Rig::start(&job(&two, ", target_limit: 1"));
    rig.until("up", "0").await;
    assert!(target.requests().is_empty());
}

#[tokio::test]
async fn a_target_with_too_many_series_stays_up_and_is_named() {
    let lines: Vec<String> = (0..5_000)
        .map(|n| format!("sessions{{id=\"{n}\"}} 1\n"))
        .collect();
    let target = FakeTarget::start(Answer::text("requests 7\n")).await;
    let rig = Rig::start(&job(&target.address, ", series_limit: 100"));
    rig.until("requests", "7").await;
    target.answer_with(Answer::text(&format!("{}requests 8\n", lines.concat())));
    rig.until("requests", "8").await;
    assert_eq!(rig.last("up").as_deref(), Some("1"));
    rig.until_that("the status", || {
        rig.scraper.targets().active[0].series_refused.is_some()
    })
    .await;
    let refused = rig.scraper.targets().active.remove(0).series_refused.unwrap();
    assert_eq!(
        (refused.count, &*refused.metric, refused.limit),
        (4_901, "sessions", 100)
    );
    let named = rig
        .telemetry
        .target_series_refused
        .get_or_create(&ingest::telemetry::Refusing {
            scrape_job: "demo".to_owned(),
            target: target.address.clone(),
            metric: "sessions".to_owned(),
        });
    assert!(named.get() >= 4_901);
    let sum = rig.last("scrape_samples_post_metric_relabeling");
    assert_eq!(sum.as_deref(), Some("5001"));
}

#[tokio::test]
async fn slow_and_odd_answers_fail() {
    let slow = Answer {
        delay: Duration::from_secs(30),
        ..Answer::text("a 1\n")
    };
    let error = error_of(slow, "").await;
    assert!(error.contains("within the scrape timeout of 0.15 s"), "{error}");
    let mut odd = Answer::text("a 1\n");
    odd.headers.clear();
    let error = error_of(odd.clone(), "").await;
    assert!(error.contains("unsupported Content-Type"), "{error}");
    let mut broken = gzipped(b"a 1\n");
    broken.body = b"not gzip".to_vec();
    let error = error_of(broken, "").await;
    assert!(!error.is_empty(), "{error}");
    let target = FakeTarget::start(odd).await;
    let rig = Rig::start(&job(
        &target.address,
        ", fallback_scrape_protocol: PrometheusText0.0.4",
    ));
    rig.until("a", "1").await;
}

#[tokio::test]
async fn redirects_are_followed_unless_forbidden() {
    let end = FakeTarget::start(Answer::text("a 1\n")).await;
    let redirect = Answer {
        status: StatusCode::FOUND,
        headers: vec![("location", format!("http://{}/elsewhere", end.address))],
        ..Answer::text("")
    };
    let start = FakeTarget::start(redirect.clone()).await;
    let rig = Rig::start(&job(&start.address, ""));
    rig.until("a", "1").await;
    assert_eq!(end.last_request().0.path(), "/elsewhere");
    let error = error_of(redirect, ", follow_redirects: false").await;
    assert_eq!(error, "server returned HTTP status 302 Found");
}

#[tokio::test]
async fn requests_carry_what_the_job_says() {
    let target = FakeTarget::start(Answer::text("a 1\n")).await;
    let folder = tempfile::tempdir().unwrap();
    let password = folder.path().join("password");
    std::fs::write(&password, "s3cret\n").unwrap();
    let rig = Rig::start(&job(
        &target.address,
        &format!(
            ", metrics_path: /probe, params: {{'match[]': [x, y]}}, http_headers: {{X-Own: {{values: [v], secrets: [w]}}}}, \
              basic_auth: {{username: user, password_file: '{}'}}, enable_compression: false",
            password.display()
        ),
    ));
    rig.until("a", "1").await;
    let (uri, headers) = target.last_request();
    assert_eq!(uri.to_string(), "/probe?match%5B%5D=x&match%5B%5D=y");
    assert_eq!(headers["authorization"], "Basic dXNlcjpzM2NyZXQ=");
    assert_eq!(headers["x-prometheus-scrape-timeout-seconds"], "0.15");
    assert_eq!(headers["accept-encoding"], "identity");
    assert!(
        headers["user-agent"]
            .to_str()
            .unwrap()
            .starts_with("Watchkeeper/")
    );
    assert!(
        headers["accept"]
            .to_str()
            .unwrap()
            .starts_with("application/openmetrics-text;version=1.0.0")
    );
    assert_eq!(headers.get_all("x-own").iter().collect::<Vec<_>>(), ["v", "w"]);
    let bearer = FakeTarget::start(Answer::text("b 1\n")).await;
    rig.apply(&job(&bearer.address, ", bearer_token: token"));
    rig.until("b", "1").await;
    assert_eq!(bearer.last_request().1["authorization"], "Bearer token");
}
