//! Refuses words of the place where this was written: the project stands on its own wherever it is cloned.

use super::{Check, Finding};
use crate::source::line_of;
use crate::tree::Tree;

/// The check.
pub const CHECK: Check = Check {
    name: "foreign-words",
    refuses: "paths and numbers of the place where the project was written",
    find,
};

/// Put together here, so that this file does not hold what it refuses.
const WORKPLACE: &str = concat!("/wo", "rk/");
const WORDS: [&str; 2] = [concat!("shared/", "design"), concat!("issue", " #")];

fn find(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.texts() {
        let paths = text
            .match_indices(WORKPLACE)
            .filter(|(at, _)| starts_a_path(text, *at));
        let words = WORDS.iter().flat_map(|word| text.match_indices(word));
        for (at, word) in paths.chain(words) {
            let what = format!(
                "`{word}` means nothing outside one workplace; say what is meant in the project's own words"
            );
            findings.push(Finding::at(path, line_of(text, at), what));
        }
    }
    findings
}

/// Whether the slash at `at` is the first of a path, not one inside a longer path or address.
fn starts_a_path(text: &str, at: usize) -> bool {
    let before = text.get(..at).and_then(|text| text.chars().next_back());
    !before.is_some_and(|letter| letter.is_alphanumeric() || "._-/~}".contains(letter))
}

#[cfg(test)]
mod tests {
    use super::super::assert_finds;
    use super::*;

    #[test]
    fn paths_and_numbers_of_the_workplace_are_refused_in_every_file() {
        for (word, shown) in [
            (concat!("/wo", "rk/main"), WORKPLACE),
            (concat!("../shared/", "design/STYLE.md"), WORDS[0]),
            (concat!("see issue", " #7"), WORDS[1]),
        ] {
            let expected = format!(
                "README.md:2: `{shown}` means nothing outside one workplace; say what is meant in the project's own words"
            );
            assert_finds(
                CHECK,
                &Tree::of([("README.md", format!("x\n{word}\n").as_str())]),
                &[&expected],
            );
        }
    }

    #[test]
    fn longer_paths_and_the_test_data_are_allowed() {
        let text = concat!(
            "https://example.org/a/wo",
            "rk/b ../shared/conformance framewo",
            "rk/ issue_0042"
        );
        assert_finds(CHECK, &Tree::of([("docs/a.md", text)]), &[]);
    }
}
