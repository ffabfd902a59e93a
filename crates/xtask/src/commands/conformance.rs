//! `cargo x conformance`: runs the tests that judge behaviour against data from elsewhere.
//!
//! By convention they are the integration tests of each room whose names start with `conformance`, and each area ends with
//! one line `conformance AREA: N cases, N passed, N failed`.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::shell;
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
    let rooms = rooms_with_areas(&Tree::open(root)?);
    if rooms.is_empty() {
        bail!("no room has a crates/ROOM/tests/conformance*.rs");
    }
    let filter = match wanted {
        Some(area) => test_filter(root, &rooms, &folder, area)?,
        None => None,
    };
    let mut command = test_command(root, &rooms, &folder);
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

fn rooms_with_areas(tree: &Tree) -> Vec<String> {
    tree.crate_names()
        .filter(|name| {
            let start = format!("crates/{name}/tests/conformance");
            let is_area = |path: &str| path.strip_prefix(&start).is_some_and(|rest| !rest.contains('/'));
            tree.rust().any(|(path, _)| is_area(path))
        })
        .map(str::to_owned)
        .collect()
}

fn test_command(root: &Path, rooms: &[String], folder: &Path) -> Command {
    let mut command = shell::command(
        root,
        &[
            "cargo",
            "test",
            "--quiet",
            "--no-fail-fast",
            "--test",
            "conformance*",
        ],
    );
    for room in rooms {
        command.args(["--package", room]);
    }
    command.env(FOLDER_VARIABLE, folder);
    command
}

/// The name filter that runs only the tests of an area, where tests are called after it; otherwise all run.
fn test_filter(root: &Path, rooms: &[String], folder: &Path, area: &str) -> Result<Option<String>> {
    let name = area.replace('-', "_");
    let mut command = test_command(root, rooms, folder);
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
    fn rooms_are_found_by_their_test_file() {
        let tree = Tree::of([
            ("crates/a/Cargo.toml", ""),
            ("crates/a/tests/conformance.rs", ""),
            ("crates/b/Cargo.toml", ""),
            ("crates/b/tests/walk.rs", ""),
            ("crates/c/Cargo.toml", ""),
            ("crates/c/tests/conformance_text.rs", ""),
            ("crates/d/Cargo.toml", ""),
            ("crates/d/tests/conformance/mod.rs", ""),
        ]);
        assert_eq!(rooms_with_areas(&tree), ["a", "c"]);
    }
}
