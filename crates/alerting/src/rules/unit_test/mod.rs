//! Plays the unit tests of rules, in the form of promtool's files, over series in memory and a time that stands in the file.
//!
//! In: a unit test file and the rule files it names.  Out: [`FileReport`], to the command line.
//! Owns: nothing; every test has a store of its own.
//! Invariants: rules are judged by the live engine's own `rules::evaluate`, and nothing else (`tests/conformance.rs`); what
//! promtool lets pass passes, and what it fails fails (`tests/conformance.rs`), but for two things: NaN is what is expected where NaN is
//! expected, and rule files that do not read are a fault even where no test needs them.
//! Not here: how reports are printed (`watchkeeper`), the series notation (`promql::series_notation`).
//! Start at: [`run_file`].

mod expect;
mod file;
mod play;
#[cfg(test)]
mod tests;
mod text;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use regex::Regex;

use crate::limits;
use crate::rules::load::expand;
use crate::rules::{RuleError, RuleGroup, read_rule_file};

use file::UnitFile;

/// What of a file is played, and how differences are told.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Only the tests whose name it matches.
    pub run: Option<Regex>,
    /// Tell what is missing and what is too much, rather than both sides in full.
    pub diff: bool,
}

/// What came of a unit test file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileReport {
    /// What may be a slip, such as a pattern that matches no file.
    pub warnings: Vec<String>,
    /// Why its tests could not be played at all.
    pub faults: Vec<String>,
    /// The tests that were played, in order.
    pub tests: Vec<TestReport>,
}

/// What came of one test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestReport {
    /// Its name; `unnamed#2` for the third test of a file where it has none.
    pub name: String,
    /// What was not as expected, as promtool words it; empty where the test passed.
    pub failures: Vec<String>,
}

impl FileReport {
    /// Whether everything was as expected.
    pub fn passed(&self) -> bool {
        self.faults.is_empty() && self.tests.iter().all(|test| test.failures.is_empty())
    }

    fn fault(text: impl Into<String>) -> Self {
        Self {
            faults: vec![text.into()],
            ..Self::default()
        }
    }
}

/// Plays the tests of a file. Rule files are looked for beside it.
pub fn run_file(path: &Path, options: &Options) -> FileReport {
    let file = match read_file(path) {
        Ok(file) => file,
        Err(fault) => return FileReport::fault(fault),
    };
    let base = path.parent().unwrap_or(Path::new("."));
    let mut report = FileReport::default();
    let groups = match load_groups(&file, base, &mut report.warnings) {
        Ok(groups) => groups,
        Err(faults) => {
            report.faults = faults;
            return report;
        }
    };
    for (index, test) in file.tests.iter().enumerate() {
        let name = test.name.as_deref().unwrap_or_default();
        if options.run.as_ref().is_some_and(|run| !run.is_match(name)) {
            continue;
        }
        let name = if name.is_empty() {
            format!("unnamed#{index}")
        } else {
            name.to_owned()
        };
        let failures = play::play(&file, test, &groups, options);
        report.tests.push(TestReport { name, failures });
    }
    report
}

fn read_file(path: &Path) -> Result<UnitFile, String> {
    let unreadable = |error: std::io::Error| format!("{}: {error}", path.display());
    let bytes_len = std::fs::metadata(path).map_err(unreadable)?.len();
    if bytes_len > limits::RULE_FILE_BYTES_MAX {
        let most = limits::RULE_FILE_BYTES_MAX;
        return Err(format!(
            "{}: has {bytes_len} bytes, the limit is {most}; split the file",
            path.display()
        ));
    }
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    serde_saphyr::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
}

/// The groups of all rule files, those that `group_eval_order` names in its order.
fn load_groups(
    file: &UnitFile,
    base: &Path,
    warnings: &mut Vec<String>,
) -> Result<Vec<RuleGroup>, Vec<String>> {
    let mut order = BTreeSet::new();
    for name in &file.group_eval_order {
        if !order.insert(name) {
            return Err(vec![format!("group name repeated in evaluation order: {name}")]);
        }
    }
    let mut errors: Vec<RuleError> = Vec::new();
    let mut paths: BTreeSet<PathBuf> = BTreeSet::new();
    for pattern in &file.rule_files {
        match expand(pattern, base) {
            Ok(found) if found.is_empty() => {
                let pattern = base.join(pattern);
                warnings.push(format!("no file match pattern {}", pattern.display()));
            }
            Ok(found) => paths.extend(found),
            Err(error) => errors.push(error),
        }
    }
    let mut groups = Vec::new();
    for path in paths {
        match read_rule_file(&path) {
            Ok(file) => groups.extend(file.groups),
            Err(found) => errors.extend(found),
        }
    }
    if !errors.is_empty() {
        return Err(errors.iter().map(ToString::to_string).collect());
    }
    let place = |group: &RuleGroup| file.group_eval_order.iter().position(|name| *name == group.name);
    // A group that is not named has the place of the first, as in promtool.
    groups.sort_by_key(|group| place(group).unwrap_or_default());
    Ok(groups)
}
