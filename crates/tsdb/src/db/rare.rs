//! Taking in what is rare beside plain samples: native histograms and exemplars. The same order as there: judge, log, apply.

use std::sync::Arc;

use model::{Accepted, Exemplar, HistogramSample, Refusal, Series, SeriesBatch, SeriesNumber, WriteError};

use super::append::write_error;
use super::{Inner, SegmentFacts};
use crate::head::series::Verdict;
use crate::head::{MemSeries, check_buckets, check_labels};
use crate::limits::RARE_BYTES_MAX;
use crate::record::{KIND_RARE, RareBody, encode_rare};

/// What of a batch is taken.
#[derive(Debug, Default)]
struct Judged {
    histograms: Vec<(Arc<MemSeries>, Vec<HistogramSample>)>,
    exemplars: Vec<(Series, Exemplar)>,
    accepted: Accepted,
}

impl Inner {
    /// Takes in the histograms and exemplars of a batch.
    pub(super) fn append_rare(&self, batch: &SeriesBatch, now_ms: i64) -> Result<Accepted, WriteError> {
        if batch.histograms().is_empty() && batch.exemplars().is_empty() {
            return Ok(Accepted::default());
        }
        let judged = self.judge_rare(batch, now_ms);
        if judged.histograms.is_empty() && judged.exemplars.is_empty() {
            return Ok(judged.accepted);
        }
        let body = RareBody {
            tenant: batch.tenant,
            now_ms,
            histograms: judged
                .histograms
                .iter()
                .map(|(series, samples)| (series.series().labels().clone(), samples.clone()))
                .collect(),
            exemplars: judged
                .exemplars
                .iter()
                .map(|(series, exemplar)| (series.labels().clone(), exemplar.clone()))
                .collect(),
        };
        let got = body.read_bytes();
        if got > RARE_BYTES_MAX {
            return Err(WriteError::TooLarge {
                got,
                max: RARE_BYTES_MAX,
            });
        }
        let body = encode_rare(&body);
        let times = judged.histograms.iter().flat_map(|(_, samples)| samples);
        let max_ms = times.map(|sample| sample.at_ms).max();
        self.wal.append(
            KIND_RARE,
            |segment, out| {
                SegmentFacts::note(&mut self.segments.lock(), segment, max_ms, false, now_ms);
                out.extend_from_slice(&body);
            },
            |result| {
                result.map_err(|error| write_error(&error))?;
                Ok(self.apply_rare(batch, judged))
            },
        )
    }

    fn apply_rare(&self, batch: &SeriesBatch, judged: Judged) -> Accepted {
        let mut accepted = judged.accepted;
        let times = judged.histograms.iter().flat_map(|(_, samples)| samples);
        let min_ms = times.map(|sample| sample.at_ms).min();
        for (series, samples) in judged.histograms {
            for sample in samples {
                match self.head.take_histogram(&series, sample) {
                    Verdict::Store | Verdict::Same => {
                        accepted.stored += 1;
                        accepted.histograms_stored += 1;
                    }
                    Verdict::Refuse(refusal) => accepted.refuse(refusal, 1),
                }
            }
        }
        if let Some(min_ms) = min_ms {
            self.changes.note(batch.tenant, min_ms);
        }
        for (series, exemplar) in judged.exemplars {
            accepted.exemplars_stored += 1;
            self.exemplars.push(batch.tenant, &series, exemplar);
        }
        accepted
    }

    fn judge_rare(&self, batch: &SeriesBatch, now_ms: i64) -> Judged {
        self.note_time(now_ms);
        let bounds = self.bounds(now_ms);
        let mut judged = Judged::default();
        for (series, samples) in batch.histograms() {
            let accepted = &mut judged.accepted;
            let in_time = |sample: &&HistogramSample| {
                let refusal = match sample.at_ms {
                    at_ms if at_ms > bounds.newest_ms => Some(Refusal::TooFarInFuture),
                    at_ms if at_ms < bounds.oldest_ms => Some(Refusal::TooOld),
                    _ => check_buckets(&sample.value).err(),
                };
                refusal.inspect(|&refusal| accepted.refuse(refusal, 1)).is_none()
            };
            let samples: Vec<HistogramSample> = samples.iter().filter(in_time).cloned().collect();
            if samples.is_empty() {
                continue;
            }
            match self.number(batch.tenant, series, now_ms) {
                Ok(number) => self.judge_histograms(number, samples, now_ms, &mut judged),
                Err(refusal) => judged.accepted.refuse(refusal, samples.len() as u64),
            }
        }
        for (series, exemplar) in batch.exemplars().iter().filter(|_| self.exemplars.are_kept()) {
            let labels = check_labels(series.labels()).and_then(|()| check_labels(&exemplar.labels));
            if let Err(refusal) = labels {
                judged.accepted.refuse(refusal, 1);
            } else if self.exemplars.is_new(batch.tenant, series, exemplar) {
                judged.exemplars.push((series.clone(), exemplar.clone()));
            } else {
                judged.accepted.exemplars_stored += 1;
            }
        }
        judged
    }

    fn judge_histograms(
        &self,
        number: SeriesNumber,
        samples: Vec<HistogramSample>,
        now_ms: i64,
        judged: &mut Judged,
    ) {
        let newest_ms = samples
            .iter()
            .map(|sample| sample.at_ms)
            .max()
            .unwrap_or(i64::MIN);
        self.head.touch(number, newest_ms, now_ms);
        // It was just numbered: it is there.
        let Some(series) = self.head.by_number(number) else {
            return;
        };
        let mut new = Vec::with_capacity(samples.len());
        for sample in samples {
            let mut verdict = series.compare_histogram(&sample);
            if verdict == Verdict::Store && self.blocks.may_hold(series.tenant(), sample.at_ms) {
                verdict = self.compare_histogram_in_blocks(&series, &sample);
            }
            match verdict {
                Verdict::Store => new.push(sample),
                Verdict::Same => {
                    judged.accepted.stored += 1;
                    judged.accepted.histograms_stored += 1;
                }
                Verdict::Refuse(refusal) => judged.accepted.refuse(refusal, 1),
            }
        }
        if !new.is_empty() {
            judged.histograms.push((series, new));
        }
    }

    /// What cannot be read counts as absent: a damaged block must not stop writing.
    fn compare_histogram_in_blocks(&self, series: &MemSeries, sample: &HistogramSample) -> Verdict {
        let at = model::TimeRange::at(sample.at_ms);
        let mut known = Vec::new();
        for block in self.blocks.overlapping(series.tenant(), at) {
            self.gather_unknown_histograms(block, series.series().labels(), at, &mut known);
        }
        match known.iter().find(|known| known.at_ms == sample.at_ms) {
            None => Verdict::Store,
            Some(known) if known.value == sample.value => Verdict::Same,
            Some(_) => Verdict::Refuse(Refusal::DuplicateTimestamp),
        }
    }
}
