//! Functions of time, and those that turn numbers into vectors and back.

use model::Labels;

use crate::answer::Point;
use crate::error::EvalError;
use crate::eval::{Column, Evaluated, Evaluator, Grid, is_present};
use crate::plan::{CallPlan, Op};

type Result = std::result::Result<Evaluated, EvalError>;

fn seconds(at_ms: i64) -> f64 {
    at_ms as f64 / 1000.0
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "the table of functions holds one type of function"
)]
fn constant(value: f64, grid: Grid) -> Result {
    Ok(Evaluated::Scalar(vec![value; grid.steps]))
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "the table of functions holds one type of function"
)]
pub(crate) fn time(_evaluator: &mut Evaluator<'_>, _call: &CallPlan, grid: Grid) -> Result {
    Ok(Evaluated::Scalar(grid.times().map(seconds).collect()))
}

pub(crate) fn pi(_evaluator: &mut Evaluator<'_>, _call: &CallPlan, grid: Grid) -> Result {
    constant(std::f64::consts::PI, grid)
}

pub(crate) fn start(evaluator: &mut Evaluator<'_>, _call: &CallPlan, grid: Grid) -> Result {
    constant(seconds(evaluator.query.start_ms), grid)
}

pub(crate) fn end(evaluator: &mut Evaluator<'_>, _call: &CallPlan, grid: Grid) -> Result {
    constant(seconds(evaluator.query.end_ms()), grid)
}

pub(crate) fn step(evaluator: &mut Evaluator<'_>, _call: &CallPlan, grid: Grid) -> Result {
    constant(seconds(evaluator.query.asked_step_ms()), grid)
}

pub(crate) fn range(evaluator: &mut Evaluator<'_>, _call: &CallPlan, grid: Grid) -> Result {
    constant(seconds(evaluator.query.length_ms()), grid)
}

/// Of a selector the times of its samples, of anything else the time of evaluation.
pub(crate) fn timestamp(evaluator: &mut Evaluator<'_>, call: &CallPlan, grid: Grid) -> Result {
    let Some(arg) = call.args.first() else {
        return Ok(Evaluated::Vector(Vec::new()));
    };
    if let Op::Selector(selector) = &arg.op {
        return evaluator.select_times(selector, grid);
    }
    let mut columns = evaluator.vector(arg, grid)?;
    for column in &mut columns {
        column.drops_name = true;
        for (step, at_ms) in grid.times().enumerate() {
            if column.has(step) {
                column.set(step, Point::Float(seconds(at_ms)));
            }
        }
        column.histograms = None;
    }
    Ok(Evaluated::Vector(columns))
}

/// Of a selector the starts of its samples. What was computed is no sample: its start is not known.
pub(crate) fn start_timestamp(evaluator: &mut Evaluator<'_>, call: &CallPlan, grid: Grid) -> Result {
    let Some(arg) = call.args.first() else {
        return Ok(Evaluated::Vector(Vec::new()));
    };
    if let Op::Selector(selector) = &arg.op {
        return evaluator.select_starts(selector, grid);
    }
    let mut columns = evaluator.vector(arg, grid)?;
    for column in &mut columns {
        column.drops_name = true;
        for step in 0..grid.steps {
            if column.has(step) {
                column.set(step, Point::Float(0.0));
            }
        }
        column.histograms = None;
    }
    Ok(Evaluated::Vector(columns))
}

pub(crate) fn vector(evaluator: &mut Evaluator<'_>, call: &CallPlan, grid: Grid) -> Result {
    let values = match call.args.first() {
        Some(arg) => evaluator.scalar(arg, grid)?,
        None => vec![f64::NAN; grid.steps],
    };
    Ok(Evaluated::Vector(vec![Column::new(Labels::empty(), values)]))
}

pub(crate) fn scalar(evaluator: &mut Evaluator<'_>, call: &CallPlan, grid: Grid) -> Result {
    let columns = match call.args.first() {
        Some(arg) => evaluator.vector(arg, grid)?,
        None => Vec::new(),
    };
    let mut found: Vec<Option<f64>> = vec![None; grid.steps];
    for column in &columns {
        for (found, value) in found.iter_mut().zip(&column.values) {
            if is_present(*value) {
                *found = Some(if found.is_some() { f64::NAN } else { *value });
            }
        }
    }
    let values = found.into_iter().map(|value| value.unwrap_or(f64::NAN));
    Ok(Evaluated::Scalar(values.collect()))
}

pub(crate) fn max_of(evaluator: &mut Evaluator<'_>, call: &CallPlan, grid: Grid) -> Result {
    of_two(evaluator, call, grid, super::math::max)
}

pub(crate) fn min_of(evaluator: &mut Evaluator<'_>, call: &CallPlan, grid: Grid) -> Result {
    of_two(evaluator, call, grid, super::math::min)
}

fn of_two(
    evaluator: &mut Evaluator<'_>,
    call: &CallPlan,
    grid: Grid,
    compute: fn(f64, f64) -> f64,
) -> Result {
    let [first, second] = call.args.as_slice() else {
        return constant(f64::NAN, grid);
    };
    let first = evaluator.scalar(first, grid)?;
    let second = evaluator.scalar(second, grid)?;
    let pairs = first.into_iter().zip(second);
    Ok(Evaluated::Scalar(
        pairs.map(|(first, second)| compute(first, second)).collect(),
    ))
}
