//! Start timestamps through the real server: told by remote write 2.0, asked over HTTP, there after `kill -9`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test ends where its ground gives way"
)]

mod support;

use support::Server;
use support::remote::{Message, V2, ask, now_ms, sample, send};

const QUIET: &str = "
server: { grpc_listen: off, otlp_http_listen: off }
collect: { host: false, self: false }
";

/// A sample of a counter with its start.
fn started(at_ms: i64, value: f64, start_ms: i64) -> Message {
    let counter = Message::default()
        .packed(1, &[1, 2])
        .message(2, sample(value, at_ms).varint(3, start_ms as u64));
    ["", "__name__", "c_total"]
        .iter()
        .fold(Message::default(), |message, symbol| message.bytes(4, symbol))
        .message(5, counter)
}

/// The number that an instant query comes to.
async fn number(server: &Server, query: &str, at_ms: i64) -> f64 {
    let at = at_ms as f64 / 1000.0;
    let answer = ask(server, &format!("/api/v1/query?query={query}&time={at}")).await;
    let value = &answer["data"]["result"][0]["value"][1];
    value
        .as_str()
        .unwrap_or_else(|| panic!("{query}: {answer}"))
        .parse()
        .unwrap()
}

async fn check(server: &Server, now_ms: i64) {
    let at = |seconds: i64| now_ms - 100_000 + seconds * 1000;
    // 5 since its start, 2 more; 9 since it started again although it never fell, 1 more.
    assert!((number(server, "increase(c_total[90s])", at(60)).await - 17.0).abs() < 1e-9);
    assert!((number(server, "resets(c_total[90s])", at(60)).await - 1.0).abs() < 1e-9);
    let start_s = number(server, "start_timestamp(c_total)", at(60)).await;
    assert!((start_s - at(30) as f64 / 1000.0).abs() < 1e-6, "{start_s}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn starts_are_asked_for_and_counted_by_and_survive_a_kill() {
    let place = tempfile::tempdir().unwrap();
    let server = Server::start(place.path(), QUIET);
    let now_ms = now_ms();
    let at = |seconds: i64| now_ms - 100_000 + seconds * 1000;
    for (seconds, value, start_s) in [(10, 5.0, 5), (20, 7.0, 5), (50, 9.0, 30), (60, 10.0, 30)] {
        let message = started(at(seconds), value, at(start_s));
        let answer = send(&server, message, "snappy", V2).await;
        assert_eq!(
            (answer.status, answer.written[0]),
            (204, Some(1)),
            "{}",
            answer.body
        );
    }
    check(&server, now_ms).await;
    server.kill();
    let server = Server::start_again(place.path());
    check(&server, now_ms).await;
    server.kill();

    let ignoring = QUIET.replace("server: {", "server: { query_start_timestamps: ignored,");
    let server = Server::start(place.path(), &ignoring);
    assert!(number(&server, "resets(c_total[90s])", at(60)).await.abs() < 1e-9);
}
