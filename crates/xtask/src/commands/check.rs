//! `cargo x check`: everything that reads the source and runs none of it.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

use super::steps::Steps;
use crate::shell;

/// Runs every step, so that one run shows all that is wrong.
pub fn run(root: &Path) -> Result<ExitCode> {
    let mut steps = Steps::default();
    steps.run("format", root, &["cargo", "fmt", "--all", "--check"])?;
    let clippy = [
        "cargo",
        "clippy",
        "--workspace",
        "--all-targets",
        "--",
        "--deny",
        "warnings",
    ];
    steps.run("clippy", root, &clippy)?;
    let found = super::tidy::findings(root)?;
    shell::say(&format!("== tidy: {}", found.len()));
    for finding in &found {
        shell::say(finding);
    }
    steps.note("tidy", found.is_empty());
    if shell::is_installed(&["cargo", "deny", "--version"]) {
        steps.run(
            "deny",
            root,
            &["cargo", "deny", "check", "bans", "licenses", "sources"],
        )?;
    } else {
        steps.skip("deny", "install it with `cargo install --locked cargo-deny`");
    }
    Ok(steps.end())
}
