//! kill -9 while samples stream in: whatever could be read before the kill can be read after it.
#![allow(clippy::unwrap_used, reason = "a test ends at its first fault")]

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use support::{Exporter, Server};

const ROUNDS: u64 = 20;
const SERIES: usize = 50;

type Samples = BTreeMap<(String, u64), String>;

/// Every sample of the counter that the server can read: series and time to value.
async fn read_all(server: &Server) -> Samples {
    let answer = server.get("/api/v1/query?query=ticks_total[1h]").await;
    let mut samples = Samples::new();
    for row in answer["data"]["result"].as_array().unwrap_or(&Vec::new()) {
        for point in row["values"].as_array().unwrap() {
            let at_ms = (point[0].as_f64().unwrap() * 1000.0).round() as u64;
            samples.insert((row["metric"]["lane"].to_string(), at_ms), text(&point[1]));
        }
    }
    samples
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn page(tick: u64) -> String {
    let lines: Vec<String> = (0..SERIES)
        .map(|lane| format!("ticks_total{{lane=\"{lane}\"}} {tick}.25\n"))
        .collect();
    lines.concat()
}

/// A pause between 50 ms and 850 ms that differs every round and is the same in every run.
fn pause(round: u64) -> Duration {
    let mixed = (round + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
    Duration::from_millis(50 + mixed % 800)
}

#[tokio::test]
async fn what_was_readable_before_a_kill_is_readable_after_it() {
    let exporter = Exporter::start(&page(0)).await;
    let folder = tempfile::tempdir().unwrap();
    let config = format!(
        "
collect: {{host: true, self: false}}
scrape_configs:
  - job_name: ticker
    scrape_interval: 50ms
    scrape_timeout: 50ms
    static_configs: [{{targets: ['{}']}}]
",
        exporter.address
    );
    std::fs::write(folder.path().join("watchkeeper.yaml"), config).unwrap();
    let mut seen = Samples::new();
    for round in 0..ROUNDS {
        let server = Server::start_again(folder.path());
        let readable = read_all(&server).await;
        for (key, value) in &seen {
            assert_eq!(
                readable.get(key),
                Some(value),
                "round {round}: {key:?} was readable before the kill"
            );
        }
        exporter.show(&page(round + 1));
        tokio::time::sleep(pause(round)).await;
        seen.extend(read_all(&server).await);
        server.kill();
    }
    assert!(
        seen.len() > SERIES * 20,
        "only {} samples were stored: the test saw too little",
        seen.len()
    );
}
