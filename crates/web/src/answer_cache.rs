//! Answers to range queries that were given lately: whoever asks again, as a dashboard does, has only those steps computed that are new
//! or whose samples changed since.
//!
//! A kept step is used only while the store says that nothing up to it was written, deleted or given up since it was computed, however
//! late; so an answer is the same with and without the cache (`tests::answers_are_those_of_the_store`). Kept are answers whose steps
//! stand for themselves (`promql::reach`), of numbers as they were measured, without annotations, that took some reading.

use std::sync::Arc;

use model::{Mark, RAW, SampleColumns, SeriesRead, TenantId};
use promql::{Answer, EvalError, Expr, MatrixSeries, Options, Statistics, Value};
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};

use crate::limits::{ANSWER_SAMPLES_READ_MIN, ANSWER_SHARE_MAX};
use crate::telemetry::Telemetry;

/// A typical answer, by which the cache is laid out before it knows better.
const TYPICAL_BYTES: u64 = 64 << 10;
/// What an answer takes beside its series, and a series beside its labels and samples.
const OVERHEAD_BYTES: usize = 160;
/// A time stamp and a value.
const SAMPLE_BYTES: usize = 16;

/// Answers by what was asked.
#[derive(Debug)]
pub(crate) struct AnswerCache {
    entries: Cache<Key, Arc<Kept>, Weigher>,
    bytes_max: u64,
    telemetry: Telemetry,
}

/// A range query and whose series it asks for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) tenant: TenantId,
    pub(crate) expr: &'a Expr,
    pub(crate) from_ms: i64,
    pub(crate) to_ms: i64,
    pub(crate) step_ms: i64,
}

/// Answers that agree in this agree at every step they share.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    tenant: TenantId,
    query: String,
    step_ms: i64,
    /// Where between two multiples of the step the steps lie.
    phase_ms: i64,
    /// A dashboard moves on and keeps its length; one of an hour does not cut short what is kept of a day.
    length_ms: i64,
    lookback_ms: i64,
    subquery_step_ms: i64,
}

/// The series of an answer at the steps from one to another, as they were at the mark.
#[derive(Debug)]
struct Kept {
    from_ms: i64,
    to_ms: i64,
    mark: Mark,
    series: Vec<MatrixSeries>,
}

#[derive(Debug, Clone)]
struct Weigher;

impl Weighter<Key, Arc<Kept>> for Weigher {
    fn weight(&self, key: &Key, kept: &Arc<Kept>) -> u64 {
        (key.query.len() + kept.bytes()) as u64
    }
}

impl AnswerCache {
    /// A cache that takes up to so many bytes; none where that is 0.
    pub(crate) fn new(bytes_max: u64, telemetry: Telemetry) -> Option<Self> {
        // In one piece: of many, each could only hold answers that fit into its own share.
        let options = OptionsBuilder::new()
            .estimated_items_capacity((bytes_max / TYPICAL_BYTES).max(1) as usize)
            .weight_capacity(bytes_max)
            .shards(1)
            .build();
        let options = options.ok().filter(|_| bytes_max > 0)?;
        let entries = Cache::with_options(
            options,
            Weigher,
            DefaultHashBuilder::default(),
            DefaultLifecycle::default(),
        );
        Some(Self {
            entries,
            bytes_max,
            telemetry,
        })
    }

    /// The answer, and how many of its steps were not computed anew.
    pub(crate) fn range(
        &self,
        asked: Asked<'_>,
        store: &dyn SeriesRead,
        options: &Options,
    ) -> Result<(Answer, u64), EvalError> {
        let Asked {
            expr,
            from_ms,
            to_ms,
            step_ms,
            ..
        } = asked;
        let ahead_ms = promql::reach::ahead_ms(expr, from_ms, to_ms, step_ms, options)?;
        // Taken before anything is read: what changes meanwhile counts as changed.
        let (Some(ahead_ms), Some(mark)) = (ahead_ms, store.mark(options.tenant)) else {
            return Ok((asked.compute(from_ms, store, options)?, 0));
        };
        let key = asked.key(options);
        if let Some(kept) = self.entries.get(&key) {
            let unchanged_ms = store.unchanged_before_ms(options.tenant, kept.mark);
            let holds_to_ms = unchanged_ms.saturating_sub(ahead_ms).saturating_sub(1);
            if let Some(end_ms) = kept.usable_to(asked, holds_to_ms)
                && let Some((answer, reused)) = asked.completed(&kept, end_ms, store, options)?
            {
                self.telemetry.answer_cache_hits.inc();
                if end_ms < asked.last_ms() {
                    self.keep(key, asked, mark, &answer);
                }
                return Ok((answer, reused));
            }
        }
        let answer = asked.compute(from_ms, store, options)?;
        self.telemetry.answer_cache_misses.inc();
        if answer.statistics.samples_read >= ANSWER_SAMPLES_READ_MIN {
            self.keep(key, asked, mark, &answer);
        }
        Ok((answer, 0))
    }

    fn keep(&self, key: Key, asked: Asked<'_>, mark: Mark, answer: &Answer) {
        let Value::Matrix(series) = &answer.value else {
            return;
        };
        // Which coarser tier is read depends on where a query begins.
        let is_raw = answer.statistics.resolution_ms_max == RAW;
        if !is_raw
            || !answer.annotations.is_empty()
            || series.iter().any(|series| !series.histograms.is_empty())
        {
            return;
        }
        let kept = Kept {
            from_ms: asked.from_ms,
            to_ms: asked.last_ms(),
            mark,
            series: series.clone(),
        };
        if kept.bytes() as u64 <= self.bytes_max / ANSWER_SHARE_MAX {
            self.entries.insert(key, Arc::new(kept));
        }
        let bytes = self.entries.weight();
        self.telemetry.answer_cache_bytes.set(bytes.cast_signed());
    }
}

impl Asked<'_> {
    fn last_ms(&self) -> i64 {
        self.to_ms - (self.to_ms - self.from_ms) % self.step_ms.max(1)
    }

    fn key(&self, options: &Options) -> Key {
        Key {
            tenant: self.tenant,
            query: self.expr.to_string(),
            step_ms: self.step_ms,
            phase_ms: self.from_ms.rem_euclid(self.step_ms.max(1)),
            length_ms: self.to_ms - self.from_ms,
            lookback_ms: options.lookback_ms,
            subquery_step_ms: options.subquery_step_ms,
        }
    }

    /// The answer from the step at `from_ms` on.
    pub(crate) fn compute(
        &self,
        from_ms: i64,
        store: &dyn SeriesRead,
        options: &Options,
    ) -> Result<Answer, EvalError> {
        promql::range(self.expr, store, from_ms, self.to_ms, self.step_ms, options)
    }

    /// What is kept up to `end_ms` and the rest computed. Nothing where the two do not fit together.
    fn completed(
        &self,
        kept: &Kept,
        end_ms: i64,
        store: &dyn SeriesRead,
        options: &Options,
    ) -> Result<Option<(Answer, u64)>, EvalError> {
        let series = kept.part(self.from_ms, end_ms);
        let reused = ((end_ms - self.from_ms) / self.step_ms.max(1) + 1).unsigned_abs();
        if end_ms >= self.last_ms() {
            let answer = Answer {
                value: Value::Matrix(series),
                annotations: promql::Annotations::default(),
                explained: None,
                statistics: Statistics::default(),
            };
            return Ok(Some((answer, reused)));
        }
        let mut answer = self.compute(end_ms + self.step_ms, store, options)?;
        let fits = answer.annotations.is_empty() && answer.statistics.resolution_ms_max == RAW;
        match answer.value {
            Value::Matrix(rest) if fits => {
                answer.value = Value::Matrix(joined(series, rest));
                Ok(Some((answer, reused)))
            }
            _ => Ok(None),
        }
    }
}

impl Kept {
    fn bytes(&self) -> usize {
        let of_series = |series: &MatrixSeries| {
            OVERHEAD_BYTES + series.labels.heap_bytes() + series.samples.len() * SAMPLE_BYTES
        };
        OVERHEAD_BYTES + self.series.iter().map(of_series).sum::<usize>()
    }

    /// The last step asked for that is kept and not later than `holds_to_ms`.
    fn usable_to(&self, asked: Asked<'_>, holds_to_ms: i64) -> Option<i64> {
        let limit_ms = self.to_ms.min(asked.last_ms()).min(holds_to_ms);
        if self.from_ms > asked.from_ms || limit_ms < asked.from_ms {
            return None;
        }
        Some(limit_ms - (limit_ms - asked.from_ms) % asked.step_ms.max(1))
    }

    /// The series at the steps between two.
    fn part(&self, from_ms: i64, to_ms: i64) -> Vec<MatrixSeries> {
        let of_series = |series: &MatrixSeries| {
            let times = &series.samples.at_ms;
            let (start, end) = (
                times.partition_point(|at_ms| *at_ms < from_ms),
                times.partition_point(|at_ms| *at_ms <= to_ms),
            );
            let samples = SampleColumns {
                at_ms: times.get(start..end)?.to_vec(),
                values: series.samples.values.get(start..end)?.to_vec(),
                ..SampleColumns::default()
            };
            (start < end).then(|| MatrixSeries {
                labels: series.labels.clone(),
                samples,
                histograms: Vec::new(),
            })
        };
        self.series.iter().filter_map(of_series).collect()
    }
}

/// Series of earlier steps with those of later ones; both sorted by labels, and so is the result.
fn joined(earlier: Vec<MatrixSeries>, later: Vec<MatrixSeries>) -> Vec<MatrixSeries> {
    let mut all = Vec::with_capacity(earlier.len().max(later.len()));
    let mut later = later.into_iter().peekable();
    for mut series in earlier {
        while let Some(new) = later.next_if(|new| new.labels < series.labels) {
            all.push(new);
        }
        if let Some(more) = later.next_if(|more| more.labels == series.labels) {
            series.samples.at_ms.extend(more.samples.at_ms);
            series.samples.values.extend(more.samples.values);
            series.histograms = more.histograms;
        }
        all.push(series);
    }
    all.extend(later);
    all
}

#[cfg(test)]
mod tests;
