//! Sorts pending samples to their series: many at a time, so that a series' memory is visited once for all of them.

use model::{NO_START, NumberedSample, Starts, TimeRange};
use parking_lot::RwLock;

use super::Index;
use super::intake::Intake;
use crate::limits::{HEAD_CHUNK_SAMPLES, HEAD_CHUNK_SAMPLES_MIN, OPEN_BYTES_MAX};

/// The columns that sorting needs, kept from time to time.
#[derive(Debug, Default)]
pub(super) struct Drain {
    rows: Vec<NumberedSample>,
    row_starts: Starts,
    /// Where the samples of each slot end in the columns.
    ends: Vec<u32>,
    times: Vec<i64>,
    values: Vec<f64>,
    /// Empty where no row has a start.
    starts: Vec<i64>,
}

/// Samples of one series on their way into it.
struct Columns<'a> {
    times: &'a mut [i64],
    values: &'a mut [f64],
    /// As many, or none.
    starts: &'a mut [i64],
}

/// Below this share of the number of slots, sorting rows is cheaper than counting slots.
const COUNT_SHARE_MIN: usize = 8;

impl Drain {
    /// Takes all pending samples over.
    pub(super) fn collect(&mut self, intake: &mut Intake) {
        self.rows.clear();
        self.row_starts.clear();
        intake.swap_pending(&mut self.rows, &mut self.row_starts);
    }

    /// The times between which the samples lie.
    pub(super) fn range(&self) -> Option<TimeRange> {
        let ends = self
            .rows
            .iter()
            .fold((i64::MAX, i64::MIN), |(from_ms, to_ms), row| {
                (from_ms.min(row.at_ms), to_ms.max(row.at_ms))
            });
        TimeRange::new(ends.0, ends.1).ok()
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
        if self.row_starts.is_empty() {
            self.rows.sort_by_key(|row| (row.series.slot, row.at_ms));
        } else {
            let key = |place: &usize| self.rows.get(*place).map(|row| (row.series.slot, row.at_ms));
            let mut order: Vec<usize> = (0..self.rows.len()).collect();
            order.sort_by_key(key);
            self.row_starts.pick(0, &order);
            self.rows.sort_by_key(|row| (row.series.slot, row.at_ms));
        }
        let mut first = 0;
        for run in self.rows.chunk_by(|a, b| a.series.slot == b.series.slot) {
            let places = first..first + run.len();
            first = places.end;
            self.times.clear();
            self.values.clear();
            self.starts.clear();
            for (place, row) in places.zip(run) {
                self.times.push(row.at_ms);
                self.values.push(row.value);
                if !self.row_starts.is_empty() {
                    self.starts.push(self.row_starts.get(place));
                }
            }
            if let Some(first) = run.first() {
                let columns = Columns {
                    times: &mut self.times,
                    values: &mut self.values,
                    starts: &mut self.starts,
                };
                sealed += hand_over(index, first.series.slot, columns, size);
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
        let started = !self.row_starts.is_empty();
        self.starts.clear();
        self.starts
            .resize(if started { self.rows.len() } else { 0 }, NO_START);
        for (number, row) in self.rows.iter().enumerate() {
            let Some(place) = self.ends.get_mut(row.series.slot as usize) else {
                continue;
            };
            let at = *place as usize;
            *place += 1;
            if let (Some(time), Some(value)) = (self.times.get_mut(at), self.values.get_mut(at)) {
                *time = row.at_ms;
                *value = row.value;
            }
            if started && let Some(start) = self.starts.get_mut(at) {
                *start = self.row_starts.get(number);
            }
        }
        let mut start = 0;
        for (slot, &end) in self.ends.iter().enumerate() {
            let run = start as usize..end as usize;
            start = end;
            if run.is_empty() {
                continue;
            }
            let starts = self.starts.get_mut(run.clone()).unwrap_or_default();
            if let (Some(times), Some(values)) = (self.times.get_mut(run.clone()), self.values.get_mut(run)) {
                let columns = Columns {
                    times,
                    values,
                    starts,
                };
                sealed += hand_over(index, slot as u32, columns, size);
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
fn hand_over(index: &Index, slot: u32, columns: Columns<'_>, size: usize) -> i64 {
    let Some(series) = index.slots.get(slot as usize).and_then(Option::as_ref) else {
        // The log has them: they are back after the next start.
        tracing::error!(slot, "a series left memory while samples of it were written");
        return 0;
    };
    let Columns {
        times,
        values,
        starts,
    } = columns;
    if !times.is_sorted() {
        let start_of = |place: usize| starts.get(place).copied().unwrap_or(NO_START);
        let mut samples: Vec<(i64, f64, i64)> = times
            .iter()
            .zip(values.iter())
            .enumerate()
            .map(|(place, (at_ms, value))| (*at_ms, *value, start_of(place)))
            .collect();
        samples.sort_by_key(|(at_ms, ..)| *at_ms);
        for (place, (at_ms, sample, start_ms)) in samples.into_iter().enumerate() {
            if let (Some(time), Some(value)) = (times.get_mut(place), values.get_mut(place)) {
                (*time, *value) = (at_ms, sample);
            }
            if let Some(start) = starts.get_mut(place) {
                *start = start_ms;
            }
        }
    }
    series.take(times, values, starts, size)
}
