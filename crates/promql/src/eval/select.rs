//! Instant selectors: the newest sample of every series at every step.

use std::sync::Arc;

use model::{
    Counted, HistogramSample, Labels, SampleColumns, SelectedSeries, Statistic, TimeRange, is_stale,
};

use super::batches::{Sink, batch_len};
use super::column::{ABSENT, Column, Evaluated};
use super::select_mixed::{Mixed, Pick};
use super::{Evaluator, Grid, Notes, parallel};
use crate::ast::Extended;
use crate::error::EvalError;
use crate::functions::extended;
use crate::options::Windows;
use crate::plan::{SelectorPlan, Shift};

impl<'a> Evaluator<'a> {
    /// The value of every series at every step of `grid`.
    pub(super) fn select(
        &mut self,
        selector: &SelectorPlan,
        at: usize,
        grid: Grid,
    ) -> Result<Evaluated, EvalError> {
        self.gathered(|evaluator, sink| evaluator.select_in_batches(selector, at, grid, sink))
    }

    /// The same in batches.
    pub(super) fn select_in_batches(
        &mut self,
        selector: &SelectorPlan,
        at: usize,
        grid: Grid,
        sink: &mut Sink<'_, 'a>,
    ) -> Result<(), EvalError> {
        let pick = if selector.extended == Some(Extended::Smoothed) {
            Pick::Smoothed
        } else {
            Pick::Value
        };
        self.select_with(selector, at, (grid, pick), sink)
    }

    /// The time of the newest sample of every series at every step, in seconds since the Unix epoch.
    pub(crate) fn select_times(
        &mut self,
        selector: &SelectorPlan,
        grid: Grid,
    ) -> Result<Evaluated, EvalError> {
        self.select_without_name(selector, grid, Pick::Time)
    }

    /// The same, but histograms themselves where those are the newest.
    pub(crate) fn select_times_of_numbers(
        &mut self,
        selector: &SelectorPlan,
        grid: Grid,
    ) -> Result<Evaluated, EvalError> {
        self.select_without_name(selector, grid, Pick::TimeOfNumber)
    }

    /// The start of the newest sample of every series at every step, in seconds since the Unix epoch; 0 where it is not known.
    pub(crate) fn select_starts(
        &mut self,
        selector: &SelectorPlan,
        grid: Grid,
    ) -> Result<Evaluated, EvalError> {
        self.select_without_name(selector, grid, Pick::Start)
    }

    fn select_without_name(
        &mut self,
        selector: &SelectorPlan,
        grid: Grid,
        pick: Pick,
    ) -> Result<Evaluated, EvalError> {
        let mut evaluated =
            self.gathered(|evaluator, sink| evaluator.select_with(selector, 0, (grid, pick), sink))?;
        if let Evaluated::Vector(columns) = &mut evaluated {
            for column in columns {
                column.drops_name = true;
            }
        }
        Ok(evaluated)
    }

    /// Walks the steps and the samples of every series together.
    fn select_with(
        &mut self,
        selector: &SelectorPlan,
        at: usize,
        (grid, pick): (Grid, Pick),
        sink: &mut Sink<'_, 'a>,
    ) -> Result<(), EvalError> {
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
        let walk = Walk {
            selector,
            grid,
            pick,
            lookback_ms,
            ahead_ms,
        };
        let this: &Self = self;
        let work = |(samples, histograms): &mut (_, Vec<_>), series: &_| {
            this.check()?;
            this.read(series, range, samples)?;
            this.read_histograms(series, range, samples, selector.hints, histograms)?;
            let (column, notes) = this.walked(walk, series.labels(), samples, histograms);
            this.tell(notes, column.labels.metric_name(), at);
            if column.is_empty() {
                return Ok(None);
            }
            this.hold(column.sample_count())?;
            Ok(Some(column))
        };
        if sink.holds_all {
            self.check_fits(found.len(), grid)?;
        }
        parallel::in_batches(&found, batch_len(grid), work, &mut |batch| {
            (sink.take)(this, batch)
        })
    }

    /// One series' value at every step.
    fn walked(
        &self,
        walk: Walk<'_>,
        labels: &Labels,
        samples: &SampleColumns,
        histograms: &[HistogramSample],
    ) -> (Column, Notes) {
        let mut notes = Notes::default();
        if histograms.is_empty() {
            let values = match walk.pick {
                Pick::Value => self.walked_numbers(walk, samples, |looked, samples, count| {
                    Some(newest(looked, samples, count)?.1)
                }),
                Pick::Smoothed => self.walked_numbers(walk, samples, smoothed_value),
                Pick::Time | Pick::TimeOfNumber => {
                    self.walked_numbers(walk, samples, |looked, samples, count| {
                        Some(newest(looked, samples, count)?.0.at_ms as f64 / 1000.0)
                    })
                }
                Pick::Start => self.walked_numbers(walk, samples, |looked, samples, count| {
                    Some(newest(looked, samples, count)?.0.start_ms as f64 / 1000.0)
                }),
            };
            return (Column::new(labels.clone(), values), notes);
        }
        let steps = walk.grid.steps;
        let mut column = Column::new(labels.clone(), Vec::with_capacity(steps));
        let (mut count, mut histogram_count) = (0, 0);
        for (step, now_ms) in walk.grid.times().enumerate() {
            let looked = self.looked(walk, now_ms);
            count = advanced(count, &samples.at_ms, |known| *known <= looked.at_ms);
            histogram_count = advanced(histogram_count, histograms, |known| known.at_ms <= looked.at_ms);
            let mixed = Mixed {
                samples,
                count,
                histograms,
                histogram_count,
            };
            column.put_next(step, steps, mixed.pick(looked, walk.pick, &mut notes));
        }
        (column, notes)
    }

    /// The same for a series of numbers; `pick` computes a step's value from the samples and the count of those that lie at or
    /// before the step.
    fn walked_numbers(
        &self,
        walk: Walk<'_>,
        samples: &SampleColumns,
        pick: impl Fn(Looked, &SampleColumns, usize) -> Option<f64>,
    ) -> Vec<f64> {
        let mut values = Vec::with_capacity(walk.grid.steps);
        let mut count = 0;
        for now_ms in walk.grid.times() {
            let looked = self.looked(walk, now_ms);
            count = advanced(count, &samples.at_ms, |known| *known <= looked.at_ms);
            values.push(pick(looked, samples, count).unwrap_or(ABSENT));
        }
        values
    }

    fn looked(&self, walk: Walk<'_>, now_ms: i64) -> Looked {
        let shift = walk.selector.shift;
        let at_ms = shift.at_ms.unwrap_or(now_ms) - shift.offset_ms;
        Looked {
            at_ms,
            oldest_ms: self.oldest_of_window(at_ms - walk.lookback_ms),
            newest_ms: at_ms + walk.ahead_ms,
        }
    }

    /// Reads one series into a buffer that is used again and again.
    pub(super) fn read(
        &self,
        series: &Arc<dyn SelectedSeries>,
        range: TimeRange,
        samples: &mut SampleColumns,
    ) -> Result<(), EvalError> {
        samples.clear();
        series.read(range, samples).map_err(EvalError::Storage)?;
        self.tell_damage(&**series);
        self.note_read(samples.len(), || series.extent(range, &[Statistic::Last]));
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

/// How the steps of a selector are walked.
#[derive(Debug, Clone, Copy)]
struct Walk<'a> {
    selector: &'a SelectorPlan,
    grid: Grid,
    pick: Pick,
    lookback_ms: i64,
    ahead_ms: i64,
}

/// What a step of an instant selector looks at.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_field_names, reason = "every time carries its unit")]
pub(super) struct Looked {
    pub(super) at_ms: i64,
    /// The oldest sample that still counts.
    pub(super) oldest_ms: i64,
    /// The newest sample that a smoothed selector may look ahead to.
    pub(super) newest_ms: i64,
}

/// How many items from the front hold, of which `count` are known to.
fn advanced<T>(count: usize, items: &[T], holds: impl Fn(&T) -> bool) -> usize {
    let rest = items.get(count..).unwrap_or_default();
    count + rest.iter().take_while(|item| holds(item)).count()
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
pub(super) fn newest(looked: Looked, samples: &SampleColumns, count: usize) -> Option<(Counted, f64)> {
    let place = count.checked_sub(1)?;
    let (times, value) = (samples.counted(place)?, *samples.values.get(place)?);
    (times.at_ms >= looked.oldest_ms && !is_stale(value)).then_some((times, value))
}

/// The value on the line between the samples before and behind; that before where none is behind.
pub(super) fn smoothed_value(looked: Looked, samples: &SampleColumns, count: usize) -> Option<f64> {
    let before = newest(looked, samples, count)?;
    let behind = samples.at_ms.get(count).zip(samples.values.get(count));
    match behind {
        Some((at_ms, value))
            if before.0.at_ms < looked.at_ms && *at_ms <= looked.newest_ms && !is_stale(*value) =>
        {
            Some(extended::interpolate(
                (before.0.at_ms, before.1),
                (*at_ms, *value),
                looked.at_ms,
                false,
            ))
        }
        _ => Some(before.1),
    }
}
