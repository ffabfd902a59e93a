//! Values of parts that stand in a query more than once, kept from the first time they are computed.

use super::column::Evaluated;
use super::{Evaluator, Grid};
use crate::plan::{Plan, Shared};

/// A value is kept where there is room for it so many times: it must not be what keeps the rest of the query from its room.
const ROOM: usize = 4;

/// Values of parts at the steps for which they were computed.
#[derive(Debug, Default)]
pub(super) struct SharedValues(Vec<Kept>);

#[derive(Debug)]
struct Kept {
    number: usize,
    grid: Grid,
    value: Evaluated,
    /// How many parts have not taken it yet.
    uses_left: usize,
}

impl Evaluator<'_> {
    /// The value of an equal part that was computed before. The last that wants it takes it away.
    pub(super) fn known(&mut self, plan: &Plan, grid: Grid) -> Option<Evaluated> {
        let Shared { number, .. } = plan.shared?;
        let is_it = |kept: &Kept| kept.number == number && kept.grid == grid;
        let place = self.shared.0.iter().position(is_it)?;
        let kept = self.shared.0.get_mut(place)?;
        kept.uses_left = kept.uses_left.saturating_sub(1);
        let value = if kept.uses_left == 0 {
            self.shared.0.swap_remove(place).value
        } else {
            let value = kept.value.clone();
            let samples = value.sample_count();
            if self.check_room(samples).is_err() || self.hold(samples).is_err() {
                return None;
            }
            value
        };
        self.note_reused(plan);
        Some(value)
    }

    /// Keeps the value of a part for equal ones, where there is room for it. What told something about its place in the expression is
    /// computed again, so that it tells it of every place.
    pub(super) fn share(&mut self, plan: &Plan, grid: Grid, value: &Evaluated, told: usize) {
        let Some(Shared { number, uses }) = plan.shared else {
            return;
        };
        let samples = value.sample_count();
        let has_room = self.check_room(samples.saturating_mul(ROOM)).is_ok();
        if !has_room || self.annotation_count() != told || self.hold(samples).is_err() {
            return;
        }
        self.shared.0.push(Kept {
            number,
            grid,
            value: value.clone(),
            uses_left: uses - 1,
        });
    }

    /// How much was told so far.
    pub(super) fn annotation_count(&self) -> usize {
        let annotations = self.account.annotations.lock();
        annotations.warnings.len() + annotations.infos.len()
    }
}
