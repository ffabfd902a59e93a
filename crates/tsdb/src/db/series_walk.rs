//! Several blocks walked together, series by series: what merging, rewriting and rolling up have in common.

use std::cmp::Ordering;

use model::{HistogramSample, Labels, ReadError, Rollups, SampleColumns, Statistic, TimeRange};

use super::Inner;
use super::deletions::{Deletions, remove_rollups};
use crate::block::{Added, Block, ChunkMeta, Walk, block_order};
use crate::columns::{remove, settle, settle_histograms, settle_rollups};

/// Blocks walked together in the order of their series.
#[derive(Debug)]
pub(super) struct SeriesWalk<'a> {
    /// Where two say different things of one time, the earlier one here is believed.
    walks: Vec<Walk<'a>>,
    range: TimeRange,
    /// Of chunks that begin before this time, the last one of each block is read.
    led_to_ms: i64,
    deletions: &'a Deletions,
    /// Where damage is named and left out; without it, it ends the walk.
    forgiving: Option<&'a Inner>,
    gathered: Gathered,
}

/// What all blocks have of one series.
#[derive(Debug)]
pub(super) struct Gathered {
    pub(super) labels: Labels,
    pub(super) samples: SampleColumns,
    pub(super) histograms: Vec<HistogramSample>,
    pub(super) rollups: Rollups,
    /// The times of what is damaged, and missing here.
    pub(super) damaged: Vec<TimeRange>,
}

impl Gathered {
    /// All of it, for a block.
    pub(super) fn added(&self) -> Added<'_> {
        Added {
            samples: Some(&self.samples),
            histograms: &self.histograms,
            rollups: Some(&self.rollups),
        }
    }
}

impl<'a> SeriesWalk<'a> {
    /// Walks what `blocks` have in `range` and what is not deleted; of two samples at one time that of the block named first
    /// is taken.
    pub(super) fn new(
        blocks: impl Iterator<Item = &'a Block>,
        range: TimeRange,
        deletions: &'a Deletions,
    ) -> Self {
        Self {
            walks: blocks.map(Walk::new).collect(),
            range,
            led_to_ms: i64::MIN,
            deletions,
            forgiving: None,
            gathered: Gathered {
                labels: Labels::default(),
                samples: SampleColumns::default(),
                histograms: Vec::new(),
                rollups: Rollups::of(&Statistic::ALL),
                damaged: Vec::new(),
            },
        }
    }

    /// The same, which names what is damaged and goes on without it. Only a damaged index ends the walk: its block is set aside.
    pub(super) fn forgiving(self, db: &'a Inner) -> Self {
        let forgiving = Some(db);
        Self { forgiving, ..self }
    }

    /// The same, which reads of what was measured before `at_ms` only what came last, in whole chunks.
    pub(super) fn leading_to(self, at_ms: i64) -> Self {
        let led_to_ms = at_ms;
        Self { led_to_ms, ..self }
    }

    /// The next series in the order of blocks; it may have nothing in the range.
    pub(super) fn next(&mut self) -> Result<Option<&Gathered>, ReadError> {
        let Some(labels) = self.first_labels()? else {
            return Ok(None);
        };
        let Gathered {
            samples,
            histograms,
            rollups,
            damaged,
            ..
        } = &mut self.gathered;
        damaged.clear();
        samples.clear();
        histograms.clear();
        rollups.clear();
        for walk in &mut self.walks {
            if walk.peek()?.is_none_or(|series| series.labels != labels) {
                continue;
            }
            let (block, Some(series)) = (walk.block(), walk.take()) else {
                continue;
            };
            let mut take = |range: TimeRange, read: Result<(), ReadError>| {
                let Some(db) = self.forgiving else { return read };
                if db.forgive(block, read, false)?.is_none() {
                    damaged.push(range);
                }
                Ok(())
            };
            let before = (samples.len(), histograms.len(), rollups.len());
            let chunks = since_last_before(&series.chunks, self.led_to_ms, ChunkMeta::range);
            for chunk in chunks.filter(|chunk| chunk.range().overlaps(&self.range)) {
                take(chunk.range(), block.read_chunk_once(chunk, samples))?;
            }
            let chunks = since_last_before(&series.histograms, self.led_to_ms, |chunk| chunk.range);
            for chunk in chunks.filter(|chunk| chunk.range.overlaps(&self.range)) {
                take(chunk.range, block.read_histograms(chunk, histograms))?;
            }
            for chunk in series
                .rollups
                .iter()
                .filter(|chunk| chunk.range.overlaps(&self.range))
            {
                take(chunk.range, block.read_rollups(chunk, rollups))?;
            }
            for deleted in self.deletions.of(block, &labels) {
                remove(samples, before.0, deleted);
                let mut place = 0..;
                histograms.retain(|sample| {
                    place.next().is_some_and(|place| place < before.1) || !deleted.contains(sample.at_ms)
                });
                remove_rollups(rollups, before.2, deleted, block.resolution_ms());
            }
        }
        settle(samples, 0, self.range);
        settle_histograms(histograms, self.range);
        settle_rollups(rollups, 0, self.range);
        self.gathered.labels = labels;
        Ok(Some(&self.gathered))
    }

    fn first_labels(&mut self) -> Result<Option<Labels>, ReadError> {
        let mut first: Option<Labels> = None;
        for walk in &mut self.walks {
            let peeked = match walk.peek() {
                Ok(peeked) => peeked,
                Err(error) => {
                    if let Some(db) = self.forgiving {
                        db.forgive(walk.block(), Err::<(), _>(error.clone()), true)?;
                    }
                    return Err(error);
                }
            };
            if let Some(series) = peeked
                && first
                    .as_ref()
                    .is_none_or(|first| block_order(&series.labels, first) == Ordering::Less)
            {
                first = Some(series.labels.clone());
            }
        }
        Ok(first)
    }
}

/// Chunks in the order of time, from the last one on that begins before `at_ms`; all where none does.
fn since_last_before<T>(
    chunks: &[T],
    at_ms: i64,
    range: impl Fn(&T) -> TimeRange,
) -> impl Iterator<Item = &T> {
    let last_before = chunks.iter().rposition(|chunk| range(chunk).from_ms() < at_ms);
    chunks.iter().skip(last_before.unwrap_or_default())
}
