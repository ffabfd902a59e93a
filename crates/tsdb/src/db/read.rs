//! Answering: series of memory and blocks by matcher, their samples merged.
//!
//! Memory is looked at before the list of blocks is taken: samples leave memory only after their block is in the list,
//! so whatever happens between the two looks, a sample is seen once at least, and merging leaves it once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::{
    Exemplar, HistogramSample, Labels, Matcher, MetricMetadata, ReadError, SampleColumns, SelectedSeries,
    Selector, SeriesRead, SeriesStatistics, TenantId, TimeRange,
};
use ulid::Ulid;

use super::{Db, Inner};
use crate::block::{Block, BlockSeries, ChunkMeta, HistogramMeta, Session};
use crate::columns::{settle, settle_histograms};
use crate::head::MemSeries;

/// A series that was selected.
#[derive(Debug)]
struct Selected {
    db: Arc<Inner>,
    tenant: TenantId,
    labels: Labels,
    memory: Option<Arc<MemSeries>>,
    blocks: Vec<(Arc<Block>, BlockSeries)>,
    /// The blocks that were searched when the series was selected.
    searched: Arc<BTreeSet<Ulid>>,
}

#[derive(Debug, Default)]
struct Sources {
    memory: Option<Arc<MemSeries>>,
    blocks: Vec<(Arc<Block>, BlockSeries)>,
}

impl SeriesRead for Db {
    fn select(&self, selector: &Selector) -> Result<Vec<Arc<dyn SelectedSeries>>, ReadError> {
        let mut found: BTreeMap<Labels, Sources> = BTreeMap::new();
        for series in self.inner.head.select(selector.tenant, &selector.matchers)? {
            if series.overlaps(selector.range) {
                let labels = series.series().labels().clone();
                found.entry(labels).or_default().memory = Some(series);
            }
        }
        let mut searched = BTreeSet::new();
        for block in self.inner.blocks.overlapping(selector.tenant, selector.range) {
            searched.insert(block.id());
            for series in self.inner.search(&block, &selector.matchers, selector.range)? {
                found
                    .entry(series.labels.clone())
                    .or_default()
                    .blocks
                    .push((Arc::clone(&block), series));
            }
        }
        let searched = Arc::new(searched);
        let selected = found.into_iter().map(|(labels, sources)| {
            let series: Arc<dyn SelectedSeries> = Arc::new(Selected {
                db: Arc::clone(&self.inner),
                tenant: selector.tenant,
                labels,
                memory: sources.memory,
                blocks: sources.blocks,
                searched: Arc::clone(&searched),
            });
            series
        });
        Ok(selected.collect())
    }

    fn label_names(
        &self,
        tenant: TenantId,
        range: TimeRange,
        any_of: &[Vec<Matcher>],
    ) -> Result<Vec<String>, ReadError> {
        let mut names = BTreeSet::new();
        self.inner.for_each_pair(tenant, range, any_of, |name, _| {
            if !names.contains(name) {
                names.insert(name.to_owned());
            }
        })?;
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
        self.inner.for_each_pair(tenant, range, any_of, |known, value| {
            if known == name && !values.contains(value) {
                values.insert(value.to_owned());
            }
        })?;
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
    /// The label pairs of the series that match any of the selectors, pairs may come more than once.
    fn for_each_pair(
        &self,
        tenant: TenantId,
        range: TimeRange,
        any_of: &[Vec<Matcher>],
        mut each: impl FnMut(&str, &str),
    ) -> Result<(), ReadError> {
        let everything = [Vec::new()];
        let any_of = if any_of.is_empty() { &everything } else { any_of };
        for matchers in any_of {
            for series in self.head.select(tenant, matchers)? {
                if series.overlaps(range) {
                    series
                        .series()
                        .labels()
                        .iter()
                        .for_each(|(name, value)| each(name, value));
                }
            }
            for block in self.blocks.overlapping(tenant, range) {
                let within = block.range().union(&range) == range;
                if matchers.is_empty() && within {
                    let walked = Session::new(&block).for_each_pair(&mut each);
                    self.forgive(&block, walked, true)?;
                    continue;
                }
                for series in self.search(&block, matchers, range)? {
                    series.labels.iter().for_each(|(name, value)| each(name, value));
                }
            }
        }
        Ok(())
    }

    fn search(
        &self,
        block: &Block,
        matchers: &[Matcher],
        range: TimeRange,
    ) -> Result<Vec<BlockSeries>, ReadError> {
        let found = Session::new(block).select(matchers, range);
        Ok(self.forgive(block, found, true)?.unwrap_or_default())
    }

    /// Appends what a block that was not searched yet holds of a series; what cannot be read is named and left out.
    pub(super) fn gather_unknown(
        &self,
        block: &Block,
        labels: &Labels,
        range: TimeRange,
        out: &mut SampleColumns,
    ) {
        let found = Session::new(block).find(labels);
        if let Ok(Some(Some(series))) = self.forgive(block, found, true)
            && let Err(error) = self.gather(block, &series.chunks, range, out)
        {
            tracing::warn!(%error, "block not read");
        }
    }

    fn gather(
        &self,
        block: &Block,
        chunks: &[ChunkMeta],
        range: TimeRange,
        out: &mut SampleColumns,
    ) -> Result<(), ReadError> {
        for chunk in chunks.iter().filter(|chunk| chunk.range().overlaps(&range)) {
            self.forgive(block, block.read_chunk(chunk, out), false)?;
        }
        Ok(())
    }

    /// The same for native histograms.
    pub(super) fn gather_unknown_histograms(
        &self,
        block: &Block,
        labels: &Labels,
        range: TimeRange,
        out: &mut Vec<HistogramSample>,
    ) {
        let found = Session::new(block).find(labels);
        if let Ok(Some(Some(series))) = self.forgive(block, found, true)
            && let Err(error) = self.gather_histograms(block, &series.histograms, range, out)
        {
            tracing::warn!(%error, "block not read");
        }
    }

    fn gather_histograms(
        &self,
        block: &Block,
        chunks: &[HistogramMeta],
        range: TimeRange,
        out: &mut Vec<HistogramSample>,
    ) -> Result<(), ReadError> {
        for chunk in chunks.iter().filter(|chunk| chunk.range.overlaps(&range)) {
            self.forgive(block, block.read_histograms(chunk, out), false)?;
        }
        Ok(())
    }

    /// Damage is named and costs what is damaged; the rest answers. A failing disk is an error.
    pub(super) fn forgive<T>(
        &self,
        block: &Block,
        result: Result<T, ReadError>,
        index: bool,
    ) -> Result<Option<T>, ReadError> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(error @ ReadError::Damaged { .. }) => {
                self.blocks.met_damage(block, &error, index);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

impl SelectedSeries for Selected {
    fn labels(&self) -> &Labels {
        &self.labels
    }

    fn read(&self, range: TimeRange, out: &mut SampleColumns) -> Result<(), ReadError> {
        let mut newest = SampleColumns::default();
        if let Some(memory) = &self.memory {
            memory.gather(range, &mut newest);
        }
        let start = out.len();
        for (block, series) in &self.blocks {
            self.db.gather(block, &series.chunks, range, out)?;
        }
        for block in self.db.blocks.overlapping(self.tenant, range) {
            if !self.searched.contains(&block.id()) {
                self.db.gather_unknown(&block, &self.labels, range, out);
            }
        }
        out.at_ms.append(&mut newest.at_ms);
        out.values.append(&mut newest.values);
        settle(out, start, range);
        Ok(())
    }

    fn read_histograms(&self, range: TimeRange, out: &mut Vec<HistogramSample>) -> Result<(), ReadError> {
        let mut newest = Vec::new();
        if let Some(memory) = &self.memory {
            memory.gather_histograms(range, &mut newest);
        }
        let mut found = Vec::new();
        for (block, series) in &self.blocks {
            self.db
                .gather_histograms(block, &series.histograms, range, &mut found)?;
        }
        for block in self.db.blocks.overlapping(self.tenant, range) {
            if !self.searched.contains(&block.id()) {
                self.db
                    .gather_unknown_histograms(&block, &self.labels, range, &mut found);
            }
        }
        found.append(&mut newest);
        settle_histograms(&mut found, range);
        out.append(&mut found);
        Ok(())
    }
}
