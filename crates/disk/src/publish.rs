//! Files that appear whole or not at all, and files that are set aside.

use std::path::{Path, PathBuf};

use crate::error::DiskError;
use crate::storage::{Storage, StorageFile};

/// The ending of files that were not finished; opening a folder removes them.
pub const TEMPORARY_ENDING: &str = ".tmp";

/// Writes a file with `write` under a temporary name, makes it durable and gives it its name at last. A crash at any
/// moment leaves the old file or the new one, whole.
pub fn publish<T>(
    storage: &dyn Storage,
    path: &Path,
    write: impl FnOnce(&dyn StorageFile) -> std::io::Result<T>,
) -> Result<T, DiskError> {
    let temporary = temporary_name(path);
    let dir = path.parent().unwrap_or(Path::new("."));
    remove_if_there(storage, &temporary)?;
    let result = (|| {
        let file = storage
            .create(&temporary)
            .map_err(DiskError::io("create", &temporary))?;
        let result = write(&*file).map_err(DiskError::io("write", &temporary))?;
        file.sync().map_err(DiskError::io("sync", &temporary))?;
        drop(file);
        storage
            .rename(&temporary, path)
            .map_err(DiskError::io("rename into place", path))?;
        storage
            .sync_dir(dir)
            .map_err(DiskError::io("sync the folder", dir))?;
        Ok(result)
    })();
    if result.is_err() {
        // Space may be what is missing; what stays behind is removed at the next opening.
        let _ = storage.remove(&temporary);
    }
    result
}

/// Moves a damaged file into `quarantine_dir` and returns its new place.
pub fn quarantine(storage: &dyn Storage, path: &Path, quarantine_dir: &Path) -> Result<PathBuf, DiskError> {
    storage
        .create_dir_all(quarantine_dir)
        .map_err(DiskError::io("create the folder", quarantine_dir))?;
    let target = quarantine_dir.join(path.file_name().unwrap_or_default());
    storage
        .rename(path, &target)
        .map_err(DiskError::io("set aside", path))?;
    Ok(target)
}

/// Keeps a copy of damaged bytes; a copy that is already there stays.
pub(crate) fn quarantine_bytes(
    storage: &dyn Storage,
    quarantine_dir: &Path,
    name: &str,
    bytes: &[u8],
) -> Result<PathBuf, DiskError> {
    storage
        .create_dir_all(quarantine_dir)
        .map_err(DiskError::io("create the folder", quarantine_dir))?;
    let target = quarantine_dir.join(name);
    if storage.open(&target, false).is_err() {
        publish(storage, &target, |file| file.write_all_at(bytes, 0))?;
    }
    Ok(target)
}

/// Removes what unfinished publishing left in `dir`.
pub fn remove_unfinished(storage: &dyn Storage, dir: &Path) -> Result<(), DiskError> {
    let names = storage.list(dir).map_err(DiskError::io("list", dir))?;
    for name in names.iter().filter(|name| name.ends_with(TEMPORARY_ENDING)) {
        remove_if_there(storage, &dir.join(name))?;
    }
    Ok(())
}

fn temporary_name(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(TEMPORARY_ENDING);
    PathBuf::from(name)
}

fn remove_if_there(storage: &dyn Storage, path: &Path) -> Result<(), DiskError> {
    match storage.remove(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(DiskError::io("remove", path)(error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::LocalStorage;

    #[test]
    fn a_failed_publish_leaves_the_old_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("facts");
        publish(&LocalStorage, &path, |file| file.write_all_at(b"old", 0)).unwrap();
        let failed = publish(&LocalStorage, &path, |file| {
            file.write_all_at(b"ne", 0)?;
            Err::<(), _>(std::io::Error::other("no more"))
        });
        assert!(failed.unwrap_err().to_string().contains("facts"));
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        assert_eq!(LocalStorage.list(dir.path()).unwrap(), ["facts"]);
    }

    #[test]
    fn unfinished_files_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a.tmp"), "half").unwrap();
        std::fs::write(dir.path().join("b"), "whole").unwrap();
        remove_unfinished(&LocalStorage, dir.path()).unwrap();
        assert_eq!(LocalStorage.list(dir.path()).unwrap(), ["b"]);
    }
}
