//! Refuses log messages that start upper-case, end with a full stop, or hide values in their text.

use super::{Check, Finding};
use crate::source::{bracketed, line_of, mask, words};
use crate::tree::Tree;

/// The check.
pub const CHECK: Check = Check {
    name: "log-style",
    refuses: "a log message that starts upper-case, ends with a full stop, or hides values in its text",
    find,
};

const MACROS: [&str; 5] = ["trace", "debug", "info", "warn", "error"];

fn find(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.rust().filter(|(path, _)| path.contains("/src/")) {
        let code = mask(text);
        for (at, message) in messages(text, &code) {
            if let Some(what) = fault(message) {
                findings.push(Finding::at(
                    path,
                    line_of(&code, at),
                    format!("log message \"{message}\" {what}"),
                ));
            }
        }
    }
    findings.sort_by(|a, b| (&a.path, a.line).cmp(&(&b.path, b.line)));
    findings
}

fn fault(message: &str) -> Option<&'static str> {
    let mut letters = message.chars();
    let first = letters.next()?;
    // A word of capitals (WAL, HTTP) is a name and keeps its form.
    if first.is_uppercase()
        && !letters
            .next()
            .is_some_and(|second| second.is_uppercase() || second.is_numeric())
    {
        return Some("starts upper-case; log messages are fragments");
    }
    if message.ends_with('.') {
        return Some("ends with a full stop; log messages are fragments");
    }
    message
        .contains('{')
        .then_some("hides a value in its text; make it a field, so that it can be searched")
}

/// The message of every log macro, and where its macro stands.
fn messages<'a>(text: &'a str, code: &'a str) -> Vec<(usize, &'a str)> {
    let mut found = Vec::new();
    for name in MACROS {
        for at in words(code, name) {
            let after = at + name.len();
            let Some(bang) = code.get(after..).filter(|rest| rest.starts_with("!(")) else {
                continue;
            };
            let open = code.len() - bang.len() + 1;
            if let Some(message) = bracketed(code, open).and_then(|inside| message(text, open + 1, inside)) {
                found.push((at, message));
            }
        }
    }
    found
}

/// The first argument that is a lone string literal; `inside` is masked and starts at `start` of `text`.
fn message<'a>(text: &'a str, start: usize, inside: &str) -> Option<&'a str> {
    let mut depth = 0usize;
    let mut from = 0;
    for (at, byte) in inside.bytes().chain([b',']).enumerate() {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => {
                let argument = inside.get(from..at)?;
                let literal = argument.trim();
                if literal.len() >= 2 && literal.starts_with('"') && literal.ends_with('"') {
                    let open = start + from + (argument.len() - argument.trim_start().len());
                    return text.get(open + 1..open + literal.len() - 1);
                }
                from = at + 1;
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::assert_finds;
    use super::*;

    #[test]
    fn messages_are_fragments_with_fields() {
        let text = r#"
use tracing::{error, info};
fn f() {
    info!(path, "block skipped");
    info!("WAL replayed");
    info!(target: "x", label = "Upper. {x}", list(1, 2), "fine, too");
    tracing::warn!("Block skipped");
    error!(
        path,
        "block skipped.",
    );
    debug!("skipped {path}");
    #[error("Not a log message.")]
    other_info!("Not one either.");
}
"#;
        let tree = Tree::of([
            ("crates/a/src/x.rs", text),
            ("crates/a/tests/y.rs", "info!(\"Free here.\")"),
        ]);
        assert_finds(
            CHECK,
            &tree,
            &[
                "crates/a/src/x.rs:7: log message \"Block skipped\" starts upper-case; log messages are fragments",
                "crates/a/src/x.rs:8: log message \"block skipped.\" ends with a full stop; log messages are fragments",
                "crates/a/src/x.rs:12: log message \"skipped {path}\" hides a value in its text; make it a field, so \
               that it can be searched",
            ],
        );
    }
}
