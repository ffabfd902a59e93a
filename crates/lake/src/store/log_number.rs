//! Up to which number segments of the log were sealed, in a file of its own: numbers never come twice, also where the segment that tells
//! is damaged or was moved away.

use std::path::{Path, PathBuf};

use disk::{DiskError, Storage};

fn path(dir: &Path) -> PathBuf {
    dir.join("log-before")
}

/// The number that was kept last; 0 where none was, or none can be read.
pub(super) fn read(storage: &dyn Storage, dir: &Path) -> u64 {
    let text = storage.open(&path(dir), false).and_then(|file| file.read_all());
    let text = text.ok().and_then(|text| String::from_utf8(text).ok());
    text.and_then(|text| text.trim().parse().ok()).unwrap_or_default()
}

/// Keeps a number.
pub(super) fn keep(storage: &dyn Storage, dir: &Path, number: u64) -> Result<(), DiskError> {
    let text = format!("{number}\n");
    disk::publish(storage, &path(dir), |file| file.write_all_at(text.as_bytes(), 0))
}
