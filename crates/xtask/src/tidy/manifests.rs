//! The manifests of the rooms, as far as arrows between rooms go.

use std::collections::BTreeSet;

use toml::{Table, Value};

use super::Finding;
use super::floors::ArrowKind;
use crate::tree::Tree;

/// A crate and the crates of this project that it depends on.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// The file.
    pub path: String,
    /// The folder's name, which is the crate's name.
    pub folder: String,
    /// The name that the file gives.
    pub name: String,
    /// What it depends on within the project.
    pub arrows: Vec<Arrow>,
}

/// A dependency on a crate of this project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrow {
    /// The crate depended on.
    pub to: String,
    /// For the product, or for tests only.
    pub kind: ArrowKind,
}

/// Reads every `crates/*/Cargo.toml`; a file that is not TOML is a finding.
pub fn read_all(tree: &Tree) -> (Vec<Manifest>, Vec<Finding>) {
    let ours: BTreeSet<&str> = tree.crate_names().collect();
    let mut manifests = Vec::new();
    let mut findings = Vec::new();
    for folder in &ours {
        let path = format!("crates/{folder}/Cargo.toml");
        match tree.text(&path).unwrap_or_default().parse::<Table>() {
            Ok(table) => manifests.push(manifest(path, folder, &table, &ours)),
            Err(error) => findings.push(Finding::of_file(&path, format!("not TOML: {}", error.message()))),
        }
    }
    (manifests, findings)
}

fn manifest(path: String, folder: &str, table: &Table, ours: &BTreeSet<&str>) -> Manifest {
    let name = table
        .get("package")
        .and_then(|package| package.get("name"))
        .and_then(Value::as_str)
        .unwrap_or_default();
    let mut arrows = arrows_of(table, ours);
    let targets = table.get("target").and_then(Value::as_table);
    for target in targets
        .into_iter()
        .flat_map(Table::values)
        .filter_map(Value::as_table)
    {
        arrows.extend(arrows_of(target, ours));
    }
    Manifest {
        path,
        folder: folder.to_owned(),
        name: name.to_owned(),
        arrows,
    }
}

fn arrows_of(table: &Table, ours: &BTreeSet<&str>) -> Vec<Arrow> {
    [
        ("dependencies", ArrowKind::Normal),
        ("build-dependencies", ArrowKind::Normal),
        ("dev-dependencies", ArrowKind::Dev),
    ]
    .into_iter()
    .filter_map(|(section, kind)| Some((table.get(section)?.as_table()?, kind)))
    .flat_map(|(section, kind)| section.iter().map(move |(key, value)| (key, value, kind)))
    .filter_map(|(key, value, kind)| {
        let to = value.get("package").and_then(Value::as_str).unwrap_or(key);
        ours.contains(to).then(|| Arrow {
            to: to.to_owned(),
            kind,
        })
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_section_and_every_spelling_is_read() {
        let manifest = "[package]\nname = \"a\"\n[dependencies]\nb.workspace = true\nserde = \"1\"\n\
            other = { package = \"c\", path = \"../c\" }\n[dev-dependencies]\nd = { path = \"../d\" }\n\
            [target.'cfg(unix)'.dependencies]\ne = { path = \"../e\" }\n";
        let other = "[package]\nname = \"x\"\n";
        let tree = Tree::of(
            [("crates/a/Cargo.toml", manifest)].into_iter().chain(
                [
                    "crates/b/Cargo.toml",
                    "crates/c/Cargo.toml",
                    "crates/d/Cargo.toml",
                    "crates/e/Cargo.toml",
                ]
                .map(|path| (path, other)),
            ),
        );
        let (manifests, findings) = read_all(&tree);
        assert_eq!(findings, []);
        let arrows: Vec<_> = manifests[0]
            .arrows
            .iter()
            .map(|arrow| (arrow.to.as_str(), arrow.kind))
            .collect();
        use ArrowKind::{Dev, Normal};
        assert_eq!(arrows, [("b", Normal), ("c", Normal), ("d", Dev), ("e", Normal)]);
    }

    #[test]
    fn a_broken_manifest_is_named() {
        let (_, findings) = read_all(&Tree::of([("crates/a/Cargo.toml", "[package")]));
        assert!(
            findings[0]
                .to_string()
                .starts_with("crates/a/Cargo.toml: not TOML")
        );
    }
}
