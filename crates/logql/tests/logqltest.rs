//! Behaviour as scripts: those of the conformance data, and queries that people run.

#![allow(clippy::unwrap_used, reason = "a test ends at its first fault")]

#[path = "support/mod.rs"]
mod support;

use std::fs;
use std::path::Path;

use logql::{Expr, Options};
use model::{Direction, Labels, MemoryLogs};
use support::{Tally, script};

fn files(folder: &Path, extension: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, fs::read_to_string(&path).unwrap())
        })
        .collect();
    found.sort();
    found
}

/// Raise them when more pass; never lower them.
const EVAL_FLOOR: usize = 659;
const BENCH_FLOOR: usize = 71;

#[test]
fn conformance_logql_eval() {
    let Some(folder) = testkit::conformance("logql-eval", "logql/logqltest") else {
        return;
    };
    let mut tally = Tally::new("logql-eval");
    for (name, text) in files(&folder, "logqltest") {
        for outcome in script::run(&text) {
            tally.add(
                format!("{name}:{} {}", outcome.line, outcome.query),
                outcome.result,
            );
        }
    }
    tally.finish(EVAL_FLOOR);
}

/// Lines of the kinds that the queries are about; JSON alone for queries that cannot do with anything else.
fn store(only_json: bool) -> std::sync::Arc<MemoryLogs> {
    let store = MemoryLogs::new();
    let stream = Labels::from_pairs([("app", "shop"), ("namespace", "web"), ("pod", "p-1")]);
    for place in 0..500_i64 {
        let level = ["info", "warn", "error", "debug"][place as usize % 4];
        let line = if place % 2 == 0 && !only_json {
            format!("level={level} msg=\"request done\" duration={place}ms bytes={place} status=200")
        } else {
            format!(
                r#"{{"level":"{level}","duration_ms":{place},"duration":"{place}ms","user":{{"id":{place}}}}}"#
            )
        };
        store.add(
            &stream,
            place * 1_000_000_000,
            &line,
            &[("detected_level", level)],
        );
    }
    store
}

fn runs(query: &str) -> Result<(), String> {
    let expr = logql::parse(query).map_err(|error| error.to_string())?;
    let only_json = query.contains("| json") && !query.contains("| logfmt");
    let store = store(only_json);
    let options = Options::default();
    let window = (0, 500_000_000_000);
    let answer = match &expr {
        Expr::Log(log) => logql::lines(log, store.as_ref(), window, Direction::Backward, 100, &options),
        _ => logql::range(&expr, store.as_ref(), window, 60_000_000_000, &options),
    };
    answer.map(|_| ()).map_err(|error| error.to_string())
}

#[test]
fn conformance_logql_bench() {
    let Some(folder) = testkit::conformance("logql-bench", "logql/bench-queries") else {
        return;
    };
    let mut tally = Tally::new("logql-bench");
    for (_, text) in files(&folder, "yaml") {
        for line in text.lines() {
            let Some(query) = line.trim_start().strip_prefix("query: ") else {
                continue;
            };
            let query = query
                .replace("${SELECTOR}", r#"{app="shop"}"#)
                .replace("${RANGE}", "5m")
                .replace("${LABEL_NAME}", "detected_level")
                .replace("${LABEL_VALUE}", "error");
            tally.add(query.clone(), runs(&query));
        }
    }
    tally.finish(BENCH_FLOOR);
}
