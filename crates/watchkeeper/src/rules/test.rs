//! Plays unit test files and prints what came of them as promtool does.

use std::process::ExitCode;

use alerting::rules::unit_test::{self, FileReport};
use anyhow::Context;

use super::{complain, junit};
use crate::cli::RulesTestArgs;
use crate::print;

/// Plays every file; the exit code is 1 where anything was not as expected.
pub(super) fn run(args: &RulesTestArgs) -> anyhow::Result<ExitCode> {
    let run = match args.run.as_slice() {
        [] => None,
        patterns => Some(regex::Regex::new(&patterns.join("|")).context("--run")?),
    };
    let options = unit_test::Options { run, diff: args.diff };
    let mut reports = Vec::new();
    for path in &args.files {
        print(&format!("Unit Testing:  {}\n", path.display()))?;
        let report = unit_test::run_file(path, &options);
        tell(&report)?;
        reports.push((path.display().to_string(), report));
    }
    if let Some(path) = &args.junit {
        std::fs::write(path, junit::write(&reports))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    if reports.iter().all(|(_, report)| report.passed()) {
        Ok(ExitCode::SUCCESS)
    } else {
        Ok(ExitCode::FAILURE)
    }
}

fn tell(report: &FileReport) -> anyhow::Result<()> {
    for warning in &report.warnings {
        complain(&format!("  WARNING: {warning}"))?;
    }
    if report.passed() {
        return print("  SUCCESS\n\n");
    }
    complain("  FAILED:")?;
    let of_tests = report.tests.iter().flat_map(|test| &test.failures);
    for failure in report.faults.iter().chain(of_tests) {
        complain(failure)?;
        print("\n")?;
    }
    print("\n")
}
