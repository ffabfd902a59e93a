//! Instant selectors: the newest sample of every series at every step.

use std::sync::Arc;

use model::{HistogramSample, SampleColumns, SelectedSeries, TimeRange, is_stale};

use super::column::{ABSENT, Column, Evaluated};
use super::{Evaluator, Grid, Note, Notes};
use crate::answer::Point;
use crate::ast::Extended;
use crate::error::EvalError;
use crate::functions::extended;
use crate::histogram::{Added, interpolate};
use crate::options::Windows;
use crate::plan::{SelectorPlan, Shift};

impl Evaluator<'_> {
    /// The value of every series at every step of `grid`.
    pub(super) fn select(
        &mut self,
        selector: &SelectorPlan,
        at: usize,
        grid: Grid,
    ) -> Result<Evaluated, EvalError> {
        let pick = if selector.extended == Some(Extended::Smoothed) {
            Pick::Smoothed
        } else {
            Pick::Value
        };
        self.select_with(selector, at, grid, pick)
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

    fn select_without_name(
        &mut self,
        selector: &SelectorPlan,
        grid: Grid,
        pick: Pick,
    ) -> Result<Evaluated, EvalError> {
        let mut evaluated = self.select_with(selector, 0, grid, pick)?;
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
        grid: Grid,
        pick: Pick,
    ) -> Result<Evaluated, EvalError> {
        // From the samples and the count of those that lie at or before the step.
        let pick_number: fn(Looked, &SampleColumns, usize) -> Option<f64> = match pick {
            Pick::Value => |looked, samples, count| Some(newest(looked, samples, count)?.1),
            Pick::Smoothed => smoothed_value,
            Pick::Time | Pick::TimeOfNumber => {
                |looked, samples, count| Some(newest(looked, samples, count)?.0 as f64 / 1000.0)
            }
        };
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
        let mut histograms = Vec::new();
        for (turn, series) in found.iter().enumerate() {
            self.check_at(turn)?;
            self.read(series, range, &mut samples)?;
            self.read_histograms(series, range, &samples, selector.hints, &mut histograms)?;
            let mut column = Column::new(series.labels().clone(), Vec::with_capacity(grid.steps));
            let mut cursor = 0;
            let mut histogram_cursor = 0;
            let mut notes = Notes::default();
            for (step, now_ms) in grid.times().enumerate() {
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
                if histograms.is_empty() {
                    column
                        .values
                        .push(pick_number(looked, &samples, cursor).unwrap_or(ABSENT));
                    continue;
                }
                let behind = |cursor| {
                    histograms
                        .get(cursor)
                        .map(|sample: &HistogramSample| sample.at_ms)
                };
                while behind(histogram_cursor).is_some_and(|at_ms| at_ms <= looked_ms) {
                    histogram_cursor += 1;
                }
                let mixed = Mixed {
                    samples: &samples,
                    count: cursor,
                    histograms: &histograms,
                    histogram_count: histogram_cursor,
                };
                let point = mixed.pick(looked, pick, &mut notes);
                column.put_next(step, grid.steps, point);
            }
            self.tell(notes, column.labels.metric_name(), at);
            if !column.is_empty() {
                self.hold(column.sample_count())?;
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

/// What is wanted of the samples around a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pick {
    /// The newest.
    Value,
    /// The one on the line between the two around the step.
    Smoothed,
    /// The time of the newest, in seconds since the Unix epoch.
    Time,
    /// The same, but the newest itself where it is a histogram.
    TimeOfNumber,
}

/// The samples of a series that has histograms among them, and how many of each kind lie at or before a step.
#[derive(Debug, Clone, Copy)]
struct Mixed<'a> {
    samples: &'a SampleColumns,
    count: usize,
    histograms: &'a [HistogramSample],
    histogram_count: usize,
}

impl Mixed<'_> {
    fn pick(&self, looked: Looked, pick: Pick, notes: &mut Notes) -> Option<Point> {
        if pick == Pick::Smoothed {
            return self.smoothed(looked, notes);
        }
        let number = self.count.checked_sub(1).and_then(|place| {
            let at_ms = *self.samples.at_ms.get(place)?;
            Some((at_ms, *self.samples.values.get(place)?))
        });
        let histogram = self.histogram_before();
        let is_histogram = match (number, histogram) {
            (Some((at_ms, _)), Some(histogram)) => histogram.at_ms > at_ms,
            (None, histogram) => histogram.is_some(),
            (Some(_), None) => false,
        };
        let (at_ms, point) = if is_histogram {
            let histogram = histogram.filter(|histogram| fits(looked, histogram))?;
            (histogram.at_ms, Point::Histogram(Arc::clone(&histogram.value)))
        } else {
            let (at_ms, value) = newest(looked, self.samples, self.count)?;
            (at_ms, Point::Float(value))
        };
        Some(match pick {
            Pick::TimeOfNumber if is_histogram => point,
            Pick::Time | Pick::TimeOfNumber => Point::Float(at_ms as f64 / 1000.0),
            Pick::Value | Pick::Smoothed => point,
        })
    }

    fn histogram_before(&self) -> Option<&HistogramSample> {
        let place = self.histogram_count.checked_sub(1)?;
        self.histograms.get(place)
    }

    /// The histogram on the line between those before and behind; nothing where numbers lie among them.
    fn smoothed(&self, looked: Looked, notes: &mut Notes) -> Option<Point> {
        let reached = |at_ms: i64| (looked.oldest_ms..=looked.newest_ms).contains(&at_ms);
        let has_numbers = self.samples.iter().any(|sample| reached(sample.at_ms));
        let has_histograms = self.histograms.iter().any(|sample| reached(sample.at_ms));
        if has_numbers && has_histograms {
            notes.add(Note::FloatsAndHistograms);
            return None;
        }
        if !has_histograms {
            return smoothed_value(looked, self.samples, self.count).map(Point::Float);
        }
        let before = self.histogram_before().filter(|before| fits(looked, before))?;
        let behind = self.histograms.get(self.histogram_count);
        let behind = behind.filter(|behind| behind.at_ms <= looked.newest_ms && !behind.value.is_stale());
        let Some(behind) = behind.filter(|_| before.at_ms < looked.at_ms) else {
            return Some(Point::Histogram(Arc::clone(&before.value)));
        };
        match interpolate(before, behind, looked.at_ms, false) {
            Ok((histogram, subtracted, added)) => {
                note_reconciled(notes, subtracted, added);
                Some(Point::Histogram(histogram.shared()))
            }
            Err(_) => {
                notes.add(Note::ExponentialAndCustom);
                None
            }
        }
    }
}

/// Notes that bounds were reconciled on the way.
pub(crate) fn note_reconciled(notes: &mut Notes, subtracted: Added, added: Added) {
    notes.add_if(subtracted.bounds_reconciled, Note::ReconciledInSubtraction);
    notes.add_if(added.bounds_reconciled, Note::ReconciledInAddition);
}

/// Whether a histogram is neither too old nor the end of its series.
fn fits(looked: Looked, histogram: &HistogramSample) -> bool {
    histogram.at_ms >= looked.oldest_ms && !histogram.value.is_stale()
}
