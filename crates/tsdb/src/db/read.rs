//! Answering: series of memory and blocks by matcher, their samples merged.
//!
//! Memory is looked at before the list of blocks is taken: samples leave memory only after their block is in the list,
//! so whatever happens between the two looks, a sample is seen once at least, and merging leaves it once.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::{
    Exemplar, Extent, HistogramSample, Labels, Mark, Matcher, MetricMetadata, RAW, ReadError, SampleColumns,
    SelectedSeries, Selector, SeriesRead, SeriesStatistics, Statistic, TenantId, Tier, TimeRange,
};
use ulid::Ulid;

use super::found::Found;
use super::{Db, Inner};
use crate::block::{Block, Session};
use crate::columns::{settle, settle_histograms};
use crate::head::MemSeries;
use crate::tiers::RESOLUTIONS;

/// A series that was selected.
#[derive(Debug)]
pub(super) struct Selected {
    db: Arc<Inner>,
    tenant: TenantId,
    labels: Labels,
    sources: Sources,
    /// The blocks that were searched when the series was selected.
    searched: Arc<BTreeSet<Ulid>>,
}

/// Where the samples of a series are.
#[derive(Debug, Default)]
pub(super) struct Sources {
    pub(super) memory: Option<Arc<MemSeries>>,
    pub(super) blocks: Vec<Found>,
}

/// One place where samples of a series are.
#[derive(Debug)]
enum Source {
    Memory(Arc<MemSeries>),
    Block(Found),
}

impl Sources {
    fn add(&mut self, source: Source) {
        match source {
            Source::Memory(series) => self.memory = Some(series),
            Source::Block(found) => self.blocks.push(found),
        }
    }
}

impl Selected {
    pub(super) fn new(
        db: &Arc<Inner>,
        tenant: TenantId,
        labels: Labels,
        sources: Sources,
        searched: &Arc<BTreeSet<Ulid>>,
    ) -> Self {
        Self {
            db: Arc::clone(db),
            tenant,
            labels,
            sources,
            searched: Arc::clone(searched),
        }
    }

    pub(super) fn db(&self) -> &Inner {
        &self.db
    }

    /// The blocks that were made since the series was selected.
    fn unknown(&self, range: TimeRange) -> impl Iterator<Item = Arc<Block>> {
        let blocks = self.db.blocks.overlapping(self.tenant, range);
        blocks
            .into_iter()
            .filter(|block| !self.searched.contains(&block.id()))
    }
}

impl SeriesRead for Db {
    fn select(&self, selector: &Selector) -> Result<Vec<Arc<dyn SelectedSeries>>, ReadError> {
        let mut found: Vec<(Labels, Source)> = Vec::new();
        for series in self
            .inner
            .head
            .select(selector.tenant, &selector.matchers, selector.range)?
        {
            found.push((series.series().labels().clone(), Source::Memory(series)));
        }
        let deletions = self.inner.deletions(self.inner.latest_ms());
        let mut searched = BTreeSet::new();
        for block in self.inner.blocks.overlapping(selector.tenant, selector.range) {
            searched.insert(block.id());
            let of_block = self
                .inner
                .search(&block, &selector.matchers, selector.range, &deletions)?;
            let of_block = of_block.into_iter();
            found.extend(of_block.map(|series| (series.labels.clone(), Source::Block(series))));
        }
        // Stable: the blocks of a series stay in their order. Blocks have their series nearly in this order.
        found.sort_by(|left, right| left.0.cmp(&right.0));
        let searched = Arc::new(searched);
        let mut selected: Vec<Arc<dyn SelectedSeries>> = Vec::with_capacity(found.len());
        let mut found = found.into_iter().peekable();
        while let Some((labels, source)) = found.next() {
            let mut sources = Sources::default();
            sources.add(source);
            while let Some((_, source)) = found.next_if(|(next, _)| *next == labels) {
                sources.add(source);
            }
            let (inner, tenant) = (&self.inner, selector.tenant);
            selected.push(Arc::new(Selected::new(inner, tenant, labels, sources, &searched)));
        }
        Ok(selected)
    }

    fn tiers(&self, tenant: TenantId) -> Result<Vec<Tier>, ReadError> {
        Ok(self.kept_tiers(tenant))
    }

    fn mark(&self, tenant: TenantId) -> Option<Mark> {
        // What single series lose with time is hidden as it passes, and noted nowhere.
        let has_rules = !self.inner.config.series_retention.is_empty();
        (!has_rules).then(|| self.inner.changes.mark(tenant))
    }

    fn unchanged_before_ms(&self, tenant: TenantId, mark: Mark) -> i64 {
        self.inner.changes.unchanged_before_ms(tenant, mark)
    }

    fn select_in_tier(
        &self,
        selector: &Selector,
        resolution_ms: i64,
    ) -> Result<Vec<Arc<dyn SelectedSeries>>, ReadError> {
        if resolution_ms == RAW {
            self.select(selector)
        } else {
            self.select_rollups(selector, resolution_ms)
        }
    }

    fn label_names(
        &self,
        tenant: TenantId,
        range: TimeRange,
        any_of: &[Vec<Matcher>],
    ) -> Result<Vec<String>, ReadError> {
        let mut names = BTreeSet::new();
        let mut add = |name: &str| {
            if !names.contains(name) {
                names.insert(name.to_owned());
            }
        };
        if any_of.is_empty() {
            self.inner.head.for_each_name(tenant, range, &mut add);
            self.inner.for_each_block(tenant, range, |block| {
                let walked = Session::new(block).for_each_name(&mut add);
                self.inner.forgive(block, walked, true).map(drop)
            })?;
        } else {
            let mut of_series = |labels: &Labels| labels.iter().for_each(|(name, _)| add(name));
            self.inner
                .for_each_labels(tenant, range, any_of, &mut of_series)?;
        }
        Ok(names.into_iter().collect())
    }

    fn label_values(
        &self,
        tenant: TenantId,
        name: &str,
        range: TimeRange,
        any_of: &[Vec<Matcher>],
    ) -> Result<Vec<String>, ReadError> {
        let mut values = BTreeSet::new();
        let mut add = |value: &str| {
            if !values.contains(value) {
                values.insert(value.to_owned());
            }
        };
        if any_of.is_empty() {
            self.inner.head.for_each_value(tenant, name, range, &mut add);
            self.inner.for_each_block(tenant, range, |block| {
                let walked = Session::new(block).for_each_value(name, &mut add);
                self.inner.forgive(block, walked, true).map(drop)
            })?;
        } else {
            let mut of_series = |labels: &Labels| labels.get(name).into_iter().for_each(&mut add);
            self.inner
                .for_each_labels(tenant, range, any_of, &mut of_series)?;
        }
        Ok(values.into_iter().collect())
    }

    fn metadata(&self, tenant: TenantId, metric: Option<&str>) -> Result<Vec<MetricMetadata>, ReadError> {
        let checkpoint = self.inner.checkpoint.read();
        if let Some(metric) = metric {
            return Ok(checkpoint
                .metadata
                .get(&(tenant, Arc::from(metric)))
                .cloned()
                .into_iter()
                .collect());
        }
        let all = checkpoint
            .metadata
            .iter()
            .filter(|((owner, _), _)| *owner == tenant);
        Ok(all.map(|(_, entry)| entry.clone()).collect())
    }

    fn exemplars(
        &self,
        tenant: TenantId,
        range: TimeRange,
        any_of: &[Vec<Matcher>],
    ) -> Result<Vec<(Labels, Vec<Exemplar>)>, ReadError> {
        Ok(self.inner.exemplars.select(tenant, range, any_of))
    }

    fn statistics(&self, tenant: TenantId, limit: usize) -> Result<SeriesStatistics, ReadError> {
        let mut statistics = self.inner.head.statistics(tenant, limit);
        statistics.blocks = self
            .inner
            .blocks
            .list()
            .iter()
            .filter(|block| block.tenant() == tenant)
            .count() as u64;
        statistics.disk_bytes = self.inner.disk_bytes();
        statistics.series_refused_by_metric = self.inner.culprits.of(tenant);
        statistics.series_refused_by_metric.truncate(limit);
        Ok(statistics)
    }
}

impl Inner {
    /// The blocks of all tiers that may have something in `range`.
    fn for_each_block(
        &self,
        tenant: TenantId,
        range: TimeRange,
        mut each: impl FnMut(&Arc<Block>) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        let blocks = RESOLUTIONS
            .iter()
            .flat_map(|&resolution_ms| self.blocks.overlapping_in_tier(tenant, range, resolution_ms));
        blocks.into_iter().try_for_each(|block| each(&block))
    }

    /// The labels of the series that match any of the selectors; they may come more than once.
    fn for_each_labels(
        &self,
        tenant: TenantId,
        range: TimeRange,
        any_of: &[Vec<Matcher>],
        each: &mut dyn FnMut(&Labels),
    ) -> Result<(), ReadError> {
        let deletions = self.deletions(self.latest_ms());
        for matchers in any_of {
            for series in self.head.select(tenant, matchers, range)? {
                each(series.series().labels());
            }
            self.for_each_block(tenant, range, |block| {
                let found = self.search(block, matchers, range, &deletions)?;
                for series in &found {
                    each(&series.labels);
                }
                Ok(())
            })?;
        }
        Ok(())
    }
}

impl SelectedSeries for Selected {
    fn labels(&self) -> &Labels {
        &self.labels
    }

    fn read(&self, range: TimeRange, out: &mut SampleColumns) -> Result<(), ReadError> {
        let mut newest = SampleColumns::default();
        if let Some(memory) = &self.sources.memory {
            memory.gather(range, &mut newest);
        }
        let start = out.len();
        for found in &self.sources.blocks {
            self.db.gather(found, range, out)?;
        }
        for block in self.unknown(range) {
            self.db.gather_unknown(block, &self.labels, range, out);
        }
        out.append(&mut newest);
        settle(out, start, range);
        Ok(())
    }

    fn damaged_files(&self) -> Vec<String> {
        self.sources
            .blocks
            .iter()
            .filter_map(Found::damaged_file)
            .collect()
    }

    fn extent(&self, range: TimeRange, statistics: &[Statistic]) -> Extent {
        let memory = self.sources.memory.iter().map(|memory| memory.weigh(range));
        let blocks = self.sources.blocks.iter();
        let blocks = blocks.map(|found| found.weigh(range, statistics));
        memory.chain(blocks).fold(Extent::default(), Extent::and)
    }

    fn may_have_histograms(&self) -> bool {
        // Blocks that were made since the series was selected were made of memory, which knows that it had some.
        let memory = self.sources.memory.as_ref();
        memory.is_some_and(|memory| memory.has_histograms())
            || self
                .sources
                .blocks
                .iter()
                .any(|found| !found.histograms.is_empty())
    }

    fn read_histograms(&self, range: TimeRange, out: &mut Vec<HistogramSample>) -> Result<(), ReadError> {
        let mut newest = Vec::new();
        if let Some(memory) = &self.sources.memory {
            memory.gather_histograms(range, &mut newest);
        }
        let mut found = Vec::new();
        for of_block in &self.sources.blocks {
            self.db.gather_histograms(of_block, range, &mut found)?;
        }
        for block in self.unknown(range) {
            self.db
                .gather_unknown_histograms(block, &self.labels, range, &mut found);
        }
        found.append(&mut newest);
        settle_histograms(&mut found, range);
        out.append(&mut found);
        Ok(())
    }
}
