//! `cargo x test`: every test of the workspace, and one line of totals.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

use crate::shell;
use crate::totals::Totals;

/// Runs `cargo test`, all test binaries even where one fails, and sums their results.
pub fn run(root: &Path, rest: &[String]) -> Result<ExitCode> {
    let mut command = shell::command(root, &["cargo", "test", "--no-fail-fast"]);
    command.args(rest);
    let mut totals = Totals::default();
    let succeeded = shell::lines(command, |line| {
        totals.add_line(line);
        shell::say(line);
    })?;
    shell::say(&totals.to_string());
    Ok(if succeeded && totals.failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
