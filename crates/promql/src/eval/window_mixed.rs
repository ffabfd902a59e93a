//! Windows of series with native histograms among their samples.

use model::HistogramSample;

use super::column::Column;
use super::window::{Computes, Gathered, SeriesHead, bounds, slide};
use super::{Evaluator, Grid, Note, Notes};
use crate::answer::Point;
use crate::error::EvalError;
use crate::functions::Window;
use crate::functions::extended::Compute;
use crate::functions::mixed::{Compute as MixedCompute, MixedWindow};
use crate::functions::rate::{overlaps, starts_again};
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
        computes: Computes,
    ) -> Result<Option<Column>, EvalError> {
        let (column, mut notes) = if samples.histograms.is_empty() {
            let values = slide(self, plan, samples.numbers, grid, params, computes.numbers);
            (Column::new(series.labels.clone(), values), Notes::default())
        } else {
            let computes = (computes.numbers, computes.mixed);
            self.slide_mixed(plan, (series, samples), grid, params, computes)?
        };
        let overlap = computes.doubts_starts && self.starts_overlap(plan, samples, grid);
        notes.add_if(overlap, Note::StartsOverlap);
        self.tell(notes, series.labels.metric_name(), computes.notes_at);
        Ok((!column.is_empty()).then_some(column))
    }

    /// Whether any window has two samples next to each other of which the later one claims to have counted since before the
    /// other, which has another start. Then one of the two is not what the counter was.
    fn starts_overlap(&self, plan: &WindowPlan, samples: Gathered<'_>, grid: Grid) -> bool {
        let of_numbers = overlaps(samples.numbers);
        let of_histograms = samples.histograms.windows(2).filter_map(|pair| match pair {
            [before, now] if now.counted().overlaps(before.counted()) => Some((before.at_ms, now.at_ms)),
            _ => None,
        });
        let times = |place: usize| Some((place.checked_sub(1)?, place));
        let time = |place: usize| samples.numbers.at_ms.get(place).copied();
        let mut pairs: Vec<(i64, i64)> = of_numbers
            .into_iter()
            .filter_map(times)
            .filter_map(|(before, now)| Some((time(before)?, time(now)?)))
            .chain(of_histograms)
            .collect();
        if pairs.is_empty() {
            return false;
        }
        pairs.sort_unstable();
        grid.times().any(|now_ms| {
            let (start_ms, end_ms) = bounds(plan.shift, now_ms, plan.range_ms);
            let oldest_ms = self.oldest_of_window(start_ms);
            let first = pairs.partition_point(|(before_ms, _)| *before_ms < oldest_ms);
            pairs.get(first).is_some_and(|(_, at_ms)| *at_ms <= end_ms)
        })
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
        let starts_again = starts_again(samples.numbers);
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
                    starts: samples.numbers.starts.slice(first..end),
                    start_ms,
                    end_ms,
                    now_ms,
                    params: &now_params,
                    starts_again,
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
