//! From samples to rollups: each day once it is over and its late samples have come, and again when more of them come.
//!
//! A block of rollups names the blocks of samples that it was made of. A day whose samples are all in such blocks is rolled up;
//! any other is rolled up when somebody asks, from the samples themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::{Histogram, RAW, ResetHint, Rollups, Statistic, TenantId, TimeRange, stretch_end};
use ulid::Ulid;

use super::Inner;
use super::compact::Walked;
use super::deletions::{remove_rollups, stretch_of};
use super::series_walk::SeriesWalk;
use crate::block::{Added, Block, Heading};
use crate::error::TsdbError;
use crate::limits::{DAY_MS, ROLL_UP_AFTER_MS};
use crate::tiers::merged_spans;

/// The blocks of samples of a tenant's day, counted since the epoch.
type Days = BTreeMap<(TenantId, i64), Vec<Arc<Block>>>;

impl Inner {
    /// Rolls up the days that ended long enough before `before_ms`, and merges blocks of rollups: `all` of them, or those of
    /// spans that are over.
    pub(super) fn roll_up(&self, before_ms: i64, all: bool, now_ms: i64) -> Result<(), TsdbError> {
        let ended_ms = before_ms.min(now_ms).saturating_sub(ROLL_UP_AFTER_MS);
        for keep in self.config.tiers() {
            if keep.resolution_ms == RAW {
                continue;
            }
            for ((tenant, day), blocks) in self.days_to_roll_up(keep.resolution_ms) {
                let kept = ends_of(day).to_ms() >= now_ms.saturating_sub(keep.keep_ms);
                if kept && ends_of(day).to_ms() <= ended_ms {
                    self.roll_up_day(tenant, day, keep.resolution_ms, &blocks, now_ms)?;
                }
            }
            self.merge_rollups(keep.resolution_ms, ended_ms.saturating_sub(DAY_MS), all, now_ms)?;
        }
        Ok(())
    }

    /// The days that have samples which are not in a tier.
    fn days_to_roll_up(&self, resolution_ms: i64) -> Days {
        let mut days = Days::new();
        let mut open = BTreeSet::new();
        for block in self.blocks.of_tier(RAW) {
            let key = (block.tenant(), block.range().from_ms().div_euclid(DAY_MS));
            if !self.is_rolled_up(&block, resolution_ms) {
                open.insert(key);
            }
            days.entry(key).or_default().push(block);
        }
        days.retain(|key, _| open.contains(key));
        days
    }

    /// Whether a tier has what a block of samples holds.
    pub(super) fn is_rolled_up(&self, raw: &Block, resolution_ms: i64) -> bool {
        self.hollow.lock().contains(&(raw.id(), resolution_ms))
            || self.blocks.list().iter().any(|block| {
                block.resolution_ms() == resolution_ms
                    && block.tenant() == raw.tenant()
                    && block.was_rolled_up_from(raw)
            })
    }

    fn roll_up_day(
        &self,
        tenant: TenantId,
        day: i64,
        resolution_ms: i64,
        of_day: &[Arc<Block>],
        now_ms: i64,
    ) -> Result<(), TsdbError> {
        let ends = ends_of(day);
        // The last sample of the day before tells whether a counter started again with the first one.
        let range = span(ends.from_ms().saturating_sub(DAY_MS), ends.to_ms());
        let blocks = self.blocks.overlapping(tenant, range);
        let deletions = self.deletions(now_ms);
        let mut walk = SeriesWalk::new(blocks.iter().map(|block| &**block), range, &deletions)
            .leading_to(ends.from_ms())
            .forgiving(self);
        let mut rollups = Rollups::of(&Statistic::ALL);
        let ids = || of_day.iter().map(|block| block.id());
        let heading = Heading {
            tenant,
            resolution_ms,
            sources: Vec::new(),
            rolled_up: ids().collect(),
        };
        let written = self.write_walked(heading, &mut walk, now_ms, |writer, gathered| {
            rollups.clear();
            rollups.roll_up(&gathered.samples, resolution_ms, ends);
            let mut histograms = last_of_stretches(&gathered.histograms, resolution_ms, ends);
            // Better no rollup than one of a part of its samples.
            for &damaged in &gathered.damaged {
                remove_rollups(&mut rollups, 0, damaged, resolution_ms);
                histograms.retain(|last| !stretch_of(last.at_ms, resolution_ms).overlaps(&damaged));
            }
            let added = Added {
                samples: None,
                histograms: &histograms,
                rollups: Some(&rollups),
            };
            writer.add(&gathered.labels, added)
        })?;
        match written {
            Walked::Whole(Some(block)) => self.blocks.add(*block),
            Walked::Whole(None) => self.hollow.lock().extend(ids().map(|id| (id, resolution_ms))),
            // A block that cannot tell what it holds was set aside: the next time, the day is rolled up from the others.
            Walked::Damaged(_) => {}
        }
        Ok(())
    }

    fn merge_rollups(
        &self,
        resolution_ms: i64,
        ended_ms: i64,
        all: bool,
        now_ms: i64,
    ) -> Result<(), TsdbError> {
        for &span_ms in merged_spans(resolution_ms) {
            let mut spans: BTreeMap<(TenantId, i64), Vec<Arc<Block>>> = BTreeMap::new();
            for block in self.blocks.of_tier(resolution_ms) {
                // A rollup stands at the end of its stretch.
                let place = |end_ms: i64| end_ms.saturating_sub(1).div_euclid(span_ms);
                let (first, last) = (place(block.range().from_ms()), place(block.range().to_ms()));
                let is_over = (first + 1).saturating_mul(span_ms) <= ended_ms;
                if first == last && (all || is_over) {
                    spans.entry((block.tenant(), first)).or_default().push(block);
                }
            }
            for blocks in spans.into_values().filter(|blocks| blocks.len() > 1) {
                self.merge_blocks(&blocks, now_ms)?;
            }
        }
        Ok(())
    }

    /// Of the blocks of samples that rollups were made of, those that can still be asked about.
    pub(super) fn still_there(&self, rolled_up: BTreeSet<Ulid>) -> Vec<Ulid> {
        let raw = self.blocks.of_tier(RAW);
        let there: BTreeSet<Ulid> = raw
            .iter()
            .flat_map(|block| block.contents().sources.iter().copied().chain([block.id()]))
            .collect();
        rolled_up.intersection(&there).copied().collect()
    }

    /// The days, counted since the epoch, of samples in `range` that a tier does not have yet.
    pub(super) fn not_rolled_up(
        &self,
        tenant: TenantId,
        range: TimeRange,
        resolution_ms: i64,
    ) -> BTreeSet<i64> {
        let range = span(range.from_ms().saturating_sub(resolution_ms), range.to_ms());
        let blocks = self.blocks.overlapping(tenant, range);
        blocks
            .iter()
            .filter(|block| !self.is_rolled_up(block, resolution_ms))
            .flat_map(|block| days_of(block.range(), resolution_ms))
            .collect()
    }
}

/// The ends of the rollups of a day.
pub(super) fn ends_of(day: i64) -> TimeRange {
    let start_ms = day.saturating_mul(DAY_MS);
    span(start_ms.saturating_add(1), start_ms.saturating_add(DAY_MS))
}

/// The days whose rollups the samples of a range belong to.
pub(super) fn days_of(range: TimeRange, resolution_ms: i64) -> impl Iterator<Item = i64> {
    let day = |at_ms: i64| {
        stretch_end(at_ms, resolution_ms)
            .saturating_sub(1)
            .div_euclid(DAY_MS)
    };
    day(range.from_ms())..=day(range.to_ms())
}

/// From one time to another that is not before it.
pub(super) fn span(from_ms: i64, to_ms: i64) -> TimeRange {
    TimeRange::at(from_ms).union(&TimeRange::at(to_ms))
}

/// The last histogram of each stretch that ends in `ends`, at its end. What it says of a reset is about the histogram before it,
/// which is left out here.
pub(super) fn last_of_stretches(
    histograms: &[model::HistogramSample],
    resolution_ms: i64,
    ends: TimeRange,
) -> Vec<model::HistogramSample> {
    histograms
        .chunk_by(|a, b| stretch_end(a.at_ms, resolution_ms) == stretch_end(b.at_ms, resolution_ms))
        .filter_map(<[_]>::last)
        .map(|last| {
            model::HistogramSample::new(stretch_end(last.at_ms, resolution_ms), without_reset(&last.value))
        })
        .filter(|last| ends.contains(last.at_ms))
        .collect()
}

fn without_reset(histogram: &Arc<Histogram>) -> Arc<Histogram> {
    let mut plain = Arc::clone(histogram);
    if matches!(histogram.reset_hint, ResetHint::Yes | ResetHint::No) {
        Arc::make_mut(&mut plain).reset_hint = ResetHint::Unknown;
    }
    plain
}
