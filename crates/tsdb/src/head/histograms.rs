//! Native histograms of one series in memory. They are few beside plain samples, so they are kept simply: sealed chunks and
//! the newest ones, in any order of arrival.

use std::sync::Arc;

use model::{HistogramSample, Refusal, TimeRange};

use super::series::Verdict;
use crate::chunk::{Effort, histograms};
use crate::limits::HEAD_CHUNK_HISTOGRAMS;

/// What a series has of histograms.
#[derive(Debug, Default)]
pub(super) struct KeptHistograms {
    sealed: Vec<HistogramChunk>,
    /// In order of time.
    open: Vec<HistogramSample>,
}

/// Histograms that take no more company.
#[derive(Debug, Clone)]
pub(crate) struct HistogramChunk {
    bytes: Arc<[u8]>,
    pub(crate) range: TimeRange,
    /// Being written to a block; gone once that is published.
    flushing: bool,
}

impl KeptHistograms {
    pub(super) fn is_empty(&self) -> bool {
        self.sealed.is_empty() && self.open.is_empty()
    }

    /// Looks for another histogram of the same time.
    pub(super) fn compare(&self, sample: &HistogramSample) -> Verdict {
        let mut known = Vec::new();
        self.gather(TimeRange::at(sample.at_ms), &mut known);
        match known.iter().find(|known| known.at_ms == sample.at_ms) {
            None => Verdict::Store,
            Some(known) if same_bits(known, sample) => Verdict::Same,
            Some(_) => Verdict::Refuse(Refusal::DuplicateTimestamp),
        }
    }

    pub(super) fn insert(&mut self, sample: HistogramSample) -> Verdict {
        let verdict = self.compare(&sample);
        if verdict == Verdict::Store {
            let place = self.open.partition_point(|known| known.at_ms < sample.at_ms);
            self.open.insert(place, sample);
            if self.open.len() >= HEAD_CHUNK_HISTOGRAMS {
                let open = std::mem::take(&mut self.open);
                self.sealed.extend(HistogramChunk::seal(&open));
            }
        }
        verdict
    }

    /// Appends what may lie in `range`, in no particular order.
    pub(super) fn gather(&self, range: TimeRange, out: &mut Vec<HistogramSample>) {
        for chunk in self.sealed.iter().filter(|chunk| chunk.range.overlaps(&range)) {
            chunk.decode(out);
        }
        out.extend(
            self.open
                .iter()
                .filter(|sample| range.contains(sample.at_ms))
                .cloned(),
        );
    }

    pub(super) fn overlaps(&self, range: TimeRange) -> bool {
        self.sealed.iter().any(|chunk| chunk.range.overlaps(&range))
            || self.open.iter().any(|sample| range.contains(sample.at_ms))
    }

    /// Between which times they lie.
    pub(super) fn range(&self) -> Option<TimeRange> {
        let open = self.open.iter().map(|sample| TimeRange::at(sample.at_ms));
        let ranges = self.sealed.iter().map(|chunk| chunk.range).chain(open);
        ranges.reduce(|a, b| a.union(&b))
    }

    /// Marks all before `before_ms` as being written to blocks, and says whether there are any.
    pub(super) fn begin_flush(&mut self, before_ms: i64) -> bool {
        let mut all = self.open.clone();
        for chunk in self.sealed.iter().filter(|chunk| !chunk.flushing) {
            chunk.decode(&mut all);
        }
        all.sort_by_key(|sample| sample.at_ms);
        // Nothing is taken away before all of it was read.
        self.sealed.retain(|chunk| chunk.flushing);
        self.open = all.split_off(all.partition_point(|sample| sample.at_ms < before_ms));
        for part in all.chunks(HEAD_CHUNK_HISTOGRAMS) {
            self.sealed
                .extend(HistogramChunk::seal(part).map(|chunk| HistogramChunk {
                    flushing: true,
                    ..chunk
                }));
        }
        !all.is_empty()
    }

    /// What is being written to blocks, in order of time.
    pub(super) fn flushing(&self) -> Vec<HistogramChunk> {
        let flushing = self.sealed.iter().filter(|chunk| chunk.flushing);
        flushing.cloned().collect()
    }

    pub(super) fn end_flush(&mut self, published: bool) {
        if published {
            self.sealed.retain(|chunk| !chunk.flushing);
        }
        self.sealed.iter_mut().for_each(|chunk| chunk.flushing = false);
    }
}

impl HistogramChunk {
    fn seal(samples: &[HistogramSample]) -> Option<Self> {
        let (first, last) = (samples.first()?, samples.last()?);
        Some(Self {
            bytes: histograms::encode(samples, Effort::Fast).into(),
            range: TimeRange::at(first.at_ms).union(&TimeRange::at(last.at_ms)),
            flushing: false,
        })
    }

    /// Appends its samples, in order of time.
    pub(crate) fn decode(&self, out: &mut Vec<HistogramSample>) {
        let result = histograms::decode(&self.bytes, out);
        assert!(result.is_ok(), "a chunk sealed in memory reads back");
    }
}

/// Whether two histograms are the same, stale markers included, which are not equal to themselves.
fn same_bits(a: &HistogramSample, b: &HistogramSample) -> bool {
    a.value == b.value || (a.value.is_stale() && b.value.is_stale())
}
