//! Vectors whose series are made in batches, so that those who only sum them up need not hold them all.

use super::column::{Column, Evaluated};
use super::{Evaluator, Grid};
use crate::error::EvalError;
use crate::functions::Body;
use crate::limits::BATCH_VALUES;
use crate::plan::{Op, Plan};

/// Takes a batch of what was made of series.
type Take<'s, 'a, T> = dyn FnMut(&Evaluator<'a>, Vec<T>) -> Result<(), EvalError> + 's;

/// Where batch after batch goes, in the order of the series.
pub(super) struct Sink<'s, 'a, T = Column> {
    pub(super) take: &'s mut Take<'s, 'a, T>,
    /// Whether all batches are held together in the end.
    pub(super) holds_all: bool,
}

impl<'a> Evaluator<'a> {
    /// Hands the value of a part that is a vector to `sink`: in batches where it is read from the store, else in one.
    pub(super) fn for_each_batch(
        &mut self,
        plan: &Plan,
        grid: Grid,
        sink: &mut Sink<'_, 'a>,
    ) -> Result<(), EvalError> {
        let is_repeated = plan.is_constant && grid.steps > 1;
        match &plan.op {
            Op::Selector(selector) if !is_repeated => self.select_in_batches(selector, plan.at, grid, sink),
            Op::Plus(inner) => self.for_each_batch(inner, grid, sink),
            Op::Call(call) if !is_repeated => match call.function.body {
                Body::Window(body) => self.window_call_in_batches(call, body, grid, sink),
                Body::Sample(_) | Body::Whole(_) => self.in_one_batch(plan, grid, sink),
            },
            _ => self.in_one_batch(plan, grid, sink),
        }
    }

    fn in_one_batch(&mut self, plan: &Plan, grid: Grid, sink: &mut Sink<'_, 'a>) -> Result<(), EvalError> {
        let columns = self.vector(plan, grid)?;
        (sink.take)(self, columns)
    }

    /// All batches together.
    pub(super) fn gathered(
        &mut self,
        make: impl FnOnce(&mut Self, &mut Sink<'_, 'a>) -> Result<(), EvalError>,
    ) -> Result<Evaluated, EvalError> {
        let mut columns = Vec::new();
        let mut sink = Sink {
            take: &mut |_, mut batch| {
                columns.append(&mut batch);
                Ok(())
            },
            holds_all: true,
        };
        make(self, &mut sink)?;
        Ok(Evaluated::Vector(columns))
    }
}

/// How many series a batch has: about so many that they take some megabytes.
pub(super) fn batch_len(grid: Grid) -> usize {
    (BATCH_VALUES / grid.steps.max(1)).max(crate::limits::PARALLEL_FROM * 4)
}
