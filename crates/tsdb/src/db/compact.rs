//! Few large blocks instead of many small ones: the blocks of a day become one once the day is over.
//!
//! A merged block names the blocks it was made of; where a crash leaves both, opening removes those.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::{RAW, ReadError, TenantId, TimeRange};
use ulid::Ulid;

use super::Inner;
use super::series_walk::{Gathered, SeriesWalk};
use crate::block::{Block, BlockWriter, Heading};
use crate::error::TsdbError;
use crate::limits::{BLOCKS_PER_DAY_MAX, DAY_MS, MERGE_SHARE};

/// Which blocks are merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Merge {
    /// Where it pays: of days that ended before this time, and of days with many blocks.
    Worthwhile {
        /// In milliseconds since the epoch.
        before_ms: i64,
    },
    /// All that can be.
    Everything,
}

/// What became of a block made of others.
#[derive(Debug)]
pub(super) enum Walked {
    /// It is written, and does not answer yet; `None` where there was nothing to write.
    Whole(Option<Box<Block>>),
    /// One of the others is damaged, as this says; nothing was written.
    Damaged(ReadError),
}

impl Inner {
    /// Merges the blocks of each day that hold what was measured.
    pub(super) fn compact(&self, merge: Merge, now_ms: i64) -> Result<(), TsdbError> {
        self.compact_where(merge, now_ms, |_| true)
    }

    /// Merges the blocks of the days (counted since the epoch) to which samples were added.
    pub(super) fn compact_days(
        &self,
        merge: Merge,
        days: &BTreeSet<i64>,
        now_ms: i64,
    ) -> Result<(), TsdbError> {
        self.compact_where(merge, now_ms, |day| days.contains(&day))
    }

    fn compact_where(
        &self,
        merge: Merge,
        now_ms: i64,
        wanted: impl Fn(i64) -> bool,
    ) -> Result<(), TsdbError> {
        let mut days: BTreeMap<(TenantId, i64), Vec<Arc<Block>>> = BTreeMap::new();
        for block in self.blocks.of_tier(RAW) {
            let day = block.range().from_ms().div_euclid(DAY_MS);
            if wanted(day) {
                days.entry((block.tenant(), day)).or_default().push(block);
            }
        }
        for ((_, day), blocks) in days {
            if is_worthwhile(merge, day, &blocks) {
                self.merge_blocks(&blocks, now_ms)?;
            }
        }
        Ok(())
    }

    /// Merges blocks of one tenant and tier.
    pub(super) fn merge_blocks(&self, blocks: &[Arc<Block>], now_ms: i64) -> Result<(), TsdbError> {
        let known_bad = |block: &Arc<Block>| self.unmergeable.lock().contains(&block.id());
        let Some(first) = blocks.first() else {
            return Ok(());
        };
        if blocks.iter().any(known_bad) {
            return Ok(());
        }
        let rolled_up: BTreeSet<Ulid> = blocks
            .iter()
            .flat_map(|block| block.contents().rolled_up.iter().copied())
            .collect();
        let heading = Heading {
            tenant: first.tenant(),
            resolution_ms: first.resolution_ms(),
            sources: blocks.iter().map(|block| block.id()).collect(),
            rolled_up: self.still_there(rolled_up),
        };
        let deletions = self.deletions(now_ms);
        // Of samples the older block's stay; rollups are made anew when more is known, so the newer block's do.
        let oldest_first = blocks.iter().map(|block| &**block);
        let mut walk = if heading.resolution_ms == RAW {
            SeriesWalk::new(oldest_first, TimeRange::ALL, &deletions)
        } else {
            SeriesWalk::new(oldest_first.rev(), TimeRange::ALL, &deletions)
        };
        self.rewrite_as(heading, blocks, &mut walk, now_ms)
    }

    /// Puts what is walked in the place of `blocks`.
    pub(super) fn rewrite_as(
        &self,
        heading: Heading,
        blocks: &[Arc<Block>],
        walk: &mut SeriesWalk<'_>,
        now_ms: i64,
    ) -> Result<(), TsdbError> {
        let written = self.write_walked(heading, walk, now_ms, |writer, gathered| {
            writer.add(&gathered.labels, gathered.added())
        })?;
        match written {
            Walked::Whole(written) => self.blocks.replace(blocks, written.map(|block| *block)),
            // What can be read of a damaged block goes on answering; merging would lose what cannot.
            Walked::Damaged(error) => {
                self.blocks.name_damage(error.to_string());
                let ids = blocks.iter().map(|block| block.id());
                self.unmergeable.lock().extend(ids);
            }
        }
        Ok(())
    }

    /// Writes a block of what is walked, as `add` has it.
    pub(super) fn write_walked(
        &self,
        heading: Heading,
        walk: &mut SeriesWalk<'_>,
        now_ms: i64,
        mut add: impl FnMut(&mut BlockWriter<'_>, &Gathered) -> std::io::Result<()>,
    ) -> Result<Walked, TsdbError> {
        let mut damage = None;
        let written = self.publish_block(heading, now_ms, |writer| {
            loop {
                match walk.next() {
                    Ok(Some(gathered)) => add(writer, gathered)?,
                    Ok(None) => return Ok(()),
                    Err(error) => {
                        let text = error.to_string();
                        damage = Some(error);
                        return Err(std::io::Error::other(text));
                    }
                }
            }
        });
        match (written, damage) {
            (Ok(written), _) => Ok(Walked::Whole(written.map(Box::new))),
            (Err(_), Some(error @ ReadError::Damaged { .. })) => Ok(Walked::Damaged(error)),
            (Err(error), _) => Err(error),
        }
    }
}

/// Whether the blocks of a day are many enough, or alike enough, to be worth writing them again.
fn is_worthwhile(merge: Merge, day: i64, blocks: &[Arc<Block>]) -> bool {
    let bytes = blocks.iter().map(|block| block.byte_len());
    let largest = bytes.clone().max().unwrap_or_default();
    let others = bytes.sum::<u64>() - largest;
    match merge {
        _ if blocks.len() < 2 => false,
        Merge::Everything => true,
        Merge::Worthwhile { .. } if blocks.len() >= BLOCKS_PER_DAY_MAX => true,
        Merge::Worthwhile { before_ms } => {
            let over = (day + 1).saturating_mul(DAY_MS) <= before_ms;
            over && others.saturating_mul(MERGE_SHARE) >= largest
        }
    }
}
