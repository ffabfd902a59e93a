//! Refuses a Rust file without an opening sentence, and a room whose opening leaves out a line of the template.

use super::{Check, Finding};
use crate::tree::Tree;

/// The check.
pub const CHECK: Check = Check {
    name: "module-docs",
    refuses: "a file without an opening `//!` sentence, a room without the whole template",
    find,
};

/// What the opening of a room says, each at the start of a line except `Out:`, which may follow `In:`.
const TEMPLATE: [&str; 6] = ["In:", "Out:", "Owns:", "Invariants:", "Not here:", "Start at:"];

fn find(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.rust() {
        let opening = opening(text);
        match opening.first() {
            None => findings.push(Finding::at(
                path,
                1,
                "opens without a `//!` sentence; say what the file is for",
            )),
            Some(sentence) if sentence.is_empty() || sentence.starts_with('#') => {
                findings.push(Finding::at(
                    path,
                    1,
                    "opens without a sentence; say what the file is for",
                ));
            }
            Some(_) if is_room(tree, path) => findings.extend(missing_lines(path, &opening)),
            Some(_) => {}
        }
    }
    findings
}

/// The lines of the inner doc comment at the head of a file; inner attributes may stand before it.
pub(super) fn opening(text: &str) -> Vec<&str> {
    text.lines()
        .skip_while(|line| line.starts_with("#![") || line.trim().is_empty())
        .map_while(|line| line.strip_prefix("//!"))
        .map(str::trim)
        .collect()
}

fn missing_lines(path: &str, opening: &[&str]) -> Option<Finding> {
    let missing: Vec<&str> = TEMPLATE
        .into_iter()
        .filter(|word| {
            !opening
                .iter()
                .any(|line| line.starts_with(word) || (*word == "Out:" && line.contains(word)))
        })
        .collect();
    (!missing.is_empty()).then(|| {
        let what = format!(
            "the opening of this room lacks {}; see CONTRIBUTING.md, \"The head of a room\"",
            missing.join(", ")
        );
        Finding::at(path, 1, what)
    })
}

/// Whether a file is the door of a room: a library's root, a lone program's root, or a module that is a folder of
/// more than its tests.
fn is_room(tree: &Tree, path: &str) -> bool {
    let Some((folder, inside)) = path.split_once("/src/") else {
        return false;
    };
    match inside {
        "lib.rs" => true,
        "main.rs" => tree.bytes(&format!("{folder}/src/lib.rs")).is_none(),
        _ if path.ends_with("/mod.rs") => true,
        _ => {
            let rooms = format!("{}/", path.trim_end_matches(".rs"));
            let tests = format!("{rooms}tests");
            tree.rust()
                .filter(|(other, _)| other.starts_with(&rooms) && !other.starts_with(&tests))
                .nth(1)
                .is_some()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::assert_finds;
    use super::*;

    const WHOLE: &str = "//! What it does.\n//!\n//! In: a.  Out: b.\n//! Owns: c.\n//! Invariants: d.\n\
        //! Not here: e.\n//! Start at: f.\n";
    const LEAF: &str = "//! What it does.\n";

    #[test]
    fn a_missing_crate_doc_is_refused() {
        let tree = Tree::of([("crates/a/src/lib.rs", "pub fn f() {}\n")]);
        assert_finds(
            CHECK,
            &tree,
            &["crates/a/src/lib.rs:1: opens without a `//!` sentence; say what the file is for"],
        );
    }

    #[test]
    fn each_missing_line_of_the_template_is_named() {
        for word in TEMPLATE {
            let text = WHOLE.replace(word, "");
            let tree = Tree::of([("crates/a/src/lib.rs", text.as_str())]);
            let expected = format!(
                "crates/a/src/lib.rs:1: the opening of this room lacks {word}; see CONTRIBUTING.md, \"The head of a \
                 room\""
            );
            assert_finds(CHECK, &tree, &[&expected]);
        }
    }

    #[test]
    fn leaves_and_tests_need_one_sentence_and_folders_the_template() {
        let tree = Tree::of([
            ("crates/a/src/lib.rs", WHOLE),
            ("crates/a/src/leaf.rs", "#![allow(x)]\n\n//! What it does.\n"),
            ("crates/a/src/leaf/tests.rs", LEAF),
            ("crates/a/src/room.rs", LEAF),
            ("crates/a/src/room/one.rs", LEAF),
            ("crates/a/src/room/two.rs", LEAF),
            ("crates/a/src/main.rs", LEAF),
            ("crates/a/tests/walk.rs", LEAF),
            ("crates/b/src/main.rs", LEAF),
        ]);
        let found: Vec<_> = find(&tree).into_iter().map(|finding| finding.path).collect();
        assert_eq!(found, ["crates/a/src/room.rs", "crates/b/src/main.rs"]);
    }

    #[test]
    fn a_placeholder_heading_is_no_sentence() {
        let tree = Tree::of([
            ("crates/a/tests/x.rs", "//!\nfn f() {}\n"),
            ("crates/a/tests/y.rs", "//! # Title\n"),
        ]);
        assert_eq!(find(&tree).len(), 2);
    }
}
