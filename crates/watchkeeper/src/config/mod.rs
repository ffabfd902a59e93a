//! The configuration file: read whole, checked whole, every fault named with file and line.
//!
//! In: the file and the rule files it names, environment variables.  Out: [`Loaded`], to the assembly and to reloads.
//! Owns: nothing; a file is read at every call.
//! Invariants: all faults are told at once (`tests/bad_input.rs::check_config_says_everything_at_once_and_ends_with_a_failure`);
//! no secret is shown (`mask::tests`); variables are replaced in values only (`variables::tests`).
//! Not here: what a section means (each room's own `Config`), when a configuration takes effect (`control`).
//! Start at: [`load`].

mod file;
mod mask;
mod problem;
mod storage;
mod variables;

use std::path::{Path, PathBuf};

use alerting::RuleFile;

pub(crate) use file::ConfigFile;
pub(crate) use mask::mask;
pub(crate) use problem::{Problem, join};
pub(crate) use storage::Storage;

/// The largest configuration file that is read, in bytes.
const CONFIG_BYTES_MAX: u64 = 16 * 1024 * 1024;

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
    let text = read_text(path)?;
    let replaced = variables::replace(&text, path, |name| std::env::var(name).ok())?;
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
    if problems.is_empty() {
        problems.extend(file.validate(path));
    }
    let rule_files = file.load_rules(path, base).unwrap_or_else(|faults| {
        problems.extend(faults);
        Vec::new()
    });
    if !problems.is_empty() {
        return Err(problems);
    }
    let warnings = file.warnings();
    Ok(Loaded {
        path: Some(path.to_owned()),
        file,
        rule_files,
        shown: mask(&text),
        warnings,
    })
}

fn read_text(path: &Path) -> Result<String, Vec<Problem>> {
    let cannot = |why: String| vec![Problem::at(path, None, why)];
    let size = std::fs::metadata(path)
        .map_err(|error| {
            cannot(format!(
                "cannot read the configuration: {error}; name another file with --config"
            ))
        })?
        .len();
    if size > CONFIG_BYTES_MAX {
        return Err(cannot(format!(
            "the file has {size} bytes, the limit is {CONFIG_BYTES_MAX}"
        )));
    }
    std::fs::read_to_string(path).map_err(|error| cannot(format!("cannot read the configuration: {error}")))
}
