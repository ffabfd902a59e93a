//! `watchkeeper query` against a real server: each form, and how errors end.

#![allow(clippy::unwrap_used, reason = "a test ends at its first fault")]

mod support;

use std::process::Output;

use serde_json::Value;
use support::Server;

/// What the command prints about `expr`; it runs beside the server.
fn query(server: &Server, arguments: &[&str]) -> Output {
    support::command(&server.folder)
        .args(["query", "--url", &server.url])
        .args(arguments)
        .output()
        .unwrap()
}

fn printed(server: &Server, arguments: &[&str]) -> String {
    let output = query(server, arguments);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn answers_come_in_every_form() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), "collect: { host: false, self: false }\n");
    let at = ["vector(2.5)", "--at", "1700010600"];
    let with =
        |more: &[&'static str]| -> Vec<&str> { at.iter().copied().chain(more.iter().copied()).collect() };
    assert_eq!(
        printed(&server, &at),
        "SERIES  TIME                  VALUE\n{}      2023-11-15T01:10:00Z    2.5\n"
    );
    assert_eq!(
        printed(&server, &with(&["-o", "csv"])),
        "series,time,value\n\"{}\",2023-11-15T01:10:00Z,2.5\n"
    );
    let json: Value = serde_json::from_str(&printed(&server, &with(&["--output", "json"]))).unwrap();
    assert_eq!(
        json["data"]["result"][0]["value"],
        serde_json::json!([1_700_010_600, "2.5"])
    );
    // The old name of the option.
    assert!(printed(&server, &with(&["--format", "csv"])).starts_with("series,"));

    let range = [
        "vector(time() % 600)",
        "-o",
        "graph",
        "--from",
        "1700010600",
        "--to",
        "1700014200",
    ];
    let graph = printed(&server, &range);
    let lines: Vec<&str> = graph.lines().collect();
    assert!(lines.iter().all(|line| line.chars().count() <= 80), "{graph}");
    assert!(!graph.contains('\u{1b}'), "{graph}");
    assert!(lines.last().unwrap().starts_with("■ {}"), "{graph}");
    assert!(
        graph.contains("2023-11-15T01:10:00Z to 2023-11-15T02:10:00Z"),
        "{graph}"
    );

    let refused = query(&server, &["sum("]);
    assert_eq!(refused.status.code(), Some(1));
    let error = String::from_utf8(refused.stderr).unwrap();
    assert!(error.contains("parse error"), "{error}");
}
