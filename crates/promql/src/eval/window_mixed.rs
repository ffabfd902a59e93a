//! Windows of series with native histograms among their samples.

use model::HistogramSample;

use super::column::Column;
use super::window::{Gathered, SeriesHead, bounds, slide};
use super::{Evaluator, Grid, Notes};
use crate::answer::Point;
use crate::error::EvalError;
use crate::functions::Window;
use crate::functions::extended::Compute;
use crate::functions::mixed::{Compute as MixedCompute, MixedWindow};
use crate::functions::rate::falls;
use crate::histogram::weight;
use crate::plan::WindowPlan;

impl Evaluator<'_> {
    /// The value of a function at every step of a window over one series; nothing where it never has any.
    pub(super) fn slid(
        &self,
        plan: &WindowPlan,
        (series, samples): (SeriesHead<'_>, Gathered<'_>),
        grid: Grid,
        params: &[Vec<f64>],
        ((compute, with_histograms), notes_at): ((Compute, MixedCompute), usize),
    ) -> Result<Option<Column>, EvalError> {
        let column = if samples.histograms.is_empty() {
            let values = slide(self, plan, samples.numbers, grid, params, compute);
            Column::new(series.labels.clone(), values)
        } else {
            let computes = (compute, with_histograms);
            let (column, notes) = self.slide_mixed(plan, (series, samples), grid, params, computes)?;
            self.tell(notes, series.labels.metric_name(), notes_at);
            column
        };
        Ok((!column.is_empty()).then_some(column))
    }

    fn slide_mixed(
        &self,
        plan: &WindowPlan,
        (series, samples): (SeriesHead<'_>, Gathered<'_>),
        grid: Grid,
        params: &[Vec<f64>],
        (compute, with_histograms): (Compute, MixedCompute),
    ) -> Result<(Column, Notes), EvalError> {
        let (before_ms, behind_ms) = self.reach(plan);
        let mut column = Column::new(series.labels.clone(), Vec::with_capacity(grid.steps));
        let mut notes = Notes::default();
        let mut now_params = vec![0.0; params.len()];
        let mut made = 0;
        let falls = falls(&samples.numbers.values);
        for (step, now_ms) in grid.times().enumerate() {
            self.check_at(step)?;
            let (start_ms, end_ms) = bounds(plan.shift, now_ms, plan.range_ms);
            let oldest_ms = self.oldest_of_window(start_ms - before_ms);
            let newest_ms = end_ms + behind_ms;
            for (now, all) in now_params.iter_mut().zip(params) {
                *now = all.get(step).copied().unwrap_or(f64::NAN);
            }
            let times = &samples.numbers.at_ms;
            let first = times.partition_point(|at_ms| *at_ms < oldest_ms);
            let end = times.partition_point(|at_ms| *at_ms <= newest_ms).max(first);
            let place = |wanted_ms: i64| {
                let before = |sample: &HistogramSample| sample.at_ms < wanted_ms;
                samples.histograms.partition_point(before)
            };
            let histograms = place(oldest_ms)..place(newest_ms.saturating_add(1));
            let window = MixedWindow {
                numbers: Window {
                    at_ms: times.get(first..end).unwrap_or_default(),
                    values: samples.numbers.values.get(first..end).unwrap_or_default(),
                    start_ms,
                    end_ms,
                    now_ms,
                    params: &now_params,
                    falls,
                },
                histograms: samples.histograms.get(histograms).unwrap_or_default(),
                of_numbers: compute,
            };
            let point = if window.histograms.is_empty() {
                let numbers = &window.numbers;
                let value = (!numbers.values.is_empty()).then(|| compute(numbers)).flatten();
                value.map(Point::Float)
            } else {
                with_histograms(&window, &mut notes)
            };
            if let Some(Point::Histogram(histogram)) = &point {
                made += weight(histogram);
                self.check_room(made)?;
            }
            column.put_next(step, grid.steps, point);
        }
        Ok((column, notes))
    }
}
