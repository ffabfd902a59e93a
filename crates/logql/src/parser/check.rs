//! What an expression must be beyond its grammar.

use model::Matcher;

use crate::ast::{Aggregation, Expr, LogExpr, Metric, RangeAggregation, VectorOp};

/// What is wrong with `expr`, if anything.
pub(super) fn check(expr: &Expr) -> Result<(), String> {
    match expr {
        Expr::Log(log) => check_log(log),
        Expr::Metric(metric) => check_metric(metric),
        Expr::Variants(variants) => {
            check_log(&variants.range.log)?;
            variants.metrics.iter().try_for_each(check_metric)
        }
    }
}

fn check_log(log: &LogExpr) -> Result<(), String> {
    if log.matchers.iter().all(Matcher::matches_empty) {
        return Err(
            "queries require at least one regexp or equality matcher that does not have an empty-compatible value. For \
             instance, app=~\".*\" does not meet this requirement, but app=~\".+\" will"
                .to_owned(),
        );
    }
    Ok(())
}

fn check_metric(metric: &Metric) -> Result<(), String> {
    match metric {
        Metric::Range(range) => check_range(range),
        Metric::Aggregate(aggregation) => check_aggregation(aggregation),
        Metric::Binary(binary) => {
            check_metric(&binary.left)?;
            check_metric(&binary.right)
        }
        Metric::LabelReplace(replace) => check_metric(&replace.inner),
        Metric::Number(_) | Metric::Vector(_) => Ok(()),
    }
}

fn check_range(range: &RangeAggregation) -> Result<(), String> {
    let (op, name) = (range.op, range.op.as_str());
    if range.grouping.is_some() && !op.can_group() {
        return Err(format!("grouping not allowed for {name} aggregation"));
    }
    match range.range.unwrap {
        Some(_) if !op.takes_values() => Err(format!("invalid aggregation {name} with unwrap")),
        None if !op.takes_lines() => Err(format!("invalid aggregation {name} without unwrap")),
        _ => check_log(&range.range.log),
    }
}

fn check_aggregation(aggregation: &Aggregation) -> Result<(), String> {
    let is_grouped = aggregation
        .grouping
        .as_ref()
        .is_some_and(|grouping| !grouping.labels.is_empty());
    match aggregation.op {
        VectorOp::Sort | VectorOp::SortDesc if is_grouped => {
            Err("sort and sort_desc doesn't allow grouping by ".to_owned())
        }
        VectorOp::ApproxTopk if aggregation.grouping.is_some() => {
            Err("grouping not allowed for approx_topk aggregation".to_owned())
        }
        _ => check_metric(&aggregation.inner),
    }
}
