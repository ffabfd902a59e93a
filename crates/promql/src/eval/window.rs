//! Range vectors: windows that slide over the samples of one series at a time.

use std::sync::Arc;

use model::{HistogramSample, Labels, NO_START, ResetHint, SampleColumns, SelectedSeries, is_stale};

use super::batches::{Sink, batch_len};
use super::column::{ABSENT, Column, Evaluated, is_present, sample_count};
use super::select::{shifted_ends, span};
use super::{Evaluator, Grid, parallel};
use crate::answer::MatrixSeries;
use crate::ast::Extended;
use crate::error::EvalError;
use crate::functions::extended::Compute;
use crate::functions::mixed::{self, Compute as MixedCompute};
use crate::functions::rate::starts_again;
use crate::functions::{Window, WindowBody, extended, rolled_up};
use crate::histogram::weight;
use crate::options::Starts;
use crate::plan::{CallPlan, Op, Shift, Source, WindowPlan};

impl<'a> Evaluator<'a> {
    /// A function over a range vector, at every step.
    pub(super) fn window_call(
        &mut self,
        call: &CallPlan,
        body: WindowBody,
        grid: Grid,
    ) -> Result<Evaluated, EvalError> {
        self.gathered(|evaluator, sink| evaluator.window_call_in_batches(call, body, grid, sink))
    }

    /// The same in batches.
    pub(super) fn window_call_in_batches(
        &mut self,
        call: &CallPlan,
        body: WindowBody,
        grid: Grid,
        sink: &mut Sink<'_, 'a>,
    ) -> Result<(), EvalError> {
        let Some((window, window_at)) = call.window() else {
            return Err(EvalError::execution(format!(
                "expected a range vector in call to function {:?}",
                call.function.name
            )));
        };
        let params = self.params(call, grid)?;
        self.check_params((call, window), &params, grid)?;
        // A subquery stands nowhere, as upstream, where its place is lost on the way.
        let of_subquery = matches!(window.source, Source::Subquery { .. });
        let window_at = if of_subquery { 0 } else { window_at };
        let notes_at = match call.args.first() {
            Some(arg) if !matches!(arg.op, Op::Window(_)) => arg.at,
            _ => window_at,
        };
        let counts_up = matches!(call.function.name, "rate" | "increase");
        let computes = Computes::of((call, body), window, notes_at)?;
        let mut wanted = Wanted::All;
        if let (Source::Series(selector), Some(rolled_up)) =
            (&window.source, rolled_up::find(call.function.name))
            && selector.extended.is_none()
            && let Some(mut found) = self.rolled_up((selector, window), rolled_up, grid)?
        {
            for column in &mut found.columns {
                if counts_up {
                    self.doubt_counter(&column.labels, window_at);
                }
                column.drops_name = !body.keeps_name;
                self.hold(grid.steps)?;
            }
            (sink.take)(self, found.columns)?;
            if !found.have_histograms {
                return Ok(());
            }
            wanted = Wanted::WithHistograms;
        }
        let work = |evaluator: &Self, series: SeriesHead<'_>, samples: Gathered<'_>| {
            let column = evaluator.slid(window, (series, samples), grid, &params, computes)?;
            let Some(mut column) = column else {
                return Ok(None);
            };
            if counts_up && column.values.iter().any(|value| is_present(*value)) {
                evaluator.doubt_counter(series.labels, window_at);
            }
            column.drops_name = series.drops_name || !body.keeps_name;
            evaluator.hold(column.sample_count())?;
            Ok(Some(column))
        };
        self.map_series((window, wanted), grid, work, sink)?;
        self.release(params.iter().map(Vec::len).sum());
        Ok(())
    }

    /// Whether any series has a sample in the window, at every step.
    pub(crate) fn window_presence(
        &mut self,
        window: &WindowPlan,
        grid: Grid,
    ) -> Result<Vec<bool>, EvalError> {
        let mut present = vec![false; grid.steps];
        let computes = Computes {
            numbers: crate::functions::over_time::present,
            mixed: mixed::present,
            notes_at: 0,
            doubts_starts: false,
        };
        let work = |evaluator: &Self, series: SeriesHead<'_>, samples: Gathered<'_>| {
            let column = evaluator.slid(window, (series, samples), grid, &[], computes)?;
            evaluator.hold(column.as_ref().map_or(0, Column::sample_count))?;
            Ok(column)
        };
        let mut sink = Sink {
            take: &mut |evaluator: &Self, batch: Vec<Column>| {
                for column in &batch {
                    column.mark(&mut present);
                }
                evaluator.release(sample_count(&batch));
                Ok(())
            },
            holds_all: false,
        };
        self.map_series((window, Wanted::All), grid, work, &mut sink)?;
        Ok(present)
    }

    /// The samples themselves, of the window at the first step.
    pub(super) fn raw_window(
        &mut self,
        window: &WindowPlan,
        grid: Grid,
    ) -> Result<Vec<MatrixSeries>, EvalError> {
        let grid = grid.first();
        let (_, end_ms) = shifted_ends(window.shift, grid);
        let oldest_ms = self.oldest_of_window(end_ms - window.range_ms);
        let mut matrix = Vec::new();
        let work = |evaluator: &Self, series: SeriesHead<'_>, samples: Gathered<'_>| {
            let mut kept = SampleColumns::default();
            for sample in samples.numbers.iter() {
                if (oldest_ms..=end_ms).contains(&sample.at_ms) {
                    kept.push(sample.at_ms, sample.value);
                }
            }
            let in_window = |sample: &&HistogramSample| (oldest_ms..=end_ms).contains(&sample.at_ms);
            let histograms: Vec<_> = samples.histograms.iter().filter(in_window).cloned().collect();
            if kept.is_empty() && histograms.is_empty() {
                return Ok(None);
            }
            let weights: usize = histograms.iter().map(|sample| weight(&sample.value)).sum();
            evaluator.hold(kept.len() + weights)?;
            let labels = if series.drops_name {
                super::column::without_name(series.labels)
            } else {
                series.labels.clone()
            };
            Ok(Some(MatrixSeries {
                labels,
                samples: kept,
                histograms,
            }))
        };
        let mut sink = Sink {
            take: &mut |_: &Self, mut batch| {
                matrix.append(&mut batch);
                Ok(())
            },
            holds_all: true,
        };
        self.map_series((window, Wanted::All), grid, work, &mut sink)?;
        matrix.sort_by(|left, right| left.labels.cmp(&right.labels));
        if matrix
            .windows(2)
            .any(|pair| matches!(pair, [left, right] if left.labels == right.labels))
        {
            return Err(EvalError::execution(
                "vector cannot contain metrics with the same labelset",
            ));
        }
        Ok(matrix)
    }

    /// Hands what `work` makes of every series with its samples, stale markers removed, to `sink`, batch after batch.
    fn map_series<T: Send>(
        &mut self,
        (window, wanted): (&WindowPlan, Wanted),
        grid: Grid,
        work: impl Fn(&Self, SeriesHead<'_>, Gathered<'_>) -> Result<Option<T>, EvalError> + Send + Sync,
        sink: &mut Sink<'_, 'a, T>,
    ) -> Result<(), EvalError> {
        let (first_ms, last_ms) = shifted_ends(window.shift, grid);
        match &window.source {
            Source::Series(selector) => {
                let (before_ms, behind_ms) = self.reach(window);
                let range = span(first_ms - window.range_ms - before_ms, last_ms + behind_ms);
                let resolution_ms = self.tier(range, window.shift, grid, None)?;
                let found = self.find_in_tier(selector, range, resolution_ms)?;
                let this: &Self = self;
                let of_series = |scratch: &mut Scratch, series: &Arc<dyn SelectedSeries>| {
                    this.check()?;
                    if wanted == Wanted::WithHistograms && !series.may_have_histograms() {
                        return Ok(None);
                    }
                    let Scratch { numbers, histograms } = scratch;
                    this.read(series, range, numbers)?;
                    this.read_histograms(series, range, numbers, selector.hints, histograms)?;
                    drop_stale(numbers);
                    histograms.retain(|sample| !sample.value.is_stale());
                    if this.options.starts == Starts::Ignored {
                        scratch.forget_starts();
                    }
                    let head = SeriesHead {
                        labels: series.labels(),
                        drops_name: false,
                    };
                    work(this, head, scratch.gathered())
                };
                if sink.holds_all {
                    this.check_fits(found.len(), grid)?;
                }
                parallel::in_batches(&found, batch_len(grid), of_series, &mut |batch| {
                    (sink.take)(this, batch)
                })
            }
            Source::Subquery { inner, step_ms } => {
                let Some(steps) = self.subquery_grid(first_ms - window.range_ms, last_ms, *step_ms)? else {
                    return Ok(());
                };
                let columns = self.vector(inner, steps)?;
                let this: &Self = self;
                let of_column = |scratch: &mut Scratch, column: &Column| {
                    this.check()?;
                    scratch.numbers.clear();
                    for (at_ms, value) in steps.times().zip(&column.values) {
                        if is_present(*value) {
                            scratch.numbers.push(at_ms, *value);
                        }
                    }
                    histograms_of(column, steps, &mut scratch.histograms);
                    let head = SeriesHead {
                        labels: &column.labels,
                        drops_name: column.drops_name,
                    };
                    work(this, head, scratch.gathered())
                };
                parallel::in_batches(&columns, batch_len(grid), of_column, &mut |batch| {
                    (sink.take)(this, batch)
                })?;
                self.release(sample_count(&columns));
                Ok(())
            }
        }
    }

    /// How far before its start and behind its end a window looks, in milliseconds.
    pub(super) fn reach(&self, window: &WindowPlan) -> (i64, i64) {
        let Source::Series(selector) = &window.source else {
            return (0, 0);
        };
        match selector.extended {
            Some(Extended::Anchored) => (self.options.lookback_ms, 0),
            Some(Extended::Smoothed) => (self.options.lookback_ms, self.options.lookback_ms),
            None => (0, 0),
        }
    }

    /// The steps of a subquery: multiples of its step within the window, whatever the query's own steps are.
    fn subquery_grid(&self, from_ms: i64, to_ms: i64, step_ms: i64) -> Result<Option<Grid>, EvalError> {
        let oldest_ms = self.oldest_of_window(from_ms);
        let first_ms = oldest_ms.div_euclid(step_ms) * step_ms;
        let first_ms = if first_ms < oldest_ms {
            first_ms + step_ms
        } else {
            first_ms
        };
        if first_ms > to_ms {
            return Ok(None);
        }
        Grid::new(first_ms, to_ms, step_ms).map(Some)
    }

    /// The scalar arguments at every step, argument by argument.
    pub(super) fn params(&mut self, call: &CallPlan, grid: Grid) -> Result<Vec<Vec<f64>>, EvalError> {
        call.scalars().map(|plan| self.scalar(plan, grid)).collect()
    }

    /// Refuses or notes scalar arguments that make no sense.
    fn check_params(
        &mut self,
        (call, window): (&CallPlan, &WindowPlan),
        params: &[Vec<f64>],
        grid: Grid,
    ) -> Result<(), EvalError> {
        match call.function.name {
            "quantile_over_time" => {
                let at = call.args.first().map_or(call.at, |arg| arg.at);
                for q in params.iter().flatten() {
                    self.doubt_quantile(*q, at);
                }
                Ok(())
            }
            "double_exponential_smoothing" | "holt_winters" => {
                let steps = |values: &Vec<f64>| 0..values.len();
                let is_bad = |factor: &f64| *factor <= 0.0 || *factor >= 1.0;
                if !params.iter().flatten().any(is_bad) {
                    return Ok(());
                }
                // Where there is nothing to smooth, no factor is looked at.
                let present = self.window_presence(window, grid)?;
                for step in params.first().map_or(0..0, steps) {
                    for (values, (name, short)) in params.iter().zip([("smoothing", "sf"), ("trend", "tf")]) {
                        let factor = values.get(step).filter(|factor| is_bad(factor));
                        if let (Some(factor), Some(true)) = (factor, present.get(step)) {
                            return Err(EvalError::execution(format!(
                                "invalid {name} factor. Expected: 0 < {short} < 1, got: {factor:.6}"
                            )));
                        }
                    }
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Notes a quantile outside of 0 to 1.
    pub(crate) fn doubt_quantile(&self, q: f64, at: usize) {
        if !(0.0..=1.0).contains(&q) {
            let q = model::number::format_float(q);
            self.warn(at, &format!("quantile value should be between 0 and 1, got {q}"));
        }
    }

    /// Notes a metric that is counted up although neither its type nor its name says that it is a counter.
    fn doubt_counter(&self, labels: &Labels, at: usize) {
        let name = labels.metric_name();
        if name.is_empty() {
            return;
        }
        match labels.get("__type__") {
            Some("counter" | "histogram") => {}
            Some(kind) => self.inform(
                at,
                &format!("metric might not be a counter, __type__ label is not set to \"counter\" or \"histogram\", got {kind:?}: {name:?}"),
            ),
            None => {
                let fits = ["_total", "_sum", "_count", "_bucket"]
                    .iter()
                    .any(|suffix| name.ends_with(suffix));
                if !fits {
                    self.inform(
                        at,
                        &format!("metric might not be a counter, name does not end in _total/_sum/_count/_bucket: {name:?}"),
                    );
                }
            }
        }
    }
}

/// Which series a window is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    All,
    /// Those that may have native histograms: the others were computed from rollups.
    WithHistograms,
}

/// What computes the values of windows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Computes {
    /// From numbers alone.
    pub(super) numbers: Compute,
    /// Where native histograms are among them.
    pub(super) mixed: MixedCompute,
    /// The place in the expression that notes speak of.
    pub(super) notes_at: usize,
    /// Whether it is noted where starts contradict samples.
    pub(super) doubts_starts: bool,
}

impl Computes {
    fn of(
        (call, body): (&CallPlan, WindowBody),
        window: &WindowPlan,
        notes_at: usize,
    ) -> Result<Self, EvalError> {
        let function = call.function;
        let extended = match &window.source {
            Source::Series(selector) => selector.extended,
            Source::Subquery { .. } => None,
        };
        let (numbers, mixed) = match extended {
            Some(extended) => (
                extended::body(function, extended).map_err(EvalError::Execution)?,
                mixed::extended(function, extended),
            ),
            None => (body.compute, body.mixed),
        };
        Ok(Self {
            numbers,
            mixed,
            notes_at,
            doubts_starts: extended.is_none() && matches!(function.name, "rate" | "increase"),
        })
    }
}

/// The labels of a series in a range vector.
#[derive(Debug, Clone, Copy)]
pub(super) struct SeriesHead<'a> {
    pub(super) labels: &'a Labels,
    drops_name: bool,
}

/// The samples of one series, stale markers removed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gathered<'a> {
    pub(super) numbers: &'a SampleColumns,
    pub(super) histograms: &'a [HistogramSample],
}

/// Where the samples of one series after the other are gathered.
#[derive(Debug, Default)]
struct Scratch {
    numbers: SampleColumns,
    histograms: Vec<HistogramSample>,
}

impl Scratch {
    fn forget_starts(&mut self) {
        self.numbers.starts.clear();
        let histograms = self.histograms.iter_mut();
        histograms.for_each(|sample| sample.start_ms = NO_START);
    }

    fn gathered(&self) -> Gathered<'_> {
        Gathered {
            numbers: &self.numbers,
            histograms: &self.histograms,
        }
    }
}

/// Slides a window over the samples of one series, step by step; both of its ends only ever move forward.
pub(super) fn slide(
    evaluator: &Evaluator<'_>,
    plan: &WindowPlan,
    samples: &SampleColumns,
    grid: Grid,
    params: &[Vec<f64>],
    compute: Compute,
) -> Vec<f64> {
    let (before_ms, behind_ms) = evaluator.reach(plan);
    let mut values = Vec::with_capacity(grid.steps);
    let (mut first, mut end) = (0, 0);
    let mut now_params = vec![0.0; params.len()];
    let starts_again = starts_again(samples);
    for (step, now_ms) in grid.times().enumerate() {
        let (start_ms, end_ms) = bounds(plan.shift, now_ms, plan.range_ms);
        let oldest_ms = evaluator.oldest_of_window(start_ms - before_ms);
        while samples
            .at_ms
            .get(end)
            .is_some_and(|at_ms| *at_ms <= end_ms + behind_ms)
        {
            end += 1;
        }
        while first < end && samples.at_ms.get(first).is_some_and(|at_ms| *at_ms < oldest_ms) {
            first += 1;
        }
        for (now, all) in now_params.iter_mut().zip(params) {
            *now = all.get(step).copied().unwrap_or(f64::NAN);
        }
        let window = Window {
            at_ms: samples.at_ms.get(first..end).unwrap_or_default(),
            values: samples.values.get(first..end).unwrap_or_default(),
            starts: samples.starts.slice(first..end),
            start_ms,
            end_ms,
            now_ms,
            params: &now_params,
            starts_again,
        };
        let value = if window.values.is_empty() {
            None
        } else {
            compute(&window)
        };
        values.push(value.unwrap_or(ABSENT));
    }
    values
}

pub(super) fn bounds(shift: Shift, now_ms: i64, range_ms: i64) -> (i64, i64) {
    let end_ms = shift.at_ms.unwrap_or(now_ms) - shift.offset_ms;
    (end_ms - range_ms, end_ms)
}

fn drop_stale(samples: &mut SampleColumns) {
    if !samples.values.iter().any(|value| is_stale(*value)) {
        return;
    }
    let mut kept = SampleColumns::default();
    for (place, sample) in samples.iter().enumerate() {
        if !is_stale(sample.value) {
            kept.push_started(sample.at_ms, sample.value, samples.starts.get(place));
        }
    }
    *samples = kept;
}

/// The histograms of a column. Those of neighbouring steps need not be neighbours in their series: what is known of their
/// resets is not about them.
fn histograms_of(column: &Column, steps: Grid, histograms: &mut Vec<HistogramSample>) {
    histograms.clear();
    for (at_ms, histogram) in steps.times().zip(column.histograms.iter().flatten()) {
        let Some(histogram) = histogram else { continue };
        let mut value = Arc::clone(histogram);
        if matches!(value.reset_hint, ResetHint::Yes | ResetHint::No) {
            Arc::make_mut(&mut value).reset_hint = ResetHint::Unknown;
        }
        histograms.push(HistogramSample::new(at_ms, value));
    }
}
