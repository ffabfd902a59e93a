//! Remote write through the real server: both versions, what they carry beside samples, what is refused, and a real sender's
//! recorded request.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test ends where its ground gives way, and says what it saw"
)]

mod support;

use std::path::Path;

use serde_json::{Value, json};
use support::remote::{Message, V1, V2, ask, now_ms, sample, samples_of, send, v1_series};
use support::{Server, client, unbase64};

const CONFIG: &str = "
server: { grpc_listen: off, otlp_http_listen: off }
collect: { host: false, self: false }
";

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// An integer histogram of schema 1: three observations in bucket 0, five in bucket 1.
fn histogram(at_ms: i64) -> Message {
    Message::default()
        .varint(1, 9)
        .double(3, 12.5)
        .varint(4, zigzag(1))
        .double(5, 0.001)
        .varint(6, 1)
        .message(11, Message::default().varint(1, zigzag(0)).varint(2, 2))
        .packed(12, &[zigzag(3), zigzag(2)])
        .varint(15, at_ms as u64)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn version_1_is_stored_once_however_often_it_comes() {
    let place = tempfile::tempdir().unwrap();
    let server = Server::start(place.path(), CONFIG);
    let now_ms = now_ms();
    let body = Message::default()
        .message(
            1,
            v1_series(
                &[("__name__", "a_total"), ("job", "x")],
                &[(1.0, now_ms - 2000), (2.5, now_ms - 1000)],
            ),
        )
        // Labels in no order, as some senders have them.
        .message(
            1,
            v1_series(&[("zone", "z"), ("__name__", "b")], &[(f64::INFINITY, now_ms)]),
        )
        .message(
            3,
            Message::default()
                .varint(1, 1)
                .bytes(2, "a_total")
                .bytes(4, "Counts.")
                .bytes(5, "s"),
        );
    for packing in ["snappy", "zstd", "snappy"] {
        let answer = send(&server, body.clone(), packing, V1).await;
        assert_eq!(
            (answer.status, answer.written),
            (204, [Some(3), Some(0), Some(0)]),
            "{}",
            answer.body
        );
    }
    let found = samples_of(&server, "a_total").await;
    let values: Vec<&str> = found[0]["values"]
        .as_array()
        .unwrap()
        .iter()
        .map(|pair| pair[1].as_str().unwrap())
        .collect();
    assert_eq!(values, ["1", "2.5"]);
    assert_eq!(
        samples_of(&server, "b").await[0]["metric"],
        json!({"__name__": "b", "zone": "z"})
    );
    let metadata = ask(&server, "/api/v1/metadata?metric=a_total").await;
    assert_eq!(
        metadata["data"]["a_total"][0],
        json!({"type": "counter", "help": "Counts.", "unit": "s"})
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn version_2_brings_histograms_exemplars_and_metadata() {
    let place = tempfile::tempdir().unwrap();
    let server = Server::start(place.path(), CONFIG);
    let now_ms = now_ms();
    let symbols = [
        "",
        "__name__",
        "requests_total",
        "job",
        "api",
        "trace_id",
        "abc",
        "Requests.",
        "latency",
    ];
    let request = |at_ms: i64| {
        let exemplar = Message::default()
            .packed(1, &[5, 6])
            .double(2, 0.25)
            .varint(3, at_ms as u64);
        let described = Message::default().varint(1, 1).varint(3, 7).varint(4, 0);
        let counter = Message::default()
            .packed(1, &[1, 2, 3, 4])
            .message(2, sample(7.0, at_ms))
            .message(4, exemplar)
            .message(5, described);
        let latency = Message::default().packed(1, &[1, 8]).message(3, histogram(at_ms));
        let symbols = symbols
            .iter()
            .fold(Message::default(), |message, symbol| message.bytes(4, symbol));
        symbols.message(5, counter).message(5, latency)
    };
    for (at_ms, packing) in [(now_ms - 1000, "snappy"), (now_ms, "zstd")] {
        let answer = send(&server, request(at_ms), packing, V2).await;
        assert_eq!(
            (answer.status, answer.written),
            (204, [Some(1), Some(1), Some(1)]),
            "{}",
            answer.body
        );
    }
    let found = samples_of(&server, "requests_total").await;
    assert_eq!(
        found[0]["metric"],
        json!({"__name__": "requests_total", "job": "api"})
    );
    assert_eq!(found[0]["values"].as_array().unwrap().len(), 2);
    let metadata = ask(&server, "/api/v1/metadata?metric=requests_total").await;
    assert_eq!(metadata["data"]["requests_total"][0]["help"], "Requests.");
    let exemplars = ask(&server, "/api/v1/query_exemplars?query=requests_total").await;
    let of_series = &exemplars["data"][0];
    assert_eq!(of_series["seriesLabels"]["job"], "api");
    assert_eq!(of_series["exemplars"].as_array().unwrap().len(), 2);
    assert_eq!(of_series["exemplars"][0]["labels"], json!({"trace_id": "abc"}));
    assert_eq!(of_series["exemplars"][0]["value"], "0.25");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_makes_no_sense_is_told_and_the_rest_is_stored() {
    let place = tempfile::tempdir().unwrap();
    let server = Server::start(place.path(), CONFIG);
    let now_ms = now_ms();
    let body = Message::default()
        .message(1, v1_series(&[("job", "nameless")], &[(1.0, now_ms)]))
        .message(
            1,
            v1_series(&[("__name__", "twice"), ("a", "1"), ("a", "2")], &[(1.0, now_ms)]),
        )
        .message(1, v1_series(&[("__name__", "ancient")], &[(1.0, 1000)]))
        .message(1, v1_series(&[("__name__", "good")], &[(1.0, now_ms)]));
    let answer = send(&server, body, "snappy", V1).await;
    assert_eq!((answer.status, answer.written[0]), (400, Some(1)));
    for part in ["nameless", "comes twice", "too_old"] {
        assert!(answer.body.contains(part), "{part} in {}", answer.body);
    }
    assert_eq!(samples_of(&server, "good").await.as_array().unwrap().len(), 1);
    let good = || Message::default().message(1, v1_series(&[("__name__", "good")], &[(2.0, now_ms + 1)]));
    let cases = [
        (Message(vec![0x0a, 0x50]), "snappy", V1, 400),
        (good(), "br", V1, 415),
        (good(), "snappy", "application/json", 415),
        (
            good(),
            "snappy",
            "application/x-protobuf;proto=unknown.Request",
            415,
        ),
        (
            Message::default().message(5, Message::default().packed(1, &[1, 9])),
            "snappy",
            V2,
            400,
        ),
    ];
    for (body, packing, content_type, status) in cases {
        let answer = send(&server, body, packing, content_type).await;
        assert_eq!(
            (answer.status, answer.written[0]),
            (status, Some(0)),
            "{packing} {content_type}: {}",
            answer.body
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recorded_request_of_prometheus_is_taken() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = std::env::var_os("WATCHKEEPER_CONFORMANCE_DIR")
        .map_or_else(|| root.join("../shared/conformance"), |folder| root.join(folder));
    let Ok(recorded) = std::fs::read_to_string(folder.join("clients/remote-write-v1.jsonl")) else {
        println!("skipped: there is no {}", folder.display());
        return;
    };
    let place = tempfile::tempdir().unwrap();
    let server = Server::start(place.path(), CONFIG);
    let (mut count, mut passed) = (0, 0);
    for line in recorded.lines() {
        let one: Value = serde_json::from_str(line).unwrap();
        let mut request = client().post(format!("{}{}", server.url, one["path"].as_str().unwrap()));
        for pair in one["headers"].as_array().unwrap() {
            let name = pair[0].as_str().unwrap();
            if !name.eq_ignore_ascii_case("content-length") {
                request = request.header(name, pair[1].as_str().unwrap());
            }
        }
        let body = unbase64(one["body_base64"].as_str().unwrap());
        let answer = request.body(body).send().await.unwrap();
        count += 1;
        passed += u32::from(answer.status() == 204);
    }
    println!(
        "conformance clients/remote-write: {count} cases, {passed} passed, {} failed",
        count - passed
    );
    assert_eq!(passed, count);
    let metadata = ask(&server, "/api/v1/metadata").await;
    assert!(metadata["data"].as_object().unwrap().len() > 200);
}
