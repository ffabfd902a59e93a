//! Windows that overlap, cut where one of them begins or ends: each line is counted once, in the pane it lies in, and a window
//! is put together of its panes.

use super::grid::Grid;

/// So many steps off that nothing lies further.
const FAR: i64 = 1 << 61;

/// How the windows of a grid are cut.
#[derive(Debug, Clone)]
pub(crate) struct Panes {
    start_ns: i64,
    step_ns: i64,
    /// How many whole steps a window is long.
    whole: i64,
    /// By how much it is longer.
    rest_ns: i64,
    /// The pane that was asked for last: its first and last time, and its number.
    last: (i64, i64, Option<i64>),
}

impl Panes {
    /// The panes of windows that end at the steps of `grid` and are `interval_ns` long.
    pub(crate) fn new(grid: Grid, interval_ns: i64) -> Self {
        let step_ns = if grid.steps == 1 {
            interval_ns
        } else {
            grid.step_ns
        };
        Self {
            start_ns: grid.start_ns,
            step_ns,
            whole: (interval_ns / step_ns).min(FAR),
            rest_ns: interval_ns % step_ns,
            last: (1, 0, None),
        }
    }

    /// The number of the pane with that time in it, later panes having higher numbers; none between two windows.
    pub(crate) fn find(&mut self, at_ns: i64) -> Option<i64> {
        let (first, last, pane) = self.last;
        if (first..=last).contains(&at_ns) {
            return pane;
        }
        self.last = self.search(at_ns);
        self.last.2
    }

    /// The last time that belongs to the same pane, or to none as this one.
    pub(crate) fn end_of(&mut self, at_ns: i64) -> i64 {
        self.find(at_ns);
        self.last.1
    }

    /// Between two steps there are two panes: the later one belongs to all windows from the next step on whose start lies before
    /// both, the earlier one to one window less.
    fn search(&self, at_ns: i64) -> (i64, i64, Option<i64>) {
        let distance = at_ns.saturating_sub(self.start_ns).max(-i64::MAX);
        // The next step, and how far off it is.
        let next = (-(-distance).div_euclid(self.step_ns)).clamp(-FAR, FAR);
        let next_ns = next.saturating_mul(self.step_ns).saturating_add(self.start_ns);
        let cut_ns = next_ns.saturating_sub(self.rest_ns);
        if at_ns > cut_ns {
            (cut_ns + 1, next_ns, Some(2 * next + 1))
        } else {
            let before_ns = next_ns.saturating_sub(self.step_ns);
            (before_ns + 1, cut_ns, (self.whole > 0).then_some(2 * next))
        }
    }

    /// The numbers of the first and the last pane of the window that ends at `step`.
    pub(crate) fn of_window(&self, step: usize) -> (i64, i64) {
        let step = step as i64;
        (2 * (step - self.whole) + 1, 2 * step + 1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_window_has_the_panes_of_its_times(
            start in -50_i64..50, step in 1_i64..20, steps in 1_usize..6, interval in 1_i64..60,
            times in proptest::collection::vec(-150_i64..200, 1..30),
        ) {
            let grid = Grid::new(start, start + step * (steps as i64 - 1), step).unwrap();
            let mut panes = Panes::new(grid, interval);
            for at in times {
                let pane = panes.find(at);
                for place in 0..steps {
                    let end = grid.at(place);
                    let (first, last) = panes.of_window(place);
                    let is_in = pane.is_some_and(|pane| (first..=last).contains(&pane));
                    prop_assert_eq!(is_in, end - interval < at && at <= end, "{} in {:?}", at, panes);
                }
            }
        }
    }
}
