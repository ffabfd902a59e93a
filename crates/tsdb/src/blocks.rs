//! Which blocks there are: found at opening, added by flushes, given up by retention, set aside when damaged.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use disk::{DiskError, SharedStorage};
use model::{ReadError, TenantId, TimeRange};
use parking_lot::{Mutex, RwLock};
use ulid::Ulid;

use crate::block::{Block, ColumnCache, ENDING};
use crate::limits::DAMAGE_REMEMBERED_MAX;
use crate::telemetry::Telemetry;

/// The folder of blocks.
#[derive(Debug)]
pub(crate) struct Blocks {
    storage: SharedStorage,
    dir: PathBuf,
    quarantine_dir: PathBuf,
    list: RwLock<Arc<Vec<Arc<Block>>>>,
    damage: Mutex<Vec<String>>,
    cache: Arc<ColumnCache>,
    telemetry: Telemetry,
}

impl Blocks {
    /// Opens every block of the store in `store_dir`. What is damaged is set aside and named.
    pub(crate) fn open(
        storage: &SharedStorage,
        store_dir: &Path,
        telemetry: Telemetry,
    ) -> Result<Self, DiskError> {
        let dir = store_dir.join("blocks");
        storage
            .create_dir_all(&dir)
            .map_err(DiskError::io("create the block folder", &dir))?;
        disk::publish::remove_unfinished(&**storage, &dir)?;
        let blocks = Self {
            storage: SharedStorage::clone(storage),
            dir,
            quarantine_dir: store_dir.join("quarantine"),
            list: RwLock::default(),
            damage: Mutex::default(),
            cache: Arc::default(),
            telemetry,
        };
        let names = blocks
            .storage
            .list(&blocks.dir)
            .map_err(DiskError::io("list the block folder", &blocks.dir))?;
        let mut found = Vec::new();
        for name in names.iter().filter(|name| name.ends_with(&format!(".{ENDING}"))) {
            let path = blocks.dir.join(name);
            match blocks.open_block(&path) {
                Ok(block) => found.push(Arc::new(block)),
                Err(ReadError::Damaged { place, reason }) => {
                    let aside = blocks.set_aside(&path);
                    blocks.name_damage(format!(
                        "block {place}: {reason}; {aside}; all other blocks answer; restore the file from a backup into {}",
                        blocks.dir.display()
                    ));
                }
                Err(error) => {
                    blocks.name_damage(format!("block {}: {error}; it does not answer", path.display()));
                }
            }
        }
        // A crash between publishing a merged block and removing what it stands for leaves both.
        let merged: Vec<Ulid> = found
            .iter()
            .flat_map(|block| block.contents().sources.clone())
            .collect();
        let (doubled, found): (Vec<_>, Vec<_>) =
            found.into_iter().partition(|block| merged.contains(&block.id()));
        for block in doubled {
            block.doom();
        }
        *blocks.list.write() = Arc::new(found);
        blocks.count();
        Ok(blocks)
    }

    /// Opens a block file; it does not answer yet.
    pub(crate) fn open_block(&self, path: &Path) -> Result<Block, ReadError> {
        Block::open_sharing(&self.storage, path, &self.cache)
    }

    /// All blocks, oldest first.
    pub(crate) fn list(&self) -> Arc<Vec<Arc<Block>>> {
        Arc::clone(&self.list.read())
    }

    /// The blocks of a tenant that may have samples in `range`, oldest first.
    pub(crate) fn overlapping(&self, tenant: TenantId, range: TimeRange) -> Vec<Arc<Block>> {
        let list = self.list();
        list.iter()
            .filter(|block| block.tenant() == tenant && block.range().overlaps(&range))
            .cloned()
            .collect()
    }

    /// Whether a block of the tenant may have a sample of this time.
    pub(crate) fn may_hold(&self, tenant: TenantId, at_ms: i64) -> bool {
        self.list
            .read()
            .iter()
            .any(|block| block.tenant() == tenant && block.range().contains(at_ms))
    }

    /// The newest sample that blocks of the tenant hold.
    pub(crate) fn newest_ms(&self, tenant: TenantId) -> Option<i64> {
        let list = self.list.read();
        let own = list.iter().filter(|block| block.tenant() == tenant);
        own.map(|block| block.range().to_ms()).max()
    }

    /// A path for a block that is made at `now_ms`; names sort by age.
    pub(crate) fn new_path(&self, now_ms: i64) -> PathBuf {
        let random = Ulid::generate().random();
        let newest = self.list().last().map_or(0, |block| block.id().timestamp_ms());
        let timestamp_ms = u64::try_from(now_ms).unwrap_or(0).max(newest + 1);
        self.dir
            .join(format!("{}.{ENDING}", Ulid::from_parts(timestamp_ms, random)))
    }

    /// Lets a published block answer.
    pub(crate) fn add(&self, block: Block) {
        let mut list = self.list.write();
        let mut changed = (**list).clone();
        changed.push(Arc::new(block));
        changed.sort_by_key(|block| block.id());
        *list = Arc::new(changed);
        drop(list);
        self.telemetry.blocks_written.inc();
        self.count();
    }

    /// Lets a merged block answer in the place of those that it was made of.
    pub(crate) fn replace(&self, merged: &[Arc<Block>], by: Block) {
        let gone = |block: &Arc<Block>| merged.iter().any(|known| known.id() == block.id());
        let mut list = self.list.write();
        let mut changed: Vec<Arc<Block>> = list.iter().filter(|block| !gone(block)).cloned().collect();
        changed.push(Arc::new(by));
        changed.sort_by_key(|block| block.id());
        *list = Arc::new(changed);
        drop(list);
        for block in merged {
            block.doom();
        }
        self.telemetry.blocks_merged.inc_by(merged.len() as u64);
        self.count();
    }

    /// Gives up the blocks that are older than `before_ms`, then the oldest until `bytes_max` holds together with
    /// `other_bytes`. Files go when nobody reads them any more.
    pub(crate) fn expire(&self, before_ms: i64, bytes_max: Option<u64>, other_bytes: u64) {
        let mut list = self.list.write();
        let mut by_age: Vec<Arc<Block>> = list.to_vec();
        by_age.sort_by_key(|block| std::cmp::Reverse(block.range().to_ms()));
        let mut bytes = other_bytes;
        let (kept, expired): (Vec<_>, Vec<_>) = by_age.into_iter().partition(|block| {
            bytes = bytes.saturating_add(block.byte_len());
            block.range().to_ms() >= before_ms && bytes_max.is_none_or(|max| bytes <= max)
        });
        if expired.is_empty() {
            return;
        }
        *list = Arc::new(
            list.iter()
                .filter(|block| kept.iter().any(|k| k.id() == block.id()))
                .cloned()
                .collect(),
        );
        drop(list);
        for block in expired {
            tracing::info!(block = %block.id(), "block expired");
            self.telemetry.blocks_expired.inc();
            block.doom();
        }
        self.count();
    }

    /// Takes note of damage met while reading. A block whose index is damaged is set aside: it cannot tell what it
    /// holds. A damaged chunk costs itself alone.
    pub(crate) fn met_damage(&self, block: &Block, error: &ReadError, index: bool) {
        let mut text = error.to_string();
        if index && matches!(error, ReadError::Damaged { .. }) {
            let mut list = self.list.write();
            if list.iter().any(|known| known.id() == block.id()) {
                *list = Arc::new(
                    list.iter()
                        .filter(|known| known.id() != block.id())
                        .cloned()
                        .collect(),
                );
                drop(list);
                text = format!(
                    "{text}; {}; all other blocks answer",
                    self.set_aside(block.path())
                );
                self.count();
            }
        }
        self.name_damage(text);
    }

    /// Damage met so far, one text each.
    pub(crate) fn damage(&self) -> Vec<String> {
        self.damage.lock().clone()
    }

    /// Bytes of all blocks.
    pub(crate) fn disk_bytes(&self) -> u64 {
        self.list().iter().map(|block| block.byte_len()).sum()
    }

    pub(crate) fn name_damage(&self, text: String) {
        let mut damage = self.damage.lock();
        if damage.len() < DAMAGE_REMEMBERED_MAX && !damage.contains(&text) {
            tracing::error!(damage = text, "damage found");
            damage.push(text);
        }
        self.telemetry.damage.inc();
    }

    fn set_aside(&self, path: &Path) -> String {
        match disk::quarantine(&*self.storage, path, &self.quarantine_dir) {
            Ok(target) => format!("set aside as {}", target.display()),
            Err(error) => format!("not set aside: {}", error.full_text()),
        }
    }

    fn count(&self) {
        self.telemetry.blocks.set(self.list().len() as i64);
    }
}
