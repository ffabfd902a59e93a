//! Quantiles and fractions of native histograms, and which of them stand beside classic ones.

use model::Labels;
use rustc_hash::FxHashMap;

use super::histogram::Histogram as Classic;
use crate::error::EvalError;
use crate::eval::{Column, Evaluator, Grid, Note, Notes};
use crate::histogram::{self, NanObservations};

/// Leaves out native histograms that stand beside a classic one of the same labels at the same time, and those as well: no
/// one can tell which is meant.
pub(super) fn settle(
    evaluator: &mut Evaluator<'_>,
    columns: &mut [Column],
    classic: &mut [Classic],
    places: &FxHashMap<Labels, usize>,
    at: usize,
) {
    for member in 0..columns.len() {
        let Some(column) = columns.get(member).filter(|column| !column.has_no_histogram()) else {
            continue;
        };
        let Some(found) = places
            .get(&column.labels)
            .and_then(|place| classic.get_mut(*place))
        else {
            continue;
        };
        let steps = 0..column.values.len();
        let contradicted: Vec<bool> = steps
            .map(|step| column.histogram_at(step).is_some() && found.has(columns, step))
            .collect();
        if !contradicted.contains(&true) {
            continue;
        }
        let mut notes = Notes::default();
        notes.add(Note::ClassicAndNative);
        evaluator.tell(notes, found.labels.metric_name(), at);
        if let Some(column) = columns.get_mut(member) {
            column.mask(|step| contradicted.get(step) != Some(&true));
        }
        found.contradicted = Some(contradicted);
    }
}

/// The quantile of every native histogram.
pub(super) fn quantiles(
    evaluator: &mut Evaluator<'_>,
    columns: &[Column],
    q: &[f64],
    at: usize,
    grid: Grid,
) -> Result<Vec<Column>, EvalError> {
    each(evaluator, columns, at, grid, |histogram, step| {
        let q = q.get(step).copied().unwrap_or(f64::NAN);
        histogram::quantile(q, histogram)
    })
}

/// The share between two bounds of every native histogram.
pub(super) fn fractions(
    evaluator: &mut Evaluator<'_>,
    columns: &[Column],
    (lower, upper): (&[f64], &[f64]),
    at: usize,
    grid: Grid,
) -> Result<Vec<Column>, EvalError> {
    each(evaluator, columns, at, grid, |histogram, step| {
        let bound = |values: &[f64]| values.get(step).copied().unwrap_or(f64::NAN);
        histogram::fraction(bound(lower), bound(upper), histogram)
    })
}

fn each(
    evaluator: &mut Evaluator<'_>,
    columns: &[Column],
    at: usize,
    grid: Grid,
    compute: impl Fn(&model::Histogram, usize) -> (f64, NanObservations),
) -> Result<Vec<Column>, EvalError> {
    let native = columns.iter().filter(|column| !column.has_no_histogram());
    let mut results = Vec::new();
    for (turn, column) in native.enumerate() {
        evaluator.check_at(turn)?;
        let mut result = Column::blank(column.labels.clone(), true, grid.steps);
        let mut notes = Notes::default();
        for (step, value) in result.values.iter_mut().enumerate() {
            let Some(histogram) = column.histogram_at(step) else {
                continue;
            };
            let (computed, nans) = compute(histogram, step);
            *value = computed;
            match nans {
                NanObservations::None => {}
                NanObservations::AreTheResult => notes.add(Note::QuantileIsNan),
                NanObservations::SkewTheResult => notes.add(Note::QuantileIsSkewed),
                NanObservations::AreExcluded => notes.add(Note::FractionExcludesNans),
            }
        }
        evaluator.tell(notes, column.labels.metric_name(), at);
        results.push(result);
    }
    Ok(results)
}
