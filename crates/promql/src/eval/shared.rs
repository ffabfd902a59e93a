//! Values of parts that stand in a query more than once, kept from the first time they are computed.

use super::column::Evaluated;
use super::{Evaluator, Grid};
use crate::error::EvalError;
use crate::plan::Plan;

/// Values by the number of their part and their steps.
#[derive(Debug, Default)]
pub(super) struct SharedValues(Vec<(usize, Grid, Evaluated)>);

impl Evaluator<'_> {
    /// The value of an equal part that was computed before.
    pub(super) fn known(&self, plan: &Plan, grid: Grid) -> Result<Option<Evaluated>, EvalError> {
        let Some(number) = plan.shared else {
            return Ok(None);
        };
        let mut known = self.shared.0.iter();
        let Some((_, _, value)) = known.find(|(known, steps, _)| *known == number && *steps == grid) else {
            return Ok(None);
        };
        self.note_reused(plan);
        self.hold(value.sample_count())?;
        Ok(Some(value.clone()))
    }

    /// Keeps the value of a part for equal ones, where there is room for it. What told something about its place in the expression is
    /// computed again, so that it tells it of every place.
    pub(super) fn share(&mut self, plan: &Plan, grid: Grid, value: &Evaluated, told: usize) {
        let Some(number) = plan.shared else {
            return;
        };
        let samples = value.sample_count();
        // For what is kept and for what is made of it later.
        let has_room = self.check_room(samples.saturating_mul(2)).is_ok();
        if !has_room || self.annotation_count() != told || self.hold(samples).is_err() {
            return;
        }
        self.shared.0.push((number, grid, value.clone()));
    }

    /// How much was told so far.
    pub(super) fn annotation_count(&self) -> usize {
        let annotations = self.account.annotations.lock();
        annotations.warnings.len() + annotations.infos.len()
    }
}
