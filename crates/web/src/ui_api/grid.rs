//! The grid of times on which the page's charts lie: a step that suits the width, points at multiples of the step.

use crate::limits::{PAGE_STEP_MS_MIN, POINTS_PER_SERIES_MAX};
use crate::params::{TIME_MS_MAX, TIME_MS_MIN};

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Steps that people read easily, and that divide the next larger unit, so that points of different windows coincide.
const STEPS: [i64; 19] = [
    SECOND,
    2 * SECOND,
    5 * SECOND,
    10 * SECOND,
    15 * SECOND,
    30 * SECOND,
    MINUTE,
    2 * MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
    7 * DAY,
];

/// Times at multiples of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Grid {
    /// The first point.
    pub(crate) t0_ms: i64,
    /// The distance of two points.
    pub(crate) step_ms: i64,
    /// How many points there are; 0 where no multiple of the step lies in the window.
    pub(crate) count: i64,
}

impl Grid {
    /// A grid over a window, with the step that was asked for or the finest that keeps to `points_max`.
    pub(crate) fn new(
        from_ms: i64,
        to_ms: i64,
        step_ms: Option<i64>,
        points_max: i64,
    ) -> Result<Self, String> {
        if to_ms < from_ms {
            return Err("the window ends before it starts".to_owned());
        }
        if from_ms < TIME_MS_MIN || to_ms > TIME_MS_MAX {
            return Err("the window lies beyond the ends of time".to_owned());
        }
        let span_ms = to_ms - from_ms;
        let step_ms = match step_ms {
            Some(step_ms) if step_ms < 1 => return Err(format!("a step of {step_ms} ms is not positive")),
            Some(step_ms) => step_ms,
            None => step_for(span_ms, points_max.clamp(1, POINTS_PER_SERIES_MAX)),
        };
        let t0_ms = from_ms.div_euclid(step_ms) * step_ms;
        let t0_ms = if t0_ms < from_ms {
            t0_ms.saturating_add(step_ms)
        } else {
            t0_ms
        };
        let count = if t0_ms > to_ms {
            0
        } else {
            (to_ms - t0_ms) / step_ms + 1
        };
        if count > POINTS_PER_SERIES_MAX {
            return Err(format!(
                "{count} points for each series are more than the limit of {POINTS_PER_SERIES_MAX}"
            ));
        }
        Ok(Self {
            t0_ms,
            step_ms,
            count,
        })
    }

    /// The last point.
    pub(crate) fn last_ms(&self) -> i64 {
        self.t0_ms + (self.count - 1).max(0) * self.step_ms
    }
}

/// The finest readable step with at most `points_max` points; a window of n steps may hold n + 1 points.
fn step_for(span_ms: i64, points_max: i64) -> i64 {
    let at_least = (span_ms / points_max + 1).max(PAGE_STEP_MS_MIN);
    STEPS
        .into_iter()
        .find(|step| *step >= at_least)
        .unwrap_or_else(|| (at_least / (7 * DAY) + 1).saturating_mul(7 * DAY))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn steps_are_readable() {
        let step = |span_ms: i64| Grid::new(0, span_ms, None, 600).unwrap().step_ms;
        assert_eq!(step(5 * MINUTE), SECOND);
        assert_eq!(step(15 * MINUTE), 2 * SECOND);
        assert_eq!(step(HOUR), 10 * SECOND);
        assert_eq!(step(DAY), 5 * MINUTE);
        assert_eq!(step(365 * DAY), DAY);
        assert_eq!(step(100 * 365 * DAY), 63 * DAY);
    }

    #[test]
    fn points_lie_at_multiples_of_the_step() {
        let grid = Grid::new(1_001, 10_999, Some(2_000), 600).unwrap();
        assert_eq!((grid.t0_ms, grid.count, grid.last_ms()), (2_000, 5, 10_000));
        assert_eq!(Grid::new(1, 999, Some(1_000), 600).unwrap().count, 0);
    }

    #[test]
    fn bad_windows_are_refused() {
        assert!(Grid::new(5, 4, None, 600).is_err());
        assert!(Grid::new(0, 10, Some(0), 600).is_err());
        assert!(Grid::new(0, DAY, Some(1), 600).is_err());
    }

    proptest! {
        #[test]
        fn no_window_has_more_points_than_asked_for(
            from_ms in -1_000_000_000_000i64..4_000_000_000_000,
            span_ms in 0i64..200_000_000_000,
            points_max in 1i64..11_000,
        ) {
            let grid = Grid::new(from_ms, from_ms + span_ms, None, points_max).unwrap();
            prop_assert!(grid.count <= points_max);
            prop_assert!(grid.step_ms >= PAGE_STEP_MS_MIN);
            if grid.count > 0 {
                prop_assert!(grid.t0_ms >= from_ms && grid.t0_ms < from_ms + grid.step_ms);
                prop_assert!(grid.last_ms() <= from_ms + span_ms && grid.last_ms() > from_ms + span_ms - grid.step_ms);
            }
        }

        #[test]
        fn no_numbers_panic(from_ms: i64, to_ms: i64, step_ms: Option<i64>, points_max: i64) {
            if let Ok(grid) = Grid::new(from_ms, to_ms, step_ms, points_max) {
                let _ = grid.last_ms();
            }
        }
    }
}
