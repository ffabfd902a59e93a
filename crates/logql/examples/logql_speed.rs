//! Measures how fast lines are judged on one core: `cargo run --release -p logql --example logql_speed [LINES]`.
//!
//! The store lends its columns as they lie in memory, so that the language alone is measured.

#![allow(clippy::print_stdout, reason = "a tool that prints what it measured")]

use std::time::Instant;

use logql::{Expr, Options};
use model::{
    Direction, Labels, LogBatch, LogFlow, LogRead, LogSelection, MetadataColumn, ReadError, StreamExtent,
    StreamSelection, TextColumn,
};

const SECOND: i64 = 1_000_000_000;
const BATCH_LINES: usize = 8_192;

/// Lines of one stream in batches.
#[derive(Debug)]
struct Columns {
    stream: Labels,
    batches: Vec<Batch>,
}

#[derive(Debug, Default)]
struct Batch {
    times_ns: Vec<i64>,
    text: String,
    offsets: Vec<i32>,
    pairs: Vec<(&'static str, &'static str)>,
    pair_offsets: Vec<i32>,
}

#[derive(Debug)]
struct Store(Vec<Columns>);

impl LogRead for Store {
    fn read(
        &self,
        selection: &LogSelection,
        take: &mut dyn FnMut(&LogBatch<'_>) -> LogFlow,
    ) -> Result<(), ReadError> {
        for columns in &self.0 {
            if !selection
                .matchers
                .iter()
                .all(|matcher| matcher.matches_labels(&columns.stream))
            {
                continue;
            }
            for batch in &columns.batches {
                let flow = take(&LogBatch {
                    stream: &columns.stream,
                    times_ns: &batch.times_ns,
                    lines: TextColumn {
                        text: &batch.text,
                        offsets: &batch.offsets,
                    },
                    metadata: MetadataColumn {
                        pairs: &batch.pairs,
                        offsets: &batch.pair_offsets,
                    },
                    is_decided: false,
                    is_reduced: false,
                });
                if flow == LogFlow::Stop {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn streams(&self, selection: &StreamSelection) -> Result<Vec<StreamExtent>, ReadError> {
        let extents = self.0.iter().map(|columns| StreamExtent {
            labels: columns.stream.clone(),
            lines: columns
                .batches
                .iter()
                .map(|batch| batch.times_ns.len() as u64)
                .sum(),
            bytes: columns.batches.iter().map(|batch| batch.text.len() as u64).sum(),
            pieces: columns.batches.len() as u64,
        });
        Ok(extents
            .filter(|extent| selection.selects(&extent.labels))
            .collect())
    }
}

const LEVELS: [&str; 4] = ["info", "info", "warn", "error"];

fn level(place: usize) -> &'static str {
    LEVELS.get(place / 7 % 4).copied().unwrap_or_default()
}

fn line(format: &str, place: usize) -> String {
    let level = level(place);
    let (status, took) = (200 + place % 13 / 12 * 300, place * 37 % 1900);
    let message = if place.is_multiple_of(97) {
        "upstream timeout"
    } else {
        "request served"
    };
    let (a, b) = (place % 256, place % 200);
    if format == "json" {
        format!(
            r#"{{"time":"2026-01-01T00:00:00.{took:06}Z","level":"{level}","msg":"{message}","method":"GET","path":"/api/v1/orders/{place}","status":{status},"duration":"{took}ms","client":{{"ip":"10.1.{a}.{b}","agent":"curl/8.1"}},"trace_id":"{place:032x}"}}"#
        )
    } else {
        format!(
            "time=2026-01-01T00:00:00.{took:06}Z level={level} msg=\"{message}\" method=GET path=/api/v1/orders/{place} \
             status={status} duration={took}ms client_ip=10.1.{a}.{b} trace_id={place:032x}"
        )
    }
}

fn columns(format: &str, lines: usize) -> Columns {
    let mut batches = Vec::new();
    for start in (0..lines).step_by(BATCH_LINES) {
        let mut batch = Batch {
            offsets: vec![0],
            pair_offsets: vec![0],
            ..Batch::default()
        };
        for place in start..(start + BATCH_LINES).min(lines) {
            batch.times_ns.push(place as i64 * 3_600 * SECOND / lines as i64);
            batch.text.push_str(&line(format, place));
            batch.offsets.push(batch.text.len() as i32);
            batch.pairs.push(("detected_level", level(place)));
            batch.pair_offsets.push(batch.pairs.len() as i32);
        }
        batches.push(batch);
    }
    Columns {
        stream: Labels::from_pairs([("app", format), ("namespace", "shop"), ("pod", "orders-7d9f")]),
        batches,
    }
}

const QUERIES: [&str; 12] = [
    r#"sum(count_over_time({app="json"} [1m]))"#,
    r#"sum(count_over_time({app="json"} |= "upstream timeout" [1m]))"#,
    r#"sum(count_over_time({app="json"} |~ "(?i)UPSTREAM (timeout|reset)" [1m]))"#,
    r#"sum by (detected_level) (count_over_time({app="json"} [1m]))"#,
    r#"sum by (level) (count_over_time({app="json"} | json [1m]))"#,
    r#"sum(count_over_time({app="json"} | json | status >= 500 [1m]))"#,
    r#"sum by (level) (count_over_time({app="logfmt"} | logfmt [1m]))"#,
    r#"sum(count_over_time({app="logfmt"} | logfmt | status >= 500 [1m]))"#,
    r#"quantile_over_time(0.99, {app="logfmt"} | logfmt | unwrap duration(duration) [5m]) by (level)"#,
    r#"{app="json"} |= "upstream timeout" | json | line_format "{{.level}} {{.msg}}""#,
    r#"{app="json"} | json | client_ip="10.1.255.199""#,
    r#"sum by (status) (rate({app="logfmt"} | pattern `<_> status=<status> <_>` [5m]))"#,
];

fn main() {
    let lines = std::env::args()
        .nth(1)
        .and_then(|text| text.parse().ok())
        .unwrap_or(500_000);
    let store = Store(vec![columns("json", lines), columns("logfmt", lines)]);
    let options = Options::default();
    for query in QUERIES {
        let Ok(expr) = logql::parse(query) else {
            println!("cannot parse {query}");
            continue;
        };
        let window = (0, 3_600 * SECOND);
        let ask = || match &expr {
            Expr::Log(log) => logql::lines(log, &store, window, Direction::Forward, 1_000_000, &options),
            _ => logql::range(&expr, &store, window, 60 * SECOND, &options),
        };
        let mut best = f64::INFINITY;
        let mut read = (0, 0);
        for _ in 0..3 {
            let start = Instant::now();
            match ask() {
                Ok(answer) => read = (answer.statistics.lines_read, answer.statistics.bytes_read),
                Err(error) => println!("{query}: {error}"),
            }
            best = best.min(start.elapsed().as_secs_f64());
        }
        let per_second = |count: u64| count as f64 / best / 1e6;
        println!(
            "{:7.2} M lines/s {:8.0} MB/s  {query}",
            per_second(read.0),
            per_second(read.1)
        );
    }
}
