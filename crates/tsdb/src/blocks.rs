//! Which blocks there are: found at opening, added by flushes, given up by retention, set aside when damaged.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use disk::{DiskError, SharedStorage};
use model::{RAW, ReadError, TenantId, TimeRange, tier_name};
use parking_lot::{Mutex, RwLock};
use ulid::Ulid;

use crate::block::{Block, ENDING, ReadCache};
use crate::config::Config;
use crate::limits::DAMAGE_REMEMBERED_MAX;
use crate::telemetry::Telemetry;
use crate::tiers::{RESOLUTIONS, TierKeep};

/// The folder of blocks.
#[derive(Debug)]
pub(crate) struct Blocks {
    storage: SharedStorage,
    dir: PathBuf,
    quarantine_dir: PathBuf,
    list: RwLock<Arc<Vec<Arc<Block>>>>,
    damage: Mutex<Vec<String>>,
    cache: Arc<ReadCache>,
    telemetry: Telemetry,
}

impl Blocks {
    /// Opens every block of the store. What is damaged is set aside and named.
    pub(crate) fn open(
        storage: &SharedStorage,
        config: &Config,
        telemetry: Telemetry,
    ) -> Result<Self, DiskError> {
        let dir = config.dir.join("blocks");
        storage
            .create_dir_all(&dir)
            .map_err(DiskError::io("create the block folder", &dir))?;
        disk::publish::remove_unfinished(&**storage, &dir)?;
        let blocks = Self {
            storage: SharedStorage::clone(storage),
            dir,
            quarantine_dir: config.dir.join("quarantine"),
            list: RwLock::default(),
            damage: Mutex::default(),
            cache: Arc::new(ReadCache::new(config.read_cache_bytes, &telemetry)),
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
        Block::open_sharing(&self.storage, path, &self.cache, &self.telemetry)
    }

    /// All blocks, oldest first.
    pub(crate) fn list(&self) -> Arc<Vec<Arc<Block>>> {
        Arc::clone(&self.list.read())
    }

    /// The blocks of one tier, of all tenants, oldest first.
    pub(crate) fn of_tier(&self, resolution_ms: i64) -> Vec<Arc<Block>> {
        let list = self.list();
        let of_tier = list.iter().filter(|block| block.resolution_ms() == resolution_ms);
        of_tier.cloned().collect()
    }

    /// The blocks of a tenant that may have samples in `range` as they were measured, oldest first.
    pub(crate) fn overlapping(&self, tenant: TenantId, range: TimeRange) -> Vec<Arc<Block>> {
        self.overlapping_in_tier(tenant, range, RAW)
    }

    /// The blocks of a tenant in a tier that may have something in `range`, oldest first.
    pub(crate) fn overlapping_in_tier(
        &self,
        tenant: TenantId,
        range: TimeRange,
        resolution_ms: i64,
    ) -> Vec<Arc<Block>> {
        let list = self.list();
        list.iter()
            .filter(|block| {
                block.resolution_ms() == resolution_ms
                    && block.tenant() == tenant
                    && block.range().overlaps(&range)
            })
            .cloned()
            .collect()
    }

    /// Whether a block of the tenant may have a sample of this time.
    pub(crate) fn may_hold(&self, tenant: TenantId, at_ms: i64) -> bool {
        self.list.read().iter().any(|block| {
            block.resolution_ms() == RAW && block.tenant() == tenant && block.range().contains(at_ms)
        })
    }

    /// The newest sample that blocks of the tenant hold.
    pub(crate) fn newest_ms(&self, tenant: TenantId) -> Option<i64> {
        let list = self.list.read();
        let own = list
            .iter()
            .filter(|block| block.resolution_ms() == RAW && block.tenant() == tenant);
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

    /// Lets a block answer in the place of those that it was made of; nothing where nothing was left of them.
    pub(crate) fn replace(&self, merged: &[Arc<Block>], by: Option<Block>) {
        let gone = |block: &Arc<Block>| merged.iter().any(|known| known.id() == block.id());
        let mut list = self.list.write();
        let mut changed: Vec<Arc<Block>> = list.iter().filter(|block| !gone(block)).cloned().collect();
        changed.extend(by.map(Arc::new));
        changed.sort_by_key(|block| block.id());
        *list = Arc::new(changed);
        drop(list);
        for block in merged {
            block.doom();
        }
        self.telemetry.blocks_merged.inc_by(merged.len() as u64);
        self.count();
    }

    /// Gives up blocks: those that are too old for their tier, then of each tier the oldest until its bytes hold, then of all
    /// tiers those that are nearest to the end of their time until `bytes_max` holds together with `other_bytes`. Of the first,
    /// only those that `may_go`. Files go when nobody reads them any more. Says whether any went.
    pub(crate) fn expire(
        &self,
        keeps: &[TierKeep],
        (bytes_max, other_bytes): (Option<u64>, u64),
        now_ms: i64,
        may_go: impl Fn(&Block) -> bool,
    ) -> bool {
        // Nearest to the end of its time last; what no setting names is over.
        let keep_of = |block: &Block| {
            keeps
                .iter()
                .find(|keep| keep.resolution_ms == block.resolution_ms())
        };
        let age = |block: &Block| {
            let keep_ms = keep_of(block).map_or(0, |keep| keep.keep_ms);
            now_ms.saturating_sub(block.range().to_ms()) as f64 / keep_ms.max(1) as f64
        };
        let mut by_age: Vec<Arc<Block>> = self.list().to_vec();
        by_age.sort_by(|a, b| age(a).total_cmp(&age(b)));
        let mut bytes = other_bytes;
        let mut tiers: BTreeMap<i64, u64> = BTreeMap::new();
        let mut expired = Vec::new();
        for block in by_age {
            let of_tier = tiers.entry(block.resolution_ms()).or_default();
            *of_tier = of_tier.saturating_add(block.byte_len());
            bytes = bytes.saturating_add(block.byte_len());
            let tier_bytes_max = keep_of(&block).and_then(|keep| keep.bytes_max);
            let too_large =
                bytes_max.is_some_and(|max| bytes > max) || tier_bytes_max.is_some_and(|max| *of_tier > max);
            if too_large || (age(&block) > 1.0 && may_go(&block)) {
                expired.push(block);
            }
        }
        if expired.is_empty() {
            return false;
        }
        let gone = |block: &&Arc<Block>| expired.iter().any(|gone| gone.id() == block.id());
        let mut list = self.list.write();
        *list = Arc::new(list.iter().filter(|block| !gone(block)).cloned().collect());
        drop(list);
        for block in expired {
            tracing::info!(block = %block.id(), tier = tier_name(block.resolution_ms()), "block expired");
            self.telemetry.blocks_expired.inc();
            block.doom();
        }
        self.count();
        true
    }

    /// Takes note of damage met while reading. A block whose index is damaged is set aside: it cannot tell what it
    /// holds. A damaged chunk costs itself alone. Says whether the block was set aside.
    pub(crate) fn met_damage(&self, block: &Block, error: &ReadError, index: bool) -> bool {
        let mut text = error.to_string();
        let mut aside = false;
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
                aside = true;
                text = format!(
                    "{text}; {}; all other blocks answer",
                    self.set_aside(block.path())
                );
                self.count();
            }
        }
        self.name_damage(text);
        aside
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
        let list = self.list();
        self.telemetry.blocks.set(list.len() as i64);
        for resolution_ms in RESOLUTIONS {
            let of_tier = list.iter().filter(|block| block.resolution_ms() == resolution_ms);
            let bytes: u64 = of_tier.map(|block| block.byte_len()).sum();
            self.telemetry.tier_bytes_of(resolution_ms).set(bytes as i64);
        }
    }
}
