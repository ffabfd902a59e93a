//! Measures what a line of a Loki push costs on one core, from the packed body to the batch that a store is handed:
//! `cargo run --release -p ingest --example loki_push_speed [LINES_PER_BODY]`.
//!
//! The store only counts. Bodies are as clients send them: 240 bytes a line, ten streams each, protobuf packed with snappy.

#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a tool that prints what it measured"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ingest::config::logs::LogsConfig;
use ingest::config::tenants::{Limits, MultiTenancy};
use ingest::push::loki::Format;
use ingest::push::{Encoding, Origin};
use ingest::{Logs, LogsTelemetry};
use model::{LogAccepted, LogRows, LogWrite, WriteError};

const LINE_BYTES: usize = 240;
const STREAMS: usize = 10;
const MEASURED: Duration = Duration::from_secs(2);

#[derive(Debug, Default)]
struct Counting(AtomicU64);

impl LogWrite for Counting {
    fn append(&self, rows: &LogRows, _: i64) -> Result<LogAccepted, WriteError> {
        self.0.fetch_add(rows.line_count() as u64, Ordering::Relaxed);
        Ok(LogAccepted {
            stored: rows.line_count() as u64,
            ..LogAccepted::default()
        })
    }
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn bytes(out: &mut Vec<u8>, field: u64, value: &[u8]) {
    varint(out, field << 3 | 2);
    varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

/// A line of 240 bytes, different from all others.
fn line(kind: &str, number: usize) -> String {
    let hash = (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let level = ["info", "info", "info", "warn", "error"][number % 5];
    let mut line = match kind {
        "json" => format!(
            r#"{{"ts":"2023-11-15T01:09:{:02}.{:03}Z","caller":"handler.go:{}","level":"{level}","trace":"{hash:016x}","path":"/api/v1/carts/{}","status":200,"took_ms":{},"msg":"request was served by the upstream and its answer passed on"#,
            number % 60,
            number % 1000,
            number % 400,
            hash % 100_000,
            hash % 977
        ),
        "logfmt" => format!(
            "ts=2023-11-15T01:09:{:02}.{:03}Z caller=handler.go:{} level={level} trace={hash:016x} path=/api/v1/carts/{} status=200 took_ms={} msg=\"request was served by the upstream and its answer passed on",
            number % 60,
            number % 1000,
            number % 400,
            hash % 100_000,
            hash % 977
        ),
        _ => format!(
            "10.{}.{}.{} - - [15/Nov/2023:01:09:{:02} +0000] \"GET /api/v1/carts/{} HTTP/1.1\" 200 {} \"https://shop.example.org/start\" \"Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/119.0\" {hash:016x}",
            hash % 256,
            hash >> 8 & 255,
            hash >> 16 & 255,
            number % 60,
            hash % 100_000,
            hash % 9_770
        ),
    };
    let end = if kind == "json" { "\"}" } else { "\"" };
    while line.len() < LINE_BYTES - end.len() {
        line.push('x');
    }
    line.truncate(LINE_BYTES - end.len());
    line + end
}

fn body(kind: &str, lines: usize, round: usize) -> Vec<u8> {
    let mut request = Vec::new();
    for stream in 0..STREAMS {
        let mut message = Vec::new();
        let labels = format!(
            "{{cluster=\"eu-1\", namespace=\"shop\", app=\"cart\", pod=\"cart-7d9f8-{stream}\", container=\"main\"}}"
        );
        bytes(&mut message, 1, labels.as_bytes());
        for place in 0..lines / STREAMS {
            let number = (round * STREAMS + stream) * lines + place;
            let (mut time, mut entry) = (vec![0x08], Vec::new());
            varint(&mut time, 1_700_010_599);
            time.push(0x10);
            varint(&mut time, number as u64 % 1_000_000_000);
            bytes(&mut entry, 1, &time);
            bytes(&mut entry, 2, line(kind, number).as_bytes());
            bytes(&mut message, 2, &entry);
        }
        bytes(&mut request, 1, &message);
    }
    snap::raw::Encoder::new()
        .compress_vec(&request)
        .expect("a body of this size packs")
}

fn measure(kind: &str, lines: usize, detect_level: bool) {
    let store = Arc::new(Counting::default());
    let logs = Logs::new(Arc::<Counting>::clone(&store), LogsTelemetry::default());
    let config = LogsConfig {
        detect_level,
        ..LogsConfig::default()
    };
    logs.configure(&config, &MultiTenancy::default(), &Limits::default());
    let bodies: Vec<Vec<u8>> = (0..8).map(|round| body(kind, lines, round)).collect();
    let started = Instant::now();
    let mut sent = 0_usize;
    while started.elapsed() < MEASURED {
        for body in &bodies {
            let taken = logs.loki_push(body, Encoding::Snappy, Format::Protobuf, Origin::alone(0));
            taken.expect("the body is a push");
            sent += body.len();
        }
    }
    let took = started.elapsed();
    let count = store.0.load(Ordering::Relaxed);
    println!(
        "{kind:<8} detected_level {}: {:6.1} ns a line, {:5.2} million lines a second, {:6.0} MB/s of lines, {:5.0} MB/s packed",
        if detect_level { "on " } else { "off" },
        took.as_nanos() as f64 / count as f64,
        count as f64 / took.as_secs_f64() / 1e6,
        count as f64 * LINE_BYTES as f64 / took.as_secs_f64() / 1e6,
        sent as f64 / took.as_secs_f64() / 1e6,
    );
}

fn main() {
    let asked = std::env::args().nth(1).and_then(|text| text.parse().ok());
    let lines = asked.unwrap_or(4_000);
    for kind in ["access", "logfmt", "json"] {
        for detect_level in [false, true] {
            measure(kind, lines, detect_level);
        }
    }
}
