//! Finds and reads the files that `rule_files` names.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::limits;
use crate::rules::parse::{NameScheme, parse_rule_file};
use crate::rules::{RuleError, RuleFile};

/// Reads every file that `patterns` name, relative to `base`. A pattern with wildcards may match nothing; a plain
/// path must exist. All faults of all files are returned together.
pub fn load_rule_files(patterns: &[String], base: &Path) -> Result<Vec<RuleFile>, Vec<RuleError>> {
    let mut errors = Vec::new();
    let mut paths: BTreeSet<PathBuf> = BTreeSet::new();
    for pattern in patterns {
        match expand(pattern, base) {
            Ok(found) if found.is_empty() && !has_wildcards(pattern) => errors.push(file_error(
                &base.join(pattern).components().collect::<PathBuf>(),
                "the file does not exist".to_owned(),
                "correct the path in rule_files or create the file",
            )),
            Ok(found) => paths.extend(found),
            Err(error) => errors.push(error),
        }
    }
    let mut files = Vec::new();
    for path in paths {
        match read_rule_file(&path) {
            Ok(file) => files.push(file),
            Err(found) => errors.extend(found),
        }
    }
    if errors.is_empty() { Ok(files) } else { Err(errors) }
}

/// The files that a pattern names, relative to `base`; none where nothing matches.
pub(super) fn expand(pattern: &str, base: &Path) -> Result<Vec<PathBuf>, RuleError> {
    // One file has one path, however it is written (`./rules.yml`).
    let full: PathBuf = base.join(pattern).components().collect();
    if !has_wildcards(pattern) {
        return Ok(if full.is_file() { vec![full] } else { Vec::new() });
    }
    let bad = |message: String| file_error(&full, message, "correct the pattern in rule_files");
    let found = glob::glob(&full.to_string_lossy()).map_err(|error| bad(error.to_string()))?;
    let mut paths = Vec::new();
    for path in found {
        let path = path.map_err(|error| bad(error.to_string()))?;
        if path.is_file() {
            paths.push(path);
        }
        if paths.len() > limits::RULE_FILES_MAX {
            return Err(bad(format!(
                "the pattern matches more than {} files",
                limits::RULE_FILES_MAX
            )));
        }
    }
    Ok(paths)
}

fn has_wildcards(pattern: &str) -> bool {
    pattern.contains(['*', '?', '['])
}

/// Reads one rule file.
///
/// # Errors
/// All faults of the file, or that it cannot be read.
pub fn read_rule_file(path: &Path) -> Result<RuleFile, Vec<RuleError>> {
    let unreadable = |error: std::io::Error| {
        vec![file_error(
            path,
            format!("cannot be read: {error}"),
            "check its permissions",
        )]
    };
    let bytes_len = std::fs::metadata(path).map_err(unreadable)?.len();
    if bytes_len > limits::RULE_FILE_BYTES_MAX {
        let message = format!(
            "has {bytes_len} bytes, the limit is {}",
            limits::RULE_FILE_BYTES_MAX
        );
        return Err(vec![file_error(path, message, "split the file")]);
    }
    let bytes = std::fs::read(path).map_err(unreadable)?;
    let text = String::from_utf8(bytes)
        .map_err(|error| vec![file_error(path, error.to_string(), "save the file as UTF-8")])?;
    parse_rule_file(&path.display().to_string(), &text, NameScheme::Utf8)
}

fn file_error(path: &Path, message: String, mend: &str) -> RuleError {
    RuleError {
        file: path.display().to_string(),
        line: 0,
        key: "rule_files".to_owned(),
        message,
        mend: mend.to_owned(),
    }
}
