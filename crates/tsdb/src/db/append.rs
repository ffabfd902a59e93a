//! Taking batches in: judge, log, apply.
//!
//! A batch is judged first, so that the log holds only what is taken. It is applied to memory only once it is durable,
//! in the order of the log, so that a replay ends where memory was.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use disk::DiskError;
use model::{
    Accepted, Labels, MetricMetadata, NumberedSample, Refusal, Sample, SampleColumns, Series, SeriesBatch,
    SeriesNumber, SeriesWrite, TenantId, TimeRange, WriteError,
};
use rustc_hash::FxHashMap;

use super::deletions::Deletions;
use super::{Db, Inner, SegmentFacts};
use crate::block::{Block, Session};
use crate::columns::settle;
use crate::head::series::Verdict;
use crate::head::{Bounds, Forgotten, Judged, MemSeries, SeriesLimits};
use crate::keys::{Known, Pending};
use crate::limits::ECHO_BYTES_MAX;
use crate::record::{
    BatchBody, Definition, EncodedBody, KIND_METADATA, KIND_SAMPLES, Row, encode_batch, encode_metadata,
};

/// The series that the record before defined in the log segment being written; said again in the next one, so that a
/// damaged record costs only itself.
#[derive(Debug, Default)]
pub(super) struct Echo {
    segment: u64,
    definitions: Vec<Definition>,
}

impl SeriesWrite for Db {
    fn append(&self, batch: &SeriesBatch, now_ms: i64) -> Result<Accepted, WriteError> {
        self.inner.append(batch, now_ms)
    }

    fn number(&self, tenant: TenantId, series: &Series) -> Result<Option<SeriesNumber>, Refusal> {
        self.inner
            .number(tenant, series, self.inner.latest_ms())
            .map(Some)
    }

    fn newest_ms(&self, numbers: &[SeriesNumber]) -> Vec<Option<i64>> {
        self.inner.head.newest_ms(numbers)
    }

    fn backfill(&self, tenant: TenantId, now_ms: i64) -> Option<Box<dyn model::Backfill>> {
        Some(Box::new(Self::backfill(self, tenant, now_ms)))
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
        // Before the plain samples, whose record remembers the batch's key.
        let rare = self.append_rare(batch, now_ms);
        let judged = rare.and_then(|rare| self.judge(batch, rare, now_ms));
        let result = judged.and_then(|judged| {
            if judged.new.is_empty() && judged.doubtful.is_empty() && pending.is_none() {
                Ok(judged.accepted)
            } else {
                self.log_and_apply(batch, judged, pending, now_ms)
            }
        });
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
        let Judged {
            mut new,
            new_starts: mut starts,
            doubtful,
            doubtful_starts,
            accepted,
        } = judged;
        let new_count = new.len();
        starts.extend(new_count, doubtful_starts.as_slice(), doubtful.len());
        new.extend_from_slice(&doubtful);
        let rows = new;
        let body = BatchBody {
            tenant: batch.tenant,
            now_ms,
            key: batch.key,
            refused: accepted.refused.clone(),
            known: accepted.stored,
            ..BatchBody::default()
        };
        let of_log = rows.iter().map(|row| Row {
            series: row.series.slot,
            at_ms: row.at_ms,
            value: row.value,
        });
        let body = body.encode(of_log, &starts);
        let max_ms = rows.iter().map(|row| row.at_ms).max();
        let min_ms = rows.iter().map(|row| row.at_ms).min();
        self.wal.append(
            KIND_SAMPLES,
            |segment, out| {
                SegmentFacts::note(
                    &mut self.segments.lock(),
                    segment,
                    max_ms,
                    batch.key.is_some(),
                    now_ms,
                );
                let undefined = self.head.undefined_in(segment, &rows);
                self.echo.lock().encode(segment, &undefined, &body, out);
            },
            |result| {
                result.map_err(|error| write_error(&error))?;
                let mut accepted = accepted;
                let (new, doubtful) = rows.split_at_checked(new_count).unwrap_or_default();
                accepted.stored += new.len() as u64;
                self.head.take(new, starts.slice(0..new_count));
                if !doubtful.is_empty() {
                    self.head.settle();
                }
                for (place, &row) in (new_count..).zip(doubtful) {
                    self.head.take_doubtful(row, starts.get(place), &mut accepted);
                }
                if let Some(min_ms) = min_ms {
                    self.changes.note(batch.tenant, min_ms);
                }
                if let Some(pending) = pending {
                    pending.settle(now_ms, accepted.clone());
                }
                Ok(accepted)
            },
        )
    }

    pub(super) fn number(
        &self,
        tenant: TenantId,
        series: &Series,
        now_ms: i64,
    ) -> Result<SeriesNumber, Refusal> {
        if let Some(known) = self.head.known(tenant, series.id()) {
            return Ok(known);
        }
        let limits = SeriesLimits {
            active_max: self.config.active_series_max,
            per_tenant_max: self.tenants.read().series_max(tenant),
            per_metric_max: self.config.series_per_metric_max,
            blocks_newest_ms: self.blocks.newest_ms(tenant),
        };
        self.head.number(tenant, series, limits, now_ms).inspect_err(|_| {
            self.culprits.note(tenant, series.labels().metric_name());
        })
    }

    /// Between which times samples are taken.
    pub(super) fn bounds(&self, now_ms: i64) -> Bounds {
        Bounds {
            oldest_ms: now_ms.saturating_sub(self.config.retention.as_millis_i64()),
            newest_ms: now_ms.saturating_add(self.config.future_limit.as_millis_i64()),
            window_ms: self.config.out_of_order_window.as_millis_i64(),
        }
    }

    /// Decides what of a batch is taken.
    fn judge(&self, batch: &SeriesBatch, accepted: Accepted, now_ms: i64) -> Result<Judged, WriteError> {
        self.note_time(now_ms);
        let bounds = self.bounds(now_ms);
        let mut judged = Judged {
            accepted,
            ..Judged::default()
        };
        if batch.series_count() == 0 {
            self.head
                .judge(
                    (batch.numbered(), batch.numbered_starts()),
                    bounds,
                    now_ms,
                    &mut judged,
                )
                .map_err(|Forgotten| WriteError::Forgotten)?;
        } else {
            self.judge_named(batch, bounds, now_ms, &mut judged)?;
        }
        if !judged.doubtful.is_empty() {
            self.judge_doubtful(batch.tenant, &mut judged);
        }
        Ok(judged)
    }

    /// A series that was idle can leave memory between being numbered and being judged; it is numbered anew then.
    fn judge_named(
        &self,
        batch: &SeriesBatch,
        bounds: Bounds,
        now_ms: i64,
        judged: &mut Judged,
    ) -> Result<(), WriteError> {
        for _ in 0..3 {
            let mut accepted = Accepted::default();
            let mut rows = batch.numbered().to_vec();
            let mut starts = batch.numbered_starts().clone();
            for ((series, samples), of_row) in batch.iter().zip(batch.row_starts()) {
                let outside =
                    |sample: &Sample| sample.at_ms > bounds.newest_ms || sample.at_ms < bounds.oldest_ms;
                // What is refused anyway makes no series.
                if samples.iter().all(outside) {
                    for sample in samples {
                        let late = sample.at_ms < bounds.oldest_ms;
                        let refusal = if late {
                            Refusal::TooOld
                        } else {
                            Refusal::TooFarInFuture
                        };
                        accepted.refuse(refusal, 1);
                    }
                    continue;
                }
                match self.number(batch.tenant, series, now_ms) {
                    Ok(number) => {
                        starts.extend(rows.len(), of_row, samples.len());
                        rows.extend(samples.iter().map(|sample| NumberedSample {
                            series: number,
                            at_ms: sample.at_ms,
                            value: sample.value,
                        }));
                    }
                    Err(refusal) => accepted.refuse(refusal, samples.len() as u64),
                }
            }
            if self.head.judge((&rows, &starts), bounds, now_ms, judged).is_ok() {
                for (refusal, count) in accepted.refused {
                    judged.accepted.refuse(refusal, count);
                }
                return Ok(());
            }
        }
        Err(WriteError::Forgotten)
    }

    /// Looks for samples that may be known already in the batch itself, in memory and in blocks.
    fn judge_doubtful(&self, tenant: TenantId, judged: &mut Judged) {
        let doubtful = std::mem::take(&mut judged.doubtful);
        let mut in_batch: FxHashMap<(u32, i64), u64> = FxHashMap::default();
        let slots: rustc_hash::FxHashSet<u32> = doubtful.iter().map(|row| row.series.slot).collect();
        for row in judged.new.iter().filter(|row| slots.contains(&row.series.slot)) {
            in_batch.insert((row.series.slot, row.at_ms), row.value.to_bits());
        }
        self.head.settle();
        // Stable: of samples of one time the first stays.
        let mut order: Vec<usize> = (0..doubtful.len()).collect();
        order.sort_by_key(|&place| doubtful.get(place).map(|row| (row.series.slot, row.at_ms)));
        let mut starts = std::mem::take(&mut judged.doubtful_starts);
        starts.pick(0, &order);
        let sorted: Vec<NumberedSample> = order
            .iter()
            .filter_map(|&place| doubtful.get(place).copied())
            .collect();
        let in_memory: Vec<Verdict> = sorted
            .chunk_by(|a, b| a.series == b.series)
            .flat_map(|of_one| self.compare_in_memory(of_one))
            .collect();
        // Only now: samples leave memory after their block is in the list.
        let blocks = self.blocks.overlapping(tenant, range_of(&sorted));
        // One look for all series: they share the pages of the index.
        let sessions: Vec<(&Arc<Block>, Session<'_>)> =
            blocks.iter().map(|block| (block, Session::new(block))).collect();
        let deletions = self.deletions(self.latest_ms());
        let mut verdicts = in_memory.into_iter().enumerate();
        for of_one in sorted.chunk_by(|a, b| a.series == b.series) {
            let mut in_blocks: Option<SampleColumns> = None;
            for (&row, (number, verdict)) in of_one.iter().zip(&mut verdicts) {
                let sample = Sample {
                    at_ms: row.at_ms,
                    value: row.value,
                };
                let place = (row.series.slot, row.at_ms);
                let mut verdict = match in_batch.get(&place) {
                    Some(&bits) => same_or_not(bits, sample),
                    None => verdict,
                };
                if verdict == Verdict::Store && blocks.iter().any(|block| block.range().contains(row.at_ms)) {
                    let known = in_blocks
                        .get_or_insert_with(|| self.samples_in_blocks(of_one, &sessions, &deletions));
                    verdict = compare(known, sample);
                }
                match verdict {
                    Verdict::Store => {
                        in_batch.insert(place, row.value.to_bits());
                        let before = judged.doubtful.len();
                        judged.doubtful_starts.push(before, starts.get(number));
                        judged.doubtful.push(row);
                    }
                    Verdict::Same => judged.accepted.stored += 1,
                    Verdict::Refuse(refusal) => judged.accepted.refuse(refusal, 1),
                }
            }
        }
    }

    /// What memory says of samples of one series, each by itself.
    fn compare_in_memory(&self, of_one: &[NumberedSample]) -> Vec<Verdict> {
        let series = of_one.first().and_then(|row| self.head.by_number(row.series));
        let verdict = |row: &NumberedSample| {
            let sample = Sample {
                at_ms: row.at_ms,
                value: row.value,
            };
            // A series that left memory has nothing there; it cannot have left since it was judged.
            series
                .as_ref()
                .map_or(Verdict::Store, |series| series.compare(sample))
        };
        of_one.iter().map(verdict).collect()
    }

    /// What blocks hold of a series around `of_one`. What cannot be read counts as absent: a damaged block must not stop
    /// writing.
    fn samples_in_blocks(
        &self,
        of_one: &[NumberedSample],
        sessions: &[(&Arc<Block>, Session<'_>)],
        deletions: &Deletions,
    ) -> SampleColumns {
        let mut columns = SampleColumns::default();
        let range = range_of(of_one);
        let Some(series) = of_one.first().and_then(|row| self.head.by_number(row.series)) else {
            return columns;
        };
        for (block, session) in sessions {
            if block.range().overlaps(&range) {
                let labels = series.series().labels();
                self.gather_known((block, session), labels, range, (deletions, &mut columns));
            }
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

impl Echo {
    /// Writes a record into `segment`, defining the series that the segment does not know yet.
    fn encode(&mut self, segment: u64, undefined: &[Arc<MemSeries>], body: &EncodedBody, out: &mut Vec<u8>) {
        if self.segment != segment {
            self.segment = segment;
            self.definitions.clear();
        }
        let mut definitions = std::mem::take(&mut self.definitions);
        let echoed = definitions.len();
        definitions.extend(undefined.iter().map(|series| Definition {
            number: series.number().slot,
            tenant: series.tenant(),
            labels: series.series().labels().clone(),
        }));
        encode_batch(body, &definitions, out);
        self.definitions = definitions.split_off(echoed);
        let labels = self.definitions.iter().map(|series| &series.labels);
        if labels.map(Labels::heap_bytes).sum::<usize>() > ECHO_BYTES_MAX {
            self.definitions.clear();
        }
    }
}

fn range_of(rows: &[NumberedSample]) -> TimeRange {
    let times = || rows.iter().map(|row| row.at_ms);
    TimeRange::at(times().min().unwrap_or_default()).union(&TimeRange::at(times().max().unwrap_or_default()))
}

fn same_or_not(bits: u64, sample: Sample) -> Verdict {
    if bits == sample.value.to_bits() {
        Verdict::Same
    } else {
        Verdict::Refuse(Refusal::DuplicateTimestamp)
    }
}

fn compare(known: &SampleColumns, sample: Sample) -> Verdict {
    let value = known
        .at_ms
        .binary_search(&sample.at_ms)
        .ok()
        .and_then(|place| known.values.get(place));
    value.map_or(Verdict::Store, |value| same_or_not(value.to_bits(), sample))
}

pub(super) fn write_error(error: &DiskError) -> WriteError {
    match error {
        DiskError::Busy { waiting_max } => WriteError::Busy {
            waiting_max: *waiting_max,
        },
        DiskError::Closed => WriteError::Closed,
        DiskError::RecordTooLarge { got, max } => WriteError::TooLarge { got: *got, max: *max },
        other => WriteError::Log {
            reason: other.full_text(),
        },
    }
}
