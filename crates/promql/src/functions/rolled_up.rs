//! Functions over windows of rollups: one table with what each reads, whether its answer is the same as that from samples, and
//! what computes it.

use std::ops::Range;

use model::Statistic::{self, Count, Last, Lost, Max, Min, Sum as Total};
use model::{Rollups, is_stale};

use super::sum::Sum;

/// How a function is computed from rollups.
#[derive(Debug)]
pub(crate) struct RolledUp {
    /// The function.
    name: &'static str,
    /// What it reads.
    pub(crate) wanted: &'static [Statistic],
    /// Whether the answer is that from the samples themselves, where stretches fill the windows.
    pub(crate) is_exact: bool,
    pub(crate) compute: fn(&RollupWindow<'_>) -> Option<f64>,
}

/// The rollups of one series at one step of a query.
#[derive(Debug)]
pub(crate) struct RollupWindow<'a> {
    rollups: &'a Rollups,
    /// Those whose stretches end in the window.
    places: Range<usize>,
    start_ms: i64,
    end_ms: i64,
    resolution_ms: i64,
}

impl<'a> RollupWindow<'a> {
    /// A window that rollups end in; `None` where none does.
    pub(crate) fn new(
        rollups: &'a Rollups,
        places: Range<usize>,
        (start_ms, end_ms): (i64, i64),
        resolution_ms: i64,
    ) -> Option<Self> {
        (!places.is_empty()).then_some(Self {
            rollups,
            places,
            start_ms,
            end_ms,
            resolution_ms,
        })
    }

    fn column(&self, statistic: Statistic) -> &'a [f64] {
        let column = self.rollups.column(statistic);
        column.get(self.places.clone()).unwrap_or_default()
    }

    fn total(&self, statistic: Statistic) -> f64 {
        let mut sum = Sum::default();
        self.column(statistic).iter().for_each(|value| sum.add(*value));
        sum.value()
    }

    fn count(&self) -> Option<f64> {
        Some(self.total(Count)).filter(|count| *count > 0.0)
    }

    /// The last sample of a stretch and the end of the stretch, unless the series ended in it.
    fn point(&self, place: usize) -> Option<(i64, f64)> {
        let last = *self.rollups.column(Last).get(place)?;
        let at_ms = *self.rollups.at_ms.get(place)?;
        (!is_stale(last)).then_some((at_ms, last))
    }

    /// The change from the last sample before the window to the last one in it, stretched to the whole window where samples
    /// reach close to its ends (prometheus/promql, `extrapolatedRate`).
    fn change(&self, is_counter: bool) -> Option<f64> {
        let before = self
            .places
            .start
            .checked_sub(1)
            .and_then(|place| self.point(place))
            .filter(|(at_ms, _)| self.start_ms - at_ms < self.resolution_ms);
        let (mut first, mut last) = (before, before);
        let (mut change, mut lost) = (0.0, 0.0);
        for place in self.places.clone() {
            lost += self.rollups.column(Lost).get(place).unwrap_or(&0.0);
            let Some(now) = self.point(place) else {
                continue;
            };
            change += match last {
                Some((_, before)) if is_counter => gained(before, now.1, lost),
                Some((_, before)) => now.1 - before,
                None => 0.0,
            };
            first = first.or(Some(now));
            (last, lost) = (Some(now), 0.0);
        }
        let (first, last) = (first?, last?);
        if last.0 == first.0 {
            return None;
        }
        let sampled = (last.0 - first.0) as f64;
        let near = 1.1 * self.resolution_ms as f64;
        let reach = |gap_ms: i64| {
            let gap = gap_ms as f64;
            if gap < near {
                gap
            } else {
                self.resolution_ms as f64 / 2.0
            }
        };
        let whole = sampled + reach(first.0 - self.start_ms) + reach(self.end_ms - last.0);
        Some(change * whole / sampled)
    }

    fn extreme(&self, statistic: Statistic, better: fn(f64, f64) -> bool) -> Option<f64> {
        let values = self.column(statistic).iter().copied();
        let best = values
            .filter(|value| !value.is_nan())
            .reduce(|best, value| if better(value, best) { value } else { best });
        // Of samples that are no numbers, none is.
        best.or_else(|| self.count().map(|_| f64::NAN))
    }
}

/// What a counter gained from one rollup to another, with what it lost by starting again. It falls by no more than it lost:
/// otherwise it started again where a rollup is missing between the two, or between two days that were rolled up apart.
fn gained(before: f64, now: f64, lost: f64) -> f64 {
    if now + lost < before {
        now + lost
    } else {
        now - before + lost
    }
}

static TABLE: [RolledUp; 10] = [
    exact("avg_over_time", &[Count, Total], |window| {
        Some(window.total(Total) / window.count()?)
    }),
    exact("count_over_time", &[Count], |window| window.count()),
    near("delta", &[Last], |window| window.change(false)),
    near("increase", &[Last, Lost], |window| window.change(true)),
    exact("last_over_time", &[Last, Count], last),
    exact("max_over_time", &[Count, Max], |window| {
        window.extreme(Max, |value, best| value > best)
    }),
    exact("min_over_time", &[Count, Min], |window| {
        window.extreme(Min, |value, best| value < best)
    }),
    exact("present_over_time", &[Count], |window| {
        window.count().map(|_| 1.0)
    }),
    near("rate", &[Last, Lost], |window| {
        Some(window.change(true)? / ((window.end_ms - window.start_ms) as f64 / 1000.0))
    }),
    exact("sum_over_time", &[Count, Total], |window| {
        window.count().map(|_| window.total(Total))
    }),
];

/// The last sample; only where the series has not ended with its stretch, as the marker hides which one that was.
fn last(window: &RollupWindow<'_>) -> Option<f64> {
    let last = window.column(Last).iter().zip(window.column(Count)).rev();
    let mut known = last.filter(|(last, count)| **count > 0.0 && !is_stale(**last));
    known.next().map(|(last, _)| *last)
}

/// How a function is computed from rollups, if it can be.
pub(crate) fn find(name: &str) -> Option<&'static RolledUp> {
    TABLE.iter().find(|body| body.name == name)
}

const fn exact(
    name: &'static str,
    wanted: &'static [Statistic],
    compute: fn(&RollupWindow<'_>) -> Option<f64>,
) -> RolledUp {
    RolledUp {
        name,
        wanted,
        is_exact: true,
        compute,
    }
}

const fn near(
    name: &'static str,
    wanted: &'static [Statistic],
    compute: fn(&RollupWindow<'_>) -> Option<f64>,
) -> RolledUp {
    RolledUp {
        name,
        wanted,
        is_exact: false,
        compute,
    }
}

#[cfg(test)]
mod tests {
    use model::{SampleColumns, TimeRange};

    use super::*;

    /// A counter that gains one a second and starts again at 250 s, sampled every ten seconds.
    fn counter() -> Rollups {
        let mut samples = SampleColumns::default();
        for at_s in (10..=600).step_by(10) {
            let value = if at_s < 250 { at_s } else { at_s - 250 };
            samples.push(at_s * 1000, value as f64);
        }
        let mut rollups = Rollups::of(&Statistic::ALL);
        rollups.roll_up(&samples, 60_000, TimeRange::ALL);
        rollups
    }

    fn of(name: &str, minutes: Range<usize>) -> Option<f64> {
        let rollups = counter();
        let bounds = (minutes.start as i64 * 60_000, minutes.end as i64 * 60_000);
        let window = RollupWindow::new(&rollups, minutes, bounds, 60_000)?;
        (find(name)?.compute)(&window)
    }

    #[test]
    fn counters_go_up_across_their_resets() {
        assert_eq!(of("increase", 1..3), Some(120.0));
        // The counter had 240 at 240 s, was at 0 at 250 s and is at 350 at 600 s.
        assert_eq!(of("increase", 1..10), Some(180.0 + 350.0));
        assert_eq!(of("rate", 1..3), Some(1.0));
        assert_eq!(of("delta", 1..3), Some(120.0));
    }

    #[test]
    fn a_counter_whose_start_is_in_no_rollup_still_goes_up() {
        let mut samples = SampleColumns::default();
        for (minute, value) in [(1, 1000.0), (2, 1060.0), (4, 20.0), (5, 80.0)] {
            samples.push(minute * 60_000, value);
        }
        // Each day is rolled up without the one before.
        let mut rollups = Rollups::of(&Statistic::ALL);
        let days = [(0, 120_000), (180_000, 300_000)].map(|(from, to)| TimeRange::new(from, to).unwrap());
        for day in days {
            let mut of_day = SampleColumns::default();
            let within = samples.iter().filter(|sample| day.contains(sample.at_ms));
            within.for_each(|sample| of_day.push(sample.at_ms, sample.value));
            rollups.roll_up(&of_day, 60_000, day);
        }
        assert_eq!(rollups.column(Lost), [0.0; 4]);
        let window = RollupWindow::new(&rollups, 1..4, (60_000, 300_000), 60_000).unwrap();
        assert_eq!(window.change(true), Some(60.0 + 20.0 + 60.0));
        assert_eq!(window.change(false), Some(80.0 - 1000.0));
    }

    #[test]
    fn what_was_lost_counts_where_the_counter_is_known_before_and_after() {
        let mut samples = SampleColumns::default();
        let stale = model::STALE_NAN;
        for (second, value) in [
            (70, 500.0),
            (80, stale),
            (130, 3.0),
            (140, stale),
            (190, 5.0),
            (250, 10.0),
            (310, 2.0),
            (320, stale),
        ] {
            samples.push(second * 1000, value);
        }
        let mut rollups = Rollups::of(&Statistic::ALL);
        rollups.roll_up(&samples, 60_000, TimeRange::ALL);
        assert_eq!(rollups.column(Lost), [0.0, 500.0, 0.0, 0.0, 10.0]);
        let window = RollupWindow::new(&rollups, 0..5, (60_000, 360_000), 60_000).unwrap();
        // From 5 to 10 within a minute; half a stretch more before it, and the one after it.
        assert_eq!(window.change(true), Some(5.0 * (60.0 + 30.0 + 60.0) / 60.0));
    }

    #[test]
    fn summaries_are_those_of_the_samples() {
        assert_eq!(of("count_over_time", 0..10), Some(60.0));
        assert_eq!(
            of("sum_over_time", 0..2),
            Some((1..=12).map(|n| f64::from(n * 10)).sum())
        );
        assert_eq!(of("avg_over_time", 0..2), Some(65.0));
        assert_eq!(of("max_over_time", 0..10), Some(350.0));
        assert_eq!(of("min_over_time", 1..3), Some(70.0));
        assert_eq!(of("last_over_time", 1..3), Some(180.0));
        assert_eq!(of("present_over_time", 1..3), Some(1.0));
        assert_eq!(of("count_over_time", 3..3), None);
    }
}
