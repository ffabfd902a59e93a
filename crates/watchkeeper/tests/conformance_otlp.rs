//! OTLP metrics that others published or that real clients sent, through the real server and read back.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test ends where its ground gives way, and says what it saw"
)]

mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;
use support::{Server, client, unbase64};

/// Metrics that were read back equal when this was written; it may only grow.
const PASSED_MIN: usize = 11;

/// Old requests must not be old here, and this machine's own series are not asked for.
const CONFIG: &str = "
server: { grpc_listen: off, otlp_http_listen: off }
collect: { host: false, self: false }
storage: { tsdb: { retention: { time: 36500d } } }
";

type Labels = BTreeMap<String, String>;

/// A request and what protobuf's own library reads in it.
struct Request {
    name: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    decoded: Value,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn otlp_metrics_are_read_back() {
    let Some(folder) = folder() else {
        return;
    };
    let place = tempfile::tempdir().unwrap();
    let server = Server::start(place.path(), CONFIG);
    let (mut count, mut failed) = (0, Vec::new());
    for request in requests(&folder) {
        let answered = send(&server, &request).await;
        for (resource, metric) in metrics(&request.decoded) {
            count += 1;
            let name = format!("{}: {}", request.name, text(&metric["name"]));
            let result = match &answered {
                Ok(()) => check_metric(&server, &resource, metric).await,
                Err(reason) => Err(reason.clone()),
            };
            failed.extend(result.err().map(|reason| format!("{name}: {reason}")));
        }
    }
    for reason in &failed {
        println!("failed: {reason}");
    }
    let passed = count - failed.len();
    println!(
        "conformance otlp: {count} cases, {passed} passed, {} failed",
        failed.len()
    );
    assert!(
        passed >= PASSED_MIN,
        "{passed} cases pass, {PASSED_MIN} did before"
    );
}

fn folder() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = std::env::var_os("WATCHKEEPER_CONFORMANCE_DIR")
        .map_or_else(|| root.join("../shared/conformance"), |folder| root.join(folder));
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: there is no {}", folder.display());
    None
}

/// The published examples and the recorded requests that hold metrics.
fn requests(folder: &Path) -> Vec<Request> {
    let mut requests = Vec::new();
    let examples = std::fs::read_dir(folder.join("otlp/examples"))
        .into_iter()
        .flatten();
    let mut paths: Vec<PathBuf> = examples.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        let body = std::fs::read(&path).unwrap();
        let decoded: Value = serde_json::from_slice(&body).unwrap();
        if decoded.get("resourceMetrics").is_some() {
            requests.push(Request {
                name: path.file_name().unwrap().to_string_lossy().into_owned(),
                path: "/v1/metrics".to_owned(),
                headers: vec![("content-type".to_owned(), "application/json".to_owned())],
                body,
                decoded,
            });
        }
    }
    let recorded =
        std::fs::read_to_string(folder.join("clients/otlp-http-protobuf.jsonl")).unwrap_or_default();
    for (line, text_of_one) in recorded.lines().enumerate() {
        let one: Value = serde_json::from_str(text_of_one).unwrap();
        if one["decoded"].get("resourceMetrics").is_some() {
            let header = |pair: &Value| (text(&pair[0]).to_owned(), text(&pair[1]).to_owned());
            requests.push(Request {
                name: format!("client {}", line + 1),
                path: text(&one["path"]).to_owned(),
                headers: one["headers"].as_array().unwrap().iter().map(header).collect(),
                body: unbase64(text(&one["body_base64"])),
                decoded: one["decoded"].clone(),
            });
        }
    }
    requests
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
    let body = answer.bytes().await.unwrap();
    // Everything is taken: the answer is the empty message.
    if status == 200 && (body.is_empty() || &*body == b"{}") {
        return Ok(());
    }
    Err(format!("answered {status}: {}", String::from_utf8_lossy(&body)))
}

/// Every metric with the labels that its resource gives.
fn metrics(decoded: &Value) -> Vec<(Labels, &Value)> {
    let mut metrics = Vec::new();
    for resource in list(&decoded["resourceMetrics"]) {
        let attributes: BTreeMap<&str, String> = list(&resource["resource"]["attributes"])
            .iter()
            .filter(|pair| pair["value"].get("stringValue").is_some())
            .map(|pair| (text(&pair["key"]), attribute(&pair["value"])))
            .collect();
        let mut labels = Labels::new();
        if let Some(name) = attributes.get("service.name") {
            let job = match attributes.get("service.namespace") {
                Some(namespace) => format!("{namespace}/{name}"),
                None => name.clone(),
            };
            labels.insert("job".to_owned(), job);
        }
        if let Some(instance) = attributes.get("service.instance.id") {
            labels.insert("instance".to_owned(), instance.clone());
        }
        for scope in list(&resource["scopeMetrics"]) {
            metrics.extend(
                list(&scope["metrics"])
                    .iter()
                    .map(|metric| (labels.clone(), metric)),
            );
        }
    }
    metrics
}

async fn check_metric(server: &Server, resource: &Labels, metric: &Value) -> Result<(), String> {
    let unit = metric.get("unit").map_or("", text);
    let monotonic = metric["sum"]["isMonotonic"] == true;
    let name = series_name(
        text(&metric["name"]),
        unit,
        monotonic,
        metric.get("gauge").is_some(),
    );
    let kinds = ["gauge", "sum", "histogram", "exponentialHistogram", "summary"];
    let kind = kinds.iter().find(|kind| metric.get(**kind).is_some()).unwrap();
    for point in list(&metric[*kind]["dataPoints"]) {
        let mut labels = resource.clone();
        for pair in list(&point["attributes"]) {
            labels.insert(escaped(text(&pair["key"])), attribute(&pair["value"]));
        }
        let reader = Reader {
            server,
            at_ms: nanoseconds(&point["timeUnixNano"]) / 1_000_000,
            labels,
        };
        match *kind {
            "gauge" | "sum" => {
                let value = point.get("asDouble").or(point.get("asInt")).unwrap();
                reader.check(&name, None, number(value)).await?;
            }
            "histogram" => check_histogram(&reader, &name, point).await?,
            "summary" => {
                reader
                    .check(&format!("{name}_count"), None, number(&point["count"]))
                    .await?;
                for pair in list(&point["quantileValues"]) {
                    let quantile = ("quantile", number(&pair["quantile"]).to_string());
                    reader
                        .check(&name, Some(quantile), number(&pair["value"]))
                        .await?;
                }
            }
            _ => check_exponential(&reader, &name, point).await?,
        }
    }
    Ok(())
}

async fn check_histogram(reader: &Reader<'_>, name: &str, point: &Value) -> Result<(), String> {
    let count = number(&point["count"]);
    reader.check(&format!("{name}_count"), None, count).await?;
    reader
        .check(&format!("{name}_sum"), None, number(&point["sum"]))
        .await?;
    let mut cumulative = 0.0;
    for (bound, in_bucket) in list(&point["explicitBounds"])
        .iter()
        .zip(list(&point["bucketCounts"]))
    {
        cumulative += number(in_bucket);
        let le = ("le", number(bound).to_string());
        reader
            .check(&format!("{name}_bucket"), Some(le), cumulative)
            .await?;
    }
    let le = ("le", "+Inf".to_owned());
    reader.check(&format!("{name}_bucket"), Some(le), count).await
}

/// Bounds and counts of the buckets that hold something, as the query answers them and as OpenTelemetry defines them.
async fn check_exponential(reader: &Reader<'_>, name: &str, point: &Value) -> Result<(), String> {
    let row = reader.one(name, None).await?;
    let histogram = row
        .get("histogram")
        .map(|pair| &pair[1])
        .ok_or_else(|| format!("no histogram but {row}"))?;
    let (count, sum) = (number(&histogram["count"]), number(&histogram["sum"]));
    if (count, sum) != (number(&point["count"]), number(&point["sum"])) {
        return Err(format!("count {count} and sum {sum}"));
    }
    let base = (-number(&point["scale"])).exp2().exp2();
    let mut expected: Vec<(f64, f64)> = Vec::new();
    for (side, sign) in [("positive", 1.0), ("negative", -1.0)] {
        let offset = point[side].get("offset").map_or(0.0, number);
        for (place, in_bucket) in list(&point[side]["bucketCounts"]).iter().enumerate() {
            if number(in_bucket) > 0.0 {
                expected.push((sign * base.powf(offset + place as f64 + 1.0), number(in_bucket)));
            }
        }
    }
    if let Some(zeros) = point.get("zeroCount").map(number).filter(|zeros| *zeros > 0.0) {
        expected.push((0.0, zeros));
    }
    let mut found: Vec<(f64, f64)> = list(&histogram["buckets"]).iter().map(bucket).collect();
    expected.sort_by(|a, b| a.0.total_cmp(&b.0));
    found.sort_by(|a, b| a.0.total_cmp(&b.0));
    let near = |a: f64, b: f64| (a - b).abs() <= 1e-9 * a.abs().max(b.abs());
    let equal = expected.len() == found.len()
        && expected
            .iter()
            .zip(&found)
            .all(|(a, b)| near(a.0, b.0) && a.1 == b.1);
    if equal {
        Ok(())
    } else {
        Err(format!("buckets {found:?}, expected {expected:?}"))
    }
}

/// The bound that is farther from zero, and the count; the zero bucket's bound counts as 0.
fn bucket(bucket: &Value) -> (f64, f64) {
    let (low, high, count) = (number(&bucket[1]), number(&bucket[2]), number(&bucket[3]));
    let bound = match (low < 0.0, high > 0.0) {
        (true, true) => 0.0,
        (true, false) => low,
        _ => high,
    };
    (bound, count)
}

/// Reads the series of one point at its time.
struct Reader<'s> {
    server: &'s Server,
    at_ms: i64,
    labels: Labels,
}

impl Reader<'_> {
    async fn check(&self, name: &str, extra: Option<(&str, String)>, expected: f64) -> Result<(), String> {
        let row = self.one(name, extra.clone()).await?;
        let found = row["value"][1].as_str().map(str::to_owned).unwrap_or_default();
        if found.parse() == Ok(expected) {
            return Ok(());
        }
        Err(format!("{name} {extra:?} is {found}, expected {expected}"))
    }

    /// The one series of that name with exactly the point's labels.
    async fn one(&self, name: &str, extra: Option<(&str, String)>) -> Result<Value, String> {
        let mut labels = self.labels.clone();
        labels.insert("__name__".to_owned(), name.to_owned());
        labels.extend(extra.map(|(label, value)| (label.to_owned(), value)));
        let matchers: Vec<String> = labels
            .iter()
            .map(|(label, value)| format!("{label}={value:?}"))
            .collect();
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("query", &format!("{{{}}}", matchers.join(",")))
            .append_pair("time", &format!("{}.{:03}", self.at_ms / 1000, self.at_ms % 1000))
            .finish();
        let answer = self.server.get(&format!("/api/v1/query?{query}")).await;
        let rows = list(&answer["data"]["result"]);
        let wanted = serde_json::to_value(&labels).unwrap();
        match rows.iter().find(|row| row["metric"] == wanted) {
            Some(row) => Ok(row.clone()),
            None => Err(format!("no {wanted}: {answer}")),
        }
    }
}

/// The name by the rules of "OTLP Metric points to Prometheus".
fn series_name(name: &str, unit: &str, is_counter: bool, is_gauge: bool) -> String {
    let unit = match unit {
        "1" if is_gauge => "ratio",
        "1" => "",
        unit if unit.starts_with('{') => "",
        "s" => "seconds",
        "ms" => "milliseconds",
        "us" => "microseconds",
        "ns" => "nanoseconds",
        "By" => "bytes",
        "Cel" => "celsius",
        "%" => "percent",
        unit => unit,
    };
    let mut words: Vec<&str> = name
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|w| !w.is_empty())
        .collect();
    if !unit.is_empty() && !words.contains(&unit) {
        words.push(unit);
    }
    if is_counter {
        words.retain(|word| *word != "total");
        words.push("total");
    }
    words.join("_")
}

fn escaped(name: &str) -> String {
    name.replace(|c: char| !c.is_ascii_alphanumeric(), "_")
}

fn attribute(value: &Value) -> String {
    let (kind, value) = value.as_object().unwrap().iter().next().unwrap();
    match (kind.as_str(), value) {
        (_, Value::String(text)) => text.clone(),
        (_, other) => other.to_string(),
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// A number, in quotes or not.
fn number(value: &Value) -> f64 {
    value
        .as_f64()
        .or_else(|| value.as_str()?.parse().ok())
        .unwrap_or_else(|| panic!("{value} is no number"))
}

/// A time, in quotes or not; a float would not hold it.
fn nanoseconds(value: &Value) -> i64 {
    value.as_i64().or_else(|| value.as_str()?.parse().ok()).unwrap()
}
