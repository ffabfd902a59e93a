//! A copy of everything at one moment, as a store of its own.

use std::path::Path;

use disk::DiskError;

use super::Db;
use crate::checkpoint::Checkpoint;
use crate::error::TsdbError;

impl Db {
    /// Seals everything in memory and makes `dir` a store with the same blocks: links where the filesystem has them, else copies.
    /// What is deleted here afterwards stays there.
    pub fn snapshot(&self, dir: &Path, now_ms: i64) -> Result<(), TsdbError> {
        self.guarded(|inner| {
            inner.flush_before(i64::MAX, now_ms)?;
            let failed = |source| TsdbError::Snapshot {
                dir: dir.to_owned(),
                source,
            };
            let blocks = dir.join("blocks");
            inner
                .storage
                .create_dir_all(&blocks)
                .map_err(DiskError::io("create the folder", &blocks))
                .map_err(failed)?;
            for block in inner.blocks.list().iter() {
                let target = blocks.join(block.path().file_name().unwrap_or_default());
                inner
                    .storage
                    .link(block.path(), &target)
                    .map_err(DiskError::io("link or copy", &target))
                    .map_err(failed)?;
            }
            inner
                .storage
                .sync_dir(&blocks)
                .map_err(DiskError::io("sync the folder", &blocks))
                .map_err(failed)?;
            let checkpoint = Checkpoint {
                // The copy has no log.
                flushed: Vec::new(),
                ..inner.checkpoint.read().clone()
            };
            checkpoint.save(&*inner.storage, dir).map_err(failed)
        })
    }
}
