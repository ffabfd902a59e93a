//! The rules of this house hold for this house.

use std::path::Path;

use xtask::tidy;
use xtask::tree::Tree;

fn house() -> Tree {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    Tree::open(&root).unwrap_or_else(|error| panic!("{error:#}"))
}

#[test]
fn the_tree_is_tidy() {
    let house = house();
    assert!(house.rust().count() > 50, "the tree was not read");
    let found: Vec<String> = tidy::run_all(&house)
        .into_iter()
        .map(|(check, finding)| format!("{finding} [{check}]"))
        .collect();
    assert!(
        found.is_empty(),
        "{} findings:\n{}",
        found.len(),
        found.join("\n")
    );
}

/// The real manifests with one line more must be refused: the checks see this house, not only made-up ones.
#[test]
fn an_arrow_added_to_a_real_manifest_is_refused() {
    for (room, arrow, expected) in [
        ("model", "web.workspace = true", "arrow up"),
        ("ingest", "alerting.workspace = true", "sideways arrow"),
        ("web", "tsdb.workspace = true", "which only the roof may"),
    ] {
        let house = house();
        let path = format!("crates/{room}/Cargo.toml");
        let manifest = house.text(&path).unwrap();
        let changed = manifest.replacen("[dependencies]\n", &format!("[dependencies]\n{arrow}\n"), 1);
        assert_ne!(manifest, changed);
        let house = house.clone().with(&path, changed);
        let found = (tidy::arrows::CHECK.find)(&house);
        assert!(
            found
                .iter()
                .any(|finding| finding.path == path && finding.what.contains(expected)),
            "{found:?}"
        );
    }
}

/// A room whose opening sentence is taken away must be refused.
#[test]
fn a_real_room_without_its_doc_is_refused() {
    let house = house();
    let path = "crates/stdx/src/lib.rs";
    let text = house.text(path).unwrap();
    let bare: String = text
        .lines()
        .filter(|line| !line.starts_with("//!"))
        .collect::<Vec<_>>()
        .join("\n");
    let house = house.clone().with(path, bare);
    let found = (tidy::module_docs::CHECK.find)(&house);
    assert!(found.iter().any(|finding| finding.path == path), "{found:?}");
}

#[test]
fn every_check_has_a_name_of_its_own() {
    let mut names: Vec<&str> = tidy::all().iter().map(|check| check.name).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}
