//! Refuses a decoder of foreign bytes that no fuzz target reaches, and fuzz targets that cannot run.
//!
//! A decoder is a `pub fn` called `decode…` or `parse…` that takes `&[u8]`. It is covered when a target names its crate
//! and it, and its module too where the crate has several of that name; or when its file says `//! Fuzz: NAME` because
//! the target reaches it by another way. Any other file may say so too, and then the target must exist.

use std::collections::BTreeSet;

use toml::{Table, Value};

use super::{Check, Finding};
use crate::source::{bracketed, line_of, mask, name_after, words};
use crate::tree::Tree;

/// The check.
pub const CHECK: Check = Check {
    name: "fuzz-targets",
    refuses: "a decoder of bytes without a fuzz target, a fuzz target that is not declared or calls no room",
    find,
};

const MANIFEST: &str = "fuzz/Cargo.toml";
const FOLDER: &str = "fuzz/fuzz_targets/";

fn find(tree: &Tree) -> Vec<Finding> {
    let targets: Vec<(&str, String)> = tree
        .rust()
        .filter_map(|(path, text)| Some((path.strip_prefix(FOLDER)?.strip_suffix(".rs")?, mask(text))))
        .collect();
    let mut findings = manifest_findings(tree, &targets);
    let product: Vec<(&str, &str)> = tree.rust().filter(|(path, _)| is_product(path)).collect();
    let decoders: Vec<Decoder<'_>> = product
        .iter()
        .flat_map(|(path, text)| decoders(path, &mask(text)))
        .collect();
    for (path, text) in product {
        let marks = marks(text);
        for mark in marks
            .iter()
            .filter(|mark| !targets.iter().any(|(name, _)| name == *mark))
        {
            findings.push(Finding::at(
                path,
                1,
                format!("names the fuzz target `{mark}`; there is no {FOLDER}{mark}.rs"),
            ));
        }
        if marks.is_empty() {
            let own = decoders.iter().filter(|decoder| decoder.path == path);
            findings.extend(
                own.filter(|decoder| !decoder.is_covered(&decoders, &targets))
                    .map(Decoder::finding),
            );
        }
    }
    findings
}

fn is_product(path: &str) -> bool {
    path.starts_with("crates/")
        && path.contains("/src/")
        && !path.ends_with("tests.rs")
        && !path.contains("/tests/")
}

/// The targets that the head of a file says reach it.
fn marks(text: &str) -> Vec<&str> {
    text.lines()
        .map_while(|line| line.strip_prefix("//!"))
        .filter_map(|line| line.trim().strip_prefix("Fuzz:"))
        .flat_map(|names| names.split(','))
        .map(|name| name.trim().trim_matches(['`', '.']))
        .collect()
}

/// A public function that reads foreign bytes.
struct Decoder<'a> {
    path: &'a str,
    line: usize,
    name: String,
}

impl Decoder<'_> {
    fn room(&self) -> &str {
        self.path.split('/').nth(1).unwrap_or_default()
    }

    /// The module it stands in.
    fn module(&self) -> &str {
        let mut parts = self.path.trim_end_matches(".rs").rsplit('/');
        let last = parts.next().unwrap_or_default();
        if last == "mod" {
            parts.next().unwrap_or_default()
        } else {
            last
        }
    }

    fn is_covered(&self, all: &[Decoder<'_>], targets: &[(&str, String)]) -> bool {
        let namesakes = all
            .iter()
            .filter(|other| other.room() == self.room() && other.name == self.name);
        let is_alone = namesakes.count() == 1;
        targets.iter().any(|(_, code)| {
            let names = |word| words(code, word).next().is_some();
            names(self.room()) && names(&self.name) && (is_alone || names(self.module()))
        })
    }

    fn finding(&self) -> Finding {
        let what = format!(
            "`{}` reads foreign bytes and no fuzz target calls it; add {FOLDER}NAME.rs, or say `//! Fuzz: NAME` where a \
             target reaches it by another way",
            self.name
        );
        Finding::at(self.path, self.line, what)
    }
}

/// Public functions that take bytes and are called `decode…` or `parse…`; `code` is masked.
fn decoders<'a>(path: &'a str, code: &str) -> Vec<Decoder<'a>> {
    words(code, "fn")
        .filter_map(|at| {
            let before = code.get(..at)?.trim_end();
            let is_public = before.ends_with("pub") || before.ends_with("pub const");
            let (name, rest) = name_after(code, at + "fn".len())?;
            let is_reader = name.starts_with("decode") || name.starts_with("parse");
            let open = code.len() - rest.len() + rest.find('(')?;
            let takes_bytes = bracketed(code, open)?.contains("&[u8]");
            (is_public && is_reader && takes_bytes).then(|| Decoder {
                path,
                line: line_of(code, at),
                name: name.to_owned(),
            })
        })
        .collect()
}

fn manifest_findings(tree: &Tree, targets: &[(&str, String)]) -> Vec<Finding> {
    let Some(text) = tree.text(MANIFEST) else {
        return Vec::new();
    };
    let table = match text.parse::<Table>() {
        Ok(table) => table,
        Err(error) => {
            return vec![Finding::of_file(
                MANIFEST,
                format!("not TOML: {}", error.message()),
            )];
        }
    };
    let field = |bin: &Value, key: &str| {
        bin.get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let bins = table.get("bin").and_then(Value::as_array);
    let declared: BTreeSet<(String, String)> = bins
        .into_iter()
        .flatten()
        .map(|bin| (field(bin, "name"), field(bin, "path")))
        .collect();
    let rooms: Vec<String> = table
        .get("dependencies")
        .and_then(Value::as_table)
        .into_iter()
        .flat_map(Table::keys)
        .map(|name| name.replace('-', "_"))
        .filter(|name| name != "libfuzzer_sys")
        .collect();
    let mut findings = Vec::new();
    for (name, code) in targets {
        let path = format!("{FOLDER}{name}.rs");
        if !declared.contains(&((*name).to_owned(), format!("fuzz_targets/{name}.rs"))) {
            let what = format!("is not declared; add `[[bin]]` with name \"{name}\" to {MANIFEST}");
            findings.push(Finding::of_file(&path, what));
        }
        if !rooms.iter().any(|room| words(code, room).next().is_some()) {
            findings.push(Finding::of_file(
                &path,
                format!("calls no room that {MANIFEST} depends on"),
            ));
        }
    }
    for (name, _) in declared
        .iter()
        .filter(|(name, _)| !targets.iter().any(|(target, _)| target == name))
    {
        findings.push(Finding::of_file(
            MANIFEST,
            format!("declares `{name}`; there is no {FOLDER}{name}.rs"),
        ));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::assert_finds;
    use super::*;

    const DECLARED: &str = "[dependencies]\nlibfuzzer-sys = \"0.4\"\nwire = { path = \"../crates/wire\" }\n\
        [[bin]]\nname = \"frames\"\npath = \"fuzz_targets/frames.rs\"\n";
    const TARGET: &str = "fuzz_target!(|data: &[u8]| { let _ = wire::decode_frame(data); });";

    #[test]
    fn decoders_that_a_target_reaches_are_accepted() {
        let tree = Tree::of([
            (
                "crates/wire/src/a.rs",
                "pub fn decode_frame(bytes: &[u8]) -> u8 { 0 }\n",
            ),
            (
                "crates/wire/src/b.rs",
                "//! Inner.\n//! Fuzz: frames\npub fn decode_inner(bytes: &[u8]) {}\n",
            ),
            (
                "crates/wire/src/c.rs",
                "fn decode_own(bytes: &[u8]) {}\npub fn parse(text: &str) {}\n",
            ),
            (
                "crates/wire/src/c/tests.rs",
                "pub fn decode_made_up(bytes: &[u8]) {}\n",
            ),
            (MANIFEST, DECLARED),
            ("fuzz/fuzz_targets/frames.rs", TARGET),
        ]);
        assert_finds(CHECK, &tree, &[]);
    }

    #[test]
    fn a_decoder_without_a_target_is_refused() {
        let tree = Tree::of([
            (
                "crates/wire/src/a.rs",
                "//! A.\n\npub fn decode_block<'a>(&self, bytes: &[u8]) {}\n",
            ),
            ("crates/wire/src/b.rs", "//! B.\n//! Fuzz: `missing`.\n"),
        ]);
        assert_finds(
            CHECK,
            &tree,
            &[
                "crates/wire/src/a.rs:3: `decode_block` reads foreign bytes and no fuzz target calls it; add \
               fuzz/fuzz_targets/NAME.rs, or say `//! Fuzz: NAME` where a target reaches it by another way",
                "crates/wire/src/b.rs:1: names the fuzz target `missing`; there is no fuzz/fuzz_targets/missing.rs",
            ],
        );
    }

    #[test]
    fn namesakes_are_told_apart_by_their_modules() {
        let decode = "pub fn decode(bytes: &[u8]) {}\n";
        let tree = Tree::of([
            ("crates/wire/src/frame.rs", decode),
            ("crates/wire/src/block/mod.rs", decode),
            (MANIFEST, DECLARED),
            (
                "fuzz/fuzz_targets/frames.rs",
                "fuzz_target!(|data: &[u8]| { wire::block::decode(data); });",
            ),
        ]);
        let found: Vec<_> = find(&tree).into_iter().map(|finding| finding.path).collect();
        assert_eq!(found, ["crates/wire/src/frame.rs"]);
    }

    #[test]
    fn targets_that_cannot_run_are_refused() {
        let tree = Tree::of([
            (MANIFEST, DECLARED),
            (
                "fuzz/fuzz_targets/stray.rs",
                "fuzz_target!(|data: &[u8]| { drop(data); });",
            ),
        ]);
        assert_finds(
            CHECK,
            &tree,
            &[
                "fuzz/fuzz_targets/stray.rs: is not declared; add `[[bin]]` with name \"stray\" to fuzz/Cargo.toml",
                "fuzz/fuzz_targets/stray.rs: calls no room that fuzz/Cargo.toml depends on",
                "fuzz/Cargo.toml: declares `frames`; there is no fuzz/fuzz_targets/frames.rs",
            ],
        );
    }
}
