//! The configuration file: read whole, checked whole, every fault named with file and line.
//!
//! In: the file and the rule files it names, environment variables.  Out: [`Loaded`], to the assembly and to reloads.
//! Owns: nothing; a file is read at every call.
//! Invariants: all faults are told at once (`tests/bad_input.rs::check_config_says_everything_at_once_and_ends_with_a_failure`);
//! no secret is shown (`mask::tests`); variables are replaced in values only (`variables::tests`).
//! Not here: what a section means (each room's own `Config`), when a configuration takes effect (`control`).
//! Start at: [`load`].

mod external_labels;
mod file;
mod mask;
mod patterns;
mod problem;
mod remote;
mod retention;
mod scrape_files;
mod storage;
mod text;
mod variables;

use std::path::{Path, PathBuf};

use alerting::RuleFile;

pub(crate) use file::ConfigFile;
pub(crate) use mask::mask;
pub(crate) use problem::{Problem, join};
pub(crate) use storage::Storage;

/// Everything a start or a reload needs, known to be good.
#[derive(Debug, Default)]
pub(crate) struct Loaded {
    /// Where it was read; `None` where the defaults run.
    pub(crate) path: Option<PathBuf>,
    /// The file's sections.
    pub(crate) file: ConfigFile,
    /// The rule files it names.
    pub(crate) rule_files: Vec<RuleFile>,
    /// The file as it may be shown: variables in place, secrets masked.
    pub(crate) shown: String,
    /// What works but deserves a look.
    pub(crate) warnings: Vec<String>,
}

/// Reads a configuration file and all it names; without a path the defaults.
pub(crate) fn load(path: Option<&Path>) -> Result<Loaded, Vec<Problem>> {
    let Some(path) = path else {
        return Ok(Loaded::default());
    };
    let text = text::read_text(path)?;
    let replaced = text::replaced(&text, path)?;
    let with_place = |fault: stdx::yaml::Fault| Problem::at(path, fault.line, fault.message);
    let mut problems = Vec::new();
    let mut file: ConfigFile = match stdx::yaml::read(&replaced) {
        Ok(file) => file,
        Err(faults) => {
            problems.extend(faults.into_iter().map(with_place));
            // What can still be read of the rest names files, and their faults belong into the same answer.
            ConfigFile::of_rule_files_alone(&replaced)
        }
    };
    let base = path.parent().unwrap_or(Path::new("."));
    file.resolve_paths(base);
    let mut warnings = file.expand_external_labels(text::environment);
    for fault in remote::alertmanager_faults(&replaced, path) {
        // Where the text itself is broken, both readings say so.
        if problems.iter().all(|known| known.line != fault.line) {
            problems.push(fault);
        }
    }
    if problems.is_empty() {
        problems.extend(file.validate(path));
        problems.extend(file.take_in_scrape_files(path, base));
    }
    let rule_files = file.load_rules(path, base).unwrap_or_else(|faults| {
        problems.extend(faults);
        Vec::new()
    });
    if !problems.is_empty() {
        return Err(problems);
    }
    warnings.extend(file.missing_files(path, base));
    warnings.extend(file.warnings());
    Ok(Loaded {
        path: Some(path.to_owned()),
        file,
        rule_files,
        shown: mask(&text),
        warnings,
    })
}
