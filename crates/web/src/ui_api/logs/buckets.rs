//! The spans of time that lines are counted by: of a length that people read easily, beginning at multiples of it.

use super::{Bounds, NS_PER_MS};

/// Each divides a longer one, so that spans of different windows coincide.
const STEPS_MS: [i64; 27] = [
    1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 15_000, 30_000, 60_000, 120_000,
    300_000, 600_000, 900_000, 1_800_000, 3_600_000, 7_200_000, 10_800_000, 21_600_000, 43_200_000,
    86_400_000,
];
const WEEK_MS: i64 = 604_800_000;

/// Spans one behind the other that cover a window; the first and the last may reach beyond it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Buckets {
    /// When the first begins.
    pub(super) t0_ms: i64,
    /// How long each is.
    pub(super) step_ms: i64,
    /// How many there are, one at least.
    pub(super) count: i64,
}

impl Buckets {
    /// The shortest of which no more than `buckets_max` are needed.
    pub(super) fn over(bounds: Bounds, buckets_max: i64) -> Self {
        let from_ms = bounds.from_ns.div_euclid(NS_PER_MS);
        let to_ms = bounds.to_ns.div_euclid(NS_PER_MS).max(from_ms + 1);
        let cover = |step_ms: i64| {
            let t0_ms = from_ms.div_euclid(step_ms) * step_ms;
            let count = (to_ms - t0_ms).div_euclid(step_ms) + i64::from((to_ms - t0_ms) % step_ms > 0);
            Self {
                t0_ms,
                step_ms,
                count,
            }
        };
        let fits = |step_ms: &i64| cover(*step_ms).count <= buckets_max.max(2);
        match STEPS_MS.into_iter().find(fits) {
            Some(step_ms) => cover(step_ms),
            // A window of many years: as many weeks as it takes.
            None => {
                let whole = (to_ms - from_ms) / (WEEK_MS * (buckets_max.max(2) - 1)) + 1;
                cover(WEEK_MS * whole)
            }
        }
    }

    /// The last moment of the first one, in nanoseconds.
    pub(super) fn first_end_ns(self) -> i64 {
        (self.t0_ms + self.step_ms) * NS_PER_MS - 1
    }

    /// The last moment of the last one, in nanoseconds.
    pub(super) fn last_end_ns(self) -> i64 {
        (self.t0_ms + self.step_ms * self.count) * NS_PER_MS - 1
    }

    /// Which one a time lies in, in milliseconds.
    pub(super) fn place(self, at_ms: i64) -> Option<usize> {
        let place = (at_ms - self.t0_ms).div_euclid(self.step_ms);
        usize::try_from(place)
            .ok()
            .filter(|_| (0..self.count).contains(&place))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_quarter_of_an_hour_is_counted_by_ten_seconds() {
        let bounds = Bounds::of_ms(1_700_010_603_000, 1_700_011_503_000).unwrap();
        let buckets = Buckets::over(bounds, 120);
        assert_eq!(
            buckets,
            Buckets {
                t0_ms: 1_700_010_600_000,
                step_ms: 10_000,
                count: 91
            }
        );
        assert_eq!(buckets.place(1_700_010_603_000), Some(0));
        assert_eq!(buckets.place(1_700_011_502_999), Some(90));
    }

    proptest! {
        #[test]
        fn every_window_is_covered(from_ms in 0_i64..4_000_000_000_000, span in 1_i64..400_000_000_000, max in 1_i64..400) {
            let bounds = Bounds::of_ms(from_ms, from_ms + span).unwrap();
            let buckets = Buckets::over(bounds, max);
            prop_assert!(buckets.count >= 1 && buckets.count <= max.max(2), "{:?}", buckets);
            prop_assert_eq!(buckets.place(from_ms), Some(0));
            prop_assert_eq!(buckets.place(from_ms + span - 1), Some(buckets.count as usize - 1));
        }
    }
}
