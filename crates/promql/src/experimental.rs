//! Which parts of an expression Prometheus has behind a feature flag.

use crate::ast::{
    Aggregate, AggregateOp, Binary, DurationKind, DurationNode, Expr, Kind, Node, Selector, TimeShift,
};
use crate::error::ParseError;

/// Functions behind `promql-experimental-functions` (prometheus/promql/parser `functions.go`, `Experimental`).
const FUNCTIONS: [&str; 18] = [
    "double_exponential_smoothing",
    "end",
    "first_over_time",
    "histogram_quantiles",
    "info",
    "mad_over_time",
    "max_of",
    "min_of",
    "range",
    "sort_by_label",
    "sort_by_label_desc",
    "start",
    "start_timestamp",
    "step",
    "ts_of_first_over_time",
    "ts_of_last_over_time",
    "ts_of_max_over_time",
    "ts_of_min_over_time",
];

impl Expr {
    /// The first part that Prometheus calls experimental, as the error of those who do not want any.
    pub fn first_experimental(&self) -> Option<ParseError> {
        let (at, message) = in_node(&self.root)?;
        Some(ParseError::at(&self.source, at, message))
    }
}

type Found = Option<(usize, String)>;

fn in_node(node: &Node) -> Found {
    match &node.kind {
        Kind::Number(_) | Kind::Text(_) => None,
        Kind::Selector(selector) => in_selector(selector, node.at),
        Kind::Matrix(matrix) => in_selector(&matrix.selector, node.at).or_else(|| in_duration(&matrix.range)),
        Kind::Subquery(subquery) => in_node(&subquery.inner)
            .or_else(|| in_duration(&subquery.range))
            .or_else(|| in_duration(subquery.step.as_ref()?))
            .or_else(|| in_shift(&subquery.time)),
        Kind::Paren(inner) | Kind::Unary(_, inner) => in_node(inner),
        Kind::Binary(binary) => in_binary(binary, node.at),
        Kind::Aggregate(aggregate) => in_aggregate(aggregate, node.at),
        Kind::Call(call) => {
            let name = call.function.name;
            let own = FUNCTIONS
                .contains(&name)
                .then(|| (node.at, format!("function {name:?} is experimental")));
            own.or_else(|| call.args.iter().find_map(in_node))
        }
    }
}

fn in_aggregate(aggregate: &Aggregate, at: usize) -> Found {
    let is_experimental = matches!(aggregate.op, AggregateOp::Limitk | AggregateOp::LimitRatio);
    is_experimental
        .then(|| (at, format!("{}() is experimental", aggregate.op.as_str())))
        .or_else(|| in_node(aggregate.parameter.as_ref()?))
        .or_else(|| in_node(&aggregate.inner))
}

fn in_binary(binary: &Binary, at: usize) -> Found {
    let fills = binary.matching.fill_left.is_some() || binary.matching.fill_right.is_some();
    fills
        .then(|| (at, "fill modifiers of operators are experimental".to_owned()))
        .or_else(|| in_node(&binary.left))
        .or_else(|| in_node(&binary.right))
}

fn in_selector(selector: &Selector, at: usize) -> Found {
    let extended = selector.extended.is_some();
    extended
        .then(|| {
            (
                at,
                "the modifiers anchored and smoothed are experimental".to_owned(),
            )
        })
        .or_else(|| in_shift(&selector.time))
}

fn in_shift(time: &TimeShift) -> Found {
    in_duration(time.offset.as_ref()?)
}

/// Durations other than a literal or the negative of one.
fn in_duration(duration: &DurationNode) -> Found {
    let is_plain = match &duration.kind {
        DurationKind::Literal(_) => true,
        DurationKind::Negative(inner) => matches!(inner.kind, DurationKind::Literal(_)),
        _ => false,
    };
    (!is_plain).then(|| (duration.at, "duration expressions are experimental".to_owned()))
}

#[cfg(test)]
mod tests {
    fn check(query: &str, expected: Option<&str>) {
        let expr = crate::parse(query).unwrap();
        let found = expr.first_experimental().map(|error| error.to_string());
        assert_eq!(found.as_deref(), expected, "{query}");
    }

    #[test]
    fn what_prometheus_calls_experimental_is_found_wherever_it_stands() {
        check(
            "1 + limitk(2, up)",
            Some("1:5: parse error: limitk() is experimental"),
        );
        check(
            "sum(mad_over_time(up[5m]))",
            Some("1:5: parse error: function \"mad_over_time\" is experimental"),
        );
        check(
            "up[5m + 1m]",
            Some("1:4: parse error: duration expressions are experimental"),
        );
        check(
            "up offset step()",
            Some("1:11: parse error: duration expressions are experimental"),
        );
        check(
            "max_over_time(up[5m:1m*2])",
            Some("1:21: parse error: duration expressions are experimental"),
        );
        check(
            "rate(up[5m] smoothed)",
            Some("1:6: parse error: the modifiers anchored and smoothed are experimental"),
        );
        check(
            "a + fill(0) b",
            Some("1:1: parse error: fill modifiers of operators are experimental"),
        );
        check("sum by (a) (rate(b[5m] offset -1m)) / on (a) c @ end()", None);
        check("quantile_over_time(0.9, b[1h:]) and topk(3, b)", None);
    }

    #[test]
    fn the_list_names_functions_that_there_are() {
        for name in super::FUNCTIONS {
            let known = crate::functions::all()
                .iter()
                .any(|function| function.name == name);
            assert!(known, "{name}");
        }
    }
}
