//! Log lines that real clients sent or that others published as examples, through the real server and read back.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test ends where its ground gives way, and says what it saw"
)]

mod support;

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use support::{Server, client, unbase64};

/// Old requests must not be old here.
const CONFIG: &str = "
server: { grpc_listen: off, otlp_http_listen: off }
collect: { host: false, self: false }
storage: { logs: { retention: { time: 36500d } } }
redaction: { detectors: [] }
";

/// A request, and the lines in it.
struct Request {
    name: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    lines: Vec<Line>,
}

/// What must be read back: the time, the text (or what JSON it holds), and names with their values among labels and metadata.
struct Line {
    at_ns: String,
    text: Value,
    names: BTreeMap<String, Value>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_of_clients_are_read_back() {
    let folder = std::env::var_os("WATCHKEEPER_CONFORMANCE_DIR");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = folder.map_or_else(|| root.join("../shared/conformance"), |folder| root.join(folder));
    if !folder.is_dir() {
        println!("skipped: there is no {}", folder.display());
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let server = Server::start(place.path(), CONFIG);
    let (mut count, mut failed) = (0, Vec::new());
    for request in requests(&folder) {
        let answered = send(&server, &request).await;
        for line in &request.lines {
            count += 1;
            let result = match &answered {
                Ok(()) => check(&server, line).await,
                Err(reason) => Err(reason.clone()),
            };
            failed.extend(result.err().map(|reason| format!("{}: {reason}", request.name)));
        }
    }
    println!(
        "conformance clients/logs: {count} cases, {} passed, {} failed",
        count - failed.len(),
        failed.len()
    );
    assert!(count > 0 && failed.is_empty(), "{failed:#?}");
}

fn requests(folder: &Path) -> Vec<Request> {
    let mut requests = Vec::new();
    for name in ["loki-push.jsonl", "otlp-http-protobuf.jsonl"] {
        let recorded = std::fs::read_to_string(folder.join("clients").join(name)).unwrap_or_default();
        for (number, one) in recorded.lines().enumerate() {
            let one: Value = serde_json::from_str(one).unwrap();
            let header = |pair: &Value| (text(&pair[0]), text(&pair[1]));
            let body = unbase64(one["body_base64"].as_str().unwrap());
            let lines = match one["path"].as_str().unwrap() {
                "/loki/api/v1/push" => loki_lines(&serde_json::from_slice(&body).unwrap()),
                "/v1/logs" => otlp_lines(&one["decoded"]),
                _ => continue,
            };
            requests.push(Request {
                name: format!("{name} {}", number + 1),
                path: text(&one["path"]),
                headers: one["headers"].as_array().unwrap().iter().map(header).collect(),
                body,
                lines,
            });
        }
    }
    let examples = std::fs::read_dir(folder.join("otlp/examples"))
        .into_iter()
        .flatten();
    for example in examples {
        let path = example.unwrap().path();
        let body = std::fs::read(&path).unwrap();
        let decoded: Value = serde_json::from_slice(&body).unwrap();
        if decoded.get("resourceLogs").is_some() {
            requests.push(Request {
                name: path.file_name().unwrap().to_string_lossy().into_owned(),
                path: "/v1/logs".to_owned(),
                headers: vec![("content-type".to_owned(), "application/json".to_owned())],
                body,
                lines: otlp_lines(&decoded),
            });
        }
    }
    requests
}

fn loki_lines(sent: &Value) -> Vec<Line> {
    let mut lines = Vec::new();
    for stream in list(&sent["streams"]) {
        let labels = stream["stream"].as_object().unwrap().clone();
        lines.extend(list(&stream["values"]).iter().map(|value| Line {
            at_ns: text(&value[0]),
            text: value[1].clone(),
            names: labels.clone().into_iter().collect(),
        }));
    }
    lines
}

fn otlp_lines(sent: &Value) -> Vec<Line> {
    let mut lines = Vec::new();
    for resource in list(&sent["resourceLogs"]) {
        let of_resource = attributes(&resource["resource"]["attributes"]);
        for scope in list(&resource["scopeLogs"]) {
            let of_scope = attributes(&scope["scope"]["attributes"]);
            for record in list(&scope["logRecords"]) {
                let mut names = of_resource.clone();
                names.extend(of_scope.clone());
                names.extend(attributes(&record["attributes"]));
                for (name, field) in [
                    ("severity_text", "severityText"),
                    ("trace_id", "traceId"),
                    ("span_id", "spanId"),
                ] {
                    if let Some(value) = record.get(field) {
                        names.insert(name.to_owned(), value.clone());
                    }
                }
                lines.push(Line {
                    at_ns: text(&record["timeUnixNano"]),
                    text: plain(&record["body"]),
                    names,
                });
            }
        }
    }
    lines
}

/// Names as labels have them, values without their types.
fn attributes(pairs: &Value) -> BTreeMap<String, Value> {
    let name = |key: &Value| text(key).replace(|c: char| !c.is_ascii_alphanumeric(), "_");
    let pairs = list(pairs).iter();
    pairs
        .map(|pair| (name(&pair["key"]), plain(&pair["value"])))
        .collect()
}

fn plain(value: &Value) -> Value {
    let Some((kind, inner)) = value.as_object().and_then(|value| value.iter().next()) else {
        return Value::Null;
    };
    match kind.as_str() {
        "arrayValue" => list(&inner["values"]).iter().map(plain).collect(),
        "kvlistValue" => {
            let pairs = list(&inner["values"]).iter();
            Value::Object(
                pairs
                    .map(|pair| (text(&pair["key"]), plain(&pair["value"])))
                    .collect(),
            )
        }
        "intValue" => text(inner).parse::<i64>().unwrap().into(),
        _ => inner.clone(),
    }
}

async fn send(server: &Server, request: &Request) -> Result<(), String> {
    let mut sent = client().post(format!("{}{}", server.url, request.path));
    for (name, value) in &request.headers {
        // The length and the framing are this client's own.
        if !["content-length", "transfer-encoding", "host"].contains(&name.to_lowercase().as_str()) {
            sent = sent.header(name, value);
        }
    }
    let answer = sent.body(request.body.clone()).send().await.unwrap();
    let status = answer.status();
    if status.is_success() {
        return Ok(());
    }
    Err(format!("answered {status}: {}", answer.text().await.unwrap()))
}

async fn check(server: &Server, line: &Line) -> Result<(), String> {
    let end = line.at_ns.parse::<i64>().unwrap() + 1;
    let end = end.to_string();
    let asked = url::Url::parse_with_params(
        &format!("{}/loki/api/v1/query_range", server.url),
        [
            ("query", r#"{service_name=~".+"}"#),
            ("start", &line.at_ns),
            ("end", &end),
        ],
    );
    let asked = client().get(asked.unwrap());
    let answer: Value = asked.send().await.unwrap().json().await.unwrap();
    let mut near = Vec::new();
    for stream in list(&answer["data"]["result"]) {
        for value in list(&stream["values"]) {
            if !is_same(&line.text, &value[1]) {
                continue;
            }
            // Where nothing is asked to the contrary, metadata stands among the labels.
            let wrong: Vec<&String> = line
                .names
                .iter()
                .filter(|(name, wanted)| !is_same(wanted, &stream["stream"][*name]))
                .map(|(name, _)| name)
                .collect();
            if wrong.is_empty() {
                return Ok(());
            }
            near.push(format!("{wrong:?} differ in {}", stream["stream"]));
        }
    }
    Err(format!("no line {} at {}; {near:?}", line.text, line.at_ns))
}

/// Whether a text is the value, or the value written as text or as JSON.
fn is_same(wanted: &Value, found: &Value) -> bool {
    let Some(found) = found.as_str() else {
        return false;
    };
    match wanted {
        Value::String(wanted) => wanted == found,
        Value::Null => found.is_empty(),
        other => serde_json::from_str::<Value>(found).is_ok_and(|found| found == *other),
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
