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

    /// The change from the last sample before the window to the last one in it, stretched to the whole window where samples
    /// reach close to its ends (prometheus/promql, `extrapolatedRate`).
    fn change(&self, is_counter: bool) -> Option<f64> {
        let point = |place: usize| {
            let last = *self.rollups.column(Last).get(place)?;
            let at_ms = *self.rollups.at_ms.get(place)?;
            (!is_stale(last)).then_some((at_ms, last))
        };
        let before = self
            .places
            .start
            .checked_sub(1)
            .and_then(point)
            .filter(|(at_ms, _)| self.start_ms - at_ms < self.resolution_ms);
        let mut points = before.into_iter().chain(self.places.clone().filter_map(point));
        let first = points.next()?;
        let (mut change, mut last) = (0.0, first);
        for now in points {
            change += now.1 - last.1;
            last = now;
        }
        if last.0 == first.0 {
            return None;
        }
        if is_counter {
            let skipped = usize::from(before.is_none());
            change += self.column(Lost).iter().skip(skipped).sum::<f64>();
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
