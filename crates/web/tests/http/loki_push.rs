//! Lines as their senders meet the server: Loki's push and OTLP logs, over every path and transport, and the answers of the protocols.

use model::{LogRead, StreamSelection, TenantId};
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_client::LogsServiceClient;
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse};
use prost::Message;
use serde_json::{Value, json};
use tonic::codec::CompressionEncoding;
use tonic::transport::Channel;

use crate::support::{NOW_MS, Server};

/// How many lines there are.
fn stored(server: &Server) -> u64 {
    let selection = StreamSelection {
        tenant: TenantId::DEFAULT,
        any_of: Vec::new(),
        from_ns: i64::MIN,
        to_ns: i64::MAX,
        budget: None,
    };
    let streams = server.lines.streams(&selection).unwrap();
    streams.iter().map(|stream| stream.lines).sum()
}

fn push(line: &str) -> Value {
    let at_ns = (NOW_MS * 1_000_000).to_string();
    json!({"streams": [{"stream": {"app": "shop"}, "values": [[at_ns, line]]}]})
}

#[tokio::test]
async fn a_push_is_taken_and_read_back() {
    let server = Server::start().await;
    let pushed = server
        .post("/loki/api/v1/push")
        .json(&push("hello"))
        .send()
        .await
        .unwrap();
    assert_eq!(
        (pushed.status().as_u16(), pushed.text().await.unwrap().as_str()),
        (204, "")
    );
    let end = (NOW_MS * 1_000_000 + 1).to_string();
    let path = format!("/loki/api/v1/query_range?query=%7Bapp%3D%22shop%22%7D&end={end}");
    let answer = server.json(&path).await;
    assert_eq!(answer["data"]["result"][0]["values"][0][1], "hello");
    assert_eq!(answer["data"]["result"][0]["stream"]["service_name"], "shop");
    server.end().await;
}

#[tokio::test]
async fn refusals_have_loki_s_status() {
    let server = Server::start().await;
    let send = async |kind: &str, body: Vec<u8>| {
        let request = server.post("/loki/api/v1/push").header("content-type", kind);
        let response = request.body(body).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    };
    let (status, text) = send("application/json", b"{".to_vec()).await;
    assert!(
        status == 400 && text.contains("Loki push request"),
        "{status} {text}"
    );
    let (status, text) = send("application/x-protobuf", b"no snappy".to_vec()).await;
    assert!(status == 400 && text.contains("snappy"), "{status} {text}");
    let long = push(&"x".repeat(300_000)).to_string().into_bytes();
    let (status, text) = send("application/json; charset=utf-8", long).await;
    assert!(
        status == 400 && text.contains("Max entry size '262144'"),
        "{status} {text}"
    );
    let limits: ingest::config::tenants::Limits =
        stdx::yaml::read("default: {log_bytes_per_second: 1}").unwrap();
    server.logs.configure(
        &ingest::config::logs::LogsConfig::default(),
        &ingest::config::tenants::MultiTenancy::default(),
        &limits,
    );
    let statuses = [
        send(
            "application/json",
            push("a long line to begin with").to_string().into_bytes(),
        )
        .await
        .0,
        send("application/json", push("b").to_string().into_bytes())
            .await
            .0,
    ];
    assert_eq!(statuses, [204, 429]);
    assert_eq!(stored(&server), 1);
    server.end().await;
}

fn request(lines: &[&str]) -> ExportLogsServiceRequest {
    let records: Vec<Value> = lines
        .iter()
        .map(|line| json!({"timeUnixNano": (NOW_MS * 1_000_000).to_string(), "body": {"stringValue": line}}))
        .collect();
    let resource = json!({"attributes": [{"key": "service.name", "value": {"stringValue": "cart"}}]});
    serde_json::from_value(json!({"resourceLogs": [
        {"resource": resource, "scopeLogs": [{"logRecords": records}]}]}))
    .unwrap()
}

#[tokio::test]
async fn otlp_logs_are_taken_on_every_path_and_in_every_encoding() {
    let server = Server::start().await;
    let mut expected = 0;
    for url in [&server.url, &server.otlp_http_url] {
        for path in ["/v1/logs", "/otlp/v1/logs"] {
            for packing in ["", "gzip", "zstd"] {
                for kind in ["application/x-protobuf", "application/json"] {
                    expected += 1;
                    let line = expected.to_string();
                    let message = request(&[&line]);
                    let body = match kind {
                        "application/json" => serde_json::to_vec(&message).unwrap(),
                        _ => message.encode_to_vec(),
                    };
                    let body = match packing {
                        "gzip" => {
                            let mut encoder =
                                flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                            std::io::Write::write_all(&mut encoder, &body).unwrap();
                            encoder.finish().unwrap()
                        }
                        "zstd" => zstd::stream::encode_all(&*body, 1).unwrap(),
                        _ => body,
                    };
                    let request = server
                        .client
                        .post(format!("{url}{path}"))
                        .header("content-type", kind);
                    let request = match packing {
                        "" => request,
                        packing => request.header("content-encoding", packing),
                    };
                    let response = request.body(body).send().await.unwrap();
                    assert_eq!(response.status(), 200, "{path} {packing} {kind}");
                    assert_eq!(response.headers()["content-type"], kind);
                    assert_eq!(stored(&server), expected);
                }
            }
        }
    }
    server.end().await;
}

#[tokio::test]
async fn what_is_left_out_of_otlp_logs_is_told() {
    let server = Server::start().await;
    let long = "x".repeat(300_000);
    let message = request(&["good", &long]);
    let response = server
        .post("/v1/logs")
        .header("content-type", "application/x-protobuf")
        .body(message.encode_to_vec())
        .send()
        .await
        .unwrap();
    let answer = ExportLogsServiceResponse::decode(response.bytes().await.unwrap()).unwrap();
    let partial = answer.partial_success.unwrap();
    assert_eq!(partial.rejected_log_records, 1);
    assert!(partial.error_message.contains("Max entry size"), "{partial:?}");
    let answer: Value = server
        .post("/v1/logs")
        .json(&request(&[&long]))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(answer["partialSuccess"]["rejectedLogRecords"], "1");

    let channel = Channel::from_shared(server.grpc_url.clone())
        .unwrap()
        .connect()
        .await
        .unwrap();
    let mut client = LogsServiceClient::new(channel).send_compressed(CompressionEncoding::Gzip);
    let partial = client
        .export(request(&["by grpc", &long]))
        .await
        .unwrap()
        .into_inner()
        .partial_success
        .unwrap();
    assert_eq!(partial.rejected_log_records, 1);
    assert_eq!(stored(&server), 2);
    let refused = server
        .post("/v1/logs")
        .header("content-type", "application/x-protobuf")
        .body(vec![0x0a, 0xff])
        .send()
        .await
        .unwrap();
    assert_eq!(refused.status(), 400);
    server.end().await;
}
