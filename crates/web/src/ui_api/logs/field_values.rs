//! The values of one field over a whole window, counted: none is a sample.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use logql::ast::{Aggregation, Grouping, LogRange, Metric, RangeAggregation, RangeOp, VectorOp};
use logql::{EvalError, Expr, Options, Value};
use model::LogRead;
use serde::{Deserialize, Serialize};

use super::fields::Source;
use super::{Bounds, ask, countable, parse_lines, read};
use crate::app::App;
use crate::limits::{PAGE_VALUES_COUNTED_MAX, PAGE_VALUES_MAX};
use crate::ui_api::answer::{UiError, json};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ValuesRequest {
    from_ms: i64,
    to_ms: i64,
    query: String,
    name: String,
    source: Source,
    limit: Option<usize>,
}

#[derive(Debug, Serialize)]
struct ValuesAnswer {
    /// Those seen most often, and how often.
    values: Vec<(String, u64)>,
    /// How many different values there are.
    values_count: usize,
    /// Lines that have the field.
    lines: u64,
    /// Lines that have it not.
    lines_without: u64,
}

/// `POST /api/ui/logs/field-values`
pub(super) async fn field_values(State(app): State<Arc<App>>, request: Request) -> Result<Response, UiError> {
    let (tenant, asked) = read::<ValuesRequest>(&app, request).await?;
    let bounds = Bounds::of_ms(asked.from_ms, asked.to_ms)?;
    let limit = asked.limit.unwrap_or(PAGE_VALUES_MAX).clamp(1, PAGE_VALUES_MAX);
    let expr = counted_by(&asked, bounds)?;
    let name = asked.name;
    let question = move |store: &dyn LogRead, options: &Options| {
        let options = Options {
            series_max: PAGE_VALUES_COUNTED_MAX,
            ..options.clone()
        };
        values(&expr, store, bounds, (&name, limit), &options)
    };
    let (answer, _) = ask(&app, tenant, question).await?;
    Ok(json(&answer))
}

/// `sum by (name) (count_over_time({…} | json [window]))`
fn counted_by(asked: &ValuesRequest, bounds: Bounds) -> Result<Expr, UiError> {
    let mut log = parse_lines(&asked.query)?;
    log.stages.extend(asked.source.stage());
    let counts = Metric::Range(Box::new(RangeAggregation {
        op: RangeOp::Count,
        parameter: None,
        range: LogRange {
            log: countable(log),
            unwrap: None,
            interval_ns: bounds.to_ns - bounds.from_ns,
            offset_ns: 0,
        },
        grouping: None,
    }));
    Ok(Expr::Metric(Metric::Aggregate(Box::new(Aggregation {
        op: VectorOp::Sum,
        parameter: None,
        inner: counts,
        grouping: Some(Grouping {
            without: false,
            labels: vec![asked.name.clone()],
        }),
    }))))
}

fn values(
    expr: &Expr,
    store: &dyn LogRead,
    bounds: Bounds,
    (name, limit): (&str, usize),
    options: &Options,
) -> Result<ValuesAnswer, EvalError> {
    let answer = logql::instant(expr, store, bounds.to_ns - 1, options)?;
    let samples = match answer.value {
        Value::Vector(samples) => samples,
        Value::Scalar { .. } | Value::Matrix(_) | Value::Streams(_) => Vec::new(),
    };
    let mut told = ValuesAnswer {
        values: Vec::new(),
        values_count: 0,
        lines: 0,
        lines_without: 0,
    };
    for sample in samples {
        let lines = sample.value as u64;
        match sample.labels.get(name).filter(|value| !value.is_empty()) {
            Some(value) => {
                told.lines += lines;
                told.values.push((value.to_owned(), lines));
            }
            None => told.lines_without += lines,
        }
    }
    told.values_count = told.values.len();
    told.values
        .sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    told.values.truncate(limit);
    Ok(told)
}
