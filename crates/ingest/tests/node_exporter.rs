//! A real exporter, where Debian's is installed: every one of its series is stored, and its end shows.

#![allow(
    clippy::unwrap_used,
    reason = "a test ends where its world is not as it should be"
)]

mod support;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use ingest::exposition::{Entry, Exposition, Format, LabelPairs, parse_series};
use support::{Rig, job};

const EXPORTER: &str = "/usr/bin/prometheus-node-exporter";

/// Ends with the test.
struct Exporter(Child);

impl Drop for Exporter {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(address: &str) -> Exporter {
    let mut command = Command::new(EXPORTER);
    command
        .arg(format!("--web.listen-address={address}"))
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    Exporter(command.spawn().unwrap())
}

fn free_address() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

async fn exposed(address: &str) -> BTreeSet<String> {
    let body = reqwest::get(format!("http://{address}/metrics"))
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let mut found = BTreeSet::new();
    let mut pairs = LabelPairs::new();
    for entry in Exposition::new(Format::Text, &body) {
        if let Entry::Sample(sample) = entry.unwrap() {
            parse_series(sample.series, Format::Text, &mut pairs).unwrap();
            let mut labels = model::LabelsBuilder::default();
            for (name, value) in &pairs {
                let whole = name == "quantile" && value.parse::<u32>().is_ok();
                // Quantiles are stored as OpenMetrics writes them.
                let value = if whole {
                    format!("{value}.0")
                } else {
                    value.to_string()
                };
                labels.set(name.as_ref(), value);
            }
            labels.set("job", "demo").set("instance", address);
            found.insert(labels.build().to_string());
        }
    }
    found
}

#[tokio::test]
async fn every_series_of_the_node_exporter_is_stored() {
    if !Path::new(EXPORTER).exists() {
        println!("skipped: {EXPORTER} is not installed");
        return;
    }
    let address = free_address();
    let exporter = start(&address);
    let rig = Rig::start(&job(&address, ", scrape_interval: 1s, scrape_timeout: 1s"));
    rig.until("up", "1").await;
    let exposed = exposed(&address).await;
    let scrapes = rig.values("up").len();
    rig.until_that("another scrape", || rig.values("up").len() > scrapes)
        .await;

    let stored: BTreeSet<String> = rig
        .store
        .dump()
        .into_iter()
        .map(|(labels, _)| labels.to_string())
        .collect();
    let missing: Vec<&String> = exposed.difference(&stored).collect();
    println!(
        "{} series exposed, {} stored, {} missing",
        exposed.len(),
        stored.len(),
        missing.len()
    );
    assert!(exposed.len() > 300 && missing.is_empty(), "{missing:#?}");

    drop(exporter);
    rig.until("up", "0").await;
    let alive = rig.store.dump().into_iter().filter(|(labels, samples)| {
        exposed.contains(&labels.to_string())
            && samples.last().is_some_and(|(_, value)| !model::is_stale(*value))
    });
    assert_eq!(alive.count(), 0, "all its series end");

    let _again = start(&address);
    rig.until("up", "1").await;
    assert!(rig.values("node_load1").len() >= 3);
}
