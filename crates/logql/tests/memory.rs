//! A query never takes more memory than it may, whatever it gathers: counted by the allocator, not by the query.

#![allow(clippy::unwrap_used, reason = "a test ends at its first fault")]

use std::sync::Arc;

use logql::{EvalError, Expr, Options};
use model::{Direction, Labels, MemoryLogs};
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

const SECOND: i64 = 1_000_000_000;
const LINES: i64 = 16_000;

/// What a batch of lines, the pipeline and the words of a query take, however many lines there are.
const FIXED: usize = 256 << 10;

/// Lines that come in pairs: every user is there twice.
fn store() -> Arc<MemoryLogs> {
    let store = MemoryLogs::new();
    let streams = ["a", "b", "c"].map(|app| Labels::from_pairs([("app", app), ("zone", "eu")]));
    for place in 0..LINES {
        let line = format!(
            "user=u{} path=/items/{} took={} text={}",
            place / 2,
            place * 31,
            place % 977,
            "x".repeat(40),
        );
        let stream = &streams[usize::try_from(place % 3).unwrap()];
        store.add(stream, place * SECOND, &line, &[]);
    }
    store
}

fn ask(expr: &Expr, store: &MemoryLogs, options: &Options) -> Result<(), EvalError> {
    let end = LINES * SECOND;
    match expr {
        Expr::Log(log) => logql::lines(log, store, (0, end), Direction::Backward, 30_000, options)?,
        _ => {
            logql::instant(expr, store, end, options)?;
            logql::range(expr, store, (0, end), 1_000 * SECOND, options)?
        }
    };
    Ok(())
}

#[test]
fn no_query_takes_more_than_it_may() {
    const USERS: &str = r#"sum by (user) (count_over_time({app=~".+"} | logfmt [12h]))"#;
    let store = store();
    let queries = [
        USERS.to_owned(),
        format!("topk(10, {USERS})"),
        format!("sort_desc({USERS})"),
        format!("count({USERS})"),
        format!("max without (user) ({USERS})"),
        format!("{USERS} / {USERS}"),
        format!("{USERS} and {USERS} > 1"),
        format!("{USERS} * on (user) group_left (path) ({USERS})"),
        format!(r#"label_replace({USERS}, "short", "$1", "user", "(..).*")"#),
        r#"count_over_time({app=~".+"} | logfmt [1h])"#.to_owned(),
        r#"sum by (path) (sum_over_time({app=~".+"} | logfmt | unwrap took [1h]))"#.to_owned(),
        r#"quantile_over_time(0.9, {app=~".+"} | logfmt | unwrap took [1h]) by (user)"#.to_owned(),
        r#"quantile_over_time(0.9, {app=~".+"} | logfmt | unwrap took [12h]) by (app)"#.to_owned(),
        r#"stddev_over_time({app=~".+"} | logfmt | unwrap took [10m]) by (path)"#.to_owned(),
        r#"avg(first_over_time({app=~".+"} | logfmt | unwrap took [1m]) by (user))"#.to_owned(),
        r#"{app=~".+"}"#.to_owned(),
        r#"{app=~".+"} | logfmt | line_format "{{.user}} {{.text}}""#.to_owned(),
    ];
    let (mut answered, mut refused) = (0, 0);
    for query in queries {
        let expr = logql::parse(&query).unwrap();
        for memory_max in [1 << 20, 4 << 20, 32 << 20] {
            let options = Options {
                memory_max,
                series_max: usize::MAX,
                ..Options::default()
            };
            let before = ALLOCATOR.current_usage();
            ALLOCATOR.reset_peak_usage();
            let outcome = ask(&expr, &store, &options);
            let taken = ALLOCATOR.peak_usage() - before;
            match outcome {
                Ok(()) => answered += 1,
                Err(EvalError::TooMuchMemory { .. }) => refused += 1,
                Err(error) => panic!("{query}: {error}"),
            }
            assert!(
                taken <= memory_max + FIXED,
                "{query}: {taken} bytes of {memory_max}"
            );
        }
    }
    assert!(
        answered > 10 && refused > 10,
        "{answered} answered, {refused} refused"
    );
}
