//! Functions of native histograms, of which the store holds none yet: float samples are passed over, as upstream does.

use crate::error::EvalError;
use crate::eval::{Evaluated, Evaluator, Grid};
use crate::plan::CallPlan;

pub(crate) fn nothing(
    evaluator: &mut Evaluator<'_>,
    call: &CallPlan,
    grid: Grid,
) -> Result<Evaluated, EvalError> {
    for arg in &call.args {
        evaluator.evaluate(arg, grid)?;
    }
    Ok(Evaluated::Vector(Vec::new()))
}
