//! Few large blocks instead of many small ones: the blocks of a day become one once the day is over.
//!
//! A merged block names the blocks it was made of; where a crash leaves both, opening removes those.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::{HistogramSample, Labels, ReadError, SampleColumns, TenantId, TimeRange};

use super::Inner;
use crate::block::{Block, Walk, block_order};
use crate::columns::{settle, settle_histograms};
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

impl Inner {
    /// Merges the blocks of each day.
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
        for block in self.blocks.list().iter() {
            let day = block.range().from_ms().div_euclid(DAY_MS);
            if !wanted(day) {
                continue;
            }
            days.entry((block.tenant(), day))
                .or_default()
                .push(Arc::clone(block));
        }
        for ((tenant, day), blocks) in days {
            let known_bad = |block: &Arc<Block>| self.unmergeable.lock().contains(&block.id());
            if is_worthwhile(merge, day, &blocks) && !blocks.iter().any(known_bad) {
                self.merge_blocks(tenant, &blocks, now_ms)?;
            }
        }
        Ok(())
    }

    fn merge_blocks(&self, tenant: TenantId, blocks: &[Arc<Block>], now_ms: i64) -> Result<(), TsdbError> {
        let mut damage = None;
        let sources = blocks.iter().map(|block| block.id()).collect();
        let merged = self.publish_block(tenant, sources, now_ms, |writer| {
            let mut walks: Vec<Walk<'_>> = blocks.iter().map(|block| Walk::new(block)).collect();
            let (mut columns, mut histograms) = (SampleColumns::default(), Vec::new());
            loop {
                match next_series(&mut walks, &mut columns, &mut histograms) {
                    Ok(Some(labels)) => writer.add(&labels, &columns, &histograms)?,
                    Ok(None) => return Ok(()),
                    Err(error) => {
                        let text = error.to_string();
                        damage = Some(error);
                        return Err(std::io::Error::other(text));
                    }
                }
            }
        });
        match (merged, damage) {
            (Ok(merged), _) => {
                self.blocks.replace(blocks, merged);
                Ok(())
            }
            // What can be read of a damaged block goes on answering; merging would lose what cannot.
            (Err(_), Some(error @ ReadError::Damaged { .. })) => {
                self.blocks.name_damage(error.to_string());
                self.unmergeable
                    .lock()
                    .extend(blocks.iter().map(|block| block.id()));
                Ok(())
            }
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

/// The next series in the order of blocks, with the samples of all blocks that have it; of two samples at one time that of
/// the older block stays. `walks` go from the oldest block to the newest.
fn next_series(
    walks: &mut [Walk<'_>],
    columns: &mut SampleColumns,
    histograms: &mut Vec<HistogramSample>,
) -> Result<Option<Labels>, ReadError> {
    let mut first: Option<Labels> = None;
    for walk in walks.iter_mut() {
        if let Some(series) = walk.peek()?
            && first
                .as_ref()
                .is_none_or(|first| block_order(&series.labels, first) == Ordering::Less)
        {
            first = Some(series.labels.clone());
        }
    }
    let Some(labels) = first else { return Ok(None) };
    columns.clear();
    histograms.clear();
    for walk in walks {
        if walk.peek()?.is_some_and(|series| series.labels == labels)
            && let Some(series) = walk.take()
        {
            for chunk in &series.chunks {
                walk.block().read_chunk(chunk, columns)?;
            }
            for chunk in &series.histograms {
                walk.block().read_histograms(chunk, histograms)?;
            }
        }
    }
    settle(columns, 0, TimeRange::ALL);
    settle_histograms(histograms, TimeRange::ALL);
    Ok(Some(labels))
}
