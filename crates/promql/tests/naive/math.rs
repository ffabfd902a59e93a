//! Functions of one number (querying/functions).

use super::evaluate::{Context, Entry, each, scalar, vector};
use super::number::{Number, Outcome};
use super::tree::Expr;

pub(crate) fn evaluate(name: &str, arguments: &[Expr], context: Context<'_>) -> Outcome<Vec<Entry>> {
    let entries = vector(&arguments[0], context)?;
    let mut bounds = Vec::new();
    for argument in &arguments[1..] {
        bounds.push(scalar(argument, context)?);
    }
    match name {
        "clamp" if bounds[1].is_below(bounds[0])? => Ok(Vec::new()),
        "clamp" => each(entries, |number| at_least(at_most(number, bounds[1])?, bounds[0])),
        "clamp_min" => each(entries, |number| at_least(number, bounds[0])),
        "clamp_max" => each(entries, |number| at_most(number, bounds[0])),
        "round" => {
            let nearest = bounds.first().copied().unwrap_or(Number::exact(1.0));
            each(entries, |number| number.with(nearest, rounded))
        }
        _ => each(entries, |number| number.map(|value| of_value(name, value))),
    }
}

/// The lower bound of a clamp. NaN where either is NaN, except that nothing is above infinity (Go's `math.Max`).
pub(crate) fn at_least(number: Number, bound: Number) -> Outcome<Number> {
    number.with(bound, |value, bound| match (value, bound) {
        (f64::INFINITY, _) | (_, f64::INFINITY) => f64::INFINITY,
        _ if value.is_nan() || bound.is_nan() => f64::NAN,
        _ if value < bound => bound,
        _ => value,
    })
}

pub(crate) fn at_most(number: Number, bound: Number) -> Outcome<Number> {
    number.with(bound, |value, bound| match (value, bound) {
        (f64::NEG_INFINITY, _) | (_, f64::NEG_INFINITY) => f64::NEG_INFINITY,
        _ if value.is_nan() || bound.is_nan() => f64::NAN,
        _ if value > bound => bound,
        _ => value,
    })
}

/// The nearest multiple, ties going up. By the inverse, as Prometheus does: 0.1 has one that is whole.
fn rounded(value: f64, nearest: f64) -> f64 {
    let inverse = 1.0 / nearest;
    (value * inverse + 0.5).floor() / inverse
}

fn of_value(name: &str, value: f64) -> f64 {
    match name {
        "abs" => value.abs(),
        "ceil" => value.ceil(),
        "floor" => value.floor(),
        "exp" => value.exp(),
        "ln" => value.ln(),
        "log2" => value.log2(),
        "log10" => value.log10(),
        "sqrt" => value.sqrt(),
        "sgn" if value > 0.0 => 1.0,
        "sgn" if value < 0.0 => -1.0,
        "sgn" => value,
        "sin" => value.sin(),
        "cos" => value.cos(),
        "tan" => value.tan(),
        "asin" => value.asin(),
        "acos" => value.acos(),
        "atan" => value.atan(),
        "sinh" => value.sinh(),
        "cosh" => value.cosh(),
        "tanh" => value.tanh(),
        "asinh" => value.asinh(),
        "acosh" => value.acosh(),
        "atanh" => value.atanh(),
        "deg" => value * 180.0 / std::f64::consts::PI,
        "rad" => value * std::f64::consts::PI / 180.0,
        other => panic!("no function: {other}"),
    }
}
