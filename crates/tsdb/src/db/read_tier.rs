//! Answering in a coarse tier: rollups of blocks, and of samples where the tier does not have them yet.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::{
    Extent, HistogramSample, Labels, RAW, ReadError, Rollups, SampleColumns, SelectedSeries, Selector,
    Statistic, TenantId, Tier, TimeRange,
};

use super::found::Found;
use super::read::{Selected, Sources};
use super::roll_up::{days_of, ends_of, span};
use super::{Db, Inner};
use crate::columns::settle_rollups;

/// A series that was selected in a tier.
#[derive(Debug)]
struct InTier {
    /// What there is of its samples.
    raw: Selected,
    /// Its rollups, newest first.
    blocks: Vec<Found>,
    /// The ends of rollups that are made of samples.
    open: Arc<Vec<TimeRange>>,
    resolution_ms: i64,
}

impl Db {
    /// What is kept of a tenant, by tier.
    pub(super) fn kept_tiers(&self, tenant: TenantId) -> Vec<Tier> {
        let mut since: BTreeMap<i64, i64> = BTreeMap::new();
        for block in self
            .inner
            .blocks
            .list()
            .iter()
            .filter(|block| block.tenant() == tenant)
        {
            let oldest_ms = since.entry(block.resolution_ms()).or_insert(i64::MAX);
            // A rollup tells of the stretch before it.
            let from_ms = block.range().from_ms().saturating_sub(block.resolution_ms());
            *oldest_ms = from_ms.min(*oldest_ms);
        }
        // Memory is younger than blocks, or there is nothing else.
        since.entry(RAW).or_insert(i64::MIN);
        since
            .into_iter()
            .map(|(resolution_ms, since_ms)| Tier {
                resolution_ms,
                since_ms,
            })
            .collect()
    }

    pub(super) fn select_rollups(
        &self,
        selector: &Selector,
        resolution_ms: i64,
    ) -> Result<Vec<Arc<dyn SelectedSeries>>, ReadError> {
        let inner = &self.inner;
        let mut found: BTreeMap<Labels, (Sources, Vec<Found>)> = BTreeMap::new();
        let mut days = BTreeSet::new();
        let wanted = span(
            selector.range.from_ms().saturating_sub(resolution_ms),
            selector.range.to_ms(),
        );
        for series in inner.head.select(selector.tenant, &selector.matchers, wanted)? {
            if let (_, Some(extent)) = series.extent()
                && extent.overlaps(&wanted)
            {
                days.extend(days_of(clip(extent, wanted), resolution_ms));
                let labels = series.series().labels().clone();
                found.entry(labels).or_default().0.memory = Some(series);
            }
        }
        days.extend(inner.not_rolled_up(selector.tenant, wanted, resolution_ms));
        let open: Vec<TimeRange> = together(&days)
            .into_iter()
            .filter(|ends| ends.overlaps(&selector.range))
            .map(|ends| clip(ends, selector.range))
            .collect();
        let deletions = inner.deletions(inner.latest_ms());
        let mut searched = BTreeSet::new();
        for block in inner.blocks.overlapping(selector.tenant, wanted) {
            searched.insert(block.id());
            let needed = open
                .iter()
                .any(|ends| of_samples(*ends, resolution_ms).overlaps(&block.range()));
            if needed {
                for series in inner.search(&block, &selector.matchers, wanted, &deletions)? {
                    let sources = found.entry(series.labels.clone()).or_default();
                    sources.0.blocks.push(series);
                }
            }
        }
        let tier = inner
            .blocks
            .overlapping_in_tier(selector.tenant, selector.range, resolution_ms);
        for block in tier.iter().rev() {
            for series in inner.search(block, &selector.matchers, selector.range, &deletions)? {
                found.entry(series.labels.clone()).or_default().1.push(series);
            }
        }
        let (searched, open) = (Arc::new(searched), Arc::new(open));
        let selected = found.into_iter().map(|(labels, (sources, blocks))| {
            let series: Arc<dyn SelectedSeries> = Arc::new(InTier {
                raw: Selected::new(inner, selector.tenant, labels, sources, &searched),
                blocks,
                open: Arc::clone(&open),
                resolution_ms,
            });
            series
        });
        Ok(selected.collect())
    }
}

impl SelectedSeries for InTier {
    fn labels(&self) -> &Labels {
        self.raw.labels()
    }

    fn damaged_files(&self) -> Vec<String> {
        let rolled_up = self.blocks.iter().filter_map(Found::damaged_file);
        rolled_up.chain(self.raw.damaged_files()).collect()
    }

    fn extent(&self, range: TimeRange, statistics: &[Statistic]) -> Extent {
        let rolled_up = self.blocks.iter().map(|found| found.weigh(range, statistics));
        let open = self.open.iter().filter(|ends| ends.overlaps(&range));
        let raw = open.map(|ends| {
            let samples = of_samples(clip(*ends, range), self.resolution_ms);
            self.raw.extent(samples, statistics)
        });
        rolled_up.chain(raw).fold(Extent::default(), Extent::and)
    }

    fn read(&self, range: TimeRange, out: &mut SampleColumns) -> Result<(), ReadError> {
        let mut rollups = Rollups::of(&[Statistic::Last]);
        self.read_rollups(range, &mut rollups)?;
        out.at_ms.extend_from_slice(&rollups.at_ms);
        out.values.extend_from_slice(rollups.column(Statistic::Last));
        Ok(())
    }

    fn read_rollups(&self, range: TimeRange, out: &mut Rollups) -> Result<(), ReadError> {
        let start = out.len();
        let mut samples = SampleColumns::default();
        for ends in self.open.iter().filter(|ends| ends.overlaps(&range)) {
            let ends = clip(*ends, range);
            samples.clear();
            self.raw
                .read(of_samples(ends, self.resolution_ms), &mut samples)?;
            out.roll_up(&samples, self.resolution_ms, ends);
        }
        let db: &Inner = self.raw.db();
        for found in &self.blocks {
            for chunk in found.rollups.iter().filter(|chunk| chunk.range.overlaps(&range)) {
                let before = out.len();
                found.forgive(db, found.block.read_rollups(chunk, out))?;
                for &deleted in &found.deleted {
                    super::deletions::remove_rollups(out, before, deleted, self.resolution_ms);
                }
            }
        }
        settle_rollups(out, start, range);
        Ok(())
    }

    fn may_have_histograms(&self) -> bool {
        self.raw.may_have_histograms() || self.blocks.iter().any(|found| !found.histograms.is_empty())
    }

    fn read_histograms(&self, range: TimeRange, out: &mut Vec<HistogramSample>) -> Result<(), ReadError> {
        let db: &Inner = self.raw.db();
        let mut found = Vec::new();
        for ends in self.open.iter().filter(|ends| ends.overlaps(&range)) {
            let ends = clip(*ends, range);
            let mut samples = Vec::new();
            self.raw
                .read_histograms(of_samples(ends, self.resolution_ms), &mut samples)?;
            found.extend(super::roll_up::last_of_stretches(
                &samples,
                self.resolution_ms,
                ends,
            ));
        }
        for block in &self.blocks {
            db.gather_histograms(block, range, &mut found)?;
        }
        crate::columns::settle_histograms(&mut found, range);
        out.append(&mut found);
        Ok(())
    }
}

/// The samples that rollups with these ends are made of, and those of the stretch before.
fn of_samples(ends: TimeRange, resolution_ms: i64) -> TimeRange {
    let first_ms = ends.from_ms().saturating_sub(2 * resolution_ms).saturating_add(1);
    span(first_ms, ends.to_ms())
}

/// What two ranges that overlap have in common.
fn clip(range: TimeRange, within: TimeRange) -> TimeRange {
    span(
        range.from_ms().max(within.from_ms()),
        range.to_ms().min(within.to_ms()),
    )
}

/// The ends of the rollups of days, days that follow each other together.
fn together(days: &BTreeSet<i64>) -> Vec<TimeRange> {
    let mut ranges: Vec<TimeRange> = Vec::new();
    for &day in days {
        let ends = ends_of(day);
        match ranges.last_mut() {
            Some(last) if last.to_ms() + 1 == ends.from_ms() => *last = last.union(&ends),
            _ => ranges.push(ends),
        }
    }
    ranges
}
