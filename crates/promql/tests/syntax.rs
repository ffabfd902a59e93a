//! The syntax cases of the conformance data: what is accepted, and how it prints.

#![allow(clippy::unwrap_used, reason = "a test ends at its first fault")]

#[path = "support/mod.rs"]
mod support;

use std::fs;
use std::path::Path;

use serde_json::Value;
use support::Tally;

fn cases(folder: &Path, file: &str) -> Vec<Value> {
    let text = fs::read_to_string(folder.join(file)).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn accepts(input: &Value) -> Result<(), String> {
    // Inputs that are not UTF-8 stand as base64; they are refused before they are text.
    let Some(text) = input.as_str() else {
        return Err("not UTF-8".to_owned());
    };
    promql::parse(text).map(|_| ()).map_err(|error| error.to_string())
}

fn judge(accepted: Result<(), String>, valid: bool) -> Result<(), String> {
    match (accepted, valid) {
        (Ok(()), true) | (Err(_), false) => Ok(()),
        (Ok(()), false) => Err("was accepted".to_owned()),
        (Err(error), true) => Err(error),
    }
}

fn prints(case: &Value, print: impl Fn(&promql::Expr) -> String) -> Result<(), String> {
    let (input, wanted) = (case["in"].as_str().unwrap(), case["out"].as_str().unwrap());
    let expr = promql::parse(input).map_err(|error| error.to_string())?;
    let got = print(&expr);
    if got == wanted {
        Ok(())
    } else {
        Err(format!("expected {wanted:?}, got {got:?}"))
    }
}

/// Raise it when more pass; never lower it.
const FLOOR: usize = 314;

#[test]
fn conformance_promql_syntax() {
    let Some(folder) = testkit::conformance("promql-syntax", "promql/syntax") else {
        return;
    };
    let mut tally = Tally::new("promql-syntax");
    for case in cases(&folder, "parse.jsonl") {
        let valid = case["valid"].as_bool().unwrap();
        tally.add(
            format!("parse {}", case["input"]),
            judge(accepts(&case["input"]), valid),
        );
    }
    for case in cases(&folder, "print.jsonl") {
        tally.add(
            format!("print {}", case["in"]),
            prints(&case, ToString::to_string),
        );
    }
    for case in cases(&folder, "pretty.jsonl") {
        tally.add(
            format!("pretty {}", case["in"]),
            prints(&case, |expr| expr.pretty_within(10)),
        );
    }
    for case in cases(&folder, "series-notation.jsonl") {
        let input = case["input"].as_str().unwrap();
        let read = promql::series_notation::parse(input).map(|_| ());
        tally.add(
            format!("series {input:?}"),
            judge(read, case["valid"].as_bool().unwrap()),
        );
    }
    tally.finish(FLOOR);
}
