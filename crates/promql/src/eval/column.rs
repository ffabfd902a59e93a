//! Values of series at the steps of a grid.

use std::sync::Arc;

use model::{Histogram, HistogramSample, Labels, STALE_NAN, SampleColumns, is_stale};
use rustc_hash::FxHashMap;

use crate::answer::Point;
use crate::error::EvalError;
use crate::histogram::{FloatHistogram, weight};

use super::{Evaluator, Grid};

/// What stands where a series has no value. No expression computes the stale marker's bits, so it can serve.
pub(crate) const ABSENT: f64 = STALE_NAN;

/// The value of a part of a query at every step.
#[derive(Debug, Clone)]
pub(crate) enum Evaluated {
    Scalar(Vec<f64>),
    Text(String),
    Vector(Vec<Column>),
}

/// One series' value at every step.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub(crate) labels: Labels,
    /// The metric's name goes when the query is done, unless `label_replace` or `label_join` set it anew. Until then
    /// it can be matched and grouped by, as upstream with delayed name removal.
    pub(crate) drops_name: bool,
    /// [`ABSENT`] where there is no value, or a histogram instead.
    pub(crate) values: Vec<f64>,
    /// The histogram at every step; none at all for most series.
    pub(crate) histograms: Option<Vec<Option<Arc<Histogram>>>>,
}

pub(crate) fn is_present(value: f64) -> bool {
    !is_stale(value)
}

impl Column {
    pub(crate) fn new(labels: Labels, values: Vec<f64>) -> Self {
        Self {
            labels,
            drops_name: false,
            values,
            histograms: None,
        }
    }

    /// A column without any value yet.
    pub(crate) fn blank(labels: Labels, drops_name: bool, steps: usize) -> Self {
        Self {
            labels,
            drops_name,
            values: vec![ABSENT; steps],
            histograms: None,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        !self.values.iter().any(|value| is_present(*value)) && self.has_no_histogram()
    }

    /// Whether every value is a number.
    pub(crate) fn has_no_histogram(&self) -> bool {
        let mut histograms = self.histograms.iter().flatten();
        histograms.all(Option::is_none)
    }

    /// Whether there is a value at a step, of either kind.
    pub(crate) fn has(&self, step: usize) -> bool {
        self.at(step).is_some() || self.histogram_at(step).is_some()
    }

    /// The histogram at a step.
    pub(crate) fn histogram_at(&self, step: usize) -> Option<&Arc<Histogram>> {
        self.histograms.as_ref()?.get(step)?.as_ref()
    }

    /// The value at a step, of either kind.
    pub(crate) fn point(&self, step: usize) -> Option<Point> {
        match self.at(step) {
            Some(value) => Some(Point::Float(value)),
            None => self
                .histogram_at(step)
                .map(|histogram| Point::Histogram(Arc::clone(histogram))),
        }
    }

    /// Sets the value at a step.
    pub(crate) fn set(&mut self, step: usize, point: Point) {
        let steps = self.values.len();
        match point {
            Point::Float(value) => {
                if let Some(cell) = self.values.get_mut(step) {
                    *cell = value;
                }
            }
            Point::Histogram(histogram) => {
                let histograms = self.histograms.get_or_insert_with(|| vec![None; steps]);
                if let Some(cell) = histograms.get_mut(step) {
                    *cell = Some(histogram);
                }
            }
        }
    }

    /// Appends the value of the next step; `steps` are to come in all.
    pub(crate) fn put_next(&mut self, step: usize, steps: usize, point: Option<Point>) {
        match point {
            Some(Point::Float(value)) => self.values.push(value),
            None => self.values.push(ABSENT),
            Some(Point::Histogram(histogram)) => {
                self.values.push(ABSENT);
                let histograms = self.histograms.get_or_insert_with(|| vec![None; steps]);
                if let Some(cell) = histograms.get_mut(step) {
                    *cell = Some(histogram);
                }
            }
        }
    }

    /// Sets the value at a step where there is one.
    pub(crate) fn set_some(&mut self, step: usize, point: Option<Point>) {
        if let Some(point) = point {
            self.set(step, point);
        }
    }

    /// Keeps only values at steps that are wanted.
    pub(crate) fn mask(&mut self, wanted: impl Fn(usize) -> bool) {
        for (step, value) in self.values.iter_mut().enumerate() {
            if !wanted(step) {
                *value = ABSENT;
            }
        }
        for (step, histogram) in self.histograms.iter_mut().flatten().enumerate() {
            if !wanted(step) {
                *histogram = None;
            }
        }
    }

    /// Notes at which steps there is a value, of either kind.
    pub(crate) fn mark(&self, present: &mut [bool]) {
        for (present, value) in present.iter_mut().zip(&self.values) {
            *present |= is_present(*value);
        }
        if let Some(histograms) = &self.histograms {
            for (present, histogram) in present.iter_mut().zip(histograms) {
                *present |= histogram.is_some();
            }
        }
    }

    /// Its values with their times.
    pub(crate) fn into_samples(self, grid: Grid) -> (SampleColumns, Vec<HistogramSample>) {
        let mut samples = SampleColumns::default();
        for (at_ms, value) in grid.times().zip(self.values) {
            if is_present(value) {
                samples.push(at_ms, value);
            }
        }
        let histograms = grid.times().zip(self.histograms.into_iter().flatten());
        let histograms =
            histograms.filter_map(|(at_ms, value)| value.map(|value| HistogramSample::new(at_ms, value)));
        (samples, histograms.collect())
    }

    /// The number at a step.
    pub(crate) fn at(&self, step: usize) -> Option<f64> {
        self.values.get(step).copied().filter(|value| is_present(*value))
    }

    /// How many samples it counts as; a histogram that stays the same from step to step counts once.
    pub(crate) fn sample_count(&self) -> usize {
        let mut before: Option<&Arc<Histogram>> = None;
        let mut weights = 0;
        for histogram in self.histograms.iter().flatten().flatten() {
            if before.is_none_or(|before| !Arc::ptr_eq(before, histogram)) {
                weights += weight(histogram);
            }
            before = Some(histogram);
        }
        self.values.len() + weights
    }

    /// Computes every number anew.
    pub(crate) fn map(&mut self, compute: impl Fn(f64) -> f64) {
        for value in &mut self.values {
            if is_present(*value) {
                *value = compute(*value);
            }
        }
    }
}

impl Evaluated {
    pub(crate) fn sample_count(&self) -> usize {
        match self {
            Self::Scalar(values) => values.len(),
            Self::Text(_) => 0,
            Self::Vector(columns) => sample_count(columns),
        }
    }

    /// How many series it has; a number is one.
    pub(crate) fn series_count(&self) -> usize {
        match self {
            Self::Scalar(_) => 1,
            Self::Text(_) => 0,
            Self::Vector(columns) => columns.len(),
        }
    }

    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Scalar(_) => "scalar",
            Self::Text(_) => "string",
            Self::Vector(_) => "instant vector",
        }
    }

    /// The value of one step at so many steps.
    pub(crate) fn repeated(self, steps: usize) -> Self {
        let repeat = |values: &[f64]| vec![values.first().copied().unwrap_or(ABSENT); steps];
        match self {
            Self::Scalar(values) => Self::Scalar(repeat(&values)),
            Self::Text(text) => Self::Text(text),
            Self::Vector(mut columns) => {
                for column in &mut columns {
                    column.values = repeat(&column.values);
                    if let Some(histograms) = &mut column.histograms {
                        let first = histograms.first().cloned().flatten();
                        *histograms = vec![first; steps];
                    }
                }
                Self::Vector(columns)
            }
        }
    }
}

impl Evaluator<'_> {
    pub(crate) fn negated(&self, value: Evaluated) -> Result<Evaluated, EvalError> {
        Ok(match value {
            Evaluated::Scalar(mut values) => {
                for value in &mut values {
                    *value = -*value;
                }
                Evaluated::Scalar(values)
            }
            Evaluated::Vector(mut columns) => {
                let mut made = 0;
                for (turn, column) in columns.iter_mut().enumerate() {
                    self.check_at(turn)?;
                    column.negate();
                    if column.histograms.is_some() {
                        made += column.sample_count();
                        self.check_room(made)?;
                    }
                }
                Evaluated::Vector(columns)
            }
            text @ Evaluated::Text(_) => text,
        })
    }
}

impl Column {
    fn negate(&mut self) {
        self.map(|value| -value);
        // What several steps share they go on sharing.
        let mut last: Option<(Arc<Histogram>, Arc<Histogram>)> = None;
        for histogram in self.histograms.iter_mut().flatten().flatten() {
            if let Some((from, to)) = &last
                && Arc::ptr_eq(from, histogram)
            {
                *histogram = Arc::clone(to);
                continue;
            }
            let mut negated = FloatHistogram::from(&**histogram);
            negated.multiply(-1.0);
            let from = std::mem::replace(histogram, negated.shared());
            last = Some((from, Arc::clone(histogram)));
        }
        self.drops_name = true;
    }
}

pub(crate) fn sample_count(columns: &[Column]) -> usize {
    columns.iter().map(Column::sample_count).sum()
}

/// What goes with the metric's name: its type and unit, which belong to the name.
const NAME_LABELS: [&str; 3] = ["__name__", "__type__", "__unit__"];

/// The labels without the metric's name, and without its type and unit.
pub(crate) fn without_name(labels: &Labels) -> Labels {
    if labels.iter().any(|(name, _)| NAME_LABELS.contains(&name)) {
        labels.retain(|name| !NAME_LABELS.contains(&name))
    } else {
        labels.clone()
    }
}

/// Drops names that are to go, and joins columns that have the same labels then.
pub(crate) fn finish(mut columns: Vec<Column>) -> Result<Vec<Column>, EvalError> {
    for column in &mut columns {
        if column.drops_name {
            column.labels = without_name(&column.labels);
            column.drops_name = false;
        }
    }
    merge_same_labels(columns)
}

/// Joins columns of the same labels, whose values must not meet at any step. The first keeps its place. Where the name of one is
/// to go away and that of the other stays, they are two series.
pub(crate) fn merge_same_labels(columns: Vec<Column>) -> Result<Vec<Column>, EvalError> {
    let mut places: FxHashMap<Labels, [Option<usize>; 2]> = FxHashMap::default();
    let mut merged: Vec<Column> = Vec::with_capacity(columns.len());
    for column in columns {
        if column.is_empty() {
            continue;
        }
        let [stays, goes] = places.entry(column.labels.clone()).or_default();
        let loses_name = column.drops_name && !column.labels.metric_name().is_empty();
        let (place, other) = if loses_name { (goes, stays) } else { (stays, goes) };
        if let Some(other) = other.and_then(|other| merged.get(other))
            && (0..column.values.len()).any(|step| column.has(step) && other.has(step))
        {
            return Err(same_labels());
        }
        match place.and_then(|place| merged.get_mut(place)) {
            Some(known) => {
                known.drops_name |= column.drops_name;
                join(known, &column)?;
            }
            None => {
                *place = Some(merged.len());
                merged.push(column);
            }
        }
    }
    Ok(merged)
}

fn join(known: &mut Column, other: &Column) -> Result<(), EvalError> {
    for (value, added) in known.values.iter_mut().zip(&other.values) {
        if !is_present(*added) {
            continue;
        }
        if is_present(*value) {
            return Err(same_labels());
        }
        *value = *added;
    }
    if known.histograms.is_none() && other.histograms.is_none() {
        return Ok(());
    }
    for step in 0..known.values.len() {
        match (other.histogram_at(step), known.has(step)) {
            (Some(histogram), false) => known.set(step, Point::Histogram(Arc::clone(histogram))),
            (Some(_), true) => return Err(same_labels()),
            (None, _) => {}
        }
        if known.histogram_at(step).is_some() && known.at(step).is_some() {
            return Err(same_labels());
        }
    }
    Ok(())
}

fn same_labels() -> EvalError {
    EvalError::execution("vector cannot contain metrics with the same labelset")
}
