//! What a start with many segments takes, and what questions to them open:
//! `cargo run --release -p lake --example lake_catalog FILE [SEGMENTS]`, where FILE holds lines as they are. A few segments are made of it; the others are
//! names of their files, with rows in the catalog that place them in the hours before.

#![allow(clippy::print_stdout, reason = "a tool that prints what it measured")]

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use lake::{Catalog, Config, Lake, Parts, Telemetry};
use model::{
    Direction, Labels, LogFlow, LogRead, LogRows, LogSelection, LogWrite, Matcher, StreamSelection, TenantId,
};
use state::{LogSegmentChange, LogSegmentRow, State};
use tokio::runtime::Runtime;
use ulid::Ulid;

const NOW_MS: i64 = 1_790_000_000_000;
const NOW_NS: i64 = NOW_MS * 1_000_000;
const SEGMENT_LINES: usize = 100_000;
const APPS: usize = 5;
const PODS: usize = 60;
/// So far apart lie segments.
const STEP_NS: i64 = 600_000_000_000;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let Some(path) = arguments.next() else {
        println!("name a file of lines");
        return Ok(());
    };
    let count: usize = arguments.next().as_deref().unwrap_or("5000").parse()?;
    let text = std::fs::read_to_string(path)?;
    let lines: Vec<&str> = text.lines().take(SEGMENT_LINES * APPS).collect();
    let dir = tempfile::tempdir()?;
    let runtime = Runtime::new()?;
    fill(dir.path(), &runtime, &lines)?;
    multiply(dir.path(), &runtime, count)?;
    drop(text);

    let before = resident_bytes();
    let started = Instant::now();
    let (lake, telemetry) = open(dir.path(), &runtime)?;
    println!(
        "{count} segments: open in {:.0} ms, {:.1} MiB of memory more",
        started.elapsed().as_secs_f64() * 1e3,
        resident_bytes().saturating_sub(before) as f64 / 1048576.0
    );
    ask(&lake);
    println!(
        "contents in memory {:.1} MiB, {:.1} MiB of memory more in all",
        telemetry.contents_bytes.get() as f64 / 1048576.0,
        resident_bytes().saturating_sub(before) as f64 / 1048576.0
    );
    Ok(())
}

fn open(dir: &Path, runtime: &Runtime) -> Result<(Lake, Telemetry), Box<dyn Error>> {
    let state = State::open(dir.join("state.db"), stdx::SystemClock::shared());
    let catalog = Catalog::new(runtime.block_on(state)?, runtime.handle().clone());
    let telemetry = Telemetry::default();
    let config = Config {
        dir: dir.to_owned(),
        retention: stdx::HumanDuration::from_secs(100 * 365 * 86_400),
        ..Config::default()
    };
    let (lake, _) = Lake::open(config, Parts::new(catalog, telemetry.clone()), NOW_MS)?;
    Ok((lake, telemetry))
}

/// A segment of each app.
fn fill(dir: &Path, runtime: &Runtime, lines: &[&str]) -> Result<(), Box<dyn Error>> {
    let (lake, _) = open(dir, runtime)?;
    for (app, lines) in lines.chunks(SEGMENT_LINES).enumerate() {
        let mut rows = LogRows::new(TenantId::DEFAULT);
        for pod in 0..PODS {
            rows.begin_stream(Labels::from_pairs([
                ("app", format!("app-{app}")),
                ("pod", format!("app-{app}-{pod}")),
            ]));
            for (number, line) in lines.iter().skip(pod).step_by(PODS).enumerate() {
                rows.push(NOW_NS - STEP_NS + number as i64, line, []);
            }
        }
        lake.append(&rows, NOW_NS)?;
        lake.flush(NOW_MS)?;
    }
    Ok(())
}

/// The same segments again and again, earlier and earlier.
fn multiply(dir: &Path, runtime: &Runtime, count: usize) -> Result<(), Box<dyn Error>> {
    let state = State::open(dir.join("state.db"), stdx::SystemClock::shared());
    let state = runtime.block_on(state)?;
    let originals = runtime.block_on(state.log_segments())?;
    let mut added = Vec::new();
    for (number, original) in originals.iter().cycle().take(count - originals.len()).enumerate() {
        let id = Ulid::from_parts(NOW_MS as u64 - number as u64 - 1, number as u128);
        let place = |id: Ulid| dir.join(format!("segments/{id}.segment"));
        std::fs::hard_link(place(original.id), place(id))?;
        let past_ns = (number as i64 + 1) * STEP_NS;
        added.push(LogSegmentRow {
            id,
            min_ns: original.min_ns - past_ns,
            max_ns: original.max_ns - past_ns,
            line_bytes: 1 << 30,
            keys_until_ms: None,
            ..original.clone()
        });
    }
    let change = LogSegmentChange {
        added,
        ..LogSegmentChange::default()
    };
    Ok(runtime.block_on(state.change_log_segments(change))?)
}

fn ask(lake: &Lake) {
    let all = LogSelection {
        from_ns: 0,
        to_ns: i64::MAX,
        direction: Direction::Backward,
        ..LogSelection::default()
    };
    let hour = LogSelection {
        from_ns: NOW_NS - 2 * 3_600_000_000_000,
        to_ns: NOW_NS - 3_600_000_000_000,
        ..all.clone()
    };
    let pod = LogSelection {
        matchers: vec![Matcher::equal("pod", "app-3-7")],
        holds: vec![vec!["0123456789abcdef0123456789abcdef".to_owned()]],
        ..all.clone()
    };
    let needle = LogSelection {
        matchers: Vec::new(),
        ..pod.clone()
    };
    let none = LogSelection {
        matchers: vec![Matcher::equal("app", "none")],
        ..all
    };
    for (name, selection) in [
        ("an hour", hour),
        ("no stream", none),
        ("a needle in a pod", pod),
        ("a needle", needle.clone()),
        ("a needle again", needle),
    ] {
        let started = Instant::now();
        let searched = lake.read_counted(&selection, &mut |_| LogFlow::More);
        println!(
            "{name}: {:.1} ms, {searched:?}",
            started.elapsed().as_secs_f64() * 1e3
        );
    }
    let started = Instant::now();
    let streams = lake.streams(&StreamSelection {
        from_ns: 0,
        to_ns: i64::MAX,
        ..StreamSelection::default()
    });
    println!(
        "all streams: {:.1} ms, {} of them",
        started.elapsed().as_secs_f64() * 1e3,
        streams.map_or(0, |streams| streams.len())
    );
}

/// How much memory the process has.
fn resident_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = text
        .split_whitespace()
        .nth(1)
        .and_then(|pages| pages.parse().ok());
    pages.unwrap_or(0_u64) * 4096
}
