//! The right to merge, to give up and to rewrite segments, which one process has at a time.

use std::path::{Path, PathBuf};

use disk::DiskError;
use state::Lease;
use ulid::Ulid;

use super::Inner;
use crate::error::LakeError;

impl Inner {
    /// The lease, or `None` where another process has it.
    pub(super) fn lease(&self, now_ms: i64) -> Result<Option<Lease>, LakeError> {
        let mut held = self.lease.lock();
        let lease = (self.catalog)
            .lease(&self.owner, held.take(), now_ms)
            .map_err(|source| LakeError::Catalog { source })?;
        held.clone_from(&lease);
        Ok(lease)
    }
}

/// The name by which the folder holds leases: whoever owns the folder is the same owner after a crash.
pub(super) fn owner(storage: &dyn disk::Storage, dir: &Path) -> Result<String, DiskError> {
    let path: PathBuf = dir.join("owner");
    let text = storage.open(&path, false).and_then(|file| file.read_all());
    let known = text.ok().and_then(|text| String::from_utf8(text).ok());
    if let Some(known) = known.filter(|known| Ulid::from_string(known.trim()).is_ok()) {
        return Ok(known.trim().to_owned());
    }
    let owner = Ulid::generate().to_string();
    disk::publish(storage, &path, |file| file.write_all_at(owner.as_bytes(), 0))?;
    Ok(owner)
}
