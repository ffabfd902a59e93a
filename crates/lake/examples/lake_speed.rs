//! How fast lines become segments, how small, and how fast they are found: `cargo run --release -p lake --example lake_speed FILE`,
//! where FILE holds lines as they are.

#![allow(clippy::print_stdout, reason = "a tool that prints what it measured")]

use std::time::Instant;

use lake::{Catalog, Config, Lake, Parts, Telemetry};
use model::{
    Direction, Labels, LogBatch, LogFlow, LogRead, LogRows, LogSelection, LogWrite, Matcher, TenantId,
};

const BATCH_LINES: usize = 5000;
const STREAMS: usize = 64;

fn main() {
    let Some(path) = std::env::args().nth(1) else {
        println!("name a file of lines");
        return;
    };
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let Ok(dir) = tempfile::tempdir() else { return };
    let config = Config {
        dir: dir.path().to_owned(),
        ..Config::default()
    };
    let Ok(runtime) = tokio::runtime::Runtime::new() else {
        return;
    };
    let clock = stdx::SystemClock::shared();
    let Ok(state) = runtime.block_on(state::State::open(dir.path().join("state.db"), clock)) else {
        return;
    };
    let parts = Parts::new(
        Catalog::new(state, runtime.handle().clone()),
        Telemetry::default(),
    );
    let Ok((lake, _)) = Lake::open(config, parts, 0) else {
        return;
    };
    let lines: Vec<&str> = text.lines().collect();
    let (batches, at_ns) = batches(&lines);
    let started = Instant::now();
    let mut appending = 0.0;
    for rows in &batches {
        let from = Instant::now();
        let _ = lake.append(rows, at_ns);
        appending += from.elapsed().as_secs_f64();
        let _ = lake.maintain(0);
    }
    let _ = lake.flush(0);
    let seconds = started.elapsed().as_secs_f64();
    let count = lines.len() as f64;
    println!(
        "appending {:.2} us a line, all {:.2} us a line",
        appending * 1e6 / count,
        seconds * 1e6 / count
    );
    let files = std::fs::read_dir(dir.path().join("segments"))
        .into_iter()
        .flatten()
        .flatten();
    let bytes: u64 = files
        .filter_map(|file| file.metadata().ok())
        .map(|file| file.len())
        .sum();
    println!(
        "{:.1} bytes a line of {:.1}",
        bytes as f64 / count,
        text.len() as f64 / count
    );
    search(&lake, count);
}

/// Lines as they would be pushed, and the time of the last one.
fn batches(lines: &[&str]) -> (Vec<LogRows>, i64) {
    let mut at_ns = 0;
    let mut batches = Vec::new();
    for lines in lines.chunks(BATCH_LINES) {
        let mut streams = vec![Vec::new(); STREAMS];
        for line in lines {
            let stream = line.bytes().take(60).map(usize::from).sum::<usize>() % STREAMS;
            at_ns += 4_320_000;
            if let Some(stream) = streams.get_mut(stream) {
                stream.push((at_ns, *line));
            }
        }
        let mut rows = LogRows::new(TenantId::DEFAULT);
        for (number, lines) in streams.into_iter().enumerate() {
            rows.begin_stream(Labels::from_pairs([("stream", number.to_string())]));
            for (at_ns, line) in lines {
                rows.push(at_ns, line, []);
            }
        }
        batches.push(rows);
    }
    (batches, at_ns)
}

/// Looks for a few things among `count` lines.
fn search(lake: &Lake, count: f64) {
    for (name, holds, needs_lines) in [
        ("times", "", false),
        ("lines", "", true),
        ("timeout", "timeout after ", true),
        ("needle", "0123456789abcdef0123456789abcdef", true),
    ] {
        let selection = LogSelection {
            tenant: TenantId::DEFAULT,
            matchers: vec![Matcher::equal("none", "")],
            from_ns: 0,
            to_ns: i64::MAX,
            direction: Direction::Backward,
            holds: if holds.is_empty() {
                Vec::new()
            } else {
                vec![vec![holds.to_owned()]]
            },
            needs_lines,
            holds_decides: false,
            json_fields: None,
            metadata: None,
            budget: None,
        };
        let started = Instant::now();
        let mut found = 0;
        let mut take = |batch: &LogBatch<'_>| {
            found += batch.times_ns.len();
            LogFlow::More
        };
        let read = lake.read(&selection, &mut take);
        let seconds = started.elapsed().as_secs_f64();
        println!(
            "{name}: {found} rows, {:.1} ms, {:.0} ns a line of all, {read:?}",
            seconds * 1e3,
            seconds * 1e9 / count
        );
    }
}
