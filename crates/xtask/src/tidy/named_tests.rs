//! Refuses a room whose invariants name a test that does not exist.

use super::module_docs::opening;
use super::{Check, Finding};
use crate::source::{Item, functions, inline_modules, mask};
use crate::tree::Tree;

/// The check.
pub const CHECK: Check = Check {
    name: "named-tests",
    refuses: "a room whose invariants name a test that does not exist",
    find,
};

fn find(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.rust() {
        let Some((room, _)) = path
            .strip_prefix("crates/")
            .and_then(|path| path.split_once("/src/"))
        else {
            continue;
        };
        let opening = opening(text).join("\n");
        let Some((_, after)) = opening.split_once("Invariants:") else {
            continue;
        };
        let invariants = after.split("\nNot here:").next().unwrap_or(after);
        for name in invariants.split('`').skip(1).step_by(2) {
            if names_a_test(name) && !exists(tree, room, path, name) {
                let what = format!("its invariants name the test `{name}`, which does not exist in `{room}`");
                findings.push(Finding::at(path, 1, what));
            }
        }
    }
    findings
}

fn names_a_test(name: &str) -> bool {
    name.starts_with("tests/") || name.split("::").any(|part| part == "tests")
}

/// A file `tests/x.rs`, a module `a::tests`, or a function or module `a::tests::name`.
fn exists(tree: &Tree, room: &str, path: &str, name: &str) -> bool {
    if name.starts_with("tests/") {
        let file = name.split("::").next().unwrap_or(name);
        return tree.bytes(&format!("crates/{room}/{file}")).is_some();
    }
    let mut parts = name.rsplit("::");
    match (parts.next(), parts.next()) {
        (Some("tests"), None) => has_tests(tree, path),
        (Some("tests"), Some(module)) => files_of(tree, room)
            .filter(|(path, _)| stem(path) == module)
            .any(|(path, _)| has_tests(tree, path)),
        (Some(item), _) => files_of(tree, room).any(|(_, text)| {
            let code = mask(text);
            let is_named = |found: &Item| found.name == item;
            functions(&code).iter().any(is_named) || inline_modules(&code).iter().any(is_named)
        }),
        (None, _) => false,
    }
}

fn files_of<'a>(tree: &'a Tree, room: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
    let folder = format!("crates/{room}/");
    tree.rust().filter(move |(path, _)| path.starts_with(&folder))
}

/// The module that a file is: its own name, or its folder's if it is a `mod.rs`.
fn stem(path: &str) -> &str {
    let mut parts = path.trim_end_matches(".rs").rsplit('/');
    match parts.next() {
        Some("mod") => parts.next().unwrap_or_default(),
        name => name.unwrap_or_default(),
    }
}

fn has_tests(tree: &Tree, path: &str) -> bool {
    let folder = path
        .trim_end_matches("mod.rs")
        .trim_end_matches(".rs")
        .trim_end_matches('/');
    let is_inline = |text: &str| {
        inline_modules(&mask(text))
            .iter()
            .any(|item| item.name == "tests")
    };
    tree.bytes(&format!("{folder}/tests.rs")).is_some() || tree.text(path).is_some_and(is_inline)
}

#[cfg(test)]
mod tests {
    use super::super::assert_finds;
    use super::*;

    #[test]
    fn tests_that_do_not_exist_are_refused() {
        let lib = "//! A.\n//!\n//! Invariants: a (`tests/walk.rs`), b (`tests/gone.rs`), c (`inner::tests`),\n\
            //! d (`outer::tests`), e (`inner::tests::holds`), f (`inner::tests::left`), g (`up.to`), h (`far::tests`),\n\
            //! i (`tests::all`).\n\
            //! Not here: `other::tests`.\n";
        let tree = Tree::of([
            ("crates/a/src/lib.rs", lib),
            (
                "crates/a/src/inner.rs",
                "mod tests { #[test] fn holds() {} mod all { } }",
            ),
            ("crates/a/src/outer.rs", "fn no_tests() {}"),
            ("crates/a/src/far/mod.rs", "mod tests;"),
            ("crates/a/src/far/tests.rs", ""),
            ("crates/a/tests/walk.rs", ""),
            ("crates/b/tests/gone.rs", ""),
        ]);
        let refused = |name: &str| {
            format!(
                "crates/a/src/lib.rs:1: its invariants name the test `{name}`, which does not exist in `a`"
            )
        };
        let expected = ["tests/gone.rs", "outer::tests", "inner::tests::left"].map(refused);
        assert_finds(CHECK, &tree, &expected.each_ref().map(String::as_str));
    }
}
