//! The syntax cases of the conformance data: what is accepted, and how it prints over several lines.

#![allow(clippy::unwrap_used, reason = "a test ends at its first fault")]

#[path = "support/mod.rs"]
mod support;

use std::fs;
use std::path::Path;

use serde_json::Value;
use support::Tally;

fn cases(file: &Path) -> Vec<Value> {
    let text = fs::read_to_string(file).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn accepts(input: &Value) -> Result<(), String> {
    // Inputs that are not UTF-8 stand as base64; they are refused before they are text.
    let Some(text) = input.as_str() else {
        return Err("not UTF-8".to_owned());
    };
    logql::parse(text).map(|_| ()).map_err(|error| error.to_string())
}

fn judge(accepted: Result<(), String>, valid: bool) -> Result<(), String> {
    match (accepted, valid) {
        (Ok(()), true) | (Err(_), false) => Ok(()),
        (Ok(()), false) => Err("was accepted".to_owned()),
        (Err(error), true) => Err(error),
    }
}

/// Raise them when more pass; never lower them.
const SYNTAX_FLOOR: usize = 118;
const PRETTY_FLOOR: usize = 13;

#[test]
fn conformance_logql_syntax() {
    let Some(file) = testkit::conformance("logql-syntax", "logql/syntax/parse.jsonl") else {
        return;
    };
    let mut tally = Tally::new("logql-syntax");
    for case in cases(&file) {
        let valid = case["valid"].as_bool().unwrap();
        tally.add(
            format!("{}", case["input"]),
            judge(accepts(&case["input"]), valid),
        );
    }
    tally.finish(SYNTAX_FLOOR);
}

/// Loki's own cases are printed with this limit.
const LINE_LENGTH_MAX: usize = 20;

#[test]
fn conformance_logql_pretty() {
    let Some(file) = testkit::conformance("logql-pretty", "logql/syntax/pretty.jsonl") else {
        return;
    };
    let mut tally = Tally::new("logql-pretty");
    for case in cases(&file) {
        let (input, wanted) = (case["in"].as_str().unwrap(), case["out"].as_str().unwrap());
        let outcome = match logql::parse(input) {
            Ok(expr) if expr.pretty_within(LINE_LENGTH_MAX) == wanted => Ok(()),
            Ok(expr) => Err(format!(
                "expected {wanted:?}, got {:?}",
                expr.pretty_within(LINE_LENGTH_MAX)
            )),
            Err(error) => Err(error.to_string()),
        };
        tally.add(input, outcome);
    }
    tally.finish(PRETTY_FLOOR);
}
