//! Refuses a document that names a file which is not there.

use super::{Check, Finding};
use crate::tree::Tree;

/// The check.
pub const CHECK: Check = Check {
    name: "doc-paths",
    refuses: "a document that links to, or names, a file which is not there",
    find,
};

/// A backticked text that starts so is a path from the root.
const FOLDERS: [&str; 6] = ["crates/", "docs/", "ui/", "fuzz/", ".ci/", ".cargo/"];
/// What exists only after a build or a run.
const MADE: [&str; 3] = ["fuzz/corpus", "fuzz/artifacts", "ui/build"];

fn find(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.texts().filter(|(path, _)| is_document(path)) {
        let mut is_code = false;
        for (at, line) in text.lines().enumerate() {
            if line.starts_with("```") {
                is_code = !is_code;
            }
            if is_code || line.starts_with("    ") {
                continue;
            }
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            let links = links(line).map(|link| resolved(folder, link));
            let named = named_paths(line).map(|path| path.trim_end_matches('/').to_owned());
            for target in links.chain(named).filter(|target| !exists(tree, target)) {
                findings.push(Finding::at(
                    path,
                    at + 1,
                    format!("names `{target}`, which is not there"),
                ));
            }
        }
    }
    findings
}

fn is_document(path: &str) -> bool {
    let is_ours = !path.contains('/') || path.starts_with("docs/") || path.matches('/').count() == 1;
    is_ours && path.rsplit_once('.').is_some_and(|(_, ending)| ending == "md")
}

/// The targets of Markdown links that lead to files of this repository.
fn links(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| {
        let target = rest.split(')').next()?.split('#').next()?;
        (!target.is_empty() && !target.contains(':')).then_some(target)
    })
}

/// The paths between backticks. A part in capitals, a pattern or a placeholder stands for many.
fn named_paths(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2).filter(|path| {
        let stands_for_many = path.contains(['*', '<', '{', '…', ' ', '$'])
            || path
                .split(['/', '.', '-'])
                .any(|part| part.len() > 1 && !part.contains(|c: char| !c.is_ascii_uppercase()));
        FOLDERS.iter().any(|folder| path.starts_with(folder)) && !stands_for_many
    })
}

fn resolved(folder: &str, link: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in link.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

fn exists(tree: &Tree, path: &str) -> bool {
    let folder = format!("{path}/");
    let named_here = tree.bytes(path).is_some() || tree.paths().any(|file| file.starts_with(&folder));
    named_here || MADE.contains(&path)
}

#[cfg(test)]
mod tests {
    use super::super::assert_finds;
    use super::*;

    #[test]
    fn files_that_are_not_there_are_refused() {
        let text = "\
See [the map](MAP.md#rooms), [gone](docs/gone.md), [the web](https://example.org/x), [here](#there).
`crates/a/src/x.rs`, `crates/a/`, `crates/NAME/src/new.rs`, `crates/*/x.rs`, `ui/dist/<file>`, `fuzz/corpus`.
And `crates/a/src/y.rs` is not; `cargo x` is no path.

    code: `crates/a/src/z.rs`
";
        let tree = Tree::of([
            ("README.md", text),
            ("MAP.md", ""),
            ("crates/a/src/x.rs", ""),
            (
                "docs/decisions/0001.md",
                "[up](../../README.md) [beside](0002.md)\n",
            ),
            ("crates/a/tests/data/notes.md", "[gone](gone.md)\n"),
        ]);
        assert_finds(
            CHECK,
            &tree,
            &[
                "README.md:1: names `docs/gone.md`, which is not there",
                "README.md:3: names `crates/a/src/y.rs`, which is not there",
                "docs/decisions/0001.md:1: names `docs/decisions/0002.md`, which is not there",
            ],
        );
    }
}
