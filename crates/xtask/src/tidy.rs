//! The rules of this house that a machine can hold: one file a check, one table of all.
//!
//! In: a [`Tree`].  Out: [`Finding`]s that name the place and the mend, for `cargo x tidy`, CI and `tests/tidy.rs`.
//! Owns: the ratchet file `crates/xtask/tidy-ratchet.toml`.
//! Invariants: a check is a pure function of the tree, so each is shown to refuse a made-up tree (`arrows::tests`, and
//! likewise beside every other check); the real tree has no finding and the floors in code are those of ARCHITECTURE.md
//! (`tests/tidy.rs`).
//! Not here: formatting, lints and licences; rustfmt, clippy and cargo-deny hold those.
//! Start at: [`all`].

use std::fmt;

use crate::tree::Tree;

pub mod arrows;
pub mod banned_names;
pub mod circles;
pub mod doc_paths;
pub mod floor_map;
pub mod floors;
pub mod foreign_words;
pub mod fuzz_targets;
pub mod lengths;
pub mod log_style;
pub mod manifests;
pub mod module_docs;
pub mod named_tests;
pub mod orphans;
pub mod ratchet;
pub mod stale_ui;
pub mod unfinished;

/// A rule that the tree must keep.
#[derive(Debug, Clone, Copy)]
pub struct Check {
    /// Its name, as findings carry it.
    pub name: &'static str,
    /// What it refuses, in one line.
    pub refuses: &'static str,
    /// Finds every place that breaks the rule.
    pub find: fn(&Tree) -> Vec<Finding>,
}

/// One place that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file, relative to the root.
    pub path: String,
    /// The line, where one can be named.
    pub line: Option<usize>,
    /// What is wrong, and how it is mended.
    pub what: String,
}

/// Every check.
pub fn all() -> [Check; 14] {
    [
        arrows::CHECK,
        circles::CHECK,
        floor_map::CHECK,
        module_docs::CHECK,
        named_tests::CHECK,
        doc_paths::CHECK,
        lengths::CHECK,
        banned_names::CHECK,
        orphans::CHECK,
        log_style::CHECK,
        unfinished::CHECK,
        fuzz_targets::CHECK,
        foreign_words::CHECK,
        stale_ui::CHECK,
    ]
}

/// Runs every check; findings with the name of their check, in the order of the table.
pub fn run_all(tree: &Tree) -> Vec<(&'static str, Finding)> {
    all()
        .iter()
        .flat_map(|check| {
            (check.find)(tree)
                .into_iter()
                .map(|finding| (check.name, finding))
        })
        .collect()
}

// === impl Finding ===

impl Finding {
    /// A finding about a whole file.
    pub fn of_file(path: &str, what: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            line: None,
            what: what.into(),
        }
    }

    /// A finding about a line, counted from 1.
    pub fn at(path: &str, line: usize, what: impl Into<String>) -> Self {
        Self {
            line: Some(line),
            ..Self::of_file(path, what)
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.path, self.what),
            None => write!(f, "{}: {}", self.path, self.what),
        }
    }
}

/// Asserts that a check finds exactly these, each printed; what every check's tests are made of.
#[cfg(test)]
fn assert_finds(check: Check, tree: &Tree, expected: &[&str]) {
    let found: Vec<String> = (check.find)(tree).iter().map(ToString::to_string).collect();
    assert_eq!(found, expected, "{}", check.name);
}
