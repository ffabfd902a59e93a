//! Answers that a Prometheus gave, asked for again over HTTP (area `promql-http-api`).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test ends where its ground gives way, and says what it saw"
)]

#[path = "http/support.rs"]
#[expect(
    dead_code,
    reason = "shared with the other tests of this room, which use more of it"
)]
mod support;

use std::io::Read;
use std::path::Path;

use model::{Sample, Series, SeriesBatch, SeriesWrite, TenantId};
use serde_json::Value;
use support::Server;

/// Cases that passed when this was written; it may only grow.
const PASSED_MIN: usize = 363;

#[tokio::test]
async fn recorded_answers_are_given_again() {
    let Some(folder) = testkit::conformance("promql-http-api", "promql/recorded") else {
        return;
    };
    // Version 2.42 answered, whose windows include their start.
    let config = web::Config {
        query_windows: web::QueryWindows::Closed,
        ..web::Config::default()
    };
    let server = Server::start_with(config, testkit::FakeClock::new(support::NOW_MS)).await;
    load(&server, &folder.join("input.om.gz"));
    let mut failed = Vec::new();
    let mut count = 0;
    for case in cases(&folder.join("http-api.jsonl")) {
        count += 1;
        failed.extend(replay(&server, &case).await.err());
    }
    for case in cases(&folder.join("range-queries.jsonl")) {
        count += 1;
        failed.extend(replay_range(&server, &case).await.err());
    }
    if std::env::var_os("WATCHKEEPER_CONFORMANCE_VERBOSE").is_some() {
        for reason in &failed {
            println!("failed: {reason}");
        }
    }
    let passed = count - failed.len();
    println!(
        "conformance promql-http-api: {count} cases, {passed} passed, {} failed",
        failed.len()
    );
    assert!(
        passed >= PASSED_MIN,
        "{passed} of {count} passed, it were {PASSED_MIN} before: {failed:#?}"
    );
    server.end().await;
}

fn cases(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Reads the exposition through the parser of the scraper.
fn load(server: &Server, path: &Path) {
    use ingest::exposition::{Entry, Exposition, Format, parse_series};
    let mut body = String::new();
    flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap())
        .read_to_string(&mut body)
        .unwrap();
    let mut batch = SeriesBatch::new(TenantId::DEFAULT);
    for entry in Exposition::new(Format::OpenMetrics, &body) {
        if let Entry::Sample(exposed) = entry.unwrap() {
            let mut labels = Vec::new();
            parse_series(exposed.series, Format::OpenMetrics, &mut labels).expect("the series reads");
            let pairs = labels
                .into_iter()
                .map(|(name, value)| (name.into_owned(), value.into_owned()));
            let at_ms = exposed.at_ms.unwrap();
            let value = exposed.value;
            batch.push(
                Series::new(model::Labels::from_pairs(pairs)),
                &[Sample { at_ms, value }],
            );
        }
    }
    server.store.append(&batch, 0).unwrap();
}

async fn replay(server: &Server, case: &Value) -> Result<(), String> {
    let params: Vec<(&str, &str)> = case["params"]
        .as_array()
        .unwrap()
        .iter()
        .map(|pair| (pair[0].as_str().unwrap(), pair[1].as_str().unwrap()))
        .collect();
    let path = case["path"].as_str().unwrap();
    let request = if case["method"] == "POST" {
        server.post(path).form(&params)
    } else {
        server.get(path).query(&params)
    };
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    let name = &case["name"];
    if case["http_status"] != status {
        return Err(format!(
            "{name}: status {status} instead of {}: {text}",
            case["http_status"]
        ));
    }
    let Some(expected) = case.get("json") else {
        return Ok(());
    };
    let got: Value = serde_json::from_str(&text).map_err(|error| format!("{name}: {error}: {text}"))?;
    for field in ["status", "errorType"] {
        if got.get(field) != expected.get(field) {
            return Err(format!(
                "{name}: {field} is {:?} instead of {:?}",
                got.get(field),
                expected.get(field)
            ));
        }
    }
    let values_differ = path.ends_with("/status/buildinfo");
    if values_differ || same(got.get("data"), expected.get("data")) {
        Ok(())
    } else {
        Err(format!(
            "{name}: data is {} instead of {}",
            got["data"], expected["data"]
        ))
    }
}

async fn replay_range(server: &Server, case: &Value) -> Result<(), String> {
    let query = case["query"].as_str().unwrap();
    let params = [
        ("query", query.to_owned()),
        ("start", case["start"].to_string()),
        ("end", case["end"].to_string()),
        ("step", case["step"].to_string()),
    ];
    let response = server
        .get("/api/v1/query_range")
        .query(&params)
        .send()
        .await
        .unwrap();
    let got: Value = response
        .json()
        .await
        .map_err(|error| format!("{query}: {error}"))?;
    let fails = got["status"] == "error";
    if case["should_fail"] == true {
        return if fails {
            Ok(())
        } else {
            Err(format!("{query}: must fail"))
        };
    }
    if !fails && same(got.get("data"), case.get("data")) {
        return Ok(());
    }
    let mut text = got.to_string();
    text.truncate(text.floor_char_boundary(300));
    Err(format!("{query}: {text}"))
}

/// Equal data: series in any order, numbers to 1e-6 of their size, NaN equal to NaN.
fn same(got: Option<&Value>, expected: Option<&Value>) -> bool {
    match (got, expected) {
        (Some(got), Some(expected)) => same_value(got, expected),
        (None, None) => true,
        _ => false,
    }
}

fn same_value(got: &Value, expected: &Value) -> bool {
    match (got, expected) {
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(name, value)| b.get(name).is_some_and(|other| same_value(value, other)))
        }
        (Value::Array(a), Value::Array(b)) => {
            let by_metric = |list: &[Value]| {
                let mut list = list.to_vec();
                if list.iter().all(|entry| entry.get("metric").is_some()) {
                    list.sort_by_key(|entry| entry["metric"].to_string());
                }
                list
            };
            a.len() == b.len()
                && by_metric(a)
                    .iter()
                    .zip(&by_metric(b))
                    .all(|(a, b)| same_value(a, b))
        }
        (Value::Number(a), Value::Number(b)) => same_number(a.as_f64().unwrap(), b.as_f64().unwrap()),
        (Value::String(a), Value::String(b)) => {
            a == b || matches!((a.parse::<f64>(), b.parse::<f64>()), (Ok(a), Ok(b)) if same_number(a, b))
        }
        _ => got == expected,
    }
}

fn same_number(got: f64, expected: f64) -> bool {
    got == expected
        || (got.is_nan() && expected.is_nan())
        || (got - expected).abs() <= 1e-6 * expected.abs().max(got.abs())
}
