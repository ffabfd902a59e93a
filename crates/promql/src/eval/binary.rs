//! Binary operators: between numbers, between a vector and a number, and the values of those between vectors.

use super::column::{ABSENT, Column, Evaluated, is_present};
use super::mixed_binary::{Said, apply};
use super::{Evaluator, Grid};
use crate::answer::Point;
use crate::ast::BinaryOp;
use crate::error::EvalError;
use crate::plan::BinaryPlan;

impl Evaluator<'_> {
    /// An operator's value at every step.
    pub(super) fn binary(
        &mut self,
        plan: &BinaryPlan,
        at: usize,
        grid: Grid,
    ) -> Result<Evaluated, EvalError> {
        let left = self.evaluate(&plan.left, grid)?;
        let right = self.evaluate(&plan.right, grid)?;
        let before = left.sample_count() + right.sample_count();
        let result = match (left, right) {
            (Evaluated::Scalar(left), Evaluated::Scalar(right)) => {
                let values = left.iter().zip(&right);
                let op = plan.op;
                Evaluated::Scalar(
                    values
                        .map(|(left, right)| of_scalars(op, *left, *right))
                        .collect(),
                )
            }
            (Evaluated::Vector(left), Evaluated::Scalar(right)) => {
                self.with_scalar(plan, at, left, &right, false)?
            }
            (Evaluated::Scalar(left), Evaluated::Vector(right)) => {
                self.with_scalar(plan, at, right, &left, true)?
            }
            (Evaluated::Vector(left), Evaluated::Vector(right)) => {
                let columns = if plan.op.is_set() {
                    self.set_operation(plan, left, right, grid)?
                } else {
                    self.between_vectors(plan, at, left, right, grid)?
                };
                Evaluated::Vector(columns)
            }
            (left, right) => {
                return Err(EvalError::execution(format!(
                    "operator {:?} between a {} and a {}",
                    plan.op.as_str(),
                    left.kind(),
                    right.kind()
                )));
            }
        };
        self.hold(result.sample_count())?;
        self.release(before);
        Ok(result)
    }

    fn with_scalar(
        &mut self,
        plan: &BinaryPlan,
        at: usize,
        mut columns: Vec<Column>,
        scalar: &[f64],
        scalar_is_left: bool,
    ) -> Result<Evaluated, EvalError> {
        let mut said = Said::default();
        let drops_name = plan.return_bool || !keeps_name(plan.op);
        let mut made = 0;
        for (turn, column) in columns.iter_mut().enumerate() {
            self.check_at(turn)?;
            column.drops_name |= drops_name;
            if column.histograms.is_some() || is_trim(plan.op) {
                with_scalar_mixed(plan, column, scalar, scalar_is_left, &mut said);
                made += column.sample_count();
                self.check_room(made)?;
                continue;
            }
            for (value, scalar) in column.values.iter_mut().zip(scalar) {
                if !is_present(*value) {
                    continue;
                }
                let (left, right) = if scalar_is_left {
                    (*scalar, *value)
                } else {
                    (*value, *scalar)
                };
                *value = match keeps(plan.op, left, right) {
                    None => compute(plan.op, left, right),
                    Some(keep) if plan.return_bool => f64::from(u8::from(keep)),
                    // What is compared is the vector, on whichever side it stands.
                    Some(true) => *value,
                    Some(false) => ABSENT,
                };
            }
        }
        columns.retain(|column| !column.is_empty());
        self.tell_operator(plan.op, &said, at);
        Ok(Evaluated::Vector(columns))
    }
}

/// Operators whose results are still of the metric: comparisons, and those that leave out a part of a histogram.
pub(super) fn keeps_name(op: BinaryOp) -> bool {
    op.is_comparison() || is_trim(op)
}

/// Operators that only histograms have.
pub(super) fn is_trim(op: BinaryOp) -> bool {
    matches!(op, BinaryOp::TrimLower | BinaryOp::TrimUpper)
}

/// An operator between a series that has histograms, and numbers.
fn with_scalar_mixed(
    plan: &BinaryPlan,
    column: &mut Column,
    scalar: &[f64],
    scalar_is_left: bool,
    said: &mut Said,
) {
    let steps = column.values.len();
    let mut result = Column::blank(column.labels.clone(), column.drops_name, steps);
    for (step, scalar) in scalar.iter().enumerate() {
        let Some(point) = column.point(step) else { continue };
        let scalar = Point::Float(*scalar);
        let verdict = if scalar_is_left {
            apply(plan.op, &scalar, &point, said)
        } else {
            apply(plan.op, &point, &scalar, said)
        };
        // What is compared is the vector, on whichever side it stands.
        result.set_some(step, verdict.value(plan.return_bool, || point));
    }
    *column = result;
}

fn of_scalars(op: BinaryOp, left: f64, right: f64) -> f64 {
    match keeps(op, left, right) {
        Some(keep) => f64::from(u8::from(keep)),
        None => compute(op, left, right),
    }
}

/// What a comparison says; nothing of other operators.
pub(super) fn keeps(op: BinaryOp, left: f64, right: f64) -> Option<bool> {
    Some(match op {
        BinaryOp::Equal => left == right,
        BinaryOp::NotEqual => left != right,
        BinaryOp::Less => left < right,
        BinaryOp::LessEqual => left <= right,
        BinaryOp::Greater => left > right,
        BinaryOp::GreaterEqual => left >= right,
        _ => return None,
    })
}

/// The value of an arithmetic operator.
pub(super) fn compute(op: BinaryOp, left: f64, right: f64) -> f64 {
    match op {
        BinaryOp::Add => left + right,
        BinaryOp::Sub => left - right,
        BinaryOp::Mul => left * right,
        BinaryOp::Div => left / right,
        BinaryOp::Mod => left % right,
        BinaryOp::Pow => left.powf(right),
        BinaryOp::Atan2 => left.atan2(right),
        // Comparisons, sets and trims have no number of their own.
        _ => f64::NAN,
    }
}
