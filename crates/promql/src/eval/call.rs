//! Calls of functions.

use super::column::{ABSENT, Column, Evaluated, is_present};
use super::{Evaluator, Grid};
use crate::ast::ValueType;
use crate::error::EvalError;
use crate::functions::Body;
use crate::plan::CallPlan;

impl Evaluator<'_> {
    /// A function's value at every step.
    pub(super) fn call(&mut self, call: &CallPlan, grid: Grid) -> Result<Evaluated, EvalError> {
        match call.function.body {
            Body::Window(body) => self.window_call(call, body, grid),
            Body::Sample(compute) => self.sample_call(call, compute, grid),
            Body::Whole(compute) => compute(self, call, grid),
        }
    }

    fn sample_call(
        &mut self,
        call: &CallPlan,
        compute: fn(f64, &[f64]) -> Option<f64>,
        grid: Grid,
    ) -> Result<Evaluated, EvalError> {
        let is_vector = |place| call.function.arg_type(place) == Some(ValueType::Vector);
        let vector = call.args.iter().enumerate().find(|(place, _)| is_vector(*place));
        let mut columns = match vector {
            Some((_, plan)) => self.vector(plan, grid)?,
            // Parts of a date default to those of the time of evaluation.
            None => {
                let seconds = grid.times().map(|at_ms| (at_ms as f64 / 1000.0).floor());
                vec![Column::new(model::Labels::empty(), seconds.collect())]
            }
        };
        let params = self.params(call, grid)?;
        let mut now_params = vec![0.0; params.len()];
        for (turn, column) in columns.iter_mut().enumerate() {
            self.check_at(turn)?;
            column.drops_name = true;
            // Functions of numbers pass histograms over.
            column.histograms = None;
            for (step, value) in column.values.iter_mut().enumerate() {
                if !is_present(*value) {
                    continue;
                }
                for (now, all) in now_params.iter_mut().zip(&params) {
                    *now = all.get(step).copied().unwrap_or(f64::NAN);
                }
                *value = compute(*value, &now_params).unwrap_or(ABSENT);
            }
        }
        Ok(Evaluated::Vector(columns))
    }
}
