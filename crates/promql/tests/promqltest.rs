//! Behaviour as scripts: our own under `tests/scripts`, and those of the conformance data.

#![allow(clippy::unwrap_used, reason = "a test ends at its first fault")]

#[path = "support/mod.rs"]
mod support;

use std::fs;
use std::path::Path;

use support::{Tally, script};

fn scripts(folder: &Path) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "test"))
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, fs::read_to_string(&path).unwrap())
        })
        .collect();
    found.sort();
    found
}

#[test]
fn our_own_scripts_hold() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts");
    let mut count = 0;
    let mut failed = Vec::new();
    for (name, text) in scripts(&folder) {
        for outcome in script::run(&text) {
            count += 1;
            if let Err(reason) = outcome.result {
                failed.push(format!("{name}:{} {}: {reason}", outcome.line, outcome.query));
            }
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert!(count > 40, "only {count} cases were found");
}

/// Raise it when more pass; never lower it.
const FLOOR: usize = 1327;

#[test]
fn conformance_promql_eval() {
    let Some(folder) = testkit::conformance("promql-eval", "promql/promqltest") else {
        return;
    };
    let mut tally = Tally::new("promql-eval");
    for (name, text) in scripts(&folder) {
        for outcome in script::run(&text) {
            tally.add(
                format!("{name}:{} {}", outcome.line, outcome.query),
                outcome.result,
            );
        }
    }
    tally.finish(FLOOR);
}
