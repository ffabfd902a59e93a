//! Sorts pending samples to their series: many at a time, so that a series' memory is visited once for all of them.

use model::NumberedSample;
use parking_lot::RwLock;

use super::Index;
use super::intake::Intake;
use crate::limits::{HEAD_CHUNK_SAMPLES, HEAD_CHUNK_SAMPLES_MIN, OPEN_BYTES_MAX};

/// The columns that sorting needs, kept from time to time.
#[derive(Debug, Default)]
pub(super) struct Drain {
    rows: Vec<NumberedSample>,
    /// Where the samples of each slot end in the columns.
    ends: Vec<u32>,
    times: Vec<i64>,
    values: Vec<f64>,
}

/// Below this share of the number of slots, sorting rows is cheaper than counting slots.
const COUNT_SHARE_MIN: usize = 8;

impl Drain {
    /// Takes all pending samples over.
    pub(super) fn collect(&mut self, intake: &mut Intake) {
        self.rows.clear();
        intake.swap_pending(&mut self.rows);
    }

    /// Hands the samples to their series. Says by how many bytes of memory their sealed chunks grew.
    pub(super) fn distribute(&mut self, index: &RwLock<Index>) -> i64 {
        if self.rows.is_empty() {
            return 0;
        }
        let index = index.read();
        let sealed = if self.rows.len() * COUNT_SHARE_MIN < index.slots.len() {
            self.by_sorting(&index)
        } else {
            self.by_counting(&index)
        };
        self.rows.clear();
        sealed
    }

    fn by_sorting(&mut self, index: &Index) -> i64 {
        let (mut sealed, size) = (0, chunk_samples(index));
        // Stable: what a replay finds twice stays in the order of the log.
        self.rows.sort_by_key(|row| (row.series.slot, row.at_ms));
        for run in self.rows.chunk_by(|a, b| a.series.slot == b.series.slot) {
            self.times.clear();
            self.values.clear();
            for row in run {
                self.times.push(row.at_ms);
                self.values.push(row.value);
            }
            if let Some(first) = run.first() {
                sealed += hand_over(
                    index,
                    first.series.slot,
                    (&mut self.times, &mut self.values),
                    size,
                );
            }
        }
        sealed
    }

    /// A counting sort by slot, which keeps the order of arrival.
    fn by_counting(&mut self, index: &Index) -> i64 {
        let (mut sealed, size) = (0, chunk_samples(index));
        self.ends.clear();
        self.ends.resize(index.slots.len(), 0);
        for row in &self.rows {
            if let Some(count) = self.ends.get_mut(row.series.slot as usize) {
                *count += 1;
            }
        }
        let mut start = 0;
        for place in &mut self.ends {
            let count = *place;
            *place = start;
            start += count;
        }
        self.times.resize(self.rows.len(), 0);
        self.values.resize(self.rows.len(), 0.0);
        for row in &self.rows {
            let Some(place) = self.ends.get_mut(row.series.slot as usize) else {
                continue;
            };
            let at = *place as usize;
            *place += 1;
            if let (Some(time), Some(value)) = (self.times.get_mut(at), self.values.get_mut(at)) {
                *time = row.at_ms;
                *value = row.value;
            }
        }
        let mut start = 0;
        for (slot, &end) in self.ends.iter().enumerate() {
            let run = start as usize..end as usize;
            start = end;
            if run.is_empty() {
                continue;
            }
            if let (Some(times), Some(values)) = (self.times.get_mut(run.clone()), self.values.get_mut(run)) {
                sealed += hand_over(index, slot as u32, (times, values), size);
            }
        }
        sealed
    }

    pub(super) fn give_memory_back(&mut self) {
        *self = Self::default();
    }
}

/// At how many samples chunks are sealed: open ones take twelve bytes a sample.
fn chunk_samples(index: &Index) -> usize {
    let series = index.by_id.len().max(1);
    (OPEN_BYTES_MAX / 12 / series).clamp(HEAD_CHUNK_SAMPLES_MIN, HEAD_CHUNK_SAMPLES)
}

/// Requests of several senders may have overtaken each other between being judged and reaching the log.
fn hand_over(index: &Index, slot: u32, (times, values): (&mut [i64], &mut [f64]), size: usize) -> i64 {
    let Some(series) = index.slots.get(slot as usize).and_then(Option::as_ref) else {
        // The log has them: they are back after the next start.
        tracing::error!(slot, "a series left memory while samples of it were written");
        return 0;
    };
    if !times.is_sorted() {
        let mut samples: Vec<(i64, f64)> = times.iter().copied().zip(values.iter().copied()).collect();
        samples.sort_by_key(|(at_ms, _)| *at_ms);
        for ((time, value), (at_ms, sample)) in times.iter_mut().zip(values.iter_mut()).zip(samples) {
            (*time, *value) = (at_ms, sample);
        }
    }
    series.take(times, values, size)
}
