//! Old samples in bulk: past the log and memory, straight into blocks of their days.
//!
//! Samples are gathered up to a bound and then written, one block for each day. A sample that memory or an older block has
//! already stays as it is. Each block appears whole or not at all, so a crash leaves a part of the bulk, every sample of it
//! sound; giving the same bulk again completes it.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use hashbrown::HashMap;
use model::{
    Backfilled, HistogramSample, Labels, NumberedSample, ReadError, Refusal, SampleColumns, Starts, TenantId,
    TimeRange, WriteError,
};
use rustc_hash::FxBuildHasher;

use super::compact::Merge;
use super::flush::of_range;
use super::{Db, Inner};
use crate::block::{Added, Block, BlockSeries, Heading, Walk, block_order};
use crate::columns::{settle, settle_histograms};
use crate::error::TsdbError;
use crate::head::{check_buckets, check_labels};
use crate::limits::{BACKFILL_BYTES_MAX, DAY_MS};

/// What a series that is gathered costs beside its labels and samples, about.
const SERIES_BYTES: usize = 160;

/// What a sample costs.
const SAMPLE_BYTES: usize = 16;

/// What a native histogram costs beside its buckets, about.
const HISTOGRAM_BYTES: usize = 200;

/// Series in the order of a block.
type Sorted = Vec<(Labels, Samples)>;

/// What one series has: plain samples and native histograms.
#[derive(Debug, Default)]
struct Samples {
    floats: SampleColumns,
    histograms: Vec<HistogramSample>,
}

/// A bulk of old samples on its way into the store.
#[derive(Debug)]
pub struct Backfill {
    db: Db,
    tenant: TenantId,
    now_ms: i64,
    gathered: HashMap<Labels, Samples, FxBuildHasher>,
    gathered_bytes: usize,
    bytes_max: usize,
    /// The days that got blocks, counted since the epoch.
    days: BTreeSet<i64>,
    result: Backfilled,
}

impl Db {
    /// Begins to take in old samples. What retention does not keep, or what lies too far in the future, is refused.
    pub fn backfill(&self, tenant: TenantId, now_ms: i64) -> Backfill {
        Backfill {
            db: self.clone(),
            tenant,
            now_ms,
            gathered: HashMap::default(),
            gathered_bytes: 0,
            bytes_max: BACKFILL_BYTES_MAX,
            days: BTreeSet::new(),
            result: Backfilled::default(),
        }
    }
}

// === impl Backfill ===

impl Backfill {
    /// Gathers at most so many bytes before they are written, instead of the usual [`BACKFILL_BYTES_MAX`].
    #[must_use]
    pub fn gathering(mut self, bytes_max: usize) -> Self {
        self.bytes_max = bytes_max;
        self
    }

    /// Gathers samples of one series; writes everything gathered once it is too much.
    pub fn add(&mut self, labels: &Labels, samples: &SampleColumns) -> Result<(), TsdbError> {
        if !self.keeps_series(labels, samples.len()) {
            return Ok(());
        }
        let mut taken = Vec::with_capacity(samples.len());
        for (place, sample) in samples.iter().enumerate() {
            if self.keeps(sample.at_ms) {
                taken.push((sample, samples.starts.get(place)));
            }
        }
        if taken.is_empty() {
            return Ok(());
        }
        self.gathered_bytes += taken.len() * SAMPLE_BYTES;
        let floats = &mut self.of_series(labels).floats;
        for (sample, start_ms) in taken {
            floats.push_started(sample.at_ms, sample.value, start_ms);
        }
        self.write_if_full()
    }

    /// Gathers native histograms of one series; the same.
    pub fn add_histograms(&mut self, labels: &Labels, samples: &[HistogramSample]) -> Result<(), TsdbError> {
        if !self.keeps_series(labels, samples.len()) {
            return Ok(());
        }
        let mut taken = Vec::with_capacity(samples.len());
        for sample in samples {
            if let Err(refusal) = check_buckets(&sample.value) {
                self.result.accepted.refuse(refusal, 1);
            } else if self.keeps(sample.at_ms) {
                let buckets = sample.value.positive.counts.len() + sample.value.negative.counts.len();
                self.gathered_bytes += HISTOGRAM_BYTES + buckets * size_of::<f64>();
                taken.push(sample.clone());
            }
        }
        if taken.is_empty() {
            return Ok(());
        }
        self.of_series(labels).histograms.append(&mut taken);
        self.write_if_full()
    }

    /// Writes what is left and merges the blocks of the days concerned. Returns when everything is durable and readable.
    pub fn finish(mut self) -> Result<Backfilled, TsdbError> {
        self.write()?;
        let over = Merge::Worthwhile { before_ms: i64::MAX };
        self.db
            .guarded(|inner| inner.compact_days(over, &self.days, self.now_ms))?;
        Ok(self.result)
    }

    /// Whether a series of these labels may be stored; samples of one that may not are counted.
    fn keeps_series(&mut self, labels: &Labels, samples: usize) -> bool {
        check_labels(labels)
            .map_err(|refusal| self.result.accepted.refuse(refusal, samples as u64))
            .is_ok()
    }

    /// Whether a sample of this time may be stored; one that may not is counted.
    fn keeps(&mut self, at_ms: i64) -> bool {
        let bounds = self.db.inner.bounds(self.now_ms);
        let oldest_ms = self.now_ms.saturating_sub(self.db.inner.config.keep_ms_max());
        let reason = if at_ms < oldest_ms {
            Refusal::TooOld
        } else if at_ms > bounds.newest_ms {
            Refusal::TooFarInFuture
        } else {
            return true;
        };
        self.result.accepted.refuse(reason, 1);
        false
    }

    fn of_series(&mut self, labels: &Labels) -> &mut Samples {
        if !self.gathered.contains_key(labels) {
            self.gathered_bytes += labels.heap_bytes() + SERIES_BYTES;
        }
        self.gathered.entry(labels.clone()).or_default()
    }

    fn write_if_full(&mut self) -> Result<(), TsdbError> {
        if self.gathered_bytes > self.bytes_max {
            self.write()
        } else {
            Ok(())
        }
    }

    /// Writes everything gathered to blocks.
    fn write(&mut self) -> Result<(), TsdbError> {
        self.gathered_bytes = 0;
        let mut gathered: Sorted = std::mem::take(&mut self.gathered).into_iter().collect();
        gathered.sort_unstable_by(|(a, _), (b, _)| block_order(a, b));
        for (_, samples) in &mut gathered {
            sort(&mut samples.floats, &mut self.result);
            sort_histograms(&mut samples.histograms, &mut self.result);
        }
        let days: BTreeSet<i64> = gathered
            .iter()
            .flat_map(|(_, samples)| samples.times())
            .map(|at_ms| at_ms.div_euclid(DAY_MS))
            .collect();
        for &day in &days {
            let (tenant, now_ms, result) = (self.tenant, self.now_ms, &mut self.result);
            self.db.guarded(|inner| {
                if inner.write_day(tenant, day, &gathered, now_ms, result)? {
                    self.days.insert(day);
                }
                Ok(())
            })?;
        }
        // Many rounds leave many blocks; the next rounds look through all of them.
        let many = Merge::Worthwhile { before_ms: i64::MIN };
        self.db
            .guarded(|inner| inner.compact_days(many, &self.days, self.now_ms))
    }
}

impl model::Backfill for Backfill {
    fn add(&mut self, labels: &Labels, samples: &SampleColumns) -> Result<(), WriteError> {
        Self::add(self, labels, samples).map_err(write_error)
    }

    fn add_histograms(&mut self, labels: &Labels, samples: &[HistogramSample]) -> Result<(), WriteError> {
        Self::add_histograms(self, labels, samples).map_err(write_error)
    }

    fn finish(self: Box<Self>) -> Result<Backfilled, WriteError> {
        Self::finish(*self).map_err(write_error)
    }
}

// === impl Samples ===

impl Samples {
    fn is_empty(&self) -> bool {
        self.floats.is_empty() && self.histograms.is_empty()
    }

    fn times(&self) -> impl Iterator<Item = i64> + '_ {
        let histograms = self.histograms.iter().map(|sample| sample.at_ms);
        self.floats.at_ms.iter().copied().chain(histograms)
    }

    /// What of these, which are in order of time, lies in `range`.
    fn within(&self, range: TimeRange) -> Self {
        let (from_ms, to_ms) = (range.from_ms(), range.to_ms());
        let times = &self.floats.at_ms;
        let floats =
            times.partition_point(|at_ms| *at_ms < from_ms)..times.partition_point(|at_ms| *at_ms <= to_ms);
        let histograms = of_range(&self.histograms, range).to_vec();
        Self {
            floats: SampleColumns {
                at_ms: self.floats.at_ms.get(floats.clone()).unwrap_or_default().to_vec(),
                values: self
                    .floats
                    .values
                    .get(floats.clone())
                    .unwrap_or_default()
                    .to_vec(),
                starts: starts_within(&self.floats, floats),
            },
            histograms,
        }
    }
}

// === impl Inner ===

impl Inner {
    /// Writes the block of a day, where there is something new for it; says whether there was.
    fn write_day(
        &self,
        tenant: TenantId,
        day: i64,
        gathered: &Sorted,
        now_ms: i64,
        result: &mut Backfilled,
    ) -> Result<bool, TsdbError> {
        let first_ms = day.saturating_mul(DAY_MS);
        let range = TimeRange::at(first_ms).union(&TimeRange::at(first_ms.saturating_add(DAY_MS - 1)));
        let blocks = self.blocks.overlapping(tenant, range);
        let mut known = Known::new(self, tenant, range, &blocks);
        let mut new = Sorted::new();
        for (labels, samples) in gathered {
            let mut samples = samples.within(range);
            if samples.is_empty() {
                continue;
            }
            known
                .leave_out(labels, &mut samples, result)
                .map_err(|source| TsdbError::ReadBlock { source })?;
            if !samples.is_empty() {
                new.push((labels.clone(), samples));
            }
        }
        if new.is_empty() {
            return Ok(false);
        }
        let heading = Heading {
            tenant,
            ..Heading::default()
        };
        let block = self.publish_block(heading, now_ms, |writer| {
            new.iter().try_for_each(|(labels, samples)| {
                let added = Added {
                    samples: Some(&samples.floats),
                    histograms: &samples.histograms,
                    rollups: None,
                };
                writer.add(labels, added)
            })
        })?;
        let Some(block) = block else { return Ok(false) };
        let stored = block.contents().sample_count;
        let from_ms = block.range().from_ms();
        self.blocks.add(block);
        self.changes.note(tenant, from_ms);
        self.note_newest(tenant, &new);
        let histograms: usize = new.iter().map(|(_, samples)| samples.histograms.len()).sum();
        result.accepted.stored += stored;
        result.accepted.histograms_stored += histograms as u64;
        result.blocks_written += 1;
        self.telemetry.samples_backfilled.inc_by(stored);
        Ok(true)
    }

    /// Tells memory how new the samples are that blocks have now, so that live ones of the same time are compared with them.
    fn note_newest(&self, tenant: TenantId, new: &Sorted) {
        let in_memory: Vec<NumberedSample> = new
            .iter()
            .filter_map(|(labels, samples)| {
                Some(NumberedSample {
                    series: self.head.known(tenant, labels.id())?,
                    at_ms: samples.times().max()?,
                    value: 0.0,
                })
            })
            .collect();
        if !in_memory.is_empty() {
            self.head.restore(&[], &Starts::default(), &in_memory);
        }
    }
}

// === impl Known ===

/// What memory and blocks have of one day; asked series by series in the order of blocks.
struct Known<'a> {
    db: &'a Inner,
    tenant: TenantId,
    range: TimeRange,
    walks: Vec<Walk<'a>>,
    found: Samples,
}

impl<'a> Known<'a> {
    fn new(db: &'a Inner, tenant: TenantId, range: TimeRange, blocks: &'a [Arc<Block>]) -> Self {
        // What writers gave last is seen only once it is sorted to its series.
        db.head.settle();
        Self {
            db,
            tenant,
            range,
            walks: blocks.iter().map(|block| Walk::new(block)).collect(),
            found: Samples::default(),
        }
    }

    /// Removes from `samples` what is known already, and counts it.
    fn leave_out(
        &mut self,
        labels: &Labels,
        samples: &mut Samples,
        result: &mut Backfilled,
    ) -> Result<(), ReadError> {
        self.found.floats.clear();
        self.found.histograms.clear();
        self.look_into_blocks(labels)?;
        if let Some(number) = self.db.head.known(self.tenant, labels.id())
            && let Some(series) = self.db.head.by_number(number)
        {
            series.gather(self.range, &mut self.found.floats);
            series.gather_histograms(self.range, &mut self.found.histograms);
        }
        if self.found.is_empty() {
            return Ok(());
        }
        let known = &mut self.found;
        settle(&mut known.floats, 0, self.range);
        settle_histograms(&mut known.histograms, self.range);
        let given = std::mem::take(&mut samples.floats);
        for (place, sample) in given.iter().enumerate() {
            match value_at(&known.floats, sample.at_ms) {
                None => samples
                    .floats
                    .push_started(sample.at_ms, sample.value, given.starts.get(place)),
                Some(value) => count_known(value.to_bits() == sample.value.to_bits(), result),
            }
        }
        samples.histograms.retain(|sample| {
            let place = known
                .histograms
                .binary_search_by_key(&sample.at_ms, |known| known.at_ms);
            let same = place.ok().and_then(|place| known.histograms.get(place));
            if let Some(same) = same {
                count_known_histogram(same, sample, result);
            }
            same.is_none()
        });
        Ok(())
    }

    /// Gathers what blocks have of a series. What cannot be read is named and counts as absent.
    fn look_into_blocks(&mut self, labels: &Labels) -> Result<(), ReadError> {
        let mut unreadable = BTreeSet::new();
        for walk in &mut self.walks {
            let block = walk.block();
            let Some(series) = self.db.forgive(block, seek(walk, labels), true)? else {
                unreadable.insert(block.id());
                continue;
            };
            let Some(series) = series else { continue };
            for chunk in series
                .chunks
                .iter()
                .filter(|chunk| chunk.range().overlaps(&self.range))
            {
                let read = block.read_chunk_once(chunk, &mut self.found.floats);
                self.db.forgive(block, read, false)?;
            }
            for chunk in series
                .histograms
                .iter()
                .filter(|chunk| chunk.range.overlaps(&self.range))
            {
                let read = block.read_histograms(chunk, &mut self.found.histograms);
                self.db.forgive(block, read, false)?;
            }
        }
        self.walks.retain(|walk| !unreadable.contains(&walk.block().id()));
        Ok(())
    }
}

/// The starts of the samples at those places.
fn starts_within(columns: &SampleColumns, places: Range<usize>) -> Starts {
    let mut starts = Starts::default();
    let count = places.len();
    starts.extend(0, columns.starts.slice(places), count);
    starts
}

/// Walks on to a series; those before it are left behind.
fn seek(walk: &mut Walk<'_>, labels: &Labels) -> Result<Option<BlockSeries>, ReadError> {
    while let Some(series) = walk.peek()? {
        match block_order(&series.labels, labels) {
            Ordering::Less => drop(walk.take()),
            Ordering::Equal => return Ok(walk.take()),
            Ordering::Greater => break,
        }
    }
    Ok(None)
}

/// Brings samples into order of time; of several at one time the first stays, the others are counted.
fn sort(columns: &mut SampleColumns, result: &mut Backfilled) {
    let ascending = columns
        .at_ms
        .windows(2)
        .all(|pair| matches!(pair, [a, b] if a < b));
    if ascending {
        return;
    }
    let given = columns.iter().enumerate();
    let mut samples: Vec<_> = given
        .map(|(place, sample)| (sample, columns.starts.get(place)))
        .collect();
    samples.sort_by_key(|(sample, _)| sample.at_ms);
    columns.clear();
    for (sample, start_ms) in samples {
        match (columns.at_ms.last(), columns.values.last()) {
            (Some(&last_ms), Some(value)) if last_ms == sample.at_ms => {
                count_known(value.to_bits() == sample.value.to_bits(), result);
            }
            _ => columns.push_started(sample.at_ms, sample.value, start_ms),
        }
    }
}

/// The same for histograms.
fn sort_histograms(histograms: &mut Vec<HistogramSample>, result: &mut Backfilled) {
    histograms.sort_by_key(|sample| sample.at_ms);
    histograms.dedup_by(|later, first| {
        let repeated = later.at_ms == first.at_ms;
        if repeated {
            count_known_histogram(first, later, result);
        }
        repeated
    });
}

fn value_at(known: &SampleColumns, at_ms: i64) -> Option<f64> {
    let place = known.at_ms.binary_search(&at_ms).ok()?;
    known.values.get(place).copied()
}

fn count_known_histogram(known: &HistogramSample, given: &HistogramSample, result: &mut Backfilled) {
    // Markers that end a series are not equal to themselves.
    let same = known.value == given.value || (known.value.is_stale() && given.value.is_stale());
    result.accepted.histograms_stored += u64::from(same);
    count_known(same, result);
}

fn count_known(same: bool, result: &mut Backfilled) {
    if same {
        result.known += 1;
        result.accepted.stored += 1;
    } else {
        result.accepted.refuse(Refusal::DuplicateTimestamp, 1);
    }
}

fn write_error(error: TsdbError) -> WriteError {
    match error {
        TsdbError::Closed => WriteError::Closed,
        other => {
            let mut reason = other.to_string();
            let mut source = std::error::Error::source(&other);
            while let Some(cause) = source {
                reason = format!("{reason}: {cause}");
                source = cause.source();
            }
            WriteError::Log { reason }
        }
    }
}
