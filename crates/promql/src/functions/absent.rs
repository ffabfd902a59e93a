//! Functions that answer where there is nothing: `absent`, `absent_over_time`.

use model::labels::METRIC_NAME;
use model::{Labels, Matcher, MatcherOp};

use crate::error::EvalError;
use crate::eval::{ABSENT, Column, Evaluated, Evaluator, Grid, is_present};
use crate::plan::{CallPlan, Op, Plan, Source};

pub(crate) fn absent(
    evaluator: &mut Evaluator<'_>,
    call: &CallPlan,
    grid: Grid,
) -> Result<Evaluated, EvalError> {
    let Some(arg) = call.args.first() else {
        return Ok(Evaluated::Vector(Vec::new()));
    };
    let columns = evaluator.vector(arg, grid)?;
    let present: Vec<bool> = (0..grid.steps)
        .map(|step| columns.iter().any(|column| column.has(step)))
        .collect();
    Ok(answer(arg, &present))
}

pub(crate) fn absent_over_time(
    evaluator: &mut Evaluator<'_>,
    call: &CallPlan,
    grid: Grid,
) -> Result<Evaluated, EvalError> {
    let (Some(arg), Some((window, _))) = (call.args.first(), call.window()) else {
        return Ok(Evaluated::Vector(Vec::new()));
    };
    let present = evaluator.window_presence(window, grid)?;
    Ok(answer(arg, &present))
}

fn answer(arg: &Plan, present: &[bool]) -> Evaluated {
    let values: Vec<f64> = present
        .iter()
        .map(|present| if *present { ABSENT } else { 1.0 })
        .collect();
    if !values.iter().any(|value| is_present(*value)) {
        return Evaluated::Vector(Vec::new());
    }
    Evaluated::Vector(vec![Column::new(asked_labels(arg), values)])
}

/// The labels that the missing series would certainly have: those that a selector asks for by exactly one value.
fn asked_labels(arg: &Plan) -> Labels {
    let matchers = match &arg.op {
        Op::Selector(selector) => &selector.matchers,
        Op::Window(window) => match &window.source {
            Source::Series(selector) => &selector.matchers,
            Source::Subquery { .. } => return Labels::empty(),
        },
        _ => return Labels::empty(),
    };
    let asked_once = |name: &str| matchers.iter().filter(|matcher| matcher.name() == name).count() == 1;
    let fits = |matcher: &&Matcher| {
        matcher.name() != METRIC_NAME && *matcher.op() == MatcherOp::Equal && asked_once(matcher.name())
    };
    Labels::from_pairs(matchers.iter().filter(fits).map(|m| (m.name(), m.value())))
}
