//! Vectors whose series are made in batches, so that those who only sum them up need not hold them all.

use std::time::{Duration, Instant};

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
        if plan.is_constant && grid.steps > 1 {
            return self.in_one_batch(plan, grid, sink);
        }
        if plan.shared.is_some() {
            let held = self.held();
            match self.vector(plan, grid) {
                Ok(columns) => return (sink.take)(self, columns),
                // Then it is computed as often as it stands there, but never held.
                Err(
                    EvalError::WouldNotFit { .. }
                    | EvalError::TooManySamples { .. }
                    | EvalError::TooMuchMemory { .. },
                ) => self.release(self.held().saturating_sub(held)),
                Err(error) => return Err(error),
            }
        }
        match &plan.op {
            Op::Selector(selector) => self.measured(plan, sink, |evaluator, sink| {
                evaluator.select_in_batches(selector, plan.at, grid, sink)
            }),
            Op::Plus(inner) => self.for_each_batch(inner, grid, sink),
            Op::Call(call) => match call.function.body {
                Body::Window(body) => self.measured(plan, sink, |evaluator, sink| {
                    evaluator.window_call_in_batches(call, body, grid, sink)
                }),
                Body::Sample(_) | Body::Whole(_) => self.in_one_batch(plan, grid, sink),
            },
            _ => self.in_one_batch(plan, grid, sink),
        }
    }

    /// Makes the batches of a part, and takes note of what that takes without what `sink` does with them.
    fn measured(
        &mut self,
        plan: &Plan,
        sink: &mut Sink<'_, 'a>,
        make: impl FnOnce(&mut Self, &mut Sink<'_, 'a>) -> Result<(), EvalError>,
    ) -> Result<(), EvalError> {
        let Some(under_way) = self.enter(plan) else {
            return make(self, sink);
        };
        let (mut series, mut apart) = (0, Duration::ZERO);
        let mut counting = Sink {
            take: &mut |evaluator: &Self, batch: Vec<Column>| {
                series += batch.len();
                let since = Instant::now();
                let taken = (sink.take)(evaluator, batch);
                apart += since.elapsed();
                taken
            },
            holds_all: sink.holds_all,
        };
        let made = make(self, &mut counting);
        self.leave(Some(under_way), series, apart);
        made
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
