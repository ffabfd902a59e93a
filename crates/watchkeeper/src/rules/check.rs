//! Says all that is wrong with rule files, and which rules stand twice.

use std::collections::HashMap;
use std::io::Read;
use std::path::Path;
use std::process::ExitCode;

use alerting::rules::{NameScheme, RuleError, RuleFile, parse_rule_file, read_rule_file};
use model::Labels;

use super::complain;
use crate::cli::{Lint, RulesCheckArgs};
use crate::print;

/// The exit code of lint errors alone, where they are fatal, as promtool's.
const LINT_EXIT_CODE: u8 = 3;

/// Checks every file. The exit code is 1 where one is faulty, 3 where rules stand twice and that is fatal.
pub(super) fn run(args: &RulesCheckArgs) -> anyhow::Result<ExitCode> {
    let mut is_faulty = false;
    let mut has_duplicates = false;
    for path in &args.files {
        print(&format!("Checking {}\n", path.display()))?;
        match read(path) {
            Err(errors) => {
                is_faulty = true;
                complain("  FAILED:")?;
                for error in errors {
                    complain(&error.to_string())?;
                }
            }
            Ok(file) => {
                let lints = match args.lint {
                    Lint::None => Vec::new(),
                    Lint::All | Lint::DuplicateRules => duplicates(&file),
                };
                has_duplicates |= !lints.is_empty();
                for lint in &lints {
                    complain(lint)?;
                }
                let (rules, groups) = (file.rule_count(), file.groups.len());
                print(&format!("  SUCCESS: {rules} rules found in {groups} groups\n"))?;
            }
        }
        print("\n")?;
    }
    Ok(if is_faulty {
        ExitCode::FAILURE
    } else if has_duplicates && args.lint_fatal {
        ExitCode::from(LINT_EXIT_CODE)
    } else {
        ExitCode::SUCCESS
    })
}

fn read(path: &Path) -> Result<RuleFile, Vec<RuleError>> {
    if path != Path::new("-") {
        return read_rule_file(path);
    }
    let mut text = String::new();
    match std::io::stdin().read_to_string(&mut text) {
        Ok(_) => parse_rule_file("standard input", &text, NameScheme::Utf8),
        Err(error) => Err(vec![RuleError {
            file: "standard input".to_owned(),
            line: 0,
            key: "file".to_owned(),
            message: format!("cannot be read: {error}"),
            mend: "name a file".to_owned(),
        }]),
    }
}

/// Rules with the name and the labels of an earlier one: what they record or alert gets mixed up.
fn duplicates(file: &RuleFile) -> Vec<String> {
    let mut first: HashMap<(&str, &Labels), usize> = HashMap::new();
    let mut found = Vec::new();
    for rule in file.groups.iter().flat_map(|group| &group.rules) {
        let line = *first.entry((rule.name(), &rule.labels)).or_insert(rule.line);
        if line != rule.line {
            found.push(format!(
                "  LINT: {}:{}: duplicate rule {}{}, first in line {line}; give one of them another label",
                file.path,
                rule.line,
                rule.name(),
                rule.labels
            ));
        }
    }
    found
}
