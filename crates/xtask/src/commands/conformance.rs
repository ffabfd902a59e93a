//! `cargo x conformance`: runs the tests that judge behaviour against data from elsewhere.
//!
//! By convention they are integration tests whose file, or whose function, is called `conformance…`; each area ends with
//! one line `conformance AREA: N cases, N passed, N failed`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::shell;
use crate::source::{functions, mask};
use crate::totals::Area;
use crate::tree::Tree;

const FOLDER_VARIABLE: &str = "WATCHKEEPER_CONFORMANCE_DIR";
/// Where the data lies unless the variable says otherwise, relative to the repository.
const FOLDER_DEFAULT: &str = "../shared/conformance";

/// Runs every room's areas, or those whose name is or starts with `wanted`, and prints one line for each.
pub fn run(root: &Path, wanted: Option<&str>, verbose: bool) -> Result<ExitCode> {
    let folder = data_folder(root)?;
    if !folder.is_dir() {
        bail!(
            "there is no conformance data at {}; name its folder in {FOLDER_VARIABLE}",
            folder.display()
        );
    }
    let tests = tests_with_areas(&Tree::open(root)?);
    if tests.is_empty() {
        bail!("no room has a test called conformance… under crates/ROOM/tests");
    }
    let filter = match wanted {
        Some(area) => test_filter(root, &tests, &folder, area)?,
        None => None,
    };
    let mut command = test_command(root, &tests, &folder);
    command.args(["--", "--nocapture"]).args(&filter);
    let mut areas = Vec::new();
    let succeeded = shell::lines(command, |line| match Area::parse(line) {
        Some(area) if wanted.is_none_or(|wanted| area.name.starts_with(wanted)) => {
            shell::say(&area.to_string());
            areas.push(area);
        }
        _ if verbose => shell::say(line),
        _ => {}
    })?;
    if areas.is_empty() {
        bail!(
            "no area{} reported anything; -v shows what the tests said",
            wanted.map(|area| format!(" `{area}`")).unwrap_or_default()
        );
    }
    if !succeeded {
        shell::complain("a conformance test failed; -v shows which");
    }
    Ok(if succeeded {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Tests run in their crate's folder, so the path they get is absolute.
fn data_folder(root: &Path) -> Result<PathBuf> {
    let named = std::env::var_os(FOLDER_VARIABLE).filter(|value| !value.is_empty());
    let folder = named.map_or_else(|| root.join(FOLDER_DEFAULT), PathBuf::from);
    std::path::absolute(&folder).with_context(|| format!("cannot resolve {}", folder.display()))
}

/// The names of the test binaries that hold areas.
fn tests_with_areas(tree: &Tree) -> BTreeSet<String> {
    tree.rust()
        .filter_map(|(path, text)| {
            let (_, file) = path.strip_prefix("crates/")?.split_once("/tests/")?;
            let name = file
                .strip_suffix("/main.rs")
                .or_else(|| file.strip_suffix(".rs"))?;
            let is_area = name.starts_with("conformance")
                || functions(&mask(text))
                    .iter()
                    .any(|item| item.name.starts_with("conformance_"));
            (is_area && !name.contains('/')).then(|| name.to_owned())
        })
        .collect()
}

fn test_command(root: &Path, tests: &BTreeSet<String>, folder: &Path) -> Command {
    // The whole workspace, as `cargo test` has it: a part of it would need other features of other crates, built anew.
    let arguments = ["cargo", "test", "--workspace", "--quiet", "--no-fail-fast"];
    let mut command = shell::command(root, &arguments);
    command.args(tests.iter().flat_map(|name| ["--test", name]));
    command.env(FOLDER_VARIABLE, folder);
    command
}

/// The name filter that runs only the tests of an area, where tests are called after it; otherwise all run.
fn test_filter(root: &Path, tests: &BTreeSet<String>, folder: &Path, area: &str) -> Result<Option<String>> {
    let name = area.replace('-', "_");
    let mut command = test_command(root, tests, folder);
    command.args(["--", "--list"]);
    let mut is_known = false;
    shell::lines(command, |line| {
        is_known |= line
            .strip_suffix(": test")
            .is_some_and(|test| test.contains(&name));
    })?;
    Ok(is_known.then_some(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas_are_found_by_the_names_of_files_and_functions() {
        let tree = Tree::of([
            ("crates/a/tests/conformance.rs", ""),
            ("crates/a/tests/conformance_text.rs", ""),
            ("crates/b/tests/conformance/main.rs", "mod support;"),
            ("crates/b/tests/conformance/support.rs", ""),
            ("crates/c/tests/scripts.rs", "fn conformance_eval() {}"),
            (
                "crates/c/tests/walk.rs",
                "// fn conformance_no() {}\nfn walk() { support::conformance(); }",
            ),
            ("crates/c/src/conformance.rs", "fn conformance_no() {}"),
        ]);
        let found = tests_with_areas(&tree);
        let found: Vec<&str> = found.iter().map(String::as_str).collect();
        assert_eq!(found, ["conformance", "conformance_text", "scripts"]);
    }
}
