//! `watchkeeper rules`: plays the unit tests of rules, and says what is wrong with rule files.
//!
//! In: files that the command line names.  Out: reports on standard output and error, in promtool's form, and an exit code.
//! Owns: nothing.
//! Invariants: whatever is not as expected ends with an exit code that is not 0 (`tests/rules_command.rs`).
//! Not here: how rules are judged and tests are played (`alerting::rules`).
//! Start at: [`run`].

mod check;
mod junit;
mod test;

use std::io::Write;
use std::process::ExitCode;

use crate::cli::RulesCommand;

/// Does what is asked; gives back the exit code.
pub(crate) fn run(command: &RulesCommand) -> anyhow::Result<ExitCode> {
    match command {
        RulesCommand::Test(args) => test::run(args),
        RulesCommand::Check(args) => check::run(args),
    }
}

/// A line on standard error, behind what was printed before.
fn complain(text: &str) -> anyhow::Result<()> {
    std::io::stdout().flush()?;
    writeln!(std::io::stderr(), "{text}")?;
    Ok(())
}
