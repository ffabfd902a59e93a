//! `watchkeeper logs test-pipeline`: what it prints, by the example of the documentation.

#![allow(clippy::unwrap_used, reason = "a test ends at its first fault")]

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

const DOCUMENTATION: &str = include_str!("../../../docs/pipelines.md");

/// The indented block that begins with `first`, without its indentation.
fn block(first: &str) -> String {
    let lines = DOCUMENTATION
        .lines()
        .skip_while(|line| line.trim_start() != first);
    let block = lines.take_while(|line| line.is_empty() || line.starts_with("    "));
    let lines: Vec<&str> = block
        .map(|line| line.strip_prefix("    ").unwrap_or(line))
        .collect();
    format!("{}\n", lines.join("\n").trim_end())
}

/// What the binary printed on standard output and error, and whether it ended well.
fn test_pipeline(folder: &Path, arguments: &[&str], input: &str) -> (String, String, bool) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_watchkeeper"))
        .current_dir(folder)
        .args(["logs", "test-pipeline"])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A child that ended at a fault reads nothing.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.success())
}

/// The folder with the example's configuration, whose age limit does not end this test one day.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let config = block("pipelines:").replace(", past_max: 7d", "");
    assert!(config.contains("redaction:"), "{config}");
    fs::write(folder.path().join("watchkeeper.yaml"), config).unwrap();
    folder
}

#[test]
fn the_example_of_the_documentation_works() {
    let folder = folder();
    let line = block(
        "$ echo '{\"ts\":\"2026-01-01T00:00:00Z\",\"level\":\"warn\",\"tenant\":\"t1\",\"user_id\":5,\"path\":\"/cart\",\"msg\":\"password=hunter2\"}' |",
    );
    let line = line.split('\'').nth(1).unwrap().to_owned() + "\n{\"path\":\"/healthz\"}\n";
    let (out, err, is_good) = test_pipeline(folder.path(), &["--source", "{app=\"shop\"}", "-"], &line);
    assert!(is_good, "{err}");
    assert!(out.contains(&block("stored")), "{out}");
    assert!(
        out.contains("  shop/level\n    label level = warn\n    metadata detected_level = warn\n"),
        "{out}"
    );
    assert!(out.contains("  shop/drop  dropped: rule\ndropped\n"), "{out}");
    assert!(
        out.contains("  redaction\n    line: password=hunter2 -> password=[REDACTED:key_value]\n"),
        "{out}"
    );
}

#[test]
fn json_has_an_object_for_each_line() {
    let folder = folder();
    let input =
        "1.2.3.4 - - [01/Jan/2026:00:00:01 +0000] \"GET /x?y HTTP/1.1\" 200 5 \"-\" \"curl\"\n\u{1b}[31mno\n";
    let (out, err, is_good) = test_pipeline(folder.path(), &["--source", "{app=\"nginx\"}", "--json"], input);
    assert!(is_good, "{err}");
    let lines: Vec<Value> = out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines[0]["stored"]["time"], "2026-01-01T00:00:01Z");
    assert_eq!(lines[0]["stored"]["metadata"]["path"], "/x");
    assert_eq!(lines[1]["stages"][0]["outcome"], "missed");
    assert_eq!(lines[1]["stored"]["stream"]["app"], "nginx");
    let (out, _, _) = test_pipeline(folder.path(), &[], input);
    assert!(!out.contains('\u{1b}'), "{out}");
}

#[test]
fn faults_name_file_line_and_key() {
    let folder = tempfile::tempdir().unwrap();
    let config =
        "pipelines:\n  - name: a\n    stages:\n      - json: {}\n      - regex: { expression: '(' }\n";
    fs::write(folder.path().join("bad.yaml"), config).unwrap();
    let (_, err, is_good) = test_pipeline(folder.path(), &["--config", "bad.yaml"], "");
    assert!(!is_good);
    assert!(
        err.contains("bad.yaml:5:") && err.contains("no regular expression"),
        "{err}"
    );
    let (_, err, is_good) = test_pipeline(folder.path(), &["--source", "{app=~\"x.*\"}"], "");
    assert!(!is_good && err.contains("write = between"), "{err}");
}

#[test]
fn the_stage_kubernetes_is_tried_with_a_file_of_pods() {
    let folder = tempfile::tempdir().unwrap();
    let config = "pipelines:\n  - name: pods\n    stages:\n      - kubernetes: { labels: [app] }\n";
    fs::write(folder.path().join("watchkeeper.yaml"), config).unwrap();
    let pods = r#"{"apiVersion": "v1", "kind": "List", "items": [{"kind": "Pod", "metadata": {"name": "web-5d9-x", "namespace": "shop",
        "uid": "u1", "labels": {"app": "web"}}, "spec": {"nodeName": "n1"}}]}"#;
    fs::write(folder.path().join("pods.json"), pods).unwrap();
    let source = "{namespace=\"shop\", pod=\"web-5d9-x\"}";
    let (out, err, is_good) = test_pipeline(
        folder.path(),
        &["--source", source, "--pods", "pods.json"],
        "a line\n",
    );
    assert!(is_good, "{err}");
    assert!(
        out.contains("  pods/kubernetes\n    label app = web\n    metadata k8s_node_name = n1\n"),
        "{out}"
    );
    assert!(
        out.contains("stream    {app=\"web\", namespace=\"shop\", pod=\"web-5d9-x\"}"),
        "{out}"
    );
    let (out, _, _) = test_pipeline(folder.path(), &["--source", source], "a line\n");
    assert!(out.contains("pods/kubernetes  not applied: unknown"), "{out}");
    fs::write(
        folder.path().join("pods.json"),
        "{\"items\": [{\"kind\": \"Node\"}]}",
    )
    .unwrap();
    let (_, err, is_good) = test_pipeline(folder.path(), &["--pods", "pods.json"], "");
    assert!(!is_good && err.contains("pods.json: items[0] is a Node"), "{err}");
}
