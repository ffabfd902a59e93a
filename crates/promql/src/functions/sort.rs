//! Functions that set the order of an instant vector; over time series are always ordered by labels.

use std::cmp::Ordering;

use crate::error::EvalError;
use crate::eval::{Column, Evaluated, Evaluator, Grid};
use crate::plan::CallPlan;

type Result = std::result::Result<Evaluated, EvalError>;

pub(crate) fn sort(evaluator: &mut Evaluator<'_>, call: &CallPlan, grid: Grid) -> Result {
    ordered_numbers(evaluator, call, grid, false)
}

pub(crate) fn sort_desc(evaluator: &mut Evaluator<'_>, call: &CallPlan, grid: Grid) -> Result {
    ordered_numbers(evaluator, call, grid, true)
}

pub(crate) fn sort_by_label(evaluator: &mut Evaluator<'_>, call: &CallPlan, grid: Grid) -> Result {
    ordered(evaluator, call, grid, |left, right| by_labels(call, left, right))
}

pub(crate) fn sort_by_label_desc(evaluator: &mut Evaluator<'_>, call: &CallPlan, grid: Grid) -> Result {
    ordered(evaluator, call, grid, |left, right| by_labels(call, right, left))
}

/// Histograms have no order and are left out.
fn ordered_numbers(evaluator: &mut Evaluator<'_>, call: &CallPlan, grid: Grid, descending: bool) -> Result {
    let mut sorted = ordered(evaluator, call, grid, |left, right| {
        by_value(left, right, descending)
    })?;
    if let Evaluated::Vector(columns) = &mut sorted {
        for column in &mut *columns {
            column.histograms = None;
        }
        columns.retain(|column| !column.is_empty());
    }
    Ok(sorted)
}

fn ordered(
    evaluator: &mut Evaluator<'_>,
    call: &CallPlan,
    grid: Grid,
    compare: impl Fn(&Column, &Column) -> Ordering,
) -> Result {
    let mut columns = match call.args.first() {
        Some(arg) => evaluator.vector(arg, grid)?,
        None => Vec::new(),
    };
    if evaluator.query.asked_step_ms() > 0 {
        evaluator.warn(
            call.at,
            "sort is ineffective for range queries since results are always ordered by labels",
        );
    } else if grid.steps == 1 {
        columns.sort_by(compare);
    }
    Ok(Evaluated::Vector(columns))
}

/// NaN comes last either way.
fn by_value(left: &Column, right: &Column, descending: bool) -> Ordering {
    let (left, right) = (left.at(0).unwrap_or(f64::NAN), right.at(0).unwrap_or(f64::NAN));
    left.is_nan().cmp(&right.is_nan()).then_with(|| {
        let order = left.partial_cmp(&right).unwrap_or(Ordering::Equal);
        if descending { order.reverse() } else { order }
    })
}

fn by_labels(call: &CallPlan, left: &Column, right: &Column) -> Ordering {
    for arg in call.args.iter().skip(1) {
        let name = arg.as_text();
        let left = left.labels.get(name).unwrap_or_default();
        let right = right.labels.get(name).unwrap_or_default();
        let order = natural(left, right);
        if order != Ordering::Equal {
            return order;
        }
    }
    left.labels.cmp(&right.labels)
}

/// Natural order: runs of digits compare as numbers, all else by character.
fn natural(left: &str, right: &str) -> Ordering {
    let (mut left_rest, mut right_rest) = (left, right);
    while !left_rest.is_empty() && !right_rest.is_empty() {
        let (left_run, left_tail) = run(left_rest);
        let (right_run, right_tail) = run(right_rest);
        let digits = |text: &str| text.starts_with(|first: char| first.is_ascii_digit());
        let order = if digits(left_run) && digits(right_run) {
            let (left, right) = (
                left_run.trim_start_matches('0'),
                right_run.trim_start_matches('0'),
            );
            left.len().cmp(&right.len()).then(left.cmp(right))
        } else {
            left_run.cmp(right_run)
        };
        if order != Ordering::Equal {
            return order;
        }
        (left_rest, right_rest) = (left_tail, right_tail);
    }
    left_rest.len().cmp(&right_rest.len()).then(left.cmp(right))
}

/// The run of digits, or of anything else, that a text starts with.
fn run(text: &str) -> (&str, &str) {
    let digits = text.starts_with(|first: char| first.is_ascii_digit());
    let end = text
        .find(|char: char| char.is_ascii_digit() != digits)
        .unwrap_or(text.len());
    text.split_at(end)
}
