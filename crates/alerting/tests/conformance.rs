//! Behaviour against data that others published: rule files, rule unit tests, Alertmanager's configuration and routing.

#![allow(clippy::unwrap_used, reason = "data that cannot be read ends the test")]
#![allow(clippy::print_stdout, reason = "the totals are the purpose")]

use std::path::{Path, PathBuf};

use alerting::Config;
use alerting::notify::matchers::{parse_classic, parse_utf8};
use alerting::notify::routes::Route;
use alerting::rules::{NameScheme, parse_rule_file, unit_test};
use model::Labels;
use regex::Regex;
use serde_json::Value;

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "yml" || end == "yaml"))
        .collect();
    files.sort();
    files
}

/// Counts cases; the text of a case says what went wrong.
fn report(area: &str, cases: Vec<(String, Result<(), String>)>, floor: usize) {
    let passed = cases.iter().filter(|(_, outcome)| outcome.is_ok()).count();
    for (name, outcome) in &cases {
        if let Err(reason) = outcome {
            println!("  {name}: {reason}");
        }
    }
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

fn name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

fn accepted(outcome: Result<(), String>, wanted: bool) -> Result<(), String> {
    match (outcome, wanted) {
        (Ok(()), true) | (Err(_), false) => Ok(()),
        (Err(reason), true) => Err(format!("refused: {reason}")),
        (Ok(()), false) => Err("accepted".to_owned()),
    }
}

fn load_rules(path: &Path, names: NameScheme) -> Result<(), String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    parse_rule_file(&name(path), &text, names)
        .map(|_| ())
        .map_err(|errors| {
            let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
            texts.join(" | ")
        })
}

#[test]
fn rules_format() {
    let Some(folder) = testkit::conformance("rules-format", "rules/format") else {
        return;
    };
    let cases = files(&folder).into_iter().map(|path| {
        let file = name(&path);
        // These two hold the same text and differ in the naming scheme that is in force.
        let names = if file.starts_with("legacy_") {
            NameScheme::Legacy
        } else {
            NameScheme::Utf8
        };
        (
            file.clone(),
            accepted(load_rules(&path, names), !file.contains(".bad.")),
        )
    });
    report("rules-format", cases.collect(), 10);
}

#[test]
fn rules_load() {
    let Some(folder) = testkit::conformance("rules-load", "rules") else {
        return;
    };
    let parts = ["community", "mixin", "alert-generator"];
    let paths = parts
        .iter()
        .filter(|part| folder.join(part).exists())
        .flat_map(|part| files(&folder.join(part)));
    let cases = paths.map(|path| (name(&path), load_rules(&path, NameScheme::Utf8)));
    report("rules-load", cases.collect(), 70);
}

/// Plays the tests of a file, all or those of one name.
fn play(path: &Path, only: Option<&str>) -> Result<(), String> {
    let options = unit_test::Options {
        run: only.map(|name| Regex::new(name).unwrap()),
        diff: false,
    };
    let report = unit_test::run_file(path, &options);
    if report.passed() {
        return Ok(());
    }
    let of_tests = report.tests.into_iter().flat_map(|test| test.failures);
    let all: Vec<String> = report.faults.into_iter().chain(of_tests).collect();
    Err(all.join(" | "))
}

#[test]
fn rules_unit() {
    let Some(folder) = testkit::conformance("rules-unit", "rules/unit") else {
        return;
    };
    let expected = |file: &str| match file {
        "unittest.yml" | "at-modifier-test.yml" | "long-period.yml" => Some(true),
        "failing.yml" | "bad-promql.yml" | "bad-rules-error-test.yml" | "rules_run_no_fuzzy.yml" => {
            Some(false)
        }
        _ => None,
    };
    let mut cases = Vec::new();
    for path in files(&folder) {
        let file = name(&path);
        if let Some(wanted) = expected(&file) {
            cases.push((file, accepted(play(&path, None), wanted)));
        } else if file == "rules_run.yml" {
            for (group, wanted) in [("correct test", true), ("wrong test", false)] {
                let outcome = play(&path, Some(group));
                cases.push((format!("{file} {group}"), accepted(outcome, wanted)));
            }
        }
    }
    report("rules-unit", cases, 9);
}

fn load_config(text: &str) -> Result<Config, String> {
    let config: Config = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
    config.validate().map_err(|errors| {
        errors
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(" | ")
    })?;
    Ok(config)
}

#[test]
fn alertmanager_config() {
    let Some(folder) = testkit::conformance("alertmanager-config", "alertmanager/config") else {
        return;
    };
    let mut cases = Vec::new();
    for (part, wanted) in [("good", true), ("bad", false)] {
        for path in files(&folder.join(part)) {
            let text = std::fs::read_to_string(&path).unwrap();
            cases.push((name(&path), accepted(load_config(&text).map(|_| ()), wanted)));
        }
    }
    report("alertmanager-config", cases, 28);
}

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn alertmanager_routing() {
    let Some(folder) = testkit::conformance("alertmanager-routing", "alertmanager/routing") else {
        return;
    };
    let cases = lines(&folder.join("routes.jsonl")).into_iter().map(|case| {
        let file = case["config"].as_str().unwrap();
        let text = std::fs::read_to_string(folder.join(file)).unwrap();
        let outcome = load_config(&text).and_then(|config| {
            let labels = case["labels"].as_object().unwrap();
            let labels = Labels::from_pairs(
                labels
                    .iter()
                    .map(|(n, v)| (n.clone(), v.as_str().unwrap().to_owned())),
            );
            let found: Vec<String> = Route::compile(&config, "")
                .matching(&labels)
                .iter()
                .map(|route| route.receiver.clone())
                .collect();
            let wanted: Vec<&str> = case["receivers"]
                .as_array()
                .unwrap()
                .iter()
                .filter_map(Value::as_str)
                .collect();
            if found == wanted {
                Ok(())
            } else {
                Err(format!("{found:?} instead of {wanted:?}"))
            }
        });
        (format!("{file} {}", case["labels"]), outcome)
    });
    report("alertmanager-routing", cases.collect(), 134);
}

#[test]
fn alertmanager_matchers() {
    let Some(path) = testkit::conformance("alertmanager-matchers", "alertmanager/matchers.jsonl") else {
        return;
    };
    let cases = lines(&path).into_iter().map(|case| {
        let input = case["input"].as_str().unwrap_or_default();
        // A case about one matcher says so in its error.
        let only_one = case["err"]
            .as_str()
            .is_some_and(|error| error.starts_with("expected 1 matcher"));
        let parsed = if case["parser"] == "classic" {
            parse_classic(input)
        } else {
            parse_utf8(input)
        };
        let outcome = match parsed {
            Ok(matchers) if only_one && matchers.len() != 1 => Err(format!("{} matchers", matchers.len())),
            Ok(_) => Ok(()),
            Err(error) => Err(error.to_string()),
        };
        (
            format!("{} {input}", case["parser"]),
            accepted(outcome, case["valid"] == true),
        )
    });
    report("alertmanager-matchers", cases.collect(), 61);
}
