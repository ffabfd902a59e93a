//! What is deleted: by tombstones, which hold for the blocks there were, and by retention of single series.
//!
//! Deleted samples are hidden at once and leave the disk with the next maintenance, which writes the blocks concerned again
//! without them. A tombstone holds for blocks up to the newest of its time, so it ends by itself once those are written again.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use model::{Labels, Matcher, PatternsSize, ReadError, Rollups, TenantId, TimeRange};
use ulid::Ulid;

use super::series_walk::SeriesWalk;
use super::{Db, Inner};
use crate::block::{Block, Heading, Session};
use crate::checkpoint::Tombstone;
use crate::columns::keep_rollups;
use crate::config::SeriesRetention;
use crate::error::TsdbError;

/// What holds of what is deleted at one moment.
#[derive(Debug, Default)]
pub(super) struct Deletions {
    tombstones: Vec<Tombstone>,
    /// Matchers of series, the tier, and before when it is over with them.
    expired: Vec<(SeriesRetention, i64)>,
}

/// Blocks that were looked through and have nothing that is deleted.
#[derive(Debug, Default)]
pub(crate) struct Clean {
    /// By all tombstones.
    of_tombstones: BTreeSet<Ulid>,
    /// By the rule of that number.
    of_rules: BTreeSet<(Ulid, usize)>,
}

impl Deletions {
    /// The times of which a block's samples of a series are deleted.
    pub(super) fn of(&self, block: &Block, labels: &Labels) -> Vec<TimeRange> {
        let meets = |matchers: &[Matcher]| matchers.iter().all(|matcher| matcher.matches_labels(labels));
        let buried = self
            .tombstones_of(block)
            .filter(|tombstone| meets(&tombstone.matchers))
            .map(|tombstone| tombstone.range);
        let expired = self
            .rules_of(block)
            .filter(|(_, rule, _)| meets(&rule.matchers))
            .map(|(_, _, before_ms)| before(before_ms));
        buried.chain(expired).collect()
    }

    fn tombstones_of(&self, block: &Block) -> impl Iterator<Item = &Tombstone> {
        let (id, tenant, range) = (block.id(), block.tenant(), block.range());
        self.tombstones.iter().filter(move |tombstone| {
            tombstone.tenant == tenant && id <= tombstone.up_to && tombstone.range.overlaps(&range)
        })
    }

    /// The rules for a block's tier, with their numbers and before when it is over with matching series.
    fn rules_of(&self, block: &Block) -> impl Iterator<Item = (usize, &SeriesRetention, i64)> {
        let (resolution_ms, from_ms) = (block.resolution_ms(), block.range().from_ms());
        let rules = self.expired.iter().enumerate();
        rules
            .filter(move |(_, (rule, before_ms))| {
                rule.resolution_ms.is_none_or(|wanted| wanted == resolution_ms) && from_ms < *before_ms
            })
            .map(|(number, (rule, before_ms))| (number, rule, *before_ms))
    }

    /// Whether the block should be written again: a tombstone holds for a series of it, or it is over with one of them for the
    /// whole time of the block.
    fn touch(&self, block: &Block, clean: &mut Clean) -> Result<bool, ReadError> {
        let session = Session::new(block);
        if !clean.of_tombstones.contains(&block.id()) {
            for tombstone in self.tombstones_of(block) {
                if !session.select(&tombstone.matchers, tombstone.range)?.is_empty() {
                    return Ok(true);
                }
            }
            clean.of_tombstones.insert(block.id());
        }
        for (number, rule, before_ms) in self.rules_of(block) {
            if block.range().to_ms() >= before_ms || clean.of_rules.contains(&(block.id(), number)) {
                continue;
            }
            if !session.select(&rule.matchers, TimeRange::ALL)?.is_empty() {
                return Ok(true);
            }
            clean.of_rules.insert((block.id(), number));
        }
        Ok(false)
    }
}

/// All time before `at_ms`.
fn before(at_ms: i64) -> TimeRange {
    TimeRange::new(i64::MIN, at_ms.saturating_sub(1)).unwrap_or(TimeRange::at(i64::MIN))
}

impl Db {
    /// Deletes the samples in `range` of all series of a tenant that meet all `matchers`, histograms and rollups included.
    /// When it returns they are not readable any more, whatever happens then; samples that come later are not concerned.
    pub fn delete(
        &self,
        tenant: TenantId,
        matchers: &[Matcher],
        range: TimeRange,
        now_ms: i64,
    ) -> Result<(), TsdbError> {
        self.guarded(|inner| {
            // Of what is in blocks a tombstone tells old from new.
            inner.flush_before(i64::MAX, now_ms)?;
            let Some(up_to) = inner.blocks.list().iter().map(|block| block.id()).max() else {
                return Ok(());
            };
            let mut checkpoint = inner.checkpoint.write();
            let waiting = checkpoint
                .tombstones
                .iter()
                .flat_map(|tombstone| &tombstone.matchers);
            let mut patterns = PatternsSize::default();
            waiting
                .chain(matchers)
                .try_for_each(|matcher| patterns.add(matcher.pattern_bytes()))
                .map_err(|_| TsdbError::TooManyDeletions)?;
            checkpoint.tombstones.push(Tombstone {
                tenant,
                matchers: matchers.to_vec(),
                range,
                up_to,
            });
            drop(checkpoint);
            inner.changes.note(tenant, range.from_ms());
            inner.clean.lock().of_tombstones.clear();
            inner.checkpoint_stale.store(true, Ordering::SeqCst);
            inner.save_checkpoint()
        })
    }

    /// Writes the blocks that hold deleted samples again without them; maintenance does the same.
    pub fn bury(&self, now_ms: i64) -> Result<(), TsdbError> {
        self.guarded(|inner| inner.bury(now_ms))
    }
}

impl Inner {
    pub(super) fn deletions(&self, now_ms: i64) -> Deletions {
        let rules = self.config.series_retention.iter();
        Deletions {
            tombstones: self.checkpoint.read().tombstones.clone(),
            expired: rules
                .map(|rule| (rule.clone(), now_ms.saturating_sub(rule.keep.as_millis_i64())))
                .collect(),
        }
    }

    /// Writes blocks again that hold what is deleted, and ends tombstones that hold for no block any more.
    pub(super) fn bury(&self, now_ms: i64) -> Result<(), TsdbError> {
        let deletions = self.deletions(now_ms);
        let mut clean = self.clean.lock();
        for block in self.blocks.list().iter() {
            if self.unmergeable.lock().contains(&block.id()) {
                continue;
            }
            let touched = deletions.touch(block, &mut clean);
            let touched = self
                .forgive(block, touched, true)
                .map_err(|source| TsdbError::ReadBlock { source })?;
            if touched == Some(true) {
                self.rewrite(block, &deletions, now_ms)?;
            }
        }
        let blocks = self.blocks.list();
        let there = |id: &Ulid| blocks.iter().any(|block| block.id() == *id);
        clean.of_tombstones.retain(there);
        clean.of_rules.retain(|(id, _)| there(id));
        let mut checkpoint = self.checkpoint.write();
        let before = checkpoint.tombstones.len();
        checkpoint.tombstones.retain(|tombstone| {
            let holds = |block: &Arc<Block>| {
                block.id() <= tombstone.up_to
                    && block.tenant() == tombstone.tenant
                    && block.range().overlaps(&tombstone.range)
                    && !clean.of_tombstones.contains(&block.id())
            };
            blocks.iter().any(holds)
        });
        if checkpoint.tombstones.len() != before {
            self.checkpoint_stale.store(true, Ordering::SeqCst);
        }
        Ok(())
    }

    fn rewrite(&self, block: &Arc<Block>, deletions: &Deletions, now_ms: i64) -> Result<(), TsdbError> {
        let heading = Heading {
            tenant: block.tenant(),
            resolution_ms: block.resolution_ms(),
            sources: vec![block.id()],
            rolled_up: block.contents().rolled_up.clone(),
        };
        let mut walk = SeriesWalk::new(std::iter::once(&**block), TimeRange::ALL, deletions);
        self.rewrite_as(heading, std::slice::from_ref(block), &mut walk, now_ms)
    }
}

/// Removes the rollups from `start` on whose stretch of time touches a deleted range. What of the stretch is not deleted is
/// rolled up again from samples, where they are still kept.
pub(super) fn remove_rollups(rollups: &mut Rollups, start: usize, deleted: TimeRange, resolution_ms: i64) {
    keep_rollups(rollups, start, |end_ms| {
        !stretch_of(end_ms, resolution_ms).overlaps(&deleted)
    });
}

/// The times that a rollup with this end is about.
pub(super) fn stretch_of(end_ms: i64, resolution_ms: i64) -> TimeRange {
    let first_ms = end_ms.saturating_sub(resolution_ms).saturating_add(1);
    TimeRange::new(first_ms.min(end_ms), end_ms).unwrap_or(TimeRange::at(end_ms))
}
