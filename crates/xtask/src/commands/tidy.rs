//! `cargo x tidy`: runs the checks, lists them, or shrinks the ratchet.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow};

use crate::shell;
use crate::tidy::{self, lengths, ratchet};
use crate::tree::Tree;

/// Prints every finding; fails if there is one.
pub fn run(root: &Path) -> Result<ExitCode> {
    let found = findings(root)?;
    for finding in &found {
        shell::say(finding);
    }
    shell::say(&format!(
        "tidy: {} checks, {} findings",
        tidy::all().len(),
        found.len()
    ));
    Ok(if found.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Every finding of the real tree, printed.
pub fn findings(root: &Path) -> Result<Vec<String>> {
    let tree = Tree::open(root)?;
    let found = tidy::run_all(&tree);
    Ok(found
        .iter()
        .map(|(check, finding)| format!("{finding} [{check}]"))
        .collect())
}

/// Prints the table of checks.
pub fn list() -> Result<ExitCode> {
    for check in tidy::all() {
        shell::say(&format!("{:<14} {}", check.name, check.refuses));
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes lengths that have become shorter into the ratchet, and removes entries that are within the rule.
pub fn shrink(root: &Path) -> Result<ExitCode> {
    let tree = Tree::open(root)?;
    let before = ratchet::Ratchet::read(&tree).map_err(|finding| anyhow!("{finding}"))?;
    let after = before.shrunk(&lengths::too_long(&tree));
    let place = root.join(ratchet::PATH);
    std::fs::write(&place, after.print()).with_context(|| format!("cannot write {}", place.display()))?;
    shell::say(&format!(
        "ratchet: {} entries before, {} now",
        before.entries().count(),
        after.entries().count()
    ));
    Ok(ExitCode::SUCCESS)
}
