//! Targets in files (`file_sd_configs`): read at the start and again at every look, kept as they were while unreadable.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::config::{FileDiscovery, TargetGroup};
use crate::error::IngestError;
use crate::limits::TARGETS_FILE_BYTES_MAX;

/// The groups of each file, by path.
pub(in crate::scrape) type FileGroups = BTreeMap<PathBuf, Vec<TargetGroup>>;

/// Reads all files of a job. A file that cannot be used keeps the groups it had before; a file that is gone has none.
pub(in crate::scrape) fn read(
    configs: &[FileDiscovery],
    before: &FileGroups,
) -> (FileGroups, Vec<IngestError>) {
    let mut groups = FileGroups::new();
    let mut faults = Vec::new();
    for path in configs
        .iter()
        .flat_map(|config| &config.files)
        .flat_map(|pattern| matching(pattern))
    {
        match read_one(&path) {
            Ok(found) => {
                groups.insert(path, found);
            }
            Err(error) => {
                faults.push(error);
                if let Some(old) = before.get(&path) {
                    groups.insert(path, old.clone());
                }
            }
        }
    }
    (groups, faults)
}

fn read_one(path: &Path) -> Result<Vec<TargetGroup>, IngestError> {
    let read_error = |source| IngestError::ReadFile {
        path: path.to_owned(),
        source,
    };
    let bad_file = |reason: String| IngestError::BadFile {
        path: path.to_owned(),
        reason,
    };
    let file = std::fs::File::open(path).map_err(read_error)?;
    let mut text = String::new();
    let read = file
        .take(TARGETS_FILE_BYTES_MAX + 1)
        .read_to_string(&mut text)
        .map_err(read_error)?;
    if read as u64 > TARGETS_FILE_BYTES_MAX {
        return Err(bad_file(format!(
            "larger than {TARGETS_FILE_BYTES_MAX} bytes; split it"
        )));
    }
    // JSON is YAML too.
    serde_saphyr::from_str(&text).map_err(|error| bad_file(error.to_string()))
}

/// The files that a path stands for; one `*` in its last part stands for any text.
fn matching(pattern: &str) -> Vec<PathBuf> {
    let path = Path::new(pattern);
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    let Some((before, after)) = name.split_once('*') else {
        return vec![path.to_owned()];
    };
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let Ok(listing) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let fits = |name: &str| {
        name.len() >= before.len() + after.len() && name.starts_with(before) && name.ends_with(after)
    };
    let mut found: Vec<PathBuf> = listing
        .filter_map(Result::ok)
        .filter(|file| file.file_name().to_str().is_some_and(fits))
        .map(|file| file.path())
        .collect();
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_and_kept_while_they_are_broken() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("a.json"), r#"[{"targets": ["a:1"], "labels": {"zone": "x"}}]"#).unwrap();
        std::fs::write(at("b.yml"), "- targets: [b:1, b:2]\n").unwrap();
        let config = FileDiscovery {
            files: vec![
                at("*.json").display().to_string(),
                at("b.yml").display().to_string(),
            ],
            refresh_interval: stdx::HumanDuration::from_secs(300),
        };
        let configs = [config];
        let (first, faults) = read(&configs, &FileGroups::new());
        assert!(faults.is_empty(), "{faults:?}");
        assert_eq!(
            first
                .values()
                .flatten()
                .map(|group| group.targets.len())
                .sum::<usize>(),
            3
        );

        std::fs::write(at("b.yml"), "- targts: [b:1]\n").unwrap();
        let (second, faults) = read(&configs, &first);
        assert_eq!(second, first);
        assert!(
            matches!(&faults[..], [IngestError::BadFile { reason, .. }] if reason.contains("line 1")),
            "{faults:?}"
        );

        std::fs::remove_file(at("a.json")).unwrap();
        let (third, _) = read(&configs, &second);
        assert_eq!(third.len(), 1);
    }
}
