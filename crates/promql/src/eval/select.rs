//! Instant selectors: the newest sample of every series at every step.

use std::sync::Arc;

use model::{SampleColumns, SelectedSeries, TimeRange, is_stale};

use super::column::{ABSENT, Column, Evaluated};
use super::{Evaluator, Grid};
use crate::ast::Extended;
use crate::error::EvalError;
use crate::functions::extended;
use crate::options::Windows;
use crate::plan::{SelectorPlan, Shift};

impl Evaluator<'_> {
    /// The value of every series at every step of `grid`.
    pub(super) fn select(
        &mut self,
        selector: &SelectorPlan,
        _at: usize,
        grid: Grid,
    ) -> Result<Evaluated, EvalError> {
        let smoothed = selector.extended == Some(Extended::Smoothed);
        self.select_with(selector, grid, |looked, samples, cursor| {
            if smoothed {
                smoothed_value(looked, samples, *cursor)
            } else {
                newest(looked, samples, *cursor).map(|(_, value)| value)
            }
        })
    }

    /// The time of the newest sample of every series at every step, in seconds since the Unix epoch.
    pub(crate) fn select_times(
        &mut self,
        selector: &SelectorPlan,
        grid: Grid,
    ) -> Result<Evaluated, EvalError> {
        let mut evaluated = self.select_with(selector, grid, |looked, samples, cursor| {
            newest(looked, samples, *cursor).map(|(at_ms, _)| at_ms as f64 / 1000.0)
        })?;
        if let Evaluated::Vector(columns) = &mut evaluated {
            for column in columns {
                column.drops_name = true;
            }
        }
        Ok(evaluated)
    }

    /// Walks the steps and the samples of every series together; `pick` computes a step's value from the samples and
    /// the count of those that lie at or before the step.
    fn select_with(
        &mut self,
        selector: &SelectorPlan,
        grid: Grid,
        pick: impl Fn(Looked, &SampleColumns, &usize) -> Option<f64>,
    ) -> Result<Evaluated, EvalError> {
        let ahead_ms = match selector.extended {
            Some(Extended::Smoothed) => self.options.lookback_ms,
            _ => 0,
        };
        let (first_ms, last_ms) = shifted_ends(selector.shift, grid);
        let asked = span(first_ms - self.options.lookback_ms, last_ms + ahead_ms);
        let resolution_ms = self.tier(asked, selector.shift, grid, None)?;
        // The last sample of a stretch stands for the stretch.
        let lookback_ms = self.options.lookback_ms.max(resolution_ms);
        let range = span(first_ms - lookback_ms, last_ms + ahead_ms);
        let found = self.find_in_tier(selector, range, resolution_ms)?;
        let mut columns = Vec::new();
        let mut samples = SampleColumns::default();
        for (turn, series) in found.iter().enumerate() {
            self.check_at(turn)?;
            self.read(series, range, &mut samples)?;
            let mut values = Vec::with_capacity(grid.steps);
            let mut cursor = 0;
            for now_ms in grid.times() {
                let looked_ms = selector.shift.at_ms.unwrap_or(now_ms) - selector.shift.offset_ms;
                while samples.at_ms.get(cursor).is_some_and(|at_ms| *at_ms <= looked_ms) {
                    cursor += 1;
                }
                let oldest_ms = self.oldest_of_window(looked_ms - lookback_ms);
                let looked = Looked {
                    at_ms: looked_ms,
                    oldest_ms,
                    newest_ms: looked_ms + ahead_ms,
                };
                values.push(pick(looked, &samples, &cursor).unwrap_or(ABSENT));
            }
            let column = Column::new(series.labels().clone(), values);
            if !column.is_empty() {
                self.hold(grid.steps)?;
                columns.push(column);
            }
        }
        Ok(Evaluated::Vector(columns))
    }

    /// Reads one series into a buffer that is used again and again.
    pub(super) fn read(
        &mut self,
        series: &Arc<dyn SelectedSeries>,
        range: TimeRange,
        samples: &mut SampleColumns,
    ) -> Result<(), EvalError> {
        samples.clear();
        series.read(range, samples).map_err(EvalError::Storage)?;
        self.statistics.samples_read += samples.len() as u64;
        self.hold(samples.len())?;
        self.release(samples.len());
        Ok(())
    }

    /// The oldest time that belongs to a window that starts at `start_ms`.
    pub(super) fn oldest_of_window(&self, start_ms: i64) -> i64 {
        match self.options.windows {
            Windows::LeftOpen => start_ms + 1,
            Windows::Closed => start_ms,
        }
    }
}

/// What a step of an instant selector looks at.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_field_names, reason = "every time carries its unit")]
struct Looked {
    at_ms: i64,
    /// The oldest sample that still counts.
    oldest_ms: i64,
    /// The newest sample that a smoothed selector may look ahead to.
    newest_ms: i64,
}

/// The first and the last time that the steps of a grid look at.
pub(super) fn shifted_ends(shift: Shift, grid: Grid) -> (i64, i64) {
    let first_ms = shift.at_ms.unwrap_or(grid.start_ms) - shift.offset_ms;
    let last_ms = shift.at_ms.unwrap_or(grid.last_ms()) - shift.offset_ms;
    (first_ms, last_ms)
}

/// The range between two times in whichever order.
pub(super) fn span(from_ms: i64, to_ms: i64) -> TimeRange {
    TimeRange::new(from_ms, to_ms.max(from_ms)).unwrap_or(TimeRange::at(from_ms))
}

/// The newest of the first `count` samples, if it is neither too old nor the end of its series.
fn newest(looked: Looked, samples: &SampleColumns, count: usize) -> Option<(i64, f64)> {
    let place = count.checked_sub(1)?;
    let (at_ms, value) = (*samples.at_ms.get(place)?, *samples.values.get(place)?);
    (at_ms >= looked.oldest_ms && !is_stale(value)).then_some((at_ms, value))
}

/// The value on the line between the samples before and behind; that before where none is behind.
fn smoothed_value(looked: Looked, samples: &SampleColumns, count: usize) -> Option<f64> {
    let before = newest(looked, samples, count)?;
    let behind = samples.at_ms.get(count).zip(samples.values.get(count));
    match behind {
        Some((at_ms, value))
            if before.0 < looked.at_ms && *at_ms <= looked.newest_ms && !is_stale(*value) =>
        {
            Some(extended::interpolate(
                before,
                (*at_ms, *value),
                looked.at_ms,
                false,
            ))
        }
        _ => Some(before.1),
    }
}
