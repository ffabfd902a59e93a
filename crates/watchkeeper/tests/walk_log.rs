//! The walk of a log line: pushed as Loki's clients push, hidden where it holds a secret, kept over `kill -9`, found, and stored once
//! however often it is sent.
#![allow(clippy::unwrap_used, reason = "a test ends at its first fault")]

mod support;

use std::path::Path;

use serde_json::{Value, json};
use support::log_lines::texts;
use support::{Server, client};

const CONFIG: &str = "
collect: {host: false, self: false}
redaction: {detectors: [secrets, personal]}
";

/// What must not be found anywhere: tokens of well-known forms, made up here in two halves so that they stand in no file as they are.
fn secrets() -> Vec<String> {
    let mut secrets = vec![
        ["AKIA", "IOSFODNN7EXAMPLE"].concat(),
        ["ghp_", "16C7e42F292c6912E7710c838347Ae178B4a"].concat(),
        ["xoxb-", "123456789012-123456789012-abcdefghijABCDEFGHIJ1234"].concat(),
        ["sk_live_", "4eC39HqLyjWDarjtT1zdp7dc"].concat(),
        "hunter2hunter2".to_owned(),
    ];
    // Card numbers that pass their checksum.
    secrets.extend(["4111111111111111", "5500005555555559", "340000000000009"].map(str::to_owned));
    secrets
}

fn line(number: usize) -> String {
    let secrets = secrets();
    let secret = &secrets[number % secrets.len()];
    match number % secrets.len() {
        4 => format!(r#"{{"level":"info","order":{number},"url":"https://shop:{secret}@example.org/x"}}"#),
        _ => format!(r#"{{"level":"info","order":{number},"said":"{secret}"}}"#),
    }
}

fn body(from: usize, count: usize) -> Value {
    let now_ns = stdx::SystemClock::shared().now_ms() * 1_000_000;
    let values: Vec<Value> = (from..from + count)
        .map(|number| {
            json!([
                (now_ns - 1_000_000 * (9_000 - number as i64)).to_string(),
                line(number)
            ])
        })
        .collect();
    json!({"streams": [{"stream": {"app": "shop", "service": "orders"}, "values": values}]})
}

async fn push(server: &Server, body: &Value) -> u16 {
    let push = client()
        .post(format!("{}/loki/api/v1/push", server.url))
        .json(body);
    push.send().await.unwrap().status().as_u16()
}

/// The files below a folder that hold a text.
fn files_with(folder: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_with(&path, text));
        } else if String::from_utf8_lossy(&std::fs::read(&path).unwrap()).contains(text) {
            found.push(path.display().to_string());
        }
    }
    found
}

#[tokio::test]
async fn a_line_walks_from_the_wire_to_an_answer() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), CONFIG);
    let first = body(0, 400);
    assert_eq!(push(&server, &first).await, 204);
    assert_eq!(texts(&server, r#"{app="shop"}"#).await.len(), 400);

    // The process ends without a word; the client, which has heard nothing, sends the batch again.
    server.kill();
    let server = Server::start_again(folder.path());
    assert_eq!(push(&server, &first).await, 204);
    assert_eq!(texts(&server, r#"{app="shop"}"#).await.len(), 400);

    // In its final form it is the same, and a batch that comes again is still known.
    assert_eq!(server.post("/-/flush").await.0, 200);
    assert_eq!(push(&server, &body(400, 100)).await, 204);
    server.kill();
    let server = Server::start_again(folder.path());
    assert_eq!(push(&server, &first).await, 204);
    let all = texts(&server, r#"{service="orders"}"#).await;
    assert_eq!(all.len(), 500);
    assert_eq!(texts(&server, r#"{app="shop"} |= `"order":77,`"#).await.len(), 1);
    assert_eq!(
        texts(&server, r#"{app="shop"} | json | order >= 450"#)
            .await
            .len(),
        50
    );

    // No secret is anywhere, and every line says that it held one.
    assert!(
        all.iter().all(|line| line.contains("[REDACTED:")),
        "{:?}",
        all.first()
    );
    for secret in secrets() {
        assert!(
            !all.iter().any(|line| line.contains(&secret)),
            "{secret} is answered"
        );
        assert_eq!(
            files_with(&folder.path().join("data"), &secret),
            Vec::<String>::new()
        );
    }
    let page = client()
        .get(format!("{}/metrics", server.url))
        .send()
        .await
        .unwrap();
    let page = page.text().await.unwrap();
    let redacted: f64 = page
        .lines()
        .filter(|line| line.starts_with("watchkeeper_pipeline_redacted_total"))
        .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
        .sum();
    // Of this process: the batch that came again went through the pipelines once more.
    assert_eq!(redacted, 400.0, "{page}");
    assert!(server.stop());
}
