//! One series in memory: sealed chunks, the open one, and what came late.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use model::{Refusal, Sample, SampleColumns, Series, TenantId, TimeRange};
use parking_lot::Mutex;

use crate::chunk;
use crate::columns::settle;
use crate::limits::{HEAD_CHUNK_SAMPLES, LATE_CHUNKS_MAX};

#[cfg(test)]
mod tests;

/// A series and its samples in memory.
#[derive(Debug)]
pub(crate) struct MemSeries {
    tenant: TenantId,
    series: Series,
    slot: u32,
    /// The log segment that defines the series last (high half), and its number there.
    log_place: AtomicU64,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// Chunks of samples that came in order.
    sealed: Vec<HeadChunk>,
    /// Chunks of samples that came late; may overlap the others.
    late_sealed: Vec<HeadChunk>,
    open: OpenChunk,
    /// Late samples that are not sealed, in order of time.
    late: Vec<Sample>,
    /// The newest sample ever seen here, sealed into a block or not.
    newest_ms: Option<i64>,
    retired: bool,
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

/// The chunk that takes samples: times as distances from the first, so that a sample takes 12 bytes.
#[derive(Debug, Default)]
struct OpenChunk {
    base_ms: i64,
    offsets_ms: Vec<u32>,
    values: Vec<f64>,
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
    /// The series left memory meanwhile; ask the head again.
    Retired,
}

// === impl MemSeries ===

impl MemSeries {
    pub(crate) fn new(tenant: TenantId, series: Series, slot: u32) -> Self {
        Self {
            tenant,
            series,
            slot,
            log_place: AtomicU64::new(0),
            kept: Mutex::default(),
        }
    }

    pub(crate) fn tenant(&self) -> TenantId {
        self.tenant
    }

    pub(crate) fn series(&self) -> &Series {
        &self.series
    }

    pub(crate) fn slot(&self) -> u32 {
        self.slot
    }

    /// The series' number in a log segment, if that segment defines it.
    pub(crate) fn number_in_segment(&self, segment: u64) -> Option<u32> {
        let place = self.log_place.load(Ordering::Relaxed);
        (place >> 32 == segment & 0xffff_ffff && segment != 0).then_some(place as u32)
    }

    pub(crate) fn define_in_segment(&self, segment: u64, number: u32) {
        self.log_place
            .store((segment << 32) | u64::from(number), Ordering::Relaxed);
    }

    /// Notes that a sample of this time exists, in a block.
    pub(crate) fn note_newest(&self, at_ms: i64) {
        let mut kept = self.kept.lock();
        kept.newest_ms = Some(kept.newest_ms.map_or(at_ms, |known| known.max(at_ms)));
    }

    /// What would become of a sample, given how old it may be.
    pub(crate) fn judge(&self, sample: Sample, window_ms: i64) -> Verdict {
        let kept = self.kept.lock();
        match kept.newest_ms {
            Some(newest_ms) if sample.at_ms < newest_ms.saturating_sub(window_ms) => {
                Verdict::Refuse(Refusal::TooOld)
            }
            Some(newest_ms) if sample.at_ms <= newest_ms => kept.compare(sample),
            _ => Verdict::Store,
        }
    }

    /// Takes a sample in, whatever its age.
    pub(crate) fn insert(&self, sample: Sample) -> Verdict {
        let mut kept = self.kept.lock();
        if kept.retired {
            return Verdict::Retired;
        }
        if kept.newest_ms.is_none_or(|newest_ms| sample.at_ms > newest_ms) {
            kept.newest_ms = Some(sample.at_ms);
            kept.push_in_order(sample);
            return Verdict::Store;
        }
        let verdict = kept.compare(sample);
        if verdict == Verdict::Store {
            kept.push_late(sample);
        }
        verdict
    }

    /// Appends the samples that may lie in `range` to `out`, in no particular order.
    pub(crate) fn gather(&self, range: TimeRange, out: &mut SampleColumns) {
        let kept = self.kept.lock();
        for chunk in kept.chunks().filter(|chunk| chunk.range().overlaps(&range)) {
            chunk.decode(out);
        }
        for sample in kept.late.iter().filter(|sample| range.contains(sample.at_ms)) {
            out.push(sample.at_ms, sample.value);
        }
        if kept.open.range().is_some_and(|open| open.overlaps(&range)) {
            kept.open.decode(out);
        }
    }

    /// Whether there may be samples in `range`.
    pub(crate) fn overlaps(&self, range: TimeRange) -> bool {
        let kept = self.kept.lock();
        kept.open.range().is_some_and(|open| open.overlaps(&range))
            || kept.chunks().any(|chunk| chunk.range().overlaps(&range))
            || kept.late.iter().any(|sample| range.contains(sample.at_ms))
    }

    /// How many chunks there are, and the span of time they cover.
    pub(crate) fn extent(&self) -> (u64, Option<TimeRange>) {
        let kept = self.kept.lock();
        let late = kept.late.iter().map(|sample| TimeRange::at(sample.at_ms));
        let range = kept
            .chunks()
            .map(HeadChunk::range)
            .chain(late)
            .chain(kept.open.range());
        let chunks = kept.chunks().count() + usize::from(!kept.open.values.is_empty());
        (chunks as u64, range.reduce(|a, b| a.union(&b)))
    }

    /// Marks all samples before `before_ms` as being written to blocks and returns them. What arrives from now on is
    /// not among them and stays.
    pub(crate) fn begin_flush(&self, before_ms: i64) -> Vec<HeadChunk> {
        let mut kept = self.kept.lock();
        if kept.open.range().is_some_and(|open| open.from_ms() < before_ms) {
            kept.seal_open();
        }
        if kept.late.first().is_some_and(|sample| sample.at_ms < before_ms) {
            kept.seal_late();
        }
        let mut flushing = Vec::new();
        let Kept {
            sealed, late_sealed, ..
        } = &mut *kept;
        for chunks in [sealed, late_sealed] {
            if chunks.iter().any(|chunk| chunk.straddles(before_ms)) {
                *chunks = chunks
                    .drain(..)
                    .flat_map(|chunk| chunk.split(before_ms))
                    .collect();
            }
            for chunk in chunks.iter_mut().filter(|chunk| chunk.max_ms < before_ms) {
                chunk.flushing = true;
                flushing.push(chunk.clone());
            }
        }
        flushing
    }

    /// Ends what [`Self::begin_flush`] began: the blocks are published, or could not be written.
    pub(crate) fn end_flush(&self, published: bool) {
        let mut kept = self.kept.lock();
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
    }

    /// Whether there is no sample here and `idle` agrees to give the series up.
    pub(crate) fn is_idle(&self, idle: impl Fn(Option<i64>) -> bool) -> bool {
        let kept = self.kept.lock();
        kept.is_empty() && idle(kept.newest_ms)
    }

    /// Refuses all further samples, if the series is idle.
    pub(crate) fn retire(&self, idle: impl Fn(Option<i64>) -> bool) -> bool {
        let mut kept = self.kept.lock();
        kept.retired = kept.is_empty() && idle(kept.newest_ms);
        kept.retired
    }
}

// === impl Kept ===

impl Kept {
    fn chunks(&self) -> impl Iterator<Item = &HeadChunk> {
        self.sealed.iter().chain(&self.late_sealed)
    }

    fn is_empty(&self) -> bool {
        self.sealed.is_empty()
            && self.late_sealed.is_empty()
            && self.late.is_empty()
            && self.open.values.is_empty()
    }

    /// Looks for another sample of the same time.
    fn compare(&self, sample: Sample) -> Verdict {
        let known = self.open.find(sample.at_ms).or_else(|| {
            let place = self
                .late
                .binary_search_by_key(&sample.at_ms, |late| late.at_ms)
                .ok()?;
            self.late.get(place).map(|late| late.value)
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

    fn push_in_order(&mut self, sample: Sample) {
        if self.open.values.len() >= HEAD_CHUNK_SAMPLES || !self.open.reaches(sample.at_ms) {
            self.seal_open();
        }
        self.open.push(sample);
    }

    fn push_late(&mut self, sample: Sample) {
        let place = self.late.partition_point(|known| known.at_ms < sample.at_ms);
        self.late.insert(place, sample);
        if self.late.len() >= HEAD_CHUNK_SAMPLES {
            self.seal_late();
        }
        if self.late_sealed.iter().filter(|chunk| !chunk.flushing).count() > LATE_CHUNKS_MAX {
            self.order_late();
        }
    }

    fn seal_open(&mut self) {
        let open = std::mem::take(&mut self.open);
        let mut columns = SampleColumns::default();
        open.decode(&mut columns);
        self.sealed
            .extend(HeadChunk::seal(&columns.at_ms, &columns.values));
    }

    fn seal_late(&mut self) {
        let late = std::mem::take(&mut self.late);
        let (times, values): (Vec<i64>, Vec<f64>) =
            late.iter().map(|sample| (sample.at_ms, sample.value)).unzip();
        self.late_sealed.extend(HeadChunk::seal(&times, &values));
    }

    /// Makes overlapping late chunks into chunks that follow each other, so that looking for a sample stays cheap.
    fn order_late(&mut self) {
        let mut columns = SampleColumns::default();
        self.late_sealed.retain(|chunk| {
            if !chunk.flushing {
                chunk.decode(&mut columns);
            }
            chunk.flushing
        });
        settle(&mut columns, 0, TimeRange::ALL);
        // Larger chunks than usual: else the number of chunks would be the same as before.
        let size = HEAD_CHUNK_SAMPLES * LATE_CHUNKS_MAX;
        for (times, values) in columns.at_ms.chunks(size).zip(columns.values.chunks(size)) {
            self.late_sealed.extend(HeadChunk::seal(times, values));
        }
    }
}

// === impl HeadChunk ===

impl HeadChunk {
    fn seal(times: &[i64], values: &[f64]) -> Option<Self> {
        let (&min_ms, &max_ms) = (times.first()?, times.last()?);
        Some(Self {
            bytes: chunk::encode(times, values).into(),
            min_ms,
            max_ms,
            count: times.len() as u32,
            flushing: false,
        })
    }

    fn range(&self) -> TimeRange {
        TimeRange::at(self.min_ms).union(&TimeRange::at(self.max_ms))
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
    fn split(self, at_ms: i64) -> Vec<Self> {
        if !self.straddles(at_ms) {
            return vec![self];
        }
        let mut columns = SampleColumns::default();
        self.decode(&mut columns);
        let place = columns.at_ms.partition_point(|&time| time < at_ms);
        let (times, values) = (columns.at_ms.split_at(place), columns.values.split_at(place));
        [Self::seal(times.0, values.0), Self::seal(times.1, values.1)]
            .into_iter()
            .flatten()
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
        self.values.is_empty()
            || at_ms
                .checked_sub(self.base_ms)
                .is_some_and(|offset| u32::try_from(offset).is_ok())
    }

    fn push(&mut self, sample: Sample) {
        if self.values.is_empty() {
            self.base_ms = sample.at_ms;
        }
        if self.values.len() == self.values.capacity() {
            // In steps: with a million series, doubling would waste more than copying costs.
            let more = if self.values.is_empty() { 4 } else { 16 };
            self.values.reserve_exact(more);
            self.offsets_ms.reserve_exact(more);
        }
        self.offsets_ms.push((sample.at_ms - self.base_ms) as u32);
        self.values.push(sample.value);
    }

    fn find(&self, at_ms: i64) -> Option<f64> {
        let offset = u32::try_from(at_ms.checked_sub(self.base_ms)?).ok()?;
        let place = self.offsets_ms.binary_search(&offset).ok()?;
        self.values.get(place).copied()
    }

    fn decode(&self, out: &mut SampleColumns) {
        out.at_ms.extend(
            self.offsets_ms
                .iter()
                .map(|&offset| self.base_ms + i64::from(offset)),
        );
        out.values.extend_from_slice(&self.values);
    }
}
