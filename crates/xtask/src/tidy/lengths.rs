//! Refuses files, functions and inline tests that are longer than a reader should have to hold, unless the ratchet
//! knows them.

use std::collections::BTreeMap;

use super::ratchet::{self, Key, Measure, Ratchet};
use super::{Check, Finding};
use crate::source::{functions, inline_modules, mask};
use crate::tree::Tree;

/// The check.
pub const CHECK: Check = Check {
    name: "lengths",
    refuses: "a file above 800 lines, a function above 70, inline tests above 100, unless the ratchet holds them",
    find,
};

/// How long something is, and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Length {
    /// The line it starts in.
    pub line: usize,
    /// Its lines.
    pub lines: usize,
}

/// Everything that is longer than its measure allows. Of two functions of one name in a file the longer counts.
pub fn too_long(tree: &Tree) -> BTreeMap<Key, Length> {
    let mut found = BTreeMap::new();
    for (path, text) in tree.rust() {
        for (measure, name, length) in measured(text) {
            if length.lines <= measure.lines_max() {
                continue;
            }
            let key = Key {
                measure,
                path: path.to_owned(),
                name,
            };
            let known = found.entry(key).or_insert(length);
            if known.lines < length.lines {
                *known = length;
            }
        }
    }
    found
}

fn measured(text: &str) -> Vec<(Measure, String, Length)> {
    let code = mask(text);
    let file = Length {
        line: 1,
        lines: text.lines().count(),
    };
    let mut all = vec![(Measure::File, String::new(), file)];
    let place = |first_line, lines| Length {
        line: first_line,
        lines,
    };
    all.extend(
        functions(&code)
            .into_iter()
            .map(|item| (Measure::Function, item.name, place(item.first_line, item.lines))),
    );
    all.extend(
        inline_modules(&code)
            .into_iter()
            .filter(|item| item.name == "tests")
            .map(|item| {
                (
                    Measure::InlineTests,
                    item.name,
                    place(item.first_line, item.lines),
                )
            }),
    );
    all
}

fn find(tree: &Tree) -> Vec<Finding> {
    let ratchet = match Ratchet::read(tree) {
        Ok(ratchet) => ratchet,
        Err(finding) => return vec![finding],
    };
    let found = too_long(tree);
    let mut findings = Vec::new();
    for (key, length) in &found {
        let allowed = ratchet.allowance(key).unwrap_or(key.measure.lines_max());
        if length.lines > allowed {
            let what = format!(
                "{key} has {} lines, {allowed} are allowed; {}",
                length.lines,
                key.measure.mend()
            );
            findings.push(Finding::at(&key.path, length.line, what));
        }
    }
    // Slack would let a length grow back, so the ratchet is kept tight.
    for (key, allowed) in ratchet.entries() {
        let lines = found.get(key).map_or(0, |length| length.lines);
        if lines < *allowed {
            let what = format!(
                "{key} of {} is shorter than its entry; run `cargo x tidy --shrink`",
                key.path
            );
            findings.push(Finding::of_file(ratchet::PATH, what));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::assert_finds;
    use super::*;

    fn function(name: &str, lines: usize) -> String {
        format!("fn {name}() {{\n{}}}\n", "    work();\n".repeat(lines - 2))
    }

    #[test]
    fn a_function_of_seventy_lines_fits_and_one_more_does_not() {
        let text = format!("//! x\n{}{}", function("fits", 70), function("spills", 71));
        assert_finds(
            CHECK,
            &Tree::of([("crates/a/src/x.rs", text.as_str())]),
            &[
                "crates/a/src/x.rs:72: function `spills` has 71 lines, 70 are allowed; split it where it changes its subject",
            ],
        );
    }

    #[test]
    fn long_files_and_long_inline_tests_are_refused() {
        let tests = format!("mod tests {{\n{}}}\n", "// x\n".repeat(99));
        let tree = Tree::of([
            ("crates/a/src/x.rs", "// x\n".repeat(801).as_str()),
            ("crates/a/src/y.rs", tests.as_str()),
            ("crates/a/src/z.rs", "// x\n".repeat(800).as_str()),
        ]);
        assert_finds(
            CHECK,
            &tree,
            &[
                "crates/a/src/x.rs:1: the file has 801 lines, 800 are allowed; give each subject its own file",
                "crates/a/src/y.rs:1: the inline `tests` module has 101 lines, 100 are allowed; move it to a sibling \
               `tests.rs`",
            ],
        );
    }

    #[test]
    fn the_ratchet_holds_what_it_knows_and_no_more() {
        let ratchet =
            "[[longer]]\nmeasure = \"function\"\npath = \"crates/a/src/x.rs\"\nname = \"f\"\nlines = 80\n";
        let tree = |lines| {
            Tree::of([
                ("crates/a/src/x.rs", function("f", lines).as_str()),
                (ratchet::PATH, ratchet),
            ])
        };
        assert_finds(CHECK, &tree(80), &[]);
        assert_finds(
            CHECK,
            &tree(81),
            &[
                "crates/a/src/x.rs:1: function `f` has 81 lines, 80 are allowed; split it where it changes its subject",
            ],
        );
        let slack = "crates/xtask/tidy-ratchet.toml: function `f` of crates/a/src/x.rs is shorter than its entry; run \
                     `cargo x tidy --shrink`";
        assert_finds(CHECK, &tree(79), &[slack]);
        assert_finds(CHECK, &tree(20), &[slack]);
    }
}
