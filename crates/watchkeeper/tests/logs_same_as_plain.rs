//! Questions to the store of log lines have the answers that the plain store in memory gives: whatever it leaves out of what it hands over,
//! the language does not miss.

#![allow(clippy::unwrap_used, reason = "a test ends at its first fault")]

use lake::{Catalog, Config, Lake, Parts, Telemetry};
use logql::{Options, Value};
use model::{Labels, LogRead, LogRows, LogWrite, MemoryLogs, TenantId};
use testkit::Random;

const NOW_NS: i64 = 1_800_000_000_000_000_000;
const SECOND: i64 = 1_000_000_000;

const QUERIES: [&str; 24] = [
    r#"count_over_time({app=~".+"} |= "user" [5m])"#,
    r#"sum by (trace) (count_over_time({app="shop"} |= "user" |= "in" [5m]))"#,
    r#"sum by (app) (count_over_time({app=~".+"}[1m]))"#,
    r#"sum(count_over_time({app="shop"} |= "user 7" [5m]))"#,
    r#"sum(count_over_time({app="shop"} |= "user" |= "logged" [5m]))"#,
    r#"sum(count_over_time({app="shop"} |= "user" != "1" [5m]))"#,
    r#"sum(count_over_time({app=~".+"} |~ "user [0-9]{2} logged" [5m]))"#,
    r#"sum(count_over_time({app=~".+"} |~ "(?i)USER|level" [5m]))"#,
    r#"sum by (level) (count_over_time({app="shop"} | json [2m]))"#,
    r#"sum(count_over_time({app="shop"} | json | ms > 500 [5m]))"#,
    r#"sum by (level) (count_over_time({app="shop"} |= "info" | json | ms > 500.5 [5m]))"#,
    r#"sum by (odd_key) (count_over_time({app="shop"} | json [5m]))"#,
    r#"sum by (level) (count_over_time({app="shop"} | json | __error__="" [5m]))"#,
    r#"sum by (trace) (count_over_time({app="shop"}[5m]))"#,
    r#"sum by (level, trace) (count_over_time({app="shop"} | json | trace != "" [5m]))"#,
    r#"quantile_over_time(0.9, {app="shop"} |= "{" | json | unwrap ms [5m]) by (level)"#,
    r#"sum(bytes_over_time({app=~".+"} |= "a" [5m]))"#,
    r#"count_over_time({app="mail"} | logfmt | size > 40 [5m])"#,
    r#"{app="shop"} |= "user 7""#,
    r#"{app=~".+"} |~ "level.:.warn" | json | ms < 100"#,
    r#"{app="shop"} | json | line_format "{{.ms}} {{.level}}""#,
    r#"{app="mail"} | trace=~"1.*""#,
    r#"{app=~".+"} |= "deadbeef""#,
    r#"{app=~".+"} != "a" !~ "[0-9]""#,
];

fn line(random: &mut Random) -> (&'static str, String) {
    let number = random.below(1000);
    let level = random.pick(&["info", "warn", "error"]);
    match random.below(8) {
        0 | 1 => (
            "shop",
            format!(
                r#"{{"level":"{level}","ms":{number},"id":"{:016x}"}}"#,
                random.below(u64::MAX)
            ),
        ),
        2 => (
            "shop",
            format!(
                r#"{{"level": "{level}", "ms": {number}.{:03}, "odd-key": "{}"}}"#,
                number / 3,
                number % 4
            ),
        ),
        3 => (
            "shop",
            format!(r#"{{"level":"{level}","ms":{number},"of":{{"ms":{number}}}}}"#),
        ),
        4 => ("shop", format!(r#"{{"level":"{level}\n","ms":0{number}}}"#)),
        5 => ("shop", format!("user {} logged in", number % 90)),
        6 => (
            "mail",
            format!("to=user{number} size={} id=deadbeef{:08x}", number % 80, number),
        ),
        _ => ("mail", random.pick(&["", "a", "{", "ö ä", "user"]).to_owned()),
    }
}

fn fill(stores: [&dyn LogWrite; 2], random: &mut Random) {
    let mut rows = LogRows::new(TenantId::DEFAULT);
    for _ in 0..400 {
        let (app, line) = line(random);
        let host = random.below(3).to_string();
        rows.begin_stream(Labels::from_pairs([("app", app), ("host", host.as_str())]));
        let trace = format!("{:x}", random.below(40));
        let pairs = random.chance(20).then_some(("trace", trace.as_str()));
        // No two lines at one time: which of them comes first is nobody's promise.
        let at_ns = NOW_NS - random.below(600 * SECOND as u64) as i64;
        rows.push(at_ns, &line, pairs);
    }
    for store in stores {
        store.append(&rows, NOW_NS).unwrap();
    }
}

/// The answer as text, its parts in one order, numbers as far as their order of adding up does not matter.
fn answer(query: &str, store: &dyn LogRead) -> Vec<String> {
    let expr = logql::parse(query).unwrap();
    let options = Options::default();
    let span = (NOW_NS - 600 * SECOND, NOW_NS);
    let mut parts = match logql::range(&expr, store, span, 60 * SECOND, &options) {
        // Which of the lines that fail is met first, and what else was read of it, is nobody's promise.
        Err(error) => vec![
            error
                .to_string()
                .split(" for series")
                .next()
                .unwrap_or_default()
                .to_owned(),
        ],
        Ok(answer) => match answer.value {
            Value::Matrix(series) => series
                .iter()
                .map(|series| {
                    let samples = series
                        .samples
                        .iter()
                        .map(|(at, value)| format!("{at} {value:.6}"));
                    format!("{} {:?}", series.labels, samples.collect::<Vec<_>>())
                })
                .collect(),
            Value::Streams(streams) => streams.iter().map(|stream| format!("{stream:?}")).collect(),
            other => vec![format!("{other:?}")],
        },
    };
    parts.sort();
    parts
}

#[test]
fn answers_are_those_of_the_plain_store() {
    for seed in 0..6 {
        let mut random = Random::new(seed);
        let dir = tempfile::tempdir().unwrap();
        let config = Config {
            dir: dir.path().to_owned(),
            ..Config::default()
        };
        let now_ms = NOW_NS / 1_000_000;
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let clock = stdx::SystemClock::shared();
        let state = state::State::open(dir.path().join("state.db"), clock);
        let state = runtime.block_on(state).unwrap();
        let parts = Parts::new(
            Catalog::new(state, runtime.handle().clone()),
            Telemetry::default(),
        );
        let (lake, _) = Lake::open(config, parts, now_ms).unwrap();
        let plain = MemoryLogs::new();
        // Some segments, and some lines in memory.
        for _ in 0..4 {
            for _ in 0..3 {
                fill([&lake, &*plain], &mut random);
            }
            lake.flush(now_ms).unwrap();
        }
        fill([&lake, &*plain], &mut random);
        for query in QUERIES {
            let (ours, theirs) = (answer(query, &lake), answer(query, &*plain));
            assert!(
                !theirs.is_empty() || query.contains("!="),
                "{query} finds nothing"
            );
            assert_eq!(ours, theirs, "seed {seed}: {query}");
        }
    }
}
