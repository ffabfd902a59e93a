//! `watchkeeper rules` as a user of promtool knows it: what it prints, and how it ends.

#![allow(clippy::unwrap_used, reason = "a test ends at its first fault")]
#![allow(clippy::print_stdout, reason = "the totals are the purpose")]

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

const RULES: &str = "groups:
  - name: g
    rules:
      - { record: 'job:up:sum', expr: 'sum by (job) (up)' }
      - { alert: Down, expr: 'up == 0', labels: { severity: page } }
";

/// What the binary printed, and its exit code.
struct Ended {
    code: i32,
    out: String,
    err: String,
}

fn rules(folder: &Path, arguments: &[&str], input: &str) -> Ended {
    let mut child = Command::new(env!("CARGO_BIN_EXE_watchkeeper"))
        .current_dir(folder)
        .arg("rules")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    Ended {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("rules.yml"), RULES).unwrap();
    folder
}

#[test]
fn unit_tests_end_as_with_promtool() {
    let folder = folder();
    let test = |name: &str, value: u8| {
        format!(
            "  - name: {name}\n    input_series: [{{ series: 'up{{job=\"a\"}}', values: 1 }}]\n    \
             promql_expr_test: [{{ expr: 'job:up:sum', exp_samples: [{{ labels: 'job:up:sum{{job=\"a\"}}', value: {value} }}] }}]\n"
        )
    };
    let tests = format!(
        "rule_files: ['*les.yml']\ntests:\n{}{}",
        test("good", 1),
        test("bad", 2)
    );
    fs::write(folder.path().join("test.yml"), tests).unwrap();

    let all = rules(folder.path(), &["test", "test.yml", "--junit", "out.xml"], "");
    assert_eq!(all.code, 1);
    assert_eq!(all.out, "Unit Testing:  test.yml\n\n\n");
    assert_eq!(
        all.err,
        "  FAILED:\n    expr: \"job:up:sum\", time: 0s,\n        exp: {__name__=\"job:up:sum\", job=\"a\"} 2E+00\n        \
         got: {__name__=\"job:up:sum\", job=\"a\"} 1E+00\n"
    );
    let xml = fs::read_to_string(folder.path().join("out.xml")).unwrap();
    assert!(
        xml.contains(r#"<testsuite name="test.yml" tests="2" failures="1" errors="0">"#),
        "{xml}"
    );

    let good = rules(folder.path(), &["test", "--run", "^good$", "test.yml"], "");
    assert_eq!((good.code, good.err.as_str()), (0, ""));
    assert_eq!(good.out, "Unit Testing:  test.yml\n  SUCCESS\n\n");

    let unread = rules(folder.path(), &["test", "none.yml"], "");
    assert_eq!(unread.code, 1);
    assert!(unread.err.contains("none.yml: No such file"), "{}", unread.err);
    assert_eq!(
        rules(folder.path(), &["test", "test.yml", "--run", "("], "").code,
        1
    );
}

#[test]
fn rule_files_are_checked() {
    let folder = folder();
    let good = rules(folder.path(), &["check", "rules.yml"], "");
    assert_eq!((good.code, good.err.as_str()), (0, ""));
    assert_eq!(
        good.out,
        "Checking rules.yml\n  SUCCESS: 2 rules found in 1 groups\n\n"
    );

    let twice = format!("{RULES}  - name: h\n    rules:\n      - {{ record: 'job:up:sum', expr: up }}\n");
    fs::write(folder.path().join("twice.yml"), twice).unwrap();
    let lint = rules(folder.path(), &["check", "twice.yml"], "");
    assert_eq!(lint.code, 0);
    assert!(
        lint.err
            .contains("twice.yml:8: duplicate rule job:up:sum{}, first in line 4"),
        "{}",
        lint.err
    );
    assert_eq!(
        rules(folder.path(), &["check", "--lint-fatal", "twice.yml"], "").code,
        3
    );
    let off = rules(
        folder.path(),
        &["check", "--lint", "none", "--lint-fatal", "twice.yml"],
        "",
    );
    assert_eq!((off.code, off.err.as_str()), (0, ""));

    let bad =
        "groups:\n- name: g\n  rules:\n  - { record: 'a b', expr: 'sum(' }\n  - { alert: x, exprs: up }\n";
    fs::write(folder.path().join("bad.yml"), bad).unwrap();
    let faults = rules(folder.path(), &["check", "bad.yml", "rules.yml"], "");
    assert_eq!(faults.code, 1);
    assert!(faults.out.contains("SUCCESS: 2 rules found"), "{}", faults.out);
    for place in [
        "bad.yml:4: groups[0].rules[0].expr",
        "bad.yml:5: groups[0].rules[1].exprs",
    ] {
        assert!(faults.err.contains(place), "{place}: {}", faults.err);
    }
    assert_eq!(rules(folder.path(), &["check"], RULES).code, 0);
    let input = rules(folder.path(), &["check", "-"], bad);
    assert!(input.err.contains("standard input:4:"), "{}", input.err);
}

/// Whether promtool lets the file pass.
fn expected(file: &str) -> Option<bool> {
    match file {
        "unittest.yml" | "at-modifier-test.yml" | "long-period.yml" => Some(true),
        "failing.yml"
        | "bad-promql.yml"
        | "bad-rules-error-test.yml"
        | "rules_run.yml"
        | "rules_run_no_fuzzy.yml" => Some(false),
        _ => None,
    }
}

#[test]
fn conformance_rules_command() {
    let Some(folder) = testkit::conformance("rules-command", "rules/unit") else {
        return;
    };
    let entries = fs::read_dir(&folder).unwrap();
    let mut files: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|file| expected(file).is_some())
        .collect();
    files.sort();
    let mut passed = 0;
    for file in &files {
        let ended = rules(&folder, &["test", file], "");
        let code = i32::from(expected(file) == Some(false));
        let is_told =
            ended.out.contains("SUCCESS") == (code == 0) && ended.err.contains("FAILED:") == (code == 1);
        if ended.code == code && is_told {
            passed += 1;
        } else {
            println!(
                "  {file}: exit code {} instead of {code}: {}",
                ended.code, ended.err
            );
        }
    }
    let failed = files.len() - passed;
    println!(
        "conformance rules-command: {} cases, {passed} passed, {failed} failed",
        files.len()
    );
    assert_eq!(failed, 0);
}
