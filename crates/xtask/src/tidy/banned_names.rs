//! Refuses names that say nothing, of files, folders, crates and types.

use super::{Check, Finding};
use crate::source::{line_of, mask, name_after, words};
use crate::tree::Tree;

/// The check.
pub const CHECK: Check = Check {
    name: "banned-names",
    refuses: "files, folders and types called utils, common, helpers, misc or manager",
    find,
};

const BANNED: [&str; 9] = [
    "util",
    "utils",
    "utilities",
    "common",
    "helper",
    "helpers",
    "misc",
    "manager",
    "managers",
];
const TYPE_KEYWORDS: [&str; 4] = ["struct", "enum", "trait", "type"];
const MEND: &str = "name it for what it does; what is truly general goes to `stdx`";

fn find(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for path in tree.paths().filter(|path| is_ours(path)) {
        if let Some(word) = path.split('/').find_map(banned_word) {
            findings.push(Finding::of_file(path, format!("`{word}` says nothing; {MEND}")));
        }
    }
    for (path, text) in tree.rust() {
        findings.extend(banned_types(path, text));
    }
    findings
}

fn is_ours(path: &str) -> bool {
    let is_written_here = ["crates/", "fuzz/", "ui/src/", "ui/e2e/"]
        .iter()
        .any(|folder| path.starts_with(folder));
    is_written_here
        && [".rs", ".ts", ".svelte", ".css"]
            .iter()
            .any(|ending| path.ends_with(ending))
}

/// The banned word within one part of a path, in whichever way its words are joined.
fn banned_word(part: &str) -> Option<&'static str> {
    let stem = part.split('.').next().unwrap_or(part);
    let split = split_camel_case(stem);
    split
        .split(['_', '-', ' '])
        .find_map(|word| BANNED.into_iter().find(|banned| *banned == word))
}

fn banned_types(path: &str, text: &str) -> Vec<Finding> {
    let code = mask(text);
    let mut findings = Vec::new();
    for keyword in TYPE_KEYWORDS {
        for at in words(&code, keyword) {
            let Some((name, _)) = name_after(&code, at + keyword.len()) else {
                continue;
            };
            if let Some(word) = banned_word(name) {
                let what = format!("`{word}` in `{name}` says nothing; {MEND}");
                findings.push(Finding::at(path, line_of(&code, at), what));
            }
        }
    }
    findings
}

fn split_camel_case(name: &str) -> String {
    let mut words = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        if letter.is_uppercase() {
            words.push(' ');
        }
        words.extend(letter.to_lowercase());
    }
    words
}

#[cfg(test)]
mod tests {
    use super::super::assert_finds;
    use super::*;

    #[test]
    fn names_that_say_nothing_are_refused_wherever_they_stand() {
        let tree = Tree::of([
            ("crates/a/src/retry_utils.rs", ""),
            ("crates/a/tests/common/mod.rs", ""),
            (
                "crates/a/src/ok.rs",
                "struct AlertManager;\n// a HelperType in a comment\nenum Kind {}\n",
            ),
            ("ui/src/lib/FormatHelper.ts", ""),
            ("ui/src/lib/uncommon.ts", ""),
            ("docs/common.md", ""),
        ]);
        assert_finds(
            CHECK,
            &tree,
            &[
                "crates/a/src/retry_utils.rs: `utils` says nothing; name it for what it does; what is truly general \
               goes to `stdx`",
                "crates/a/tests/common/mod.rs: `common` says nothing; name it for what it does; what is truly general \
               goes to `stdx`",
                "ui/src/lib/FormatHelper.ts: `helper` says nothing; name it for what it does; what is truly general \
               goes to `stdx`",
                "crates/a/src/ok.rs:1: `manager` in `AlertManager` says nothing; name it for what it does; what is \
               truly general goes to `stdx`",
            ],
        );
    }
}
