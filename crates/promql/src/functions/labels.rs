//! Functions that rewrite labels: `label_replace`, `label_join`.

use model::AnchoredRegex;
use model::labels::METRIC_NAME;

use crate::error::EvalError;
use crate::eval::{Evaluated, Evaluator, Grid, merge_same_labels};
use crate::plan::{CallPlan, Op, Plan};

pub(crate) fn label_replace(
    evaluator: &mut Evaluator<'_>,
    call: &CallPlan,
    grid: Grid,
) -> Result<Evaluated, EvalError> {
    let [vector, destination, replacement, source, pattern] = call.args.as_slice() else {
        return Ok(Evaluated::Vector(Vec::new()));
    };
    let regex = AnchoredRegex::new(pattern.as_text()).map_err(|error| {
        EvalError::execution(format!("invalid regular expression in label_replace(): {error}"))
    })?;
    let destination = label_name(destination, "destination label name in label_replace()")?;
    let mut columns = evaluator.vector(vector, grid)?;
    for (turn, column) in columns.iter_mut().enumerate() {
        evaluator.check_at(turn)?;
        let value = column.labels.get(source.as_text()).unwrap_or_default();
        let Some(captures) = regex.regex().captures(value) else {
            continue;
        };
        let mut replaced = String::new();
        captures.expand(replacement.as_text(), &mut replaced);
        let mut labels = column.labels.to_builder();
        labels.set(destination, replaced);
        column.labels = labels.build();
        if destination == METRIC_NAME {
            column.drops_name = false;
        }
    }
    merge_same_labels(columns).map(Evaluated::Vector)
}

pub(crate) fn label_join(
    evaluator: &mut Evaluator<'_>,
    call: &CallPlan,
    grid: Grid,
) -> Result<Evaluated, EvalError> {
    let [vector, destination, separator, sources @ ..] = call.args.as_slice() else {
        return Ok(Evaluated::Vector(Vec::new()));
    };
    let destination = label_name(destination, "destination label name in label_join()")?;
    for source in sources {
        label_name(source, "source label name in label_join()")?;
    }
    let mut columns = evaluator.vector(vector, grid)?;
    for (turn, column) in columns.iter_mut().enumerate() {
        evaluator.check_at(turn)?;
        let values: Vec<&str> = sources
            .iter()
            .map(|source| column.labels.get(source.as_text()).unwrap_or_default())
            .collect();
        let mut labels = column.labels.to_builder();
        labels.set(destination, values.join(separator.as_text()));
        column.labels = labels.build();
        if destination == METRIC_NAME {
            column.drops_name = false;
        }
    }
    merge_same_labels(columns).map(Evaluated::Vector)
}

/// A text argument that names a label.
fn label_name<'a>(arg: &'a Plan, what: &str) -> Result<&'a str, EvalError> {
    match &arg.op {
        Op::Text {
            value,
            not_utf8: None,
        } if !value.is_empty() => Ok(value),
        Op::Text { value, not_utf8 } => {
            let shown = not_utf8.clone().unwrap_or_else(|| format!("{value:?}"));
            Err(EvalError::execution(format!("invalid {what}: {shown}")))
        }
        _ => Err(EvalError::execution(format!("invalid {what}: not a text"))),
    }
}
