//! Refuses a Rust file that no `mod` mentions: the compiler never sees it, so nothing in it is true.

use super::{Check, Finding};
use crate::source::{declared_modules, mask, module_bodies};
use crate::tree::Tree;

/// The check.
pub const CHECK: Check = Check {
    name: "orphans",
    refuses: "a Rust file that no `mod` mentions",
    find,
};

/// The folders of a crate whose files are each a root of their own.
const ROOT_FOLDERS: [&str; 4] = ["tests", "examples", "benches", "src/bin"];

fn find(tree: &Tree) -> Vec<Finding> {
    let with_path_attribute = path_attributes(tree);
    tree.rust()
        .map(|(path, _)| path)
        .filter(|path| path.starts_with("crates/"))
        .filter(|path| !is_root(path) && !is_declared(tree, path))
        .filter(|path| !with_path_attribute.iter().any(|named| named == path))
        .map(|path| {
            Finding::of_file(
                path,
                "no `mod` mentions this file; declare it where it belongs, or delete it",
            )
        })
        .collect()
}

/// The path within the crate's folder.
fn inside_crate(path: &str) -> &str {
    path.splitn(3, '/').nth(2).unwrap_or_default()
}

fn is_root(path: &str) -> bool {
    let inside = inside_crate(path);
    if ["src/lib.rs", "src/main.rs", "build.rs"].contains(&inside) {
        return true;
    }
    ROOT_FOLDERS.iter().any(|folder| {
        let rest = inside
            .strip_prefix(folder)
            .and_then(|rest| rest.strip_prefix('/'));
        rest.is_some_and(|rest| !rest.contains('/') || rest.ends_with("/main.rs"))
    })
}

/// Whether the module that holds this file declares it.
fn is_declared(tree: &Tree, path: &str) -> bool {
    let Some((folder, file)) = path.rsplit_once('/') else {
        return false;
    };
    let (folder, name) = match file {
        "mod.rs" => folder.rsplit_once('/').unwrap_or(("", folder)),
        _ => (folder, file.trim_end_matches(".rs")),
    };
    let siblings = ["lib.rs", "main.rs", "mod.rs"].map(|parent| format!("{folder}/{parent}"));
    let is_root_folder = ROOT_FOLDERS
        .iter()
        .any(|root| inside_crate(&format!("{folder}/")) == format!("{root}/"));
    let declares = |parent: &str| {
        tree.text(parent)
            .is_some_and(|text| declared_modules(&mask(text)).contains(&name))
    };
    declares(&format!("{folder}.rs"))
        || siblings.iter().any(|parent| declares(parent))
        || (is_root_folder && files_in(tree, folder).any(declares))
        || is_declared_inline(tree, folder, name)
}

/// Whether a file beside `folder` declares the file `name` in it within `mod folder { … }`.
fn is_declared_inline(tree: &Tree, folder: &str, name: &str) -> bool {
    let Some((above, module)) = folder.rsplit_once('/') else {
        return false;
    };
    files_in(tree, above)
        .filter_map(|path| tree.text(path))
        .any(|text| {
            let code = mask(text);
            module_bodies(&code, module).any(|body| declared_modules(body).contains(&name))
        })
}

/// The Rust files directly in a folder.
fn files_in<'a>(tree: &'a Tree, folder: &'a str) -> impl Iterator<Item = &'a str> {
    tree.rust()
        .map(|(path, _)| path)
        .filter(move |path| path.rsplit_once('/').is_some_and(|(place, _)| place == folder))
}

/// The files that a `#[path = "…"]` names.
fn path_attributes(tree: &Tree) -> Vec<String> {
    let mut named = Vec::new();
    for (path, text) in tree.rust() {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for line in text.lines().map(str::trim) {
            let target = line
                .strip_prefix("#[path = \"")
                .and_then(|rest| rest.strip_suffix("\"]"));
            named.extend(target.map(|target| joined(folder, target)));
        }
    }
    named
}

fn joined(folder: &str, relative: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').collect();
    for part in relative.split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::super::assert_finds;
    use super::*;

    #[test]
    fn files_that_nobody_declares_are_refused() {
        let tree = Tree::of([
            ("crates/a/src/lib.rs", "pub mod x;\n// mod dead;\nmod y;\n"),
            ("crates/a/src/x.rs", "mod inner;\n#[cfg(test)]\nmod tests;\n"),
            ("crates/a/src/x/inner.rs", ""),
            ("crates/a/src/x/tests.rs", ""),
            ("crates/a/src/x/left_over.rs", ""),
            (
                "crates/a/src/y/mod.rs",
                "#[path = \"../odd/place.rs\"]\nmod place;\n",
            ),
            ("crates/a/src/odd/place.rs", ""),
            ("crates/a/src/dead.rs", ""),
            ("crates/a/src/bin/tool.rs", ""),
            (
                "crates/a/tests/walk.rs",
                "mod script;\nmod support {\n    pub mod faulty;\n}\n",
            ),
            ("crates/a/tests/support/faulty.rs", ""),
            ("crates/a/tests/support/stray.rs", ""),
            ("crates/a/tests/script/mod.rs", "mod words;\n"),
            ("crates/a/tests/script/words.rs", ""),
            ("crates/a/tests/forgotten/mod.rs", ""),
            ("crates/a/examples/cost.rs", ""),
        ]);
        assert_finds(
            CHECK,
            &tree,
            &[
                "crates/a/src/dead.rs: no `mod` mentions this file; declare it where it belongs, or delete it",
                "crates/a/src/x/left_over.rs: no `mod` mentions this file; declare it where it belongs, or delete it",
                "crates/a/tests/forgotten/mod.rs: no `mod` mentions this file; declare it where it belongs, or delete it",
                "crates/a/tests/support/stray.rs: no `mod` mentions this file; declare it where it belongs, or delete it",
            ],
        );
    }
}
