//! What looking for secrets costs, and what is found.
//!
//!     cargo run --release -p ingest --example redact_speed -- FILE…
//!
//! Each file's lines are looked through by the default detectors, and by all of them, on one core; so are lines without anything to
//! find. Then whole batches go through pipelines.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measuring program prints what it measured, and ends at a fault"
)]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Instant;

use ingest::pipeline::redact::Redact;
use ingest::{PipelineConfig, PipelineTelemetry, Pipelines, RedactConfig};
use model::{Labels, LogRows, TenantId};

const ROUNDS: usize = 15;

fn main() {
    let files: Vec<String> = std::env::args().skip(1).collect();
    for file in &files {
        let text = String::from_utf8_lossy(&std::fs::read(file).unwrap()).into_owned();
        let lines: Vec<&str> = text.lines().collect();
        println!(
            "{file}: {} lines of {} bytes",
            lines.len(),
            text.len() / lines.len().max(1)
        );
        for detectors in [&["secrets"][..], &["secrets", "personal"]] {
            look_through(detectors, &lines);
        }
        for stages in [
            "",
            "json: {}",
            "logfmt: {}",
            "access_log: {}",
            "level: {}",
            "trace: {}",
        ] {
            take_through(stages, &lines);
        }
    }
}

fn look_through(detectors: &[&str], lines: &[&str]) {
    let config = RedactConfig {
        detectors: detectors.iter().map(|&name| name.to_owned()).collect(),
        ..RedactConfig::default()
    };
    let telemetry = PipelineTelemetry::default();
    let redact = Redact::new(&config, &telemetry).unwrap();
    let may_find = |line: &&str| black_box(redact.may_find(line, std::iter::empty()));
    let may = lines.iter().filter(|line| may_find(line)).count();
    let looked_ns = best_ns(lines, may_find);
    let without: Vec<&str> = lines.iter().copied().filter(|line| !may_find(line)).collect();
    let without_ns = best_ns(&without, may_find);
    let start = Instant::now();
    let mut found: BTreeMap<String, (u64, String)> = BTreeMap::new();
    for line in lines {
        if let Some(hidden) = redact.redacted("", line, false) {
            for kind in hidden.split("[REDACTED:").skip(1) {
                let kind = kind.split(']').next().unwrap_or_default().to_owned();
                found
                    .entry(kind)
                    .or_insert_with(|| (0, hidden.chars().take(160).collect()))
                    .0 += 1;
            }
        }
    }
    let all_ns = start.elapsed().as_nanos() as f64 / lines.len() as f64;
    println!(
        "  {}: {looked_ns:.0} ns a line to look, {without_ns:.0} ns where nothing may be ({may} may), {all_ns:.0} ns in all; found {found:?}",
        detectors.join("+")
    );
}

/// Nanoseconds a line in the best of some rounds: others may use the machine too.
fn best_ns(lines: &[&str], look: impl Fn(&&str) -> bool) -> f64 {
    let round = |_| {
        let start = Instant::now();
        black_box(lines.iter().filter(|line| look(line)).count());
        start.elapsed().as_nanos() as f64 / lines.len().max(1) as f64
    };
    (0..ROUNDS).map(round).fold(f64::INFINITY, f64::min)
}

fn take_through(stage: &str, lines: &[&str]) {
    let text = if stage.is_empty() {
        "[]".to_owned()
    } else {
        format!("[{{name: p, stages: [{{{stage}}}]}}]")
    };
    let configs: Vec<PipelineConfig> = serde_saphyr::from_str(&text).unwrap();
    let pipelines = Pipelines::new(&configs, &RedactConfig::off(), PipelineTelemetry::default()).unwrap();
    let mut rows = LogRows::new(TenantId::DEFAULT);
    rows.begin_stream(Labels::from_pairs([("app", "a")]));
    for line in lines {
        rows.push(1, line, []);
    }
    let start = Instant::now();
    let rows = pipelines.apply(rows, 1);
    let ns = start.elapsed().as_nanos() as f64 / lines.len() as f64;
    println!(
        "  stages [{stage}]: {ns:.1} ns a line, {} kept",
        rows.line_count()
    );
}
