//! Log lines that a server has, as Loki's API gives them.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::{PATIENCE, Server};

/// What a query finds, in order of time: time, line, labels and metadata.
pub(crate) async fn found(server: &Server, query: &str) -> Vec<(i64, String, Value)> {
    let query: String = url::form_urlencoded::byte_serialize(query.as_bytes()).collect();
    let path = format!("/loki/api/v1/query_range?query={query}&limit=5000&direction=forward");
    let answer = server.get(&path).await;
    let streams = answer["data"]["result"].as_array().unwrap().clone();
    let mut lines = Vec::new();
    for stream in &streams {
        for value in stream["values"].as_array().unwrap() {
            let at_ns = value[0].as_str().unwrap().parse().unwrap();
            lines.push((
                at_ns,
                value[1].as_str().unwrap().to_owned(),
                stream["stream"].clone(),
            ));
        }
    }
    lines.sort_by(|one, other| (one.0, &one.1).cmp(&(other.0, &other.1)));
    lines
}

/// The same without anything but the lines.
pub(crate) async fn texts(server: &Server, query: &str) -> Vec<String> {
    let lines = found(server, query).await;
    lines.into_iter().map(|(_, line, _)| line).collect()
}

/// What a query finds, once there is so much.
pub(crate) async fn until(server: &Server, query: &str, count: usize) -> Vec<(i64, String, Value)> {
    let start = Instant::now();
    loop {
        let lines = found(server, query).await;
        if lines.len() >= count {
            return lines;
        }
        assert!(start.elapsed() < PATIENCE, "{query}: {lines:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A line has these labels and metadata.
#[track_caller]
pub(crate) fn assert_told(of_line: &Value, expected: &[(&str, &str)]) {
    for (name, value) in expected {
        assert_eq!(of_line[name].as_str(), Some(*value), "{name} of {of_line}");
    }
}
