//! Checks the types and the pairing rules of an expression (prometheus/promql/parser `checkAST`).

use std::collections::HashSet;

use super::Fault;
use crate::ast::{Aggregate, Binary, Call, Cardinality, Kind, Node, Selector, ValueType};
use crate::functions;

/// Refuses what reads as an expression but has no meaning.
pub(super) fn check(node: &Node) -> Result<(), Fault> {
    match &node.kind {
        Kind::Number(_) | Kind::Text(_) => Ok(()),
        Kind::Selector(selector) => check_selector(selector, node.at),
        Kind::Matrix(matrix) => check_selector(&matrix.selector, node.at),
        Kind::Subquery(subquery) => {
            let found = subquery.inner.value_type();
            if found != ValueType::Vector {
                return Err(Fault::new(
                    node.at,
                    format!(
                        "subquery is only allowed on instant vector, got {} instead",
                        found.as_str()
                    ),
                ));
            }
            check(&subquery.inner)
        }
        Kind::Paren(inner) => check(inner),
        Kind::Unary(_, inner) => {
            let found = inner.value_type();
            if !matches!(found, ValueType::Scalar | ValueType::Vector) {
                return Err(Fault::new(
                    node.at,
                    format!(
                        "unary expression only allowed on expressions of type scalar or instant vector, got {:?}",
                        found.as_str()
                    ),
                ));
            }
            check(inner)
        }
        Kind::Binary(binary) => check_binary(binary, node.at),
        Kind::Aggregate(aggregate) => check_aggregate(aggregate),
        Kind::Call(call) => check_call(call, node.at),
    }
}

fn expect_type(node: &Node, wanted: ValueType, place: &str) -> Result<(), Fault> {
    let found = node.value_type();
    if found == wanted {
        return Ok(());
    }
    Err(Fault::new(
        node.at,
        format!(
            "expected type {} in {place}, got {}",
            wanted.as_str(),
            found.as_str()
        ),
    ))
}

fn check_selector(selector: &Selector, at: usize) -> Result<(), Fault> {
    // A selector that any series meets would read the whole store by mistake.
    if selector.matchers.iter().all(|matcher| matcher.matches_empty()) {
        return Err(Fault::new(
            at,
            "vector selector must contain at least one non-empty matcher",
        ));
    }
    Ok(())
}

fn check_binary(binary: &Binary, at: usize) -> Result<(), Fault> {
    let fault = |message: String| Err(Fault::new(at, message));
    let op = binary.op;
    let matching = &binary.matching;
    let (left, right) = (binary.left.value_type(), binary.right.value_type());
    if binary.return_bool && !op.is_comparison() {
        return fault("bool modifier can only be used on comparison operators".to_owned());
    }
    for (side, found) in [(&binary.left, left), (&binary.right, right)] {
        if !matches!(found, ValueType::Scalar | ValueType::Vector) {
            return Err(Fault::new(
                side.at,
                "binary expression must contain only scalar and instant vector types",
            ));
        }
    }
    let both_scalar = left == ValueType::Scalar && right == ValueType::Scalar;
    let both_vectors = left == ValueType::Vector && right == ValueType::Vector;
    if op.is_comparison() && !binary.return_bool && both_scalar {
        return fault("comparisons between scalars must use BOOL modifier".to_owned());
    }
    if op.is_set() && matching.cardinality != Cardinality::OneToOne {
        return fault(format!("no grouping allowed for {:?} operation", op.as_str()));
    }
    let fills = matching.fill_left.is_some() || matching.fill_right.is_some();
    if op.is_set() && fills {
        return fault("filling in missing series not allowed for set operators".to_owned());
    }
    if matching.on
        && matching.cardinality != Cardinality::OneToOne
        && let included = matching.include.iter().collect::<HashSet<_>>()
        && let Some(label) = matching.labels.iter().find(|label| included.contains(label))
    {
        return fault(format!(
            "label {label:?} must not occur in ON and GROUP clause at once"
        ));
    }
    if !both_vectors && (matching.on || !matching.labels.is_empty()) {
        return fault("vector matching only allowed between instant vectors".to_owned());
    }
    if !both_vectors && fills {
        return fault("filling in missing series only allowed between instant vectors".to_owned());
    }
    if op.is_set() && !both_vectors {
        return fault(format!(
            "set operator {:?} not allowed in binary scalar expression",
            op.as_str()
        ));
    }
    check(&binary.left)?;
    check(&binary.right)
}

fn check_aggregate(aggregate: &Aggregate) -> Result<(), Fault> {
    expect_type(&aggregate.inner, ValueType::Vector, "aggregation expression")?;
    if let (Some(wanted), Some(parameter)) = (aggregate.op.parameter_type(), &aggregate.parameter) {
        expect_type(parameter, wanted, "aggregation parameter")?;
        check(parameter)?;
    }
    check(&aggregate.inner)
}

fn check_call(call: &Call, at: usize) -> Result<(), Fault> {
    let function = call.function;
    let got = call.args.len();
    let (least, most) = function.arg_counts();
    let plural = |count: usize| if count == 1 { "argument" } else { "arguments" };
    let bound = match most {
        Some(most) if most == least && got != least => Some(("", least)),
        _ if got < least => Some(("at least ", least)),
        Some(most) if got > most => Some(("at most ", most)),
        _ => None,
    };
    if let Some((quantifier, count)) = bound {
        return Err(Fault::new(
            at,
            format!(
                "expected {quantifier}{count} {} in call to {:?}, got {got}",
                plural(count),
                function.name
            ),
        ));
    }
    for (place, arg) in call.args.iter().enumerate() {
        if let Some(wanted) = function.arg_type(place) {
            expect_type(arg, wanted, &format!("call to function {:?}", function.name))?;
        }
        let is_label_selector = function.name == functions::INFO && place == 1;
        match &arg.kind {
            Kind::Selector(_) if is_label_selector => {}
            _ if is_label_selector => return Err(Fault::new(arg.at, "expected label selectors only")),
            _ => check(arg)?,
        }
    }
    Ok(())
}
