//! How far beyond its own time the value at a step looks: what those must know who keep answers and use them again.

use crate::ast::{AggregateOp, Expr, Extended};
use crate::error::EvalError;
use crate::eval::Grid;
use crate::functions::INFO;
use crate::options::Options;
use crate::plan::{self, Op, Plan, SelectorPlan, Shift, Source};

/// How many milliseconds later than a step the samples may be that its value is computed from: 0 for most expressions, more for
/// negative offsets. `None` where the value at a step depends on more than the step's time and the samples up to then: on where the query
/// begins and ends (`@ start()`, `range()`), on samples of a fixed time, on series that are looked up beside (`info`), or on the order of groups
/// (`topk` and its kin of anything but series of the store).
pub fn ahead_ms(
    expr: &Expr,
    from_ms: i64,
    to_ms: i64,
    step_ms: i64,
    options: &Options,
) -> Result<Option<i64>, EvalError> {
    let bound = plan::bind(expr, Grid::new(from_ms, to_ms, step_ms)?, options)?;
    Ok(if bound.depends_on_ends {
        None
    } else {
        of_part(&bound.plan, options)
    })
}

fn of_part(plan: &Plan, options: &Options) -> Option<i64> {
    match &plan.op {
        Op::Number(_) | Op::Text { .. } => Some(0),
        Op::Selector(selector) => of_selector(selector, options),
        Op::Window(window) => match &window.source {
            Source::Series(selector) => of_selector(selector, options),
            Source::Subquery { inner, .. } => {
                Some(of_part(inner, options)?.saturating_add(of_shift(window.shift)?))
            }
        },
        Op::Plus(inner) | Op::Negate(inner) => of_part(inner, options),
        Op::Binary(binary) => of_all([&binary.left, &binary.right], options),
        // Which of equals are first is up to all that is found.
        Op::Aggregate(aggregate) if ranks(aggregate.op) && !reads_series(&aggregate.inner) => None,
        Op::Aggregate(aggregate) => of_all(
            std::iter::once(&aggregate.inner).chain(&aggregate.parameter),
            options,
        ),
        Op::Call(call) if call.function.name == INFO => None,
        Op::Call(call) => of_all(&call.args, options),
    }
}

fn ranks(op: AggregateOp) -> bool {
    matches!(op, AggregateOp::Topk | AggregateOp::Bottomk | AggregateOp::Limitk)
}

/// Whether its series come straight from the store, in order of their labels.
fn reads_series(plan: &Plan) -> bool {
    match &plan.op {
        Op::Selector(_) => true,
        Op::Call(call) => call
            .window()
            .is_some_and(|(window, _)| matches!(window.source, Source::Series(_))),
        _ => false,
    }
}

fn of_all<'p>(parts: impl IntoIterator<Item = &'p Plan>, options: &Options) -> Option<i64> {
    let mut furthest_ms = 0;
    for part in parts {
        furthest_ms = of_part(part, options)?.max(furthest_ms);
    }
    Some(furthest_ms)
}

fn of_selector(selector: &SelectorPlan, options: &Options) -> Option<i64> {
    let behind_ms = match selector.extended {
        Some(Extended::Smoothed) => options.lookback_ms,
        Some(Extended::Anchored) | None => 0,
    };
    Some(of_shift(selector.shift)?.saturating_add(behind_ms))
}

fn of_shift(shift: Shift) -> Option<i64> {
    match shift.at_ms {
        Some(_) => None,
        None => Some(shift.offset_ms.saturating_neg().max(0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(query: &str, ahead: Option<i64>) {
        let expr = crate::parse(query).unwrap();
        let found = ahead_ms(&expr, 0, 3_600_000, 60_000, &Options::default()).unwrap();
        assert_eq!(found, ahead, "{query}");
    }

    #[test]
    fn only_negative_offsets_and_smoothing_look_ahead() {
        check("sum by (a) (rate(b[5m])) / 2", Some(0));
        check("b offset 5m", Some(0));
        check("b offset -5m", Some(300_000));
        check(
            "max_over_time(rate(b[1m] offset -1m)[5m:] offset -2m)",
            Some(180_000),
        );
        check("topk(scalar(b offset -1m), b)", Some(60_000));
        check("rate(b[5m] smoothed)", Some(300_000));
        check("b offset -step()", Some(60_000));
        check("time() - 5", Some(0));
        check("b / step()", Some(0));
        check("topk(3, rate(b[5m]))", Some(0));
    }

    #[test]
    fn what_depends_on_the_ends_of_the_query_is_told() {
        for query in [
            "b @ start()",
            "sum(b) - sum(b @ end())",
            "b @ 60",
            "rate(b[range()])",
            "avg_over_time(b[5m:max_of(1m, range())])",
            "info(b)",
            "b - start()",
            "rate(b[5m]) * range()",
            "b - scalar(b > end())",
            "limitk(1, sum by (a) (b))",
            "topk(2, a or b)",
        ] {
            check(query, None);
        }
    }
}
