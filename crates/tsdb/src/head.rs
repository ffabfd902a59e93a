//! The newest samples, in memory: an index of the series, what new samples are judged by, and the samples by series.
//!
//! In: samples that the log holds already.  Out: series by matcher, and samples to be sealed into blocks.
//! Owns: nothing on disk.
//! Invariants: a number whose series left memory is never taken for another's (`intake::tests`); samples leave memory only
//! once a block has them (`series::tests::what_arrives_during_a_flush_stays`); whoever asks sees every sample that was
//! taken in before (`tests/concurrency.rs`).
//! Not here: durability (`log`), blocks (`block`).
//! Start at: [`Head::number`].

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use hashbrown::HashMap;
use model::{
    Accepted, Buckets, Histogram, HistogramSample, Labels, Matcher, NumberedSample, ReadError, Refusal,
    Sample, Series, SeriesId, SeriesNumber, Starts, TenantId, TimeRange,
};
use parking_lot::{Mutex, RwLock};
use roaring::RoaringBitmap;
use rustc_hash::FxBuildHasher;

use crate::limits::{LABEL_BYTES_PER_SERIES_MAX, LABELS_PER_SERIES_MAX};
use crate::matching::{Postings, matching};

mod drain;
mod histograms;
pub(crate) mod intake;
pub(crate) mod series;
mod span;
mod starts;
pub(crate) mod statistics;

use drain::Drain;
use intake::Intake;
pub(crate) use intake::{Bounds, Forgotten, Judged};
pub(crate) use series::MemSeries;
use series::Verdict;
use span::HeldSpan;

/// All series in memory. Locks are taken in the order of the fields.
#[derive(Debug, Default)]
pub(crate) struct Head {
    drain: Mutex<Drain>,
    index: RwLock<Index>,
    intake: Mutex<Intake>,
    /// Memory of sealed chunks.
    sealed_bytes: AtomicI64,
    span: HeldSpan,
}

/// The series by number, by identity and by label.
#[derive(Debug, Default)]
pub(crate) struct Index {
    by_id: HashMap<(TenantId, SeriesId), u32, FxBuildHasher>,
    slots: Vec<Option<Arc<MemSeries>>>,
    free: Vec<u32>,
    tenants: HashMap<TenantId, TenantPostings, FxBuildHasher>,
}

type ByValue = HashMap<Box<str>, RoaringBitmap, FxBuildHasher>;

/// Slots by label pair.
#[derive(Debug, Default)]
pub(crate) struct TenantPostings {
    all: RoaringBitmap,
    by_name: HashMap<Box<str>, ByValue, FxBuildHasher>,
}

/// How many series there may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SeriesLimits {
    /// In memory, all tenants together.
    pub(crate) active_max: u64,
    /// In memory of the tenant.
    pub(crate) per_tenant_max: u64,
    /// In memory of one metric of one tenant.
    pub(crate) per_metric_max: u64,
    /// Samples of a new series up to this time may be in blocks already.
    pub(crate) blocks_newest_ms: Option<i64>,
}

impl SeriesLimits {
    /// None: for what was taken in before.
    pub(crate) const NONE: Self = Self {
        active_max: u64::MAX,
        per_tenant_max: u64::MAX,
        per_metric_max: u64::MAX,
        blocks_newest_ms: None,
    };
}

// === impl Head ===

impl Head {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// The number of a series that is in memory.
    pub(crate) fn known(&self, tenant: TenantId, id: SeriesId) -> Option<SeriesNumber> {
        Some(self.index.read().get(tenant, id)?.number())
    }

    /// The number of a series, created where it is not in memory yet.
    pub(crate) fn number(
        &self,
        tenant: TenantId,
        series: &Series,
        limits: SeriesLimits,
        now_ms: i64,
    ) -> Result<SeriesNumber, Refusal> {
        // Refused under the lock that others can share: something that makes series without end must not hold up the rest.
        self.index.read().admit(tenant, series.labels(), limits)?;
        let mut index = self.index.write();
        if let Some(known) = index.get(tenant, series.id()) {
            return Ok(known.number());
        }
        index.admit(tenant, series.labels(), limits)?;
        let slot = index.next_slot();
        let number = self
            .intake
            .lock()
            .open(slot, limits.blocks_newest_ms.unwrap_or(i64::MIN), now_ms);
        index.insert(tenant, series, number);
        Ok(number)
    }

    /// The series with a number, if it still has it.
    pub(crate) fn by_number(&self, number: SeriesNumber) -> Option<Arc<MemSeries>> {
        let index = self.index.read();
        let known = index.slots.get(number.slot as usize)?.as_ref()?;
        (known.number() == number).then(|| Arc::clone(known))
    }

    /// Sorts samples by whether they are new for sure; see [`Intake::judge`].
    pub(crate) fn judge(
        &self,
        rows: (&[NumberedSample], &Starts),
        bounds: Bounds,
        now_ms: i64,
        judged: &mut Judged,
    ) -> Result<(), Forgotten> {
        self.intake.lock().judge(rows, bounds, now_ms, judged)
    }

    /// The series among `rows` that a log segment does not define yet; from now on it does.
    pub(crate) fn undefined_in(&self, segment: u64, rows: &[NumberedSample]) -> Vec<Arc<MemSeries>> {
        let slots = self.intake.lock().undefined_in(segment, rows);
        if slots.is_empty() {
            return Vec::new();
        }
        let index = self.index.read();
        slots
            .iter()
            .filter_map(|&slot| index.slots.get(slot as usize)?.clone())
            .collect()
    }

    /// Up to when series may have samples; `None` where a number is not known any more.
    pub(crate) fn newest_ms(&self, numbers: &[SeriesNumber]) -> Vec<Option<i64>> {
        let intake = self.intake.lock();
        numbers.iter().map(|number| intake.newest_ms(*number)).collect()
    }

    /// Notes that something of this time was taken in for a series beside its plain samples.
    pub(crate) fn touch(&self, number: SeriesNumber, at_ms: i64, now_ms: i64) {
        self.intake.lock().touch(number.slot, at_ms, now_ms);
    }

    /// Takes in samples that are new for sure. The `starts` that are told are those of the first ones.
    pub(crate) fn take(&self, rows: &[NumberedSample], starts: &[i64]) {
        let crowded = self.intake.lock().take(rows, starts);
        if crowded {
            self.settle();
        }
    }

    /// Takes in samples that the log holds, in its order; those that are known already are left out. Samples that are
    /// `in_blocks` only say how new they are.
    pub(crate) fn restore(&self, rows: &[NumberedSample], starts: &Starts, in_blocks: &[NumberedSample]) {
        let mut intake = self.intake.lock();
        for row in rows.iter().chain(in_blocks) {
            intake.note_newest(row.series.slot, row.at_ms);
        }
        drop(intake);
        self.take(rows, starts.as_slice());
    }

    /// Takes in a sample that may be known already; whoever calls has [settled](Self::settle) before.
    pub(crate) fn take_doubtful(&self, row: NumberedSample, start_ms: i64, accepted: &mut Accepted) {
        let sample = Sample {
            at_ms: row.at_ms,
            value: row.value,
        };
        let verdict = self
            .by_number(row.series)
            .map(|series| series.insert(sample, start_ms));
        self.span.widen(TimeRange::at(row.at_ms));
        match verdict {
            Some(Verdict::Store | Verdict::Same) => accepted.stored += 1,
            Some(Verdict::Refuse(refusal)) => accepted.refuse(refusal, 1),
            // The log has it: it is back after the next start.
            None => tracing::error!(
                slot = row.series.slot,
                "a series left memory while a sample of it was written"
            ),
        }
    }

    /// Takes in a histogram that the log holds, where it is new.
    pub(crate) fn take_histogram(&self, series: &MemSeries, sample: HistogramSample) -> Verdict {
        let at_ms = sample.at_ms;
        let verdict = series.insert_histogram(sample);
        self.span.widen(TimeRange::at(at_ms));
        verdict
    }

    /// Sorts what was taken in to its series, so that it is seen.
    pub(crate) fn settle(&self) {
        let mut drain = self.drain.lock();
        drain.collect(&mut self.intake.lock());
        let taken = drain.range();
        let sealed = drain.distribute(&self.index);
        if let Some(taken) = taken {
            self.span.widen(taken);
        }
        self.note_sealed(sealed);
    }

    /// Notes that samples have left memory.
    pub(crate) fn note_flushed(&self) {
        self.span.narrow(|| {
            let mut held = None;
            self.for_each(|series| held = span::union(held, series.extent().1));
            held
        });
    }

    /// Bytes of memory that sealed chunks take.
    pub(crate) fn sealed_bytes(&self) -> u64 {
        self.sealed_bytes.load(Ordering::Relaxed).max(0) as u64
    }

    /// Notes by how many bytes sealed chunks grew.
    pub(crate) fn note_sealed(&self, grown: i64) {
        self.sealed_bytes.fetch_add(grown, Ordering::Relaxed);
    }

    /// Every series.
    pub(crate) fn for_each(&self, each: impl FnMut(&Arc<MemSeries>)) {
        self.settle();
        let series: Vec<Arc<MemSeries>> = self.index.read().slots.iter().flatten().cloned().collect();
        series.iter().for_each(each);
    }

    /// Removes the series that hold no sample, have none newer than `newest_before_ms`, and got none since
    /// `touched_before_ms`. Gives memory back that is not needed any more.
    pub(crate) fn retire_idle(&self, newest_before_ms: i64, touched_before_ms: i64) {
        self.settle();
        let candidates: Vec<Arc<MemSeries>> = {
            let index = self.index.read();
            let idle = |series: &&Arc<MemSeries>| series.is_empty();
            index.slots.iter().flatten().filter(idle).cloned().collect()
        };
        if !candidates.is_empty() {
            let mut index = self.index.write();
            let mut intake = self.intake.lock();
            for series in candidates {
                // Samples that are on their way were judged lately: the series counts as touched.
                if series.is_empty() && intake.close(series.number(), newest_before_ms, touched_before_ms) {
                    index.remove(&series);
                }
            }
            index.give_memory_back();
        }
        self.drain.lock().give_memory_back();
    }

    /// The series of a tenant that meet all `matchers` and may have something in `range`, in no particular order.
    pub(crate) fn select(
        &self,
        tenant: TenantId,
        matchers: &[Matcher],
        range: TimeRange,
    ) -> Result<Vec<Arc<MemSeries>>, ReadError> {
        self.settle();
        if !self.span.overlaps(range) {
            return Ok(Vec::new());
        }
        let index = self.index.read();
        let Some(postings) = index.tenants.get(&tenant) else {
            return Ok(Vec::new());
        };
        let slots = matching(postings, matchers)?;
        Ok(slots
            .iter()
            .filter_map(|slot| index.slots.get(slot as usize)?.as_ref())
            .filter(|series| series.overlaps(range))
            .cloned()
            .collect())
    }

    /// The label names of a tenant that has samples in `range`.
    pub(crate) fn for_each_name(&self, tenant: TenantId, range: TimeRange, each: &mut dyn FnMut(&str)) {
        self.with_postings(tenant, range, |postings| {
            postings.by_name.keys().for_each(|name| each(name));
        });
    }

    /// The values of a label of a tenant that has samples in `range`.
    pub(crate) fn for_each_value(
        &self,
        tenant: TenantId,
        name: &str,
        range: TimeRange,
        each: &mut dyn FnMut(&str),
    ) {
        self.with_postings(tenant, range, |postings| {
            let by_value = postings.by_name.get(name).into_iter().flatten();
            by_value.for_each(|(value, _)| each(value));
        });
    }

    fn with_postings(&self, tenant: TenantId, range: TimeRange, with: impl FnOnce(&TenantPostings)) {
        self.settle();
        if !self.span.overlaps(range) {
            return;
        }
        let index = self.index.read();
        let Some(postings) = index.tenants.get(&tenant) else {
            return;
        };
        let mut series = postings
            .all
            .iter()
            .filter_map(|slot| index.slots.get(slot as usize)?.as_ref());
        if series.any(|series| series.overlaps(range)) {
            with(postings);
        }
    }

    pub(crate) fn series_count(&self) -> u64 {
        self.index.read().by_id.len() as u64
    }
}

/// Refuses labels that could not be read back from a file.
pub(crate) fn check_labels(labels: &Labels) -> Result<(), Refusal> {
    // Each byte of a text is at least one of theirs.
    if labels.heap_bytes() > LABEL_BYTES_PER_SERIES_MAX {
        return Err(Refusal::LabelsTooLong);
    }
    if labels.len() > LABELS_PER_SERIES_MAX {
        return Err(Refusal::TooManyLabels);
    }
    Ok(())
}

/// Refuses histograms that could not be read back from a file.
pub(crate) fn check_buckets(histogram: &Histogram) -> Result<(), Refusal> {
    let sides = [&histogram.positive, &histogram.negative];
    if sides.into_iter().all(Buckets::can_be_stored) {
        Ok(())
    } else {
        Err(Refusal::TooManyBuckets)
    }
}

// === impl Index ===

impl Index {
    fn get(&self, tenant: TenantId, id: SeriesId) -> Option<&Arc<MemSeries>> {
        let slot = *self.by_id.get(&(tenant, id))?;
        self.slots.get(slot as usize)?.as_ref()
    }

    /// Refuses a new series where there are as many as there may be.
    fn admit(&self, tenant: TenantId, labels: &Labels, limits: SeriesLimits) -> Result<(), Refusal> {
        if self.by_id.len() as u64 >= limits.active_max {
            return Err(Refusal::TooManySeries);
        }
        check_labels(labels)?;
        let of_tenant = self.tenants.get(&tenant);
        if of_tenant.is_some_and(|postings| postings.all.len() >= limits.per_tenant_max) {
            return Err(Refusal::TooManySeriesOfTenant);
        }
        let of_metric = || {
            let names = of_tenant?.by_name.get(model::METRIC_NAME)?;
            Some(names.get(labels.metric_name())?.len())
        };
        if of_metric().is_some_and(|count| count >= limits.per_metric_max) {
            return Err(Refusal::TooManySeriesOfMetric);
        }
        Ok(())
    }

    fn next_slot(&mut self) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            (self.slots.len() - 1) as u32
        })
    }

    fn insert(&mut self, tenant: TenantId, series: &Series, number: SeriesNumber) {
        let slot = number.slot;
        let created = Arc::new(MemSeries::new(tenant, series.clone(), number));
        if let Some(place) = self.slots.get_mut(slot as usize) {
            *place = Some(created);
        }
        self.by_id.insert((tenant, series.id()), slot);
        let postings = self.tenants.entry(tenant).or_default();
        postings.all.insert(slot);
        for (name, value) in series.labels() {
            let by_value = match postings.by_name.get_mut(name) {
                Some(by_value) => by_value,
                None => postings.by_name.entry(name.into()).or_default(),
            };
            match by_value.get_mut(value) {
                Some(slots) => slots.insert(slot),
                None => by_value.entry(value.into()).or_default().insert(slot),
            };
        }
    }

    fn remove(&mut self, series: &MemSeries) {
        let slot = series.number().slot;
        self.by_id.remove(&(series.tenant(), series.series().id()));
        if let Some(place) = self.slots.get_mut(slot as usize) {
            *place = None;
        }
        self.free.push(slot);
        let Some(postings) = self.tenants.get_mut(&series.tenant()) else {
            return;
        };
        postings.all.remove(slot);
        for (name, value) in series.series().labels() {
            let Some(by_value) = postings.by_name.get_mut(name) else {
                continue;
            };
            if let Some(slots) = by_value.get_mut(value) {
                slots.remove(slot);
                if slots.is_empty() {
                    by_value.remove(value);
                }
            }
            if by_value.is_empty() {
                postings.by_name.remove(name);
            }
        }
        if postings.all.is_empty() {
            self.tenants.remove(&series.tenant());
        }
    }

    fn give_memory_back(&mut self) {
        if self.by_id.capacity() > 4 * self.by_id.len() + 64 {
            self.by_id.shrink_to_fit();
        }
    }
}

impl Postings for TenantPostings {
    fn all(&self) -> Result<RoaringBitmap, ReadError> {
        Ok(self.all.clone())
    }

    fn equal(&self, name: &str, value: &str) -> Result<RoaringBitmap, ReadError> {
        let slots = self.by_name.get(name).and_then(|by_value| by_value.get(value));
        Ok(slots.cloned().unwrap_or_default())
    }

    fn with_value(&self, name: &str, wanted: &dyn Fn(&str) -> bool) -> Result<RoaringBitmap, ReadError> {
        let mut found = RoaringBitmap::new();
        for (_, slots) in self
            .by_name
            .get(name)
            .into_iter()
            .flatten()
            .filter(|(value, _)| wanted(value))
        {
            found |= slots;
        }
        Ok(found)
    }
}
