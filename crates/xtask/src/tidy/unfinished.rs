//! Refuses words that promise to finish later.

use super::{Check, Finding};
use crate::source::{line_of, words};
use crate::tree::Tree;

/// The check.
pub const CHECK: Check = Check {
    name: "unfinished",
    refuses: "notes and macros that leave work for later",
    find,
};

/// Put together here, so that this file does not hold what it refuses.
const WORDS: [&str; 5] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("to", "do!"),
    concat!("unimplement", "ed!"),
];
const ENDINGS: [&str; 8] = [".rs", ".ts", ".svelte", ".css", ".sql", ".sh", ".toml", ".yml"];

fn find(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let written =
        |path: &str| !path.starts_with("ui/dist/") && ENDINGS.iter().any(|ending| path.ends_with(ending));
    for (path, text) in tree.texts().filter(|(path, _)| written(path)) {
        for word in WORDS {
            for at in words(text, word) {
                let what = format!("`{word}` leaves work for later; do it now, or write it down as an issue");
                findings.push(Finding::at(path, line_of(text, at), what));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::assert_finds;
    use super::*;

    #[test]
    fn every_such_word_is_refused_in_code_and_comments() {
        for word in WORDS {
            let text = format!("fn f() {{\n    // {word} later\n}}\n");
            let expected =
                format!(":2: `{word}` leaves work for later; do it now, or write it down as an issue");
            for path in ["crates/a/src/x.rs", "ui/src/x.ts", ".ci/x.sh"] {
                let tree = Tree::of([(path, text.as_str())]);
                assert_finds(CHECK, &tree, &[&format!("{path}{expected}")]);
            }
        }
    }

    #[test]
    fn longer_words_and_built_files_are_left_alone() {
        let todos = concat!("let TO", "DOS = 1;");
        let built = concat!("// TO", "DO");
        assert_finds(
            CHECK,
            &Tree::of([("crates/a/src/x.rs", todos), ("ui/dist/x.css", built)]),
            &[],
        );
    }
}
