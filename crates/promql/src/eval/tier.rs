//! Which tier a selector reads: samples as they were measured, or rollups.
//!
//! Two reasons make it a coarse tier: what is asked for is not kept in a finer one any more; or stretches of time fit the
//! windows so well that the answer is the same and costs less.

use std::sync::Arc;

use model::{RAW, Rollups, SelectedSeries, Selector, Tier, TimeRange};

use super::column::{ABSENT, Column};
use super::select::shifted_ends;
use super::{Evaluator, Grid, parallel};
use crate::error::EvalError;
use crate::functions::rolled_up::{RolledUp, RollupWindow};
use crate::options::Windows;
use crate::plan::{SelectorPlan, Shift, WindowPlan};

/// What came of windows of rollups.
#[derive(Debug)]
pub(super) struct OverRollups {
    pub(super) columns: Vec<Column>,
    /// There are series whose histograms are to be looked at instead.
    pub(super) have_histograms: bool,
}

impl Evaluator<'_> {
    /// The resolution of the tier that a selector reads. `windows`: the answer is the same from any tier whose stretches fill
    /// windows of this length, in milliseconds.
    pub(super) fn tier(
        &mut self,
        range: TimeRange,
        shift: Shift,
        grid: Grid,
        windows: Option<i64>,
    ) -> Result<i64, EvalError> {
        if self.tiers.is_none() {
            let tiers = self.store.tiers(self.options.tenant);
            self.tiers = Some(tiers.map_err(EvalError::Storage)?);
        }
        let tiers = self.tiers.as_deref().unwrap_or_default();
        let (first_ms, _) = shifted_ends(shift, grid);
        let moves = grid.steps > 1 && shift.at_ms.is_none();
        let fills = |resolution_ms: i64| {
            windows.is_some_and(|window_ms| {
                self.options.windows == Windows::LeftOpen
                    && first_ms.rem_euclid(resolution_ms) == 0
                    && window_ms % resolution_ms == 0
                    && (!moves || grid.step_ms % resolution_ms == 0)
            })
        };
        let resolution_ms = choose(tiers, range, fills);
        self.account.note_tier(resolution_ms);
        Ok(resolution_ms)
    }

    /// The series that a selector finds in a tier.
    pub(super) fn find_in_tier(
        &self,
        selector: &SelectorPlan,
        range: TimeRange,
        resolution_ms: i64,
    ) -> Result<Vec<Arc<dyn SelectedSeries>>, EvalError> {
        let asked = Selector {
            tenant: self.options.tenant,
            matchers: selector.matchers.clone(),
            range,
        };
        let found = self
            .store
            .select_in_tier(&asked, resolution_ms)
            .map_err(EvalError::Storage)?;
        self.note_found(found.len(), resolution_ms);
        Ok(found)
    }

    /// A function over windows of rollups, at every step. Also whether there are series with native histograms, of which there
    /// are no rollups: they are left out.
    pub(super) fn over_rollups(
        &mut self,
        (selector, window): (&SelectorPlan, &WindowPlan),
        body: &RolledUp,
        (range, resolution_ms): (TimeRange, i64),
        grid: Grid,
    ) -> Result<OverRollups, EvalError> {
        // The stretch before a window tells how much a counter went up in its first one.
        let range = super::select::span(range.from_ms().saturating_sub(resolution_ms), range.to_ms());
        let found = self.find_in_tier(selector, range, resolution_ms)?;
        let have_histograms = found.iter().any(|series| series.may_have_histograms());
        let this: &Self = self;
        let columns = parallel::each(&found, |scratch: &mut Option<Rollups>, series| {
            this.check()?;
            if series.may_have_histograms() {
                return Ok(None);
            }
            let rollups = scratch.get_or_insert_with(|| Rollups::of(body.wanted));
            rollups.clear();
            series.read_rollups(range, rollups).map_err(EvalError::Storage)?;
            this.tell_damage(&**series);
            let read = rollups.len() * body.wanted.len();
            this.note_read(read, || series.extent(range, body.wanted));
            this.hold(read)?;
            this.release(read);
            let values = slide_rollups(rollups, body, window, resolution_ms, grid);
            let column = Column::new(series.labels().clone(), values);
            Ok((!column.is_empty()).then_some(column))
        })?;
        Ok(OverRollups {
            columns,
            have_histograms,
        })
    }

    /// What windows over the samples of a selector are, where a tier gives the same answer or the only one.
    pub(super) fn rolled_up(
        &mut self,
        (selector, window): (&SelectorPlan, &WindowPlan),
        body: &RolledUp,
        grid: Grid,
    ) -> Result<Option<OverRollups>, EvalError> {
        let (first_ms, last_ms) = shifted_ends(window.shift, grid);
        let range = super::select::span(first_ms - window.range_ms, last_ms);
        let windows = body.is_exact.then_some(window.range_ms);
        match self.tier(range, window.shift, grid, windows)? {
            RAW => Ok(None),
            resolution_ms => self
                .over_rollups((selector, window), body, (range, resolution_ms), grid)
                .map(Some),
        }
    }
}

/// The value of a function at every step, from the rollups of one series.
fn slide_rollups(
    rollups: &Rollups,
    body: &RolledUp,
    window: &WindowPlan,
    resolution_ms: i64,
    grid: Grid,
) -> Vec<f64> {
    let (mut first, mut end) = (0, 0);
    let value_at = |now_ms: i64| {
        let end_ms = window.shift.at_ms.unwrap_or(now_ms) - window.shift.offset_ms;
        let start_ms = end_ms - window.range_ms;
        while rollups.at_ms.get(end).is_some_and(|at_ms| *at_ms <= end_ms) {
            end += 1;
        }
        while first < end && rollups.at_ms.get(first).is_some_and(|at_ms| *at_ms <= start_ms) {
            first += 1;
        }
        let window = RollupWindow::new(rollups, first..end, (start_ms, end_ms), resolution_ms)?;
        (body.compute)(&window)
    };
    let values = grid.times().map(value_at);
    values.map(|value| value.unwrap_or(ABSENT)).collect()
}

/// The coarsest tier that `fills` the windows, or the finest one that reaches back as far as anything does.
fn choose(tiers: &[Tier], range: TimeRange, fills: impl Fn(i64) -> bool) -> i64 {
    let Some(oldest_ms) = tiers.iter().map(|tier| tier.since_ms).min() else {
        return RAW;
    };
    let coarsest_ms = tiers.iter().map(|tier| tier.resolution_ms).max().unwrap_or(RAW);
    // The first stretch of a tier begins before its first sample.
    let reach_ms = range.from_ms().max(oldest_ms).saturating_add(coarsest_ms);
    let needed = tiers
        .iter()
        .filter(|tier| tier.since_ms <= reach_ms)
        .map(|tier| tier.resolution_ms)
        .min()
        .unwrap_or(RAW);
    let fitting = tiers
        .iter()
        .filter(|tier| tier.resolution_ms > needed && tier.since_ms <= range.to_ms())
        .map(|tier| tier.resolution_ms)
        .filter(|&resolution_ms| fills(resolution_ms));
    fitting.max().unwrap_or(needed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    fn tiers() -> [Tier; 3] {
        [(0, 1000), (60_000, 500), (HOUR, 0)].map(|(resolution_ms, since_hours)| Tier {
            resolution_ms,
            since_ms: since_hours * HOUR,
        })
    }

    fn chosen(from_hours: i64, fills: impl Fn(i64) -> bool) -> i64 {
        let range = TimeRange::new(from_hours * HOUR, 2000 * HOUR).unwrap();
        choose(&tiers(), range, fills)
    }

    #[test]
    fn the_finest_tier_that_reaches_back_far_enough() {
        assert_eq!(chosen(1000, |_| false), RAW);
        assert_eq!(chosen(998, |_| false), 60_000);
        assert_eq!(chosen(400, |_| false), HOUR);
        assert_eq!(chosen(-400, |_| false), HOUR);
        assert_eq!(choose(&[], TimeRange::at(0), |_| true), RAW);
    }

    #[test]
    fn a_coarser_one_where_the_answer_is_the_same() {
        assert_eq!(chosen(1500, |_| true), HOUR);
        assert_eq!(chosen(1500, |resolution_ms| resolution_ms == 60_000), 60_000);
        let young = TimeRange::new(0, 10).unwrap();
        let not_yet = Tier {
            resolution_ms: HOUR,
            since_ms: 11,
        };
        let raw = Tier {
            resolution_ms: 0,
            since_ms: 0,
        };
        assert_eq!(choose(&[raw, not_yet], young, |_| true), RAW);
    }
}
