//! One series in memory: sealed chunks, the open one, and what came late.

use std::ops::Range;
use std::sync::Arc;

use model::{
    Extent, HistogramSample, NO_START, Refusal, Sample, SampleColumns, Series, SeriesNumber, TenantId,
    TimeRange,
};
use parking_lot::Mutex;

use super::histograms::{HistogramChunk, KeptHistograms};
use super::starts::StartRuns;
use crate::chunk::{self, Effort};
use crate::columns::settle;
use crate::limits::{HEAD_CHUNK_SAMPLES, LATE_CHUNKS_MAX};

#[cfg(test)]
mod tests;

/// A series and its samples in memory.
#[derive(Debug)]
pub(crate) struct MemSeries {
    tenant: TenantId,
    series: Series,
    number: SeriesNumber,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// Chunks of samples that came in order.
    sealed: Vec<HeadChunk>,
    /// Chunks of samples that came late; may overlap the others.
    late_sealed: Vec<HeadChunk>,
    open: OpenChunk,
    /// Late samples that are not sealed, with their starts, in order of time.
    late: Vec<(Sample, i64)>,
    /// The newest sample ever seen here, sealed into a block or not.
    newest_ms: Option<i64>,
    /// What sealed chunks took when they were last counted, in bytes, and whether some were sealed since.
    counted_bytes: u64,
    uncounted: bool,
    /// Native histograms; most series have none.
    histograms: Option<Box<KeptHistograms>>,
}

/// A chunk that takes no more samples.
#[derive(Debug, Clone)]
pub(crate) struct HeadChunk {
    bytes: Arc<[u8]>,
    pub(crate) min_ms: i64,
    pub(crate) max_ms: i64,
    count: u32,
    /// Being written to a block; gone once that is published.
    flushing: bool,
}

/// What of a series is being written to blocks.
#[derive(Debug, Default)]
pub(crate) struct Flushing {
    pub(crate) chunks: Vec<HeadChunk>,
    /// In order of time.
    pub(crate) histograms: Vec<HistogramChunk>,
}

/// The chunk that takes samples: times as distances from the first, so that a sample takes 12 bytes.
#[derive(Debug, Default)]
struct OpenChunk {
    base_ms: i64,
    offsets_ms: Vec<u32>,
    values: Vec<f64>,
    /// Most series have none.
    starts: Option<Box<StartRuns>>,
}

/// What becomes of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is new.
    Store,
    /// It is known already, with the same bits.
    Same,
    /// It is not taken.
    Refuse(Refusal),
}

// === impl MemSeries ===

impl MemSeries {
    pub(crate) fn new(tenant: TenantId, series: Series, number: SeriesNumber) -> Self {
        Self {
            tenant,
            series,
            number,
            kept: Mutex::default(),
        }
    }

    pub(crate) fn tenant(&self) -> TenantId {
        self.tenant
    }

    pub(crate) fn series(&self) -> &Series {
        &self.series
    }

    pub(crate) fn number(&self) -> SeriesNumber {
        self.number
    }

    /// Whether a sample is known in memory already.
    pub(crate) fn compare(&self, sample: Sample) -> Verdict {
        self.kept.lock().compare(sample)
    }

    /// Takes samples in, in order of time; of two at one time the first stays. The `starts` that are told are those of the first
    /// ones. Chunks are sealed at `size` samples; says by how many bytes of memory the sealed ones grew.
    pub(crate) fn take(&self, times: &[i64], values: &[f64], starts: &[i64], size: usize) -> i64 {
        let mut kept = self.kept.lock();
        let newer = match (kept.newest_ms, times.first()) {
            (Some(newest_ms), Some(&first_ms)) => first_ms > newest_ms,
            _ => true,
        };
        if newer && times.is_sorted_by(|a, b| a < b) {
            kept.newest_ms = times.last().copied().or(kept.newest_ms);
            kept.push_run(times, values, starts, size);
        } else {
            for (place, (&at_ms, &value)) in times.iter().zip(values).enumerate() {
                let start_ms = starts.get(place).copied().unwrap_or(NO_START);
                kept.insert(Sample { at_ms, value }, start_ms);
            }
        }
        if kept.uncounted { kept.count() } else { 0 }
    }

    /// Takes a sample in, whatever its age.
    pub(crate) fn insert(&self, sample: Sample, start_ms: i64) -> Verdict {
        self.kept.lock().insert(sample, start_ms)
    }

    /// Whether a histogram is known in memory already.
    pub(crate) fn compare_histogram(&self, sample: &HistogramSample) -> Verdict {
        let kept = self.kept.lock();
        let histograms = kept.histograms.as_ref();
        histograms.map_or(Verdict::Store, |histograms| histograms.compare(sample))
    }

    /// Takes a histogram in, whatever its age.
    pub(crate) fn insert_histogram(&self, sample: HistogramSample) -> Verdict {
        self.kept.lock().histograms.get_or_insert_default().insert(sample)
    }

    /// Whether there ever was a histogram since the series came into memory.
    pub(crate) fn has_histograms(&self) -> bool {
        self.kept.lock().histograms.is_some()
    }

    /// Appends the histograms that may lie in `range` to `out`, in no particular order.
    pub(crate) fn gather_histograms(&self, range: TimeRange, out: &mut Vec<HistogramSample>) {
        if let Some(histograms) = &self.kept.lock().histograms {
            histograms.gather(range, out);
        }
    }

    /// Appends the samples that may lie in `range` to `out`, in no particular order.
    pub(crate) fn gather(&self, range: TimeRange, out: &mut SampleColumns) {
        let kept = self.kept.lock();
        for chunk in kept.chunks().filter(|chunk| chunk.range().overlaps(&range)) {
            chunk.decode(out);
        }
        for (sample, start_ms) in kept.late_in(range) {
            out.push_started(sample.at_ms, sample.value, *start_ms);
        }
        if kept.open.range().is_some_and(|open| open.overlaps(&range)) {
            kept.open.decode(out);
        }
    }

    /// How much of what it holds lies within `range`, whole chunks counted.
    pub(crate) fn weigh(&self, range: TimeRange) -> Extent {
        let kept = self.kept.lock();
        let sealed = kept.chunks().filter(|chunk| chunk.range().overlaps(&range));
        let extent = sealed.fold(Extent::default(), |sum, chunk| {
            sum.and(Extent {
                chunks: 1,
                bytes: chunk.bytes.len() as u64,
            })
        });
        let open = kept.open.range().is_some_and(|open| open.overlaps(&range));
        let late = kept.late.iter().any(|(sample, _)| range.contains(sample.at_ms));
        let open_bytes = size_of_val(&*kept.open.offsets_ms) + size_of_val(&*kept.open.values);
        let of = |there: bool, bytes: usize| Extent {
            chunks: u64::from(there),
            bytes: if there { bytes as u64 } else { 0 },
        };
        extent
            .and(of(open, open_bytes))
            .and(of(late, size_of_val(&*kept.late)))
    }

    /// Whether there may be samples in `range`.
    pub(crate) fn overlaps(&self, range: TimeRange) -> bool {
        let kept = self.kept.lock();
        kept.open.range().is_some_and(|open| open.overlaps(&range))
            || kept.chunks().any(|chunk| chunk.range().overlaps(&range))
            || kept.late_in(range).next().is_some()
            || kept
                .histograms
                .as_ref()
                .is_some_and(|histograms| histograms.overlaps(range))
    }

    /// How many chunks there are, and the span of time they cover.
    pub(crate) fn extent(&self) -> (u64, Option<TimeRange>) {
        let kept = self.kept.lock();
        let late = kept.late.iter().map(|(sample, _)| TimeRange::at(sample.at_ms));
        let histograms = kept.histograms.as_ref().and_then(|histograms| histograms.range());
        let range = kept
            .chunks()
            .map(HeadChunk::range)
            .chain(late)
            .chain(kept.open.range())
            .chain(histograms);
        let chunks = kept.chunks().count() + usize::from(!kept.open.values.is_empty());
        (chunks as u64, range.reduce(|a, b| a.union(&b)))
    }

    /// Marks all samples before `before_ms` as being written to blocks, and says whether there are any. What arrives from now
    /// on is not among them and stays.
    pub(crate) fn begin_flush(&self, before_ms: i64) -> bool {
        let mut kept = self.kept.lock();
        if kept.open.range().is_some_and(|open| open.from_ms() < before_ms) {
            kept.seal_open();
        }
        if kept
            .late
            .first()
            .is_some_and(|(sample, _)| sample.at_ms < before_ms)
        {
            kept.seal_late();
        }
        let Kept {
            sealed,
            late_sealed,
            histograms,
            ..
        } = &mut *kept;
        for chunks in [&mut *sealed, &mut *late_sealed] {
            if chunks.iter().any(|chunk| chunk.straddles(before_ms)) {
                *chunks = chunks.iter().flat_map(|chunk| chunk.split(before_ms)).collect();
            }
        }
        // Last of what reads chunks and so could fail: nothing is marked before.
        let mut any = histograms
            .as_mut()
            .is_some_and(|histograms| histograms.begin_flush(before_ms));
        for chunks in [sealed, late_sealed] {
            for chunk in chunks.iter_mut().filter(|chunk| chunk.max_ms < before_ms) {
                chunk.flushing = true;
                any = true;
            }
        }
        any
    }

    /// What [`Self::begin_flush`] marked.
    pub(crate) fn flushing(&self) -> Flushing {
        let kept = self.kept.lock();
        let chunks = kept.chunks().filter(|chunk| chunk.flushing).cloned().collect();
        let histograms = kept.histograms.as_ref();
        Flushing {
            chunks,
            histograms: histograms.map_or_else(Vec::new, |histograms| histograms.flushing()),
        }
    }

    /// Ends what [`Self::begin_flush`] began: the blocks are published, or could not be written. Says by how many bytes of
    /// memory the sealed chunks grew.
    pub(crate) fn end_flush(&self, published: bool) -> i64 {
        let mut kept = self.kept.lock();
        if let Some(histograms) = &mut kept.histograms {
            histograms.end_flush(published);
        }
        let Kept {
            sealed, late_sealed, ..
        } = &mut *kept;
        for chunks in [sealed, late_sealed] {
            if published {
                chunks.retain(|chunk| !chunk.flushing);
                chunks.shrink_to_fit();
            } else {
                for chunk in chunks.iter_mut() {
                    chunk.flushing = false;
                }
            }
        }
        kept.count()
    }

    /// Whether there is no sample here.
    pub(crate) fn is_empty(&self) -> bool {
        self.kept.lock().is_empty()
    }
}

// === impl Kept ===

impl Kept {
    fn chunks(&self) -> impl Iterator<Item = &HeadChunk> {
        self.sealed.iter().chain(&self.late_sealed)
    }

    fn late_in(&self, range: TimeRange) -> impl Iterator<Item = &(Sample, i64)> {
        let late = self.late.iter();
        late.filter(move |(sample, _)| range.contains(sample.at_ms))
    }

    fn is_empty(&self) -> bool {
        self.sealed.is_empty()
            && self.late_sealed.is_empty()
            && self.late.is_empty()
            && self.open.values.is_empty()
            && self
                .histograms
                .as_ref()
                .is_none_or(|histograms| histograms.is_empty())
    }

    /// Looks for another sample of the same time.
    fn compare(&self, sample: Sample) -> Verdict {
        let known = self.open.find(sample.at_ms).or_else(|| {
            let place = self
                .late
                .binary_search_by_key(&sample.at_ms, |(late, _)| late.at_ms)
                .ok()?;
            self.late.get(place).map(|(late, _)| late.value)
        });
        let known = known.or_else(|| {
            let mut columns = SampleColumns::default();
            self.chunks()
                .filter(|chunk| chunk.range().contains(sample.at_ms))
                .find_map(|chunk| {
                    columns.clear();
                    chunk.decode(&mut columns);
                    let place = columns.at_ms.binary_search(&sample.at_ms).ok()?;
                    columns.values.get(place).copied()
                })
        });
        match known {
            None => Verdict::Store,
            Some(value) if value.to_bits() == sample.value.to_bits() => Verdict::Same,
            Some(_) => Verdict::Refuse(Refusal::DuplicateTimestamp),
        }
    }

    fn insert(&mut self, sample: Sample, start_ms: i64) -> Verdict {
        if self.newest_ms.is_none_or(|newest_ms| sample.at_ms > newest_ms) {
            self.newest_ms = Some(sample.at_ms);
            self.push_run(&[sample.at_ms], &[sample.value], &[start_ms], HEAD_CHUNK_SAMPLES);
            return Verdict::Store;
        }
        let verdict = self.compare(sample);
        if verdict == Verdict::Store {
            self.push_late(sample, start_ms);
        }
        verdict
    }

    /// Adds samples that are newer than all others.
    fn push_run(&mut self, mut times: &[i64], mut values: &[f64], mut starts: &[i64], size: usize) {
        while let Some(&first_ms) = times.first() {
            if self.open.values.len() >= size || !self.open.reaches(first_ms) {
                self.seal_open();
            }
            let taken = self.open.push_run(times, values, starts, size);
            times = times.get(taken..).unwrap_or_default();
            values = values.get(taken..).unwrap_or_default();
            starts = starts.get(taken..).unwrap_or_default();
        }
    }

    fn push_late(&mut self, sample: Sample, start_ms: i64) {
        let place = self.late.partition_point(|(known, _)| known.at_ms < sample.at_ms);
        self.late.insert(place, (sample, start_ms));
        if self.late.len() >= HEAD_CHUNK_SAMPLES {
            self.seal_late();
        }
        if self.late_sealed.iter().filter(|chunk| !chunk.flushing).count() > LATE_CHUNKS_MAX {
            self.order_late();
        }
    }

    /// Seals the open chunk, together with small ones before it once they make a whole one.
    fn seal_open(&mut self) {
        let mut columns = SampleColumns::default();
        let (small, samples) = self.small_at_end();
        let mut whole = self.sealed.len();
        if small > 0 && samples + self.open.values.len() >= HEAD_CHUNK_SAMPLES {
            whole -= small;
        }
        for chunk in self.sealed.iter().skip(whole) {
            chunk.decode(&mut columns);
        }
        self.open.decode(&mut columns);
        // Nothing is taken away before all of it was read.
        self.sealed.truncate(whole);
        self.open = OpenChunk::default();
        self.sealed.extend(HeadChunk::seal(&columns, 0..columns.len()));
        self.uncounted = true;
    }

    /// Counts the memory of sealed chunks; says by how many bytes they grew since the last time.
    fn count(&mut self) -> i64 {
        let bytes = self.chunks().map(HeadChunk::memory_bytes).sum();
        let before = std::mem::replace(&mut self.counted_bytes, bytes);
        self.uncounted = false;
        bytes as i64 - before as i64
    }

    /// How many small chunks there are at the end, and how many samples they have.
    fn small_at_end(&self) -> (usize, usize) {
        let small = |chunk: &&HeadChunk| !chunk.flushing && (chunk.count as usize) < HEAD_CHUNK_SAMPLES / 2;
        let at_end = self.sealed.iter().rev().take_while(small);
        at_end.fold((0, 0), |(chunks, samples), chunk| {
            (chunks + 1, samples + chunk.count as usize)
        })
    }

    fn seal_late(&mut self) {
        let mut columns = SampleColumns::default();
        for (sample, start_ms) in std::mem::take(&mut self.late) {
            columns.push_started(sample.at_ms, sample.value, start_ms);
        }
        self.late_sealed
            .extend(HeadChunk::seal(&columns, 0..columns.len()));
        self.uncounted = true;
    }

    /// Makes overlapping late chunks into chunks that follow each other, so that looking for a sample stays cheap.
    fn order_late(&mut self) {
        let mut columns = SampleColumns::default();
        for chunk in self.late_sealed.iter().filter(|chunk| !chunk.flushing) {
            chunk.decode(&mut columns);
        }
        self.late_sealed.retain(|chunk| chunk.flushing);
        settle(&mut columns, 0, TimeRange::ALL);
        // Larger chunks than usual: else the number of chunks would be the same as before.
        let size = HEAD_CHUNK_SAMPLES * LATE_CHUNKS_MAX;
        for first in (0..columns.len()).step_by(size) {
            let places = first..(first + size).min(columns.len());
            self.late_sealed.extend(HeadChunk::seal(&columns, places));
        }
    }
}

// === impl HeadChunk ===

impl HeadChunk {
    /// The samples at those places.
    fn seal(columns: &SampleColumns, places: Range<usize>) -> Option<Self> {
        let times = columns.at_ms.get(places.clone())?;
        let values = columns.values.get(places.clone())?;
        let (&min_ms, &max_ms) = (times.first()?, times.last()?);
        Some(Self {
            bytes: chunk::encode(times, values, columns.starts.slice(places), Effort::Fast).into(),
            min_ms,
            max_ms,
            count: times.len() as u32,
            flushing: false,
        })
    }

    fn range(&self) -> TimeRange {
        TimeRange::at(self.min_ms).union(&TimeRange::at(self.max_ms))
    }

    fn memory_bytes(&self) -> u64 {
        // The chunk's place in the list, and the counts and rounding of its bytes.
        (self.bytes.len() + size_of::<Self>() + 24) as u64
    }

    /// Appends the chunk's samples to `out`.
    pub(crate) fn decode(&self, out: &mut SampleColumns) {
        out.at_ms.reserve(self.count as usize);
        out.values.reserve(self.count as usize);
        let result = chunk::decode(&self.bytes, out);
        assert!(result.is_ok(), "a chunk sealed in memory reads back");
    }

    fn straddles(&self, at_ms: i64) -> bool {
        self.min_ms < at_ms && at_ms <= self.max_ms && !self.flushing
    }

    /// The parts before and from `at_ms` on.
    fn split(&self, at_ms: i64) -> Vec<Self> {
        if !self.straddles(at_ms) {
            return vec![self.clone()];
        }
        let mut columns = SampleColumns::default();
        self.decode(&mut columns);
        let place = columns.at_ms.partition_point(|&time| time < at_ms);
        [0..place, place..columns.len()]
            .into_iter()
            .filter_map(|places| Self::seal(&columns, places))
            .collect()
    }
}

// === impl OpenChunk ===

impl OpenChunk {
    fn range(&self) -> Option<TimeRange> {
        let last = *self.offsets_ms.last()?;
        Some(TimeRange::at(self.base_ms).union(&TimeRange::at(self.base_ms + i64::from(last))))
    }

    fn reaches(&self, at_ms: i64) -> bool {
        self.values.is_empty() || self.offset(at_ms).is_some()
    }

    fn offset(&self, at_ms: i64) -> Option<u32> {
        u32::try_from(at_ms.checked_sub(self.base_ms)?).ok()
    }

    /// Adds as many of the samples as there is room for up to `size`, one at least, and says how many.
    fn push_run(&mut self, times: &[i64], values: &[f64], starts: &[i64], size: usize) -> usize {
        if self.values.is_empty() {
            self.base_ms = times.first().copied().unwrap_or_default();
        }
        let room = size.saturating_sub(self.values.len()).min(times.len());
        let reached = times
            .iter()
            .take(room)
            .take_while(|&&at_ms| self.offset(at_ms).is_some())
            .count()
            .max(1);
        let needed = self.values.len() + reached;
        if needed > self.values.capacity() {
            // In steps: with a million series, doubling would waste more than copying costs.
            let step = if self.values.is_empty() { 4 } else { 16 };
            let more = needed.next_multiple_of(step) - self.values.len();
            self.values.reserve_exact(more);
            self.offsets_ms.reserve_exact(more);
        }
        if self.starts.is_some() || starts.iter().any(|start_ms| *start_ms != NO_START) {
            let runs = self.starts.get_or_insert_default();
            for place in 0..reached {
                let start_ms = starts.get(place).copied().unwrap_or(NO_START);
                runs.push(self.values.len() + place, start_ms);
            }
        }
        let base_ms = self.base_ms;
        self.offsets_ms.extend(
            times
                .iter()
                .take(reached)
                .map(|&at_ms| at_ms.wrapping_sub(base_ms) as u32),
        );
        self.values.extend(values.iter().take(reached));
        reached
    }

    fn find(&self, at_ms: i64) -> Option<f64> {
        let offset = u32::try_from(at_ms.checked_sub(self.base_ms)?).ok()?;
        let place = self.offsets_ms.binary_search(&offset).ok()?;
        self.values.get(place).copied()
    }

    fn decode(&self, out: &mut SampleColumns) {
        if let Some(starts) = &self.starts {
            let count = self.values.len();
            out.starts
                .extend_with(out.at_ms.len(), |column| starts.put(count, column));
        }
        out.at_ms.extend(
            self.offsets_ms
                .iter()
                .map(|&offset| self.base_ms + i64::from(offset)),
        );
        out.values.extend_from_slice(&self.values);
    }
}
