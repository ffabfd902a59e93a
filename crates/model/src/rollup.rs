//! What the samples of a stretch of time come to: the columns of coarse tiers.
//!
//! A rollup stands at the end of its stretch, which is open on its left as the windows of range selectors are: the rollup at
//! `t` holds what was measured in `(t - resolution, t]`.

use stdx::HumanDuration;

use crate::range::TimeRange;
use crate::sample::{STALE_NAN, SampleColumns, is_stale};
use crate::start::Counted;

/// The resolution, in milliseconds, of samples as they were measured.
pub const RAW: i64 = 0;

/// What people call a tier: `raw`, or how much time a rollup covers.
pub fn tier_name(resolution_ms: i64) -> String {
    match u64::try_from(resolution_ms) {
        Ok(ms @ 1..) => HumanDuration::from_millis(ms).to_string(),
        _ => "raw".to_owned(),
    }
}

/// One number that a rollup holds. Stale markers are no samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Statistic {
    /// How many samples.
    Count = 0,
    /// Their sum, rounded once.
    Sum = 1,
    /// The smallest; NaN where nothing else was measured.
    Min = 2,
    /// The largest; the same.
    Max = 3,
    /// The last; the stale marker where the series ended.
    Last = 4,
    /// What a counter had counted before each of its resets, that before the first sample included.
    Lost = 5,
}

impl Statistic {
    /// Every statistic, by number.
    pub const ALL: [Self; 6] = [
        Self::Count,
        Self::Sum,
        Self::Min,
        Self::Max,
        Self::Last,
        Self::Lost,
    ];
}

/// Rollups of one series in columns of equal length, in order of time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rollups {
    /// The ends of the stretches, in milliseconds since the Unix epoch, strictly ascending.
    pub at_ms: Vec<i64>,
    /// The columns that are wanted; all others are left out.
    pub columns: Vec<(Statistic, Vec<f64>)>,
}

impl Rollups {
    /// None yet, with columns for the `wanted` statistics.
    pub fn of(wanted: &[Statistic]) -> Self {
        Self {
            at_ms: Vec::new(),
            columns: wanted.iter().map(|&wanted| (wanted, Vec::new())).collect(),
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.at_ms.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.at_ms.is_empty()
    }

    /// Removes all rollups and keeps the columns and the memory.
    pub fn clear(&mut self) {
        self.at_ms.clear();
        self.columns.iter_mut().for_each(|(_, column)| column.clear());
    }

    /// A column; empty where it was not wanted.
    pub fn column(&self, statistic: Statistic) -> &[f64] {
        let found = self.columns.iter().find(|(known, _)| *known == statistic);
        found.map_or(&[], |(_, column)| column)
    }

    /// Appends the rollups of `samples`, which are in order of time, that end in `ends`. Samples before the first stretch
    /// tell whether a counter started again with it.
    pub fn roll_up(&mut self, samples: &SampleColumns, resolution_ms: i64, ends: TimeRange) {
        let mut stretch = Stretch::default();
        let mut end_ms = None;
        for (place, sample) in samples.iter().enumerate() {
            let of_sample_ms = stretch_end(sample.at_ms, resolution_ms);
            if end_ms != Some(of_sample_ms) {
                self.push(end_ms, &stretch, ends);
                stretch = stretch.next();
                end_ms = Some(of_sample_ms);
            }
            let start_ms = samples.starts.get(place);
            let times = Counted {
                at_ms: sample.at_ms,
                start_ms,
            };
            stretch.add(sample.value, times);
        }
        self.push(end_ms, &stretch, ends);
    }

    fn push(&mut self, end_ms: Option<i64>, stretch: &Stretch, ends: TimeRange) {
        let Some(end_ms) = end_ms.filter(|end_ms| ends.contains(*end_ms)) else {
            return;
        };
        self.at_ms.push(end_ms);
        for (statistic, column) in &mut self.columns {
            column.push(stretch.get(*statistic));
        }
    }
}

/// The end of the stretch that a time lies in.
pub fn stretch_end(at_ms: i64, resolution_ms: i64) -> i64 {
    match at_ms.rem_euclid(resolution_ms) {
        0 => at_ms,
        within_ms => at_ms.saturating_add(resolution_ms - within_ms),
    }
}

/// A stretch on its way through the samples.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    count: f64,
    sum: f64,
    /// What rounding took from the sum (Neumaier, ZAMM 54, 1974).
    rounded: f64,
    min: f64,
    max: f64,
    last: f64,
    lost: f64,
    /// The last sample before the next one, in this stretch or an earlier one.
    before: f64,
    before_times: Option<Counted>,
}

impl Default for Stretch {
    fn default() -> Self {
        Self {
            count: 0.0,
            sum: 0.0,
            rounded: 0.0,
            min: f64::NAN,
            max: f64::NAN,
            last: STALE_NAN,
            lost: 0.0,
            before: f64::NAN,
            before_times: None,
        }
    }
}

impl Stretch {
    /// The stretch behind this one.
    fn next(&self) -> Self {
        Self {
            before: self.before,
            before_times: self.before_times,
            ..Self::default()
        }
    }

    fn add(&mut self, value: f64, times: Counted) {
        self.last = value;
        if is_stale(value) {
            return;
        }
        self.count += 1.0;
        let sum = self.sum + value;
        if sum.is_finite() {
            self.rounded += if self.sum.abs() >= value.abs() {
                (self.sum - sum) + value
            } else {
                (value - sum) + self.sum
            };
        }
        self.sum = sum;
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        let starts_again = |before: Counted| times.starts_again(before);
        if value < self.before || self.before_times.is_some_and(starts_again) {
            self.lost += self.before;
        }
        self.before = value;
        self.before_times = Some(times);
    }

    fn get(&self, statistic: Statistic) -> f64 {
        match statistic {
            Statistic::Count => self.count,
            Statistic::Sum if self.sum.is_finite() => self.sum + self.rounded,
            Statistic::Sum => self.sum,
            Statistic::Min => self.min,
            Statistic::Max => self.max,
            Statistic::Last => self.last,
            Statistic::Lost => self.lost,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rolled(samples: &[(i64, f64)], ends: TimeRange) -> Rollups {
        let mut columns = SampleColumns::default();
        for &(at_ms, value) in samples {
            columns.push(at_ms, value);
        }
        let mut rollups = Rollups::of(&Statistic::ALL);
        rollups.roll_up(&columns, 10, ends);
        rollups
    }

    #[test]
    fn a_stretch_is_open_on_its_left() {
        let rollups = rolled(
            &[(0, 1.0), (1, 2.0), (10, 4.0), (11, 8.0), (-1, 0.0)],
            TimeRange::ALL,
        );
        assert_eq!(rollups.at_ms, [0, 10, 20, 0]);
        assert_eq!(rollups.column(Statistic::Sum), [1.0, 6.0, 8.0, 0.0]);
        assert_eq!(rollups.column(Statistic::Count), [1.0, 2.0, 1.0, 1.0]);
        assert_eq!(stretch_end(-11, 10), -10);
        assert_eq!(stretch_end(i64::MIN, 10), i64::MIN + 8);
        assert_eq!(stretch_end(i64::MAX, 10), i64::MAX);
    }

    #[test]
    fn a_start_says_that_a_counter_started_again_although_it_did_not_fall() {
        let mut samples = SampleColumns::default();
        for (at_ms, value, start_ms) in [(5, 7.0, 1), (12, 9.0, 1), (16, 9.0, 14), (25, 9.5, 14)] {
            samples.push_started(at_ms, value, start_ms);
        }
        let mut rollups = Rollups::of(&[Statistic::Lost]);
        rollups.roll_up(&samples, 10, TimeRange::ALL);
        assert_eq!(rollups.column(Statistic::Lost), [0.0, 9.0, 0.0]);
    }

    #[test]
    fn a_counter_that_starts_again_loses_what_it_had_counted() {
        let samples = [(5, 7.0), (15, 3.0), (16, 9.0), (17, 1.0), (25, 2.0)];
        let rollups = rolled(&samples, TimeRange::new(20, 30).unwrap());
        assert_eq!(rollups.at_ms, [20, 30]);
        assert_eq!(rollups.column(Statistic::Lost), [7.0 + 9.0, 0.0]);
        assert_eq!(rollups.column(Statistic::Last), [1.0, 2.0]);
        assert_eq!(rollups.column(Statistic::Min), [1.0, 2.0]);
        assert_eq!(rollups.column(Statistic::Max), [9.0, 2.0]);
    }

    #[test]
    fn stale_markers_end_a_series_and_are_no_samples() {
        let rollups = rolled(&[(1, 5.0), (2, STALE_NAN), (11, STALE_NAN)], TimeRange::ALL);
        assert_eq!(rollups.column(Statistic::Count), [1.0, 0.0]);
        assert_eq!(rollups.column(Statistic::Sum), [5.0, 0.0]);
        assert!(rollups.column(Statistic::Last).iter().all(|&last| is_stale(last)));
    }

    #[test]
    fn a_sum_is_rounded_once() {
        let tenths: Vec<(i64, f64)> = (1..=10).map(|at_ms| (at_ms, 0.1)).collect();
        let rollups = rolled(&tenths, TimeRange::ALL);
        assert_eq!(rollups.column(Statistic::Sum), [1.0]);
        let infinite = rolled(&[(1, f64::INFINITY), (2, 1.0)], TimeRange::ALL);
        assert_eq!(infinite.column(Statistic::Sum), [f64::INFINITY]);
    }
}
