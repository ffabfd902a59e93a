//! Patterns of paths, as `rule_files` and `scrape_config_files` have them.

use std::path::{Component, Path, PathBuf};

/// More files than these are not read for one pattern.
const FILES_PER_PATTERN_MAX: usize = 10_000;

/// What is wrong with a pattern, if anything: a `*` may stand in the last part of the path only (prometheus/config,
/// `patRulePath`).
pub(super) fn fault(pattern: &str) -> Option<String> {
    let folder = pattern.rsplit_once('/').map_or("", |(folder, _)| folder);
    let name = pattern.rsplit('/').next().unwrap_or_default();
    (folder.contains('*') || name.matches('*').count() > 1).then(|| {
        format!("{pattern:?} is no path of files; one * may stand in its last part, for example folder/*.yml")
    })
}

/// Whether a path stands for itself alone.
pub(super) fn is_plain(pattern: &str) -> bool {
    !pattern.contains(['*', '?', '['])
}

/// The files that a pattern stands for, in order. None is no fault, as in Prometheus.
pub(super) fn files(pattern: &str, base: &Path) -> Result<Vec<PathBuf>, String> {
    if let Some(fault) = fault(pattern) {
        return Err(fault);
    }
    // One file has one path, however it is written (`./jobs.yml`).
    let full = base.join(pattern);
    let parts = full.components().filter(|part| *part != Component::CurDir);
    let full: PathBuf = parts.collect();
    if is_plain(pattern) {
        return Ok(full.is_file().then_some(full).into_iter().collect());
    }
    let bad = |why: String| format!("{pattern:?}: {why}; correct the pattern");
    let found = glob::glob(&full.to_string_lossy()).map_err(|error| bad(error.to_string()))?;
    let mut files = Vec::new();
    for path in found {
        let path = path.map_err(|error| bad(error.to_string()))?;
        if path.is_file() {
            files.push(path);
        }
        if files.len() > FILES_PER_PATTERN_MAX {
            return Err(bad(format!(
                "it stands for more than {FILES_PER_PATTERN_MAX} files"
            )));
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_star_in_the_last_part() {
        let check = |pattern: &str, is_good: bool| assert_eq!(fault(pattern).is_none(), is_good, "{pattern}");
        check("rules.yml", true);
        check("rules/*.yml", true);
        check("/etc/rules/*", true);
        check("rules/*/*.yml", false);
        check("*/rules.yml", false);
        check("rules/*_*.yml", false);
    }
}
