//! Taking batches in: judge, log, apply.
//!
//! A batch is judged first, so that the log holds only what is taken. It is applied to memory only once it is durable,
//! in the order of the log, so that a replay ends where memory was.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use disk::DiskError;
use model::{
    Accepted, MetricMetadata, Refusal, Sample, SampleColumns, Series, SeriesBatch, SeriesWrite, TenantId,
    TimeRange, WriteError,
};

use super::{Db, Inner, SegmentFacts};
use crate::columns::settle;
use crate::head::MemSeries;
use crate::head::series::Verdict;
use crate::keys::{Known, Pending};
use crate::record::{BatchBody, Definition, KIND_METADATA, KIND_SAMPLES, encode_batch, encode_metadata};

/// The numbers that series have in the log segment being written.
#[derive(Debug, Default)]
pub(super) struct Numbering {
    segment: u64,
    next: u32,
    /// What the record before defined; said again in the next, so that one damaged record costs only itself.
    echo: Vec<Definition>,
}

/// A batch that was judged.
struct Judged {
    rows: Vec<(Arc<MemSeries>, Vec<Sample>)>,
    /// What is known of the answer: refusals, and samples known already.
    accepted: Accepted,
}

impl SeriesWrite for Db {
    fn append(&self, batch: &SeriesBatch, now_ms: i64) -> Result<Accepted, WriteError> {
        self.inner.append(batch, now_ms)
    }

    fn describe(&self, tenant: TenantId, metadata: &[MetricMetadata]) -> Result<(), WriteError> {
        self.inner.describe(tenant, metadata)
    }
}

impl Inner {
    fn append(&self, batch: &SeriesBatch, now_ms: i64) -> Result<Accepted, WriteError> {
        if self.closed.load(Ordering::SeqCst) {
            return Err(WriteError::Closed);
        }
        let pending = match batch.key.map(|key| self.keys.begin(batch.tenant, key, now_ms)) {
            Some(Known::Answered(answer)) => {
                self.telemetry.batches_repeated.inc();
                return Ok(answer);
            }
            Some(Known::New(pending)) => Some(pending),
            None => None,
        };
        let judged = self.judge(batch, now_ms);
        let result = if judged.rows.is_empty() && pending.is_none() {
            Ok(judged.accepted)
        } else {
            self.log_and_apply(batch, judged, pending, now_ms)
        };
        match &result {
            Ok(accepted) => self.count_accepted(accepted),
            Err(_) => {
                self.telemetry.append_failures.inc();
            }
        }
        result
    }

    fn log_and_apply(
        &self,
        batch: &SeriesBatch,
        judged: Judged,
        pending: Option<Pending<'_>>,
        now_ms: i64,
    ) -> Result<Accepted, WriteError> {
        let Judged { rows, accepted } = judged;
        let body = BatchBody {
            tenant: batch.tenant,
            now_ms,
            key: batch.key,
            refused: accepted.refused.clone(),
            known: accepted.stored,
            row_samples: rows.iter().map(|(_, samples)| samples.len()).collect(),
            samples: rows.iter().flat_map(|(_, samples)| samples).copied().collect(),
        };
        let max_ms = body.samples.iter().map(|sample| sample.at_ms).max();
        let body = body.encode();
        self.wal.append(
            KIND_SAMPLES,
            |segment, out| {
                SegmentFacts::note(&mut self.segments.lock(), segment, max_ms, now_ms);
                self.numbering.lock().encode(segment, &rows, &body, out);
            },
            |result| {
                result.map_err(|error| write_error(&error))?;
                let mut accepted = accepted;
                for (series, samples) in &rows {
                    apply(series, samples, &mut accepted, |series| {
                        self.head.get_or_create(batch.tenant, series, u64::MAX)
                    });
                }
                if let Some(pending) = pending {
                    pending.settle(now_ms, accepted.clone());
                }
                Ok(accepted)
            },
        )
    }

    /// Decides what of a batch is taken.
    fn judge(&self, batch: &SeriesBatch, now_ms: i64) -> Judged {
        let mut judged = Judged {
            rows: Vec::with_capacity(batch.series_count()),
            accepted: Accepted::default(),
        };
        let newest_ms = now_ms.saturating_add(self.config.future_limit.as_millis_i64());
        let oldest_ms = now_ms.saturating_sub(self.config.retention.as_millis_i64());
        let blocks_newest_ms = self.blocks.newest_ms(batch.tenant);
        for (series, samples) in batch.iter() {
            let accepted = &mut judged.accepted;
            let in_time = |sample: &&Sample| {
                let refusal = match sample.at_ms {
                    at_ms if at_ms > newest_ms => Some(Refusal::TooFarInFuture),
                    at_ms if at_ms < oldest_ms => Some(Refusal::TooOld),
                    _ => None,
                };
                refusal.inspect(|&refusal| accepted.refuse(refusal, 1)).is_none()
            };
            let samples: Vec<Sample> = samples.iter().filter(in_time).copied().collect();
            if samples.is_empty() {
                continue;
            }
            match self
                .head
                .get_or_create(batch.tenant, series, self.config.active_series_max)
            {
                Some(known) => {
                    let samples = self.judge_row(&known, &samples, blocks_newest_ms, &mut judged.accepted);
                    if !samples.is_empty() {
                        judged.rows.push((known, samples));
                    }
                }
                None => judged
                    .accepted
                    .refuse(Refusal::TooManySeries, samples.len() as u64),
            }
        }
        drop_repeated(&mut judged);
        judged
    }

    /// The samples of one row that are new.
    fn judge_row(
        &self,
        series: &MemSeries,
        samples: &[Sample],
        blocks_newest_ms: Option<i64>,
        accepted: &mut Accepted,
    ) -> Vec<Sample> {
        let window_ms = self.config.out_of_order_window.as_millis_i64();
        let mut in_blocks: Option<SampleColumns> = None;
        let times = || samples.iter().map(|sample| sample.at_ms);
        let range = TimeRange::at(times().min().unwrap_or_default())
            .union(&TimeRange::at(times().max().unwrap_or_default()));
        let mut taken = Vec::with_capacity(samples.len());
        for &sample in samples {
            let mut verdict = series.judge(sample, window_ms);
            // Not only where the series knows a newer sample: it may have left memory and come back since.
            let sealed = blocks_newest_ms.is_some_and(|newest_ms| sample.at_ms <= newest_ms);
            if verdict == Verdict::Store && sealed && self.blocks.may_hold(series.tenant(), sample.at_ms) {
                let known = in_blocks.get_or_insert_with(|| self.samples_in_blocks(series, range));
                verdict = compare(known, sample);
            }
            match verdict {
                Verdict::Store | Verdict::Retired => taken.push(sample),
                Verdict::Same => accepted.stored += 1,
                Verdict::Refuse(refusal) => accepted.refuse(refusal, 1),
            }
        }
        taken
    }

    /// What blocks hold of a series. What cannot be read counts as absent: a damaged block must not stop writing.
    fn samples_in_blocks(&self, series: &MemSeries, range: TimeRange) -> SampleColumns {
        let mut columns = SampleColumns::default();
        for block in self.blocks.overlapping(series.tenant(), range) {
            self.gather_unknown(&block, series.series().labels(), range, &mut columns);
        }
        settle(&mut columns, 0, range);
        columns
    }

    fn describe(&self, tenant: TenantId, metadata: &[MetricMetadata]) -> Result<(), WriteError> {
        if self.closed.load(Ordering::SeqCst) {
            return Err(WriteError::Closed);
        }
        let news: Vec<MetricMetadata> = {
            let checkpoint = self.checkpoint.read();
            let unknown = |entry: &&MetricMetadata| {
                checkpoint.metadata.get(&(tenant, Arc::clone(&entry.name))) != Some(*entry)
            };
            metadata.iter().filter(unknown).cloned().collect()
        };
        if news.is_empty() {
            return Ok(());
        }
        self.wal.append(
            KIND_METADATA,
            |_, out| encode_metadata(tenant, &news, out),
            |result| {
                result.map_err(|error| write_error(&error))?;
                let mut checkpoint = self.checkpoint.write();
                for entry in &news {
                    checkpoint
                        .metadata
                        .insert((tenant, Arc::clone(&entry.name)), entry.clone());
                }
                self.checkpoint_stale.store(true, Ordering::SeqCst);
                Ok(())
            },
        )
    }

    fn count_accepted(&self, accepted: &Accepted) {
        self.telemetry.samples_stored.inc_by(accepted.stored);
        for (reason, count) in &accepted.refused {
            let labels = vec![("reason".to_owned(), reason.as_str().to_owned())];
            self.telemetry
                .samples_refused
                .get_or_create(&labels)
                .inc_by(*count);
        }
    }
}

impl Numbering {
    /// Writes a record into `segment`, defining the series that the segment does not know yet.
    fn encode(
        &mut self,
        segment: u64,
        rows: &[(Arc<MemSeries>, Vec<Sample>)],
        body: &[u8],
        out: &mut Vec<u8>,
    ) {
        if self.segment != segment {
            *self = Self {
                segment,
                ..Self::default()
            };
        }
        let mut definitions = std::mem::take(&mut self.echo);
        let echoed = definitions.len();
        let mut numbers = Vec::with_capacity(rows.len());
        for (series, _) in rows {
            let number = series.number_in_segment(segment).unwrap_or_else(|| {
                let number = self.next;
                self.next += 1;
                series.define_in_segment(segment, number);
                definitions.push(Definition {
                    number,
                    tenant: series.tenant(),
                    labels: series.series().labels().clone(),
                });
                number
            });
            numbers.push(number);
        }
        encode_batch(body, &definitions, &numbers, out);
        self.echo = definitions.split_off(echoed);
    }
}

/// Puts samples of one series into memory.
pub(super) fn apply(
    series: &Arc<MemSeries>,
    samples: &[Sample],
    accepted: &mut Accepted,
    again: impl Fn(&Series) -> Option<Arc<MemSeries>>,
) {
    let mut series = Arc::clone(series);
    for &sample in samples {
        loop {
            match series.insert(sample) {
                Verdict::Store | Verdict::Same => accepted.stored += 1,
                Verdict::Refuse(refusal) => accepted.refuse(refusal, 1),
                Verdict::Retired => {
                    // It left memory between being judged and being durable.
                    if let Some(created) = again(series.series()) {
                        series = created;
                        continue;
                    }
                    accepted.refuse(Refusal::TooManySeries, 1);
                }
            }
            break;
        }
    }
}

/// Of samples of one series at one time within a batch, only the first is taken.
fn drop_repeated(judged: &mut Judged) {
    let mut order: Vec<(u128, i64, u32, u32)> = Vec::new();
    for (row, (series, samples)) in judged.rows.iter().enumerate() {
        let id = series.series().id().0;
        order.extend(
            samples
                .iter()
                .enumerate()
                .map(|(place, sample)| (id, sample.at_ms, row as u32, place as u32)),
        );
    }
    if order.is_sorted_by(|a, b| (a.0, a.1) < (b.0, b.1)) {
        return;
    }
    order.sort_unstable();
    let sample_at = |judged: &Judged, row: u32, place: u32| {
        judged
            .rows
            .get(row as usize)
            .and_then(|(_, samples)| samples.get(place as usize))
            .copied()
    };
    let mut repeated: Vec<(u32, u32)> = Vec::new();
    let mut first: Option<(u128, i64, Option<Sample>)> = None;
    for (id, at_ms, row, place) in order {
        let sample = sample_at(judged, row, place);
        match first {
            Some((first_id, first_ms, kept)) if (first_id, first_ms) == (id, at_ms) => {
                let bits = |sample: Option<Sample>| sample.map(|sample| sample.value.to_bits());
                if bits(kept) == bits(sample) {
                    judged.accepted.stored += 1;
                } else {
                    judged.accepted.refuse(Refusal::DuplicateTimestamp, 1);
                }
                repeated.push((row, place));
            }
            _ => first = Some((id, at_ms, sample)),
        }
    }
    // From the back, so that places stay true.
    repeated.sort_unstable_by(|a, b| b.cmp(a));
    for (row, place) in repeated {
        if let Some((_, samples)) = judged.rows.get_mut(row as usize) {
            samples.remove(place as usize);
        }
    }
    judged.rows.retain(|(_, samples)| !samples.is_empty());
}

fn compare(known: &SampleColumns, sample: Sample) -> Verdict {
    let value = known
        .at_ms
        .binary_search(&sample.at_ms)
        .ok()
        .and_then(|place| known.values.get(place));
    match value {
        None => Verdict::Store,
        Some(value) if value.to_bits() == sample.value.to_bits() => Verdict::Same,
        Some(_) => Verdict::Refuse(Refusal::DuplicateTimestamp),
    }
}

fn write_error(error: &DiskError) -> WriteError {
    match error {
        DiskError::Busy { waiting_max } => WriteError::Busy {
            waiting_max: *waiting_max,
        },
        DiskError::Closed => WriteError::Closed,
        other => WriteError::Log {
            reason: other.full_text(),
        },
    }
}
