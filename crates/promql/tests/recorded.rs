//! Range queries that Prometheus 2.42 answered over recorded data.
//!
//! That version's windows include their start, so they are asked for with [`Windows::Closed`].

#![allow(clippy::unwrap_used, reason = "a test ends at its first fault")]

#[path = "support/mod.rs"]
mod support;

use std::fs;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use model::Labels;
use promql::{Options, Windows};
use serde_json::Value;
use support::{Tally, is_close};
use testkit::MemorySeries;

fn load(folder: &Path) -> Arc<MemorySeries> {
    let packed = fs::File::open(folder.join("input.om.gz")).unwrap();
    let mut text = String::new();
    flate2::read::GzDecoder::new(packed)
        .read_to_string(&mut text)
        .unwrap();
    let store = MemorySeries::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.rsplitn(3, ' ');
        let seconds: f64 = words.next().unwrap().parse().unwrap();
        let value = model::number::parse_float(words.next().unwrap()).unwrap();
        let series = promql::series_notation::parse(words.next().unwrap()).unwrap();
        let labels: Vec<(&str, &str)> = series.labels.iter().collect();
        store.add(&labels, &[((seconds * 1000.0).round() as i64, value)]);
    }
    store
}

fn ask(store: &Arc<MemorySeries>, case: &Value) -> Result<(), String> {
    let query = case["query"].as_str().unwrap();
    let time = |key: &str| (case[key].as_f64().unwrap() * 1000.0).round() as i64;
    let options = Options {
        windows: Windows::Closed,
        ..Options::default()
    };
    let answer = promql::parse(query)
        .map_err(|error| error.to_string())
        .and_then(|expr| {
            promql::range(
                &expr,
                store.as_ref(),
                time("start"),
                time("end"),
                time("step"),
                &options,
            )
            .map_err(|error| error.to_string())
        });
    if case["should_fail"].as_bool().unwrap() {
        return answer.map_or(Ok(()), |_| Err("should fail".to_owned()));
    }
    let promql::Value::Matrix(matrix) = answer?.value else {
        return Err("not a matrix".to_owned());
    };
    let wanted = case["data"]["result"].as_array().unwrap();
    if wanted.len() != matrix.len() {
        return Err(format!("expected {} series, got {}", wanted.len(), matrix.len()));
    }
    for series in wanted {
        let labels = series["metric"].as_object().unwrap();
        let labels = Labels::from_pairs(labels.iter().map(|(n, v)| (n.as_str(), v.as_str().unwrap())));
        let found = matrix.iter().find(|found| found.labels == labels);
        let Some(found) = found else {
            return Err(format!("no series {labels}"));
        };
        let points = series["values"].as_array().unwrap();
        if points.len() != found.samples.len() {
            return Err(format!(
                "{labels}: expected {} samples, got {}",
                points.len(),
                found.samples.len()
            ));
        }
        for (point, sample) in points.iter().zip(found.samples.iter()) {
            let at_ms = (point[0].as_f64().unwrap() * 1000.0).round() as i64;
            let value = model::number::parse_float(point[1].as_str().unwrap()).unwrap();
            if at_ms != sample.at_ms || !is_close(value, sample.value) {
                return Err(format!("{labels} at {at_ms}: expected {value}, got {sample:?}"));
            }
        }
    }
    Ok(())
}

/// Raise it when more pass; never lower it.
const FLOOR: usize = 323;

#[test]
fn conformance_promql_recorded() {
    let Some(folder) = testkit::conformance("promql-recorded", "promql/recorded") else {
        return;
    };
    let store = load(&folder);
    let mut tally = Tally::new("promql-recorded");
    let cases = fs::read_to_string(folder.join("range-queries.jsonl")).unwrap();
    for case in cases
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
    {
        tally.add(case["query"].as_str().unwrap(), ask(&store, &case));
    }
    tally.finish(FLOOR);
}
