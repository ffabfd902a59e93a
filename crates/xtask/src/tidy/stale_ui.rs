//! Refuses a committed `ui/dist` that was not built from the sources beside it. Needs no Node.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use super::{Check, Finding};
use crate::tree::Tree;

/// The check.
pub const CHECK: Check = Check {
    name: "stale-ui",
    refuses: "a built web interface that is older than its sources",
    find,
};

const STAMP: &str = "ui/dist/.source-hash";
const SOURCES: &str = "src/";
/// What a build reads beside `ui/src`, relative to `ui`.
const BUILD_FILES: [&str; 6] = [
    "index.html",
    "package.json",
    "package-lock.json",
    "vite.config.ts",
    "svelte.config.js",
    "tsconfig.json",
];

fn find(tree: &Tree) -> Vec<Finding> {
    if !tree.paths().any(|path| path.starts_with("ui/dist/")) {
        return Vec::new();
    }
    let Some(stamp) = tree.text(STAMP) else {
        return vec![Finding::of_file(
            STAMP,
            "is missing; run `cargo x ui` and commit ui/dist",
        )];
    };
    let expected = source_hash(tree);
    if stamp.trim() == expected {
        return Vec::new();
    }
    let what = format!(
        "the sources hash to {expected}, ui/dist was built from others; run `cargo x ui` and commit ui/dist"
    );
    vec![Finding::of_file(STAMP, what)]
}

/// SHA-256 over the sources, sorted by path: of each the path, a zero byte, its length in 8 bytes little-endian, and
/// its bytes. The recipe of ui/README.md.
pub fn source_hash(tree: &Tree) -> String {
    let mut hash = Sha256::new();
    for path in tree.paths() {
        let Some(inside) = path.strip_prefix("ui/") else {
            continue;
        };
        if !inside.starts_with(SOURCES) && !BUILD_FILES.contains(&inside) {
            continue;
        }
        let bytes = tree.bytes(path).unwrap_or_default();
        hash.update(inside.as_bytes());
        hash.update([0]);
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    }
    hash.finalize().iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::super::assert_finds;
    use super::*;

    fn built() -> Tree {
        let tree = Tree::of([
            ("ui/src/main.ts", "start();\n"),
            ("ui/index.html", "<html></html>\n"),
            ("ui/README.md", "not a source\n"),
            ("ui/dist/index.html", "<html></html>\n"),
        ]);
        let stamp = format!("{}\n", source_hash(&tree));
        tree.with(STAMP, stamp)
    }

    #[test]
    fn a_fresh_build_is_accepted_and_no_build_too() {
        assert_finds(CHECK, &built(), &[]);
        assert_finds(CHECK, &built().with("ui/README.md", "changed\n"), &[]);
        assert_finds(CHECK, &Tree::of([("ui/src/main.ts", "start();\n")]), &[]);
    }

    #[test]
    fn every_change_of_a_source_is_noticed() {
        for changed in [
            built().with("ui/src/main.ts", "stop();\n"),
            built().with("ui/src/new.ts", ""),
            built().with("ui/package-lock.json", "{}"),
        ] {
            let found = find(&changed);
            assert_eq!(found.len(), 1);
            assert!(found[0].what.contains("built from others"), "{}", found[0]);
        }
    }

    #[test]
    fn a_build_without_its_stamp_is_refused() {
        assert_finds(
            CHECK,
            &Tree::of([("ui/dist/index.html", "")]),
            &["ui/dist/.source-hash: is missing; run `cargo x ui` and commit ui/dist"],
        );
    }

    /// Computed once with `sha256sum` over the same bytes.
    #[test]
    fn the_recipe_is_fixed() {
        let tree = Tree::of([("ui/src/a.ts", "a"), ("ui/index.html", "b")]);
        assert_eq!(
            source_hash(&tree),
            "7d6d033c88c2c84e88854f6b93e2f6b14aa465d322a25db9e88d4873801067bf"
        );
    }
}
