//! What `ORDER BY timestamp … LIMIT n` knows while it runs: from which time on lines cannot be among the first `n`.

use std::sync::Arc;

use datafusion::common::ScalarValue;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{BinaryExpr, Column, IsNullExpr, Literal};
use datafusion::physical_expr_common::physical_expr::snapshot_physical_expr;
use model::Direction;

use crate::hints::nanoseconds;
use crate::line_columns;

/// A condition that gets stricter while the statement runs.
#[derive(Debug, Clone)]
pub(crate) struct TopFilter {
    expr: Arc<dyn PhysicalExpr>,
    /// Of which state of the condition the bound is.
    generation: u64,
    bound_ns: Option<i64>,
}

impl TopFilter {
    /// Watches a condition.
    pub(crate) fn new(expr: Arc<dyn PhysicalExpr>) -> Self {
        Self {
            expr,
            generation: 0,
            bound_ns: None,
        }
    }

    /// The time from which on nothing is wanted in the direction of reading, neither at it nor behind it.
    pub(crate) fn bound_ns(&mut self, direction: Direction) -> Option<i64> {
        let generation = datafusion::physical_expr_common::physical_expr::snapshot_generation(&self.expr);
        if generation != self.generation {
            self.generation = generation;
            if let Ok(now) = snapshot_physical_expr(Arc::clone(&self.expr)) {
                self.bound_ns = bound_ns(&now, direction);
            }
        }
        self.bound_ns
    }
}

fn bound_ns(expr: &Arc<dyn PhysicalExpr>, direction: Direction) -> Option<i64> {
    let binary = expr.downcast_ref::<BinaryExpr>()?;
    let (left, right) = (binary.left(), binary.right());
    let stricter = |one: i64, other: i64| match direction {
        Direction::Backward => one.max(other),
        Direction::Forward => one.min(other),
    };
    match binary.op() {
        Operator::And => match (bound_ns(left, direction), bound_ns(right, direction)) {
            (Some(one), Some(other)) => Some(stricter(one, other)),
            (one, other) => one.or(other),
        },
        // Times are never missing.
        Operator::Or if is_missing_time(left) => bound_ns(right, direction),
        Operator::Or if is_missing_time(right) => bound_ns(left, direction),
        Operator::Or => {
            let (one, other) = (bound_ns(left, direction)?, bound_ns(right, direction)?);
            Some(if stricter(one, other) == one { other } else { one })
        }
        op => {
            if !is_time(left) {
                return None;
            }
            let at_ns = nanoseconds(literal(right)?)?;
            match (op, direction) {
                (Operator::Gt, Direction::Backward) | (Operator::Lt, Direction::Forward) => Some(at_ns),
                (Operator::GtEq | Operator::Eq, Direction::Backward) => at_ns.checked_sub(1),
                (Operator::LtEq | Operator::Eq, Direction::Forward) => at_ns.checked_add(1),
                _ => None,
            }
        }
    }
}

/// Whether it is the column of times.
pub(crate) fn is_time(expr: &Arc<dyn PhysicalExpr>) -> bool {
    let column = expr.downcast_ref::<Column>();
    column.is_some_and(|column| column.name() == line_columns::Column::Timestamp.name())
}

fn is_missing_time(expr: &Arc<dyn PhysicalExpr>) -> bool {
    expr.downcast_ref::<IsNullExpr>()
        .is_some_and(|missing| is_time(missing.arg()))
}

fn literal(expr: &Arc<dyn PhysicalExpr>) -> Option<&ScalarValue> {
    expr.downcast_ref::<Literal>().map(Literal::value)
}
