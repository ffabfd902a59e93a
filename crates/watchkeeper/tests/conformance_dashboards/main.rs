//! Expressions of real dashboards and real rule files, asked of the real store.
//!
//! Variables are filled in as Grafana does it. Each expression has a tenant of its own in one store, with series that its
//! selectors find, so that whatever it computes is computed. What is not for a Prometheus data source is told apart by the
//! type of the panel's data source, or by syntax that only MetricsQL has, and counted with its reason.
#![allow(clippy::unwrap_used, reason = "data that cannot be read ends the test")]
#![allow(clippy::print_stdout, reason = "the totals are the purpose")]

mod dashboard;
mod metricsql;
mod store;
mod variables;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use alerting::rules::{NameScheme, parse_rule_file};
use serde_json::Value;
use store::Store;

fn files(folder: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            endings
                .iter()
                .any(|end| path.extension().is_some_and(|found| found == *end))
        })
        .collect();
    files.sort();
    files
}

fn name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// Prints what failed and the totals, and holds what passed to what was reached before.
fn report(area: &str, cases: &[(String, Result<bool, String>)], floor: usize) {
    let passed = cases.iter().filter(|(_, outcome)| outcome.is_ok()).count();
    let with_answer = cases.iter().filter(|(_, outcome)| *outcome == Ok(true)).count();
    for (name, outcome) in cases {
        if let Err(reason) = outcome {
            println!("  {name}: {reason}");
        }
    }
    println!(
        "  {with_answer} of {} have an answer that is not empty",
        cases.len()
    );
    println!(
        "conformance {area}: {} cases, {passed} passed, {} failed",
        cases.len(),
        cases.len() - passed
    );
    // Another folder of the same shape may hold fewer cases.
    assert!(
        passed >= floor.min(cases.len()),
        "{area}: {passed} passed, the floor is {floor}"
    );
}

#[test]
fn dashboards_expressions() {
    let Some(folder) = testkit::conformance("dashboards-expressions", "dashboards") else {
        return;
    };
    let mut store = Store::new();
    let mut cases = Vec::new();
    let mut others: BTreeMap<String, usize> = BTreeMap::new();
    for path in files(&folder, &["json"]) {
        let text = std::fs::read_to_string(&path).unwrap();
        let json: Value = serde_json::from_str(&text).unwrap();
        let board = dashboard::Dashboard::read(&json);
        for found in board.expressions() {
            if found.source != "prometheus" {
                *others.entry(found.source).or_default() += 1;
                continue;
            }
            let expr = board.fill_in(&found.expr);
            if let Some(reason) = metricsql::reason(&expr) {
                *others
                    .entry(format!("prometheus, and they are MetricsQL: {reason}"))
                    .or_default() += 1;
                continue;
            }
            let outcome = store.ask(&expr).map_err(|error| format!("{error}: {expr}"));
            cases.push((format!("{} {}", name(&path), found.place), outcome));
        }
    }
    for (source, count) in others {
        println!("  {count} expressions are not asked: their data source is of the type {source}");
    }
    report("dashboards-expressions", &cases, 911);
}

#[test]
fn rules_expressions() {
    let Some(folder) = testkit::conformance("rules-expressions", "rules") else {
        return;
    };
    let mut store = Store::new();
    let mut cases = Vec::new();
    for part in ["community", "mixin", "alert-generator", "format", "unit"] {
        let part = folder.join(part);
        if !part.exists() {
            continue;
        }
        for path in files(&part, &["yml", "yaml"]) {
            let text = std::fs::read_to_string(&path).unwrap();
            // Files that must be refused, and unit tests, are judged elsewhere.
            let Ok(file) = parse_rule_file(&name(&path), &text, NameScheme::Utf8) else {
                continue;
            };
            for rule in file.groups.iter().flat_map(|group| &group.rules) {
                let outcome = store
                    .ask(&rule.text)
                    .map_err(|error| format!("{error}: {}", rule.text));
                cases.push((format!("{}:{} {}", name(&path), rule.line, rule.name()), outcome));
            }
        }
    }
    report("rules-expressions", &cases, 619);
}
