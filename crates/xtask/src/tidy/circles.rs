//! Refuses crates that depend on each other in a circle, dependencies of tests included.
//!
//! Cargo itself allows a circle that closes over a dev-dependency; such a crate is then built twice, and the two have
//! types that do not fit each other.

use std::collections::{BTreeMap, BTreeSet};

use super::{Check, Finding, manifests};
use crate::tree::Tree;

/// The check.
pub const CHECK: Check = Check {
    name: "circles",
    refuses: "crates that depend on each other in a circle",
    find,
};

type Arrows<'a> = BTreeMap<&'a str, Vec<&'a str>>;

fn find(tree: &Tree) -> Vec<Finding> {
    let (manifests, _) = manifests::read_all(tree);
    let arrows: Arrows<'_> = manifests
        .iter()
        .map(|manifest| {
            let targets = manifest.arrows.iter().map(|arrow| arrow.to.as_str()).collect();
            (manifest.folder.as_str(), targets)
        })
        .collect();
    let mut named = BTreeSet::new();
    let mut findings = Vec::new();
    for start in arrows.keys().copied() {
        let Some(circle) = circle_through(start, &arrows) else {
            continue;
        };
        // The same circle is found from each of its rooms; it is named at the first.
        if circle.iter().all(|room| named.insert(*room)) {
            let path = format!("crates/{start}/Cargo.toml");
            let what = format!(
                "dependency circle: {} -> {start}; remove one of the arrows",
                circle.join(" -> ")
            );
            findings.push(Finding::of_file(&path, what));
        }
    }
    findings
}

/// A shortest way from `start` back to itself.
fn circle_through<'a>(start: &'a str, arrows: &Arrows<'a>) -> Option<Vec<&'a str>> {
    let mut ways = vec![vec![start]];
    let mut seen = BTreeSet::new();
    while !ways.is_empty() {
        let mut longer = Vec::new();
        for way in ways {
            let next = way.last().and_then(|room| arrows.get(room));
            for room in next.into_iter().flatten() {
                if *room == start {
                    return Some(way);
                }
                if seen.insert(*room) {
                    let mut way = way.clone();
                    way.push(room);
                    longer.push(way);
                }
            }
        }
        ways = longer;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::assert_finds;
    use super::*;

    #[test]
    fn a_circle_is_named_once_and_in_full() {
        let tree = Tree::of([
            (
                "crates/a/Cargo.toml",
                "[package]\nname = \"a\"\n[dependencies]\nb = { path = \"../b\" }\n",
            ),
            (
                "crates/b/Cargo.toml",
                "[package]\nname = \"b\"\n[dev-dependencies]\nc.workspace = true\n",
            ),
            (
                "crates/c/Cargo.toml",
                "[package]\nname = \"c\"\n[dependencies]\na.workspace = true\n",
            ),
            (
                "crates/d/Cargo.toml",
                "[package]\nname = \"d\"\n[dependencies]\na.workspace = true\n",
            ),
        ]);
        assert_finds(
            CHECK,
            &tree,
            &["crates/a/Cargo.toml: dependency circle: a -> b -> c -> a; remove one of the arrows"],
        );
    }

    #[test]
    fn two_ways_to_one_room_are_no_circle() {
        let tree = Tree::of([
            (
                "crates/a/Cargo.toml",
                "[package]\nname = \"a\"\n[dependencies]\nb.workspace = true\nc.workspace = true\n",
            ),
            (
                "crates/b/Cargo.toml",
                "[package]\nname = \"b\"\n[dependencies]\nc.workspace = true\n",
            ),
            ("crates/c/Cargo.toml", "[package]\nname = \"c\"\n"),
        ]);
        assert_finds(CHECK, &tree, &[]);
    }
}
