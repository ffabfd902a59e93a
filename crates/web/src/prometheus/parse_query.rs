//! `/api/v1/parse_query`: the tree of an expression, in the form that Prometheus' own page draws it from.

use model::{Matcher, MatcherOp};
use std::sync::Arc;

use axum::extract::State;
use promql::ValueType;
use promql::functions::{Function, Variadic};
use promql::outline::{MatchingOutline, Outline, SelectorOutline};
use serde_json::{Value, json};

use crate::app::App;
use crate::params::Params;
use crate::prometheus::answer::{ApiError, Success};
use crate::prometheus::query::read_query;

/// `/api/v1/parse_query`
pub(crate) async fn parse_query(
    State(app): State<Arc<App>>,
    params: Params,
) -> Result<Success<Value>, ApiError> {
    let expr = read_query(&app, &params)?;
    Ok(Success::of(tree(&expr.outline())))
}

fn tree(outline: &Outline<'_>) -> Value {
    match outline {
        Outline::Number(value) => json!({
            "type": "numberLiteral",
            "val": model::number::format_plain(*value),
        }),
        Outline::Text(text) => json!({ "type": "stringLiteral", "val": text }),
        Outline::Selector(found) => selector("vectorSelector", found),
        Outline::Matrix(found, range_ms) => {
            let mut tree = selector("matrixSelector", found);
            tree["range"] = json!(range_ms);
            tree
        }
        Outline::Subquery {
            inner,
            range_ms,
            step_ms,
            shift,
        } => json!({
            "type": "subquery",
            "expr": tree(inner),
            "range": range_ms,
            "step": step_ms,
            "offset": shift.offset_ms,
            "timestamp": shift.at_ms,
            "startOrEnd": shift.start_or_end,
        }),
        Outline::Paren(inner) => json!({ "type": "parenExpr", "expr": tree(inner) }),
        Outline::Unary(op, inner) => json!({ "type": "unaryExpr", "op": op, "expr": tree(inner) }),
        Outline::Binary {
            op,
            left,
            right,
            return_bool,
            matching: pairing,
        } => json!({
            "type": "binaryExpr",
            "op": op,
            "lhs": tree(left),
            "rhs": tree(right),
            "matching": pairing.as_ref().map(matching),
            "bool": return_bool,
        }),
        Outline::Aggregate {
            op,
            inner,
            parameter,
            labels,
            without,
        } => json!({
            "type": "aggregation",
            "op": op,
            "expr": tree(inner),
            "param": parameter.as_deref().map(tree),
            "grouping": labels,
            "without": without,
        }),
        Outline::Call(function, args) => call(function, args),
    }
}

fn call(function: &Function, args: &[Outline<'_>]) -> Value {
    json!({
        "type": "call",
        "func": {
            "name": function.name,
            "argTypes": function.args.iter().map(|kind| type_name(*kind)).collect::<Vec<_>>(),
            "variadic": match function.variadic {
                Variadic::No => 0,
                Variadic::Optional(count) => count as i64,
                Variadic::Repeated => -1,
            },
            "returnType": type_name(function.returns),
        },
        "args": args.iter().map(tree).collect::<Vec<_>>(),
    })
}

fn selector(kind: &str, found: &SelectorOutline<'_>) -> Value {
    json!({
        "type": kind,
        "name": found.name.unwrap_or_default(),
        "offset": found.shift.offset_ms,
        "matchers": found.matchers.iter().map(matcher).collect::<Vec<_>>(),
        "timestamp": found.shift.at_ms,
        "startOrEnd": found.shift.start_or_end,
        "anchored": found.is_anchored,
        "smoothed": found.is_smoothed,
    })
}

fn matcher(matcher: &Matcher) -> Value {
    let op = match matcher.op() {
        MatcherOp::Equal => "=",
        MatcherOp::NotEqual => "!=",
        MatcherOp::Matches(_) => "=~",
        MatcherOp::NotMatches(_) => "!~",
    };
    json!({ "name": matcher.name(), "value": matcher.value(), "type": op })
}

fn matching(matching: &MatchingOutline<'_>) -> Value {
    json!({
        "card": matching.cardinality,
        "labels": matching.labels,
        "on": matching.on,
        "include": matching.include,
        "fillValues": { "lhs": matching.fill_left, "rhs": matching.fill_right },
    })
}

/// The name of a type as Prometheus writes it to machines.
fn type_name(kind: ValueType) -> &'static str {
    match kind {
        ValueType::Scalar => "scalar",
        ValueType::String => "string",
        ValueType::Vector => "vector",
        ValueType::Matrix => "matrix",
    }
}
