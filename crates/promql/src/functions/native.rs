//! Numbers that native histograms are summed up in. Samples that are numbers are passed over.

use model::Histogram;

use crate::error::EvalError;
use crate::eval::{ABSENT, Evaluated, Evaluator, Grid};
use crate::histogram;
use crate::plan::CallPlan;

type Result = std::result::Result<Evaluated, EvalError>;

pub(crate) fn count(evaluator: &mut Evaluator<'_>, call: &CallPlan, grid: Grid) -> Result {
    each(evaluator, call, grid, |histogram| histogram.count)
}

pub(crate) fn sum(evaluator: &mut Evaluator<'_>, call: &CallPlan, grid: Grid) -> Result {
    each(evaluator, call, grid, |histogram| histogram.sum)
}

pub(crate) fn avg(evaluator: &mut Evaluator<'_>, call: &CallPlan, grid: Grid) -> Result {
    each(evaluator, call, grid, |histogram| histogram.sum / histogram.count)
}

pub(crate) fn stdvar(evaluator: &mut Evaluator<'_>, call: &CallPlan, grid: Grid) -> Result {
    each(evaluator, call, grid, histogram::variance)
}

pub(crate) fn stddev(evaluator: &mut Evaluator<'_>, call: &CallPlan, grid: Grid) -> Result {
    each(evaluator, call, grid, |histogram| {
        histogram::variance(histogram).sqrt()
    })
}

fn each(
    evaluator: &mut Evaluator<'_>,
    call: &CallPlan,
    grid: Grid,
    compute: fn(&Histogram) -> f64,
) -> Result {
    let mut columns = match call.args.first() {
        Some(arg) => evaluator.vector(arg, grid)?,
        None => Vec::new(),
    };
    columns.retain(|column| !column.has_no_histogram());
    for (turn, column) in columns.iter_mut().enumerate() {
        evaluator.check_at(turn)?;
        column.drops_name = true;
        let histograms = column.histograms.take();
        let histograms = histograms.iter().flatten();
        for (value, histogram) in column.values.iter_mut().zip(histograms) {
            *value = histogram.as_deref().map_or(ABSENT, compute);
        }
    }
    Ok(Evaluated::Vector(columns))
}
