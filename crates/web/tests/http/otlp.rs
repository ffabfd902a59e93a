//! OTLP metrics as its senders meet it: over HTTP on two ports and over gRPC, packed or not, and the answers of the protocol.

use std::sync::atomic::Ordering;

use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use prost::Message;
use serde_json::{Value, json};
use tonic::Code;
use tonic::codec::CompressionEncoding;
use tonic::transport::Channel;

use crate::support::{NOW_MS, Server};

/// A gauge with one point for each of `values`; `null` is a point that has none.
fn request(name: &str, values: &[Value]) -> Value {
    let points: Vec<Value> = (0_i64..)
        .zip(values)
        .map(|(place, value)| {
            let time = (NOW_MS + place) * 1_000_000;
            json!({"timeUnixNano": time.to_string(), "asDouble": value, "attributes": [
                {"key": "place", "value": {"intValue": place.to_string()}}]})
        })
        .collect();
    json!({"resourceMetrics": [{"scopeMetrics": [{"metrics": [
        {"name": name, "gauge": {"dataPoints": points}}]}]}]})
}

fn message(name: &str, values: &[Value]) -> ExportMetricsServiceRequest {
    serde_json::from_value(request(name, values)).unwrap()
}

/// The values of a metric that the store holds.
fn stored(server: &Server, name: &str) -> Vec<f64> {
    let dump = server.store.dump();
    let of_metric = dump.iter().filter(|(labels, _)| labels.metric_name() == name);
    of_metric
        .flat_map(|(_, samples)| samples.iter().map(|(_, value)| *value))
        .collect()
}

async fn channel(server: &Server) -> Channel {
    Channel::from_shared(server.grpc_url.clone())
        .unwrap()
        .connect()
        .await
        .unwrap()
}

#[tokio::test]
async fn every_path_and_encoding_is_taken() {
    let server = Server::start().await;
    let paths = [
        format!("{}/v1/metrics", server.url),
        format!("{}/api/v1/otlp/v1/metrics", server.url),
        format!("{}/v1/metrics", server.otlp_http_url),
    ];
    for (place, path) in paths.iter().enumerate() {
        let name = format!("json_{place}");
        let body = request(&name, &[json!(1.5)]);
        let answer = server.client.post(path).json(&body).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        assert_eq!(answer.headers()["content-type"], "application/json");
        assert_eq!(answer.text().await.unwrap(), "{}");
        assert_eq!(stored(&server, &name), [1.5]);

        let plain = message(&format!("protobuf_{place}"), &[json!(2.5)]).encode_to_vec();
        let gzip = {
            use std::io::Write;
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            let name = format!("gzip_{place}");
            encoder
                .write_all(&message(&name, &[json!(3.5)]).encode_to_vec())
                .unwrap();
            encoder.finish().unwrap()
        };
        for (encoding, body) in [("identity", plain), ("gzip", gzip)] {
            let answer = server
                .client
                .post(path)
                .header("content-type", "application/x-protobuf")
                .header("content-encoding", encoding)
                .body(body)
                .send()
                .await
                .unwrap();
            assert_eq!(answer.status(), 200, "{path} {encoding}");
            assert_eq!(answer.headers()["content-type"], "application/x-protobuf");
            assert!(answer.bytes().await.unwrap().is_empty());
        }
        assert_eq!(stored(&server, &format!("protobuf_{place}")), [2.5]);
        assert_eq!(stored(&server, &format!("gzip_{place}")), [3.5]);
    }
    server.end().await;
}

#[tokio::test]
async fn grpc_takes_what_http_takes() {
    let server = Server::start().await;
    let channel = channel(&server).await;
    let client = || MetricsServiceClient::new(channel.clone());
    let clients = [
        ("plain", client()),
        ("gzip", client().send_compressed(CompressionEncoding::Gzip)),
        ("zstd", client().send_compressed(CompressionEncoding::Zstd)),
    ];
    for (name, mut client) in clients {
        let answer = client.export(message(name, &[json!(4.5)])).await.unwrap();
        assert_eq!(answer.into_inner().partial_success, None);
        assert_eq!(stored(&server, name), [4.5]);
    }
    let partial = client()
        .export(message("partial", &[json!(1), Value::Null]))
        .await
        .unwrap();
    let partial = partial.into_inner().partial_success.unwrap();
    assert_eq!(partial.rejected_data_points, 1);
    assert!(partial.error_message.contains("without a value"), "{partial:?}");
    assert_eq!(stored(&server, "partial"), [1.0]);

    server.control.ready.store(false, Ordering::SeqCst);
    let early = client().export(message("early", &[json!(1)])).await.unwrap_err();
    assert_eq!(early.code(), Code::Unavailable);

    let traces = TraceServiceClient::new(channel.clone())
        .export(ExportTraceServiceRequest::default())
        .await
        .unwrap_err();
    assert_eq!(traces.code(), Code::Unimplemented);
    server.end().await;
}

#[tokio::test]
async fn points_that_are_left_out_are_told_in_both_encodings() {
    let server = Server::start().await;
    let values = [json!(1), Value::Null, Value::Null];
    let answer = server
        .post("/v1/metrics")
        .json(&request("a", &values))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    let answer: Value = answer.json().await.unwrap();
    assert_eq!(answer["partialSuccess"]["rejectedDataPoints"], "2");
    let told = answer["partialSuccess"]["errorMessage"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(told.contains("a: a point without a value"), "{told}");

    let answer = server
        .post("/v1/metrics")
        .header("content-type", "application/x-protobuf")
        .body(message("b", &values).encode_to_vec())
        .send()
        .await
        .unwrap();
    let body = answer.bytes().await.unwrap();
    let partial = ExportMetricsServiceResponse::decode(body)
        .unwrap()
        .partial_success
        .unwrap();
    assert_eq!(partial.rejected_data_points, 2);
    assert!(partial.error_message.contains("b: a point without a value"));
    server.end().await;
}

#[tokio::test]
async fn what_cannot_be_taken_is_answered_in_the_protocols_words() {
    let server = Server::start().await;
    let post = async |path: String, content_type: &str, body: &'static [u8]| {
        let sent = server
            .client
            .post(path)
            .header("content-type", content_type)
            .body(body);
        let answer = sent.send().await.unwrap();
        let (status, retry) = (
            answer.status().as_u16(),
            answer.headers().contains_key("retry-after"),
        );
        (status, retry, answer.bytes().await.unwrap())
    };
    let path = || format!("{}/v1/metrics", server.otlp_http_url);
    let (status, retry, body) = post(path(), "application/json", b"{").await;
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((status, retry, body["code"].as_i64()), (400, false, Some(3)));
    assert!(body["message"].as_str().unwrap().contains("OTLP"), "{body}");

    let (status, _, body) = post(path(), "application/x-protobuf", b"\x0a\xff").await;
    assert_eq!(status, 400);
    // A Status: field 1 is the code, INVALID_ARGUMENT.
    assert!(body.starts_with(&[8, 3, 0x12]), "{body:?}");

    assert_eq!(post(path(), "text/plain", b"").await.0, 415);
    let elsewhere = format!("{}/v1/traces", server.otlp_http_url);
    assert_eq!(post(elsewhere, "application/json", b"{}").await.0, 404);

    server.control.ready.store(false, Ordering::SeqCst);
    let (status, retry, body) = post(path(), "application/json", b"{}").await;
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((status, retry, body["code"].as_i64()), (503, true, Some(14)));
    server.end().await;
}

#[tokio::test]
async fn foreign_pages_and_rebound_names_are_turned_away_on_every_port() {
    let server = Server::start().await;
    for url in [&server.otlp_http_url, &server.url] {
        for (header, value) in [("host", "evil.example"), ("origin", "http://evil.example")] {
            let path = format!("{url}/v1/metrics");
            let sent = server
                .client
                .post(path)
                .header(header, value)
                .json(&request("a", &[json!(1)]));
            assert_eq!(sent.send().await.unwrap().status(), 403, "{url} {header}");
        }
    }
    assert!(server.store.dump().is_empty());
    server.end().await;
}
