//! What blocks hold of series: found by matchers or by labels, gathered chunk by chunk. Damage is named and costs what is damaged.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use model::{HistogramSample, Labels, Matcher, ReadError, SampleColumns, TimeRange};

use super::Inner;
use super::deletions::Deletions;
use crate::block::{Block, BlockSeries, Session};
use crate::columns::remove;

/// What a block has of a series.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) block: Arc<Block>,
    series: BlockSeries,
    /// Of these times it has nothing any more.
    pub(super) deleted: Vec<TimeRange>,
    /// Whether a part of it turned out to be damaged when it was read.
    is_damaged: AtomicBool,
}

impl Found {
    fn new(block: &Arc<Block>, series: BlockSeries, deletions: &Deletions) -> Self {
        Self {
            deleted: deletions.of(block, &series.labels),
            block: Arc::clone(block),
            series,
            is_damaged: AtomicBool::new(false),
        }
    }

    /// What was read of a part; damage is named, remembered, and costs that part.
    pub(super) fn forgive(&self, db: &Inner, read: Result<(), ReadError>) -> Result<(), ReadError> {
        if db.forgive(&self.block, read, false)?.is_none() {
            self.is_damaged.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    /// The file's name, where a part that was read is damaged.
    pub(super) fn damaged_file(&self) -> Option<String> {
        let path = self.is_damaged.load(Ordering::Relaxed).then(|| self.block.path());
        Some(path?.file_name()?.display().to_string())
    }
}

impl Deref for Found {
    type Target = BlockSeries;

    fn deref(&self) -> &BlockSeries {
        &self.series
    }
}

impl Inner {
    /// The series of a block that meet all `matchers` and may have something in `range`.
    pub(super) fn search(
        &self,
        block: &Arc<Block>,
        matchers: &[Matcher],
        range: TimeRange,
        deletions: &Deletions,
    ) -> Result<Vec<Found>, ReadError> {
        let found = Session::new(block).select(matchers, range);
        let found = self.forgive(block, found, true)?.unwrap_or_default();
        let found = found
            .into_iter()
            .map(|series| Found::new(block, series, deletions));
        let covers = |deleted: &TimeRange| deleted.union(&range) == *deleted;
        Ok(found.filter(|found| !found.deleted.iter().any(covers)).collect())
    }

    /// What a block holds of a series; what cannot be read is named and left out.
    fn find(
        &self,
        (block, session): (&Arc<Block>, &Session<'_>),
        labels: &Labels,
        deletions: &Deletions,
    ) -> Option<Found> {
        let series = self.forgive(block, session.find(labels), true).ok()???;
        Some(Found::new(block, series, deletions))
    }

    /// Appends what a block that was not searched yet holds of a series; what cannot be read is named and left out.
    pub(super) fn gather_unknown(
        &self,
        block: Arc<Block>,
        labels: &Labels,
        range: TimeRange,
        out: &mut SampleColumns,
    ) {
        let deletions = self.deletions(self.latest_ms());
        self.gather_known((&block, &Session::new(&block)), labels, range, (&deletions, out));
    }

    /// The same with what was read of the block's index before, and what is deleted.
    pub(super) fn gather_known(
        &self,
        of_block: (&Arc<Block>, &Session<'_>),
        labels: &Labels,
        range: TimeRange,
        (deletions, out): (&Deletions, &mut SampleColumns),
    ) {
        if let Some(found) = self.find(of_block, labels, deletions)
            && let Err(error) = self.gather(&found, range, out)
        {
            tracing::warn!(%error, "block not read");
        }
    }

    pub(super) fn gather(
        &self,
        found: &Found,
        range: TimeRange,
        out: &mut SampleColumns,
    ) -> Result<(), ReadError> {
        let start = out.len();
        for chunk in found.chunks.iter().filter(|chunk| chunk.range().overlaps(&range)) {
            found.forgive(self, found.block.read_chunk(chunk, range, out))?;
        }
        for &deleted in &found.deleted {
            remove(out, start, deleted);
        }
        Ok(())
    }

    /// The same for native histograms.
    pub(super) fn gather_unknown_histograms(
        &self,
        block: Arc<Block>,
        labels: &Labels,
        range: TimeRange,
        out: &mut Vec<HistogramSample>,
    ) {
        let deletions = self.deletions(self.latest_ms());
        if let Some(found) = self.find((&block, &Session::new(&block)), labels, &deletions)
            && let Err(error) = self.gather_histograms(&found, range, out)
        {
            tracing::warn!(%error, "block not read");
        }
    }

    pub(super) fn gather_histograms(
        &self,
        found: &Found,
        range: TimeRange,
        out: &mut Vec<HistogramSample>,
    ) -> Result<(), ReadError> {
        let mut read = Vec::new();
        for chunk in found
            .histograms
            .iter()
            .filter(|chunk| chunk.range.overlaps(&range))
        {
            found.forgive(self, found.block.read_histograms(chunk, &mut read))?;
        }
        let deleted = |at_ms: i64| found.deleted.iter().any(|deleted| deleted.contains(at_ms));
        read.retain(|sample| !deleted(sample.at_ms));
        out.append(&mut read);
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
                if self.blocks.met_damage(block, &error, index) {
                    self.changes.note(block.tenant(), block.range().from_ms());
                }
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}
