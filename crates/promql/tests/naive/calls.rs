//! Functions by name: which arguments they take, and who computes them (querying/functions).

use super::buckets;
use super::data::Labels;
use super::dates;
use super::evaluate::{Context, Entry, Value, each, scalar, text, vector};
use super::labels;
use super::math;
use super::number::{Number, Outcome};
use super::over_time::over_time;
use super::rates::of_change;
use super::select::{self, windows};
use super::tree::{Expr, Kind};

pub(crate) fn evaluate(name: &'static str, arguments: &[Expr], context: Context<'_>) -> Outcome<Value> {
    let seconds = |ms: i64| Value::Scalar(Number::exact(ms as f64 / 1000.0));
    Ok(match name {
        "time" => seconds(context.now_ms),
        "start" => seconds(context.start_ms),
        "end" => seconds(context.end_ms),
        "range" => seconds(context.end_ms - context.start_ms),
        "pi" => Value::Scalar(Number::exact(std::f64::consts::PI)),
        "max_of" => Value::Scalar(two(arguments, context, math::at_least)?),
        "min_of" => Value::Scalar(two(arguments, context, math::at_most)?),
        "scalar" => Value::Scalar(match vector(&arguments[0], context)?.as_slice() {
            [only] => only.number,
            _ => Number::exact(f64::NAN),
        }),
        "vector" => Value::Vector(vec![unlabelled(scalar(&arguments[0], context)?)]),
        "absent" => {
            let is_absent = vector(&arguments[0], context)?.is_empty();
            Value::Vector(absent(is_absent, &arguments[0]))
        }
        "absent_over_time" => {
            let is_absent = windows(&arguments[0], context)?.is_empty();
            Value::Vector(absent(is_absent, &arguments[0]))
        }
        "timestamp" => Value::Vector(timestamps(&arguments[0], context)?),
        "label_replace" => Value::Vector(labels::replace(arguments, context)?),
        "label_join" => Value::Vector(labels::join(arguments, context)?),
        "sort" | "sort_desc" => Value::Vector(labels::sorted(arguments, context, name == "sort_desc")?),
        "sort_by_label" | "sort_by_label_desc" => Value::Vector(labels::sorted_by(
            arguments,
            context,
            name == "sort_by_label_desc",
        )?),
        "histogram_quantile" => Value::Vector(buckets::quantile(arguments, context)?),
        "histogram_fraction" => Value::Vector(buckets::fraction(arguments, context)?),
        "hour" | "minute" | "month" | "year" | "day_of_month" | "day_of_week" | "day_of_year"
        | "days_in_month" => {
            let entries = match arguments.first() {
                Some(argument) => vector(argument, context)?,
                None => vec![unlabelled(Number::exact(context.now_ms as f64 / 1000.0))],
            };
            Value::Vector(each(entries, |number| dates::part(name, number))?)
        }
        _ if arguments.iter().any(|argument| argument.kind() == Kind::Matrix) => {
            Value::Vector(of_windows(name, arguments, context)?)
        }
        _ => Value::Vector(math::evaluate(name, arguments, context)?),
    })
}

fn unlabelled(number: Number) -> Entry {
    Entry {
        labels: Labels::new(),
        drops_name: true,
        number,
    }
}

/// The greater, or the lesser, of two scalars, where infinity is beyond NaN.
fn two(
    arguments: &[Expr],
    context: Context<'_>,
    f: fn(Number, Number) -> Outcome<Number>,
) -> Outcome<Number> {
    f(scalar(&arguments[0], context)?, scalar(&arguments[1], context)?)
}

/// A function of every window of a range vector.
fn of_windows(name: &str, arguments: &[Expr], context: Context<'_>) -> Outcome<Vec<Entry>> {
    let mut parameters = Vec::new();
    let mut found = Vec::new();
    for argument in arguments {
        match argument.kind() {
            Kind::Matrix => found = windows(argument, context)?,
            _ => parameters.push(scalar(argument, context)?),
        }
    }
    let mut results = Vec::new();
    for window in found {
        let number = if name.ends_with("_over_time") {
            Some(over_time(name, &window, &parameters)?)
        } else {
            of_change(name, &window, &parameters, context)?
        };
        let keeps_name = matches!(name, "last_over_time" | "first_over_time");
        if let Some(number) = number {
            let drops_name = window.drops_name || !keeps_name;
            results.push(Entry {
                labels: window.labels,
                drops_name,
                number,
            });
        }
    }
    Ok(results)
}

/// 1 with the labels that a missing series would certainly have: those that a selector asks for by one value.
fn absent(is_absent: bool, argument: &Expr) -> Vec<Entry> {
    if !is_absent {
        return Vec::new();
    }
    let matchers = match argument {
        Expr::Selector(selector) | Expr::Window { selector, .. } => selector.matchers.as_slice(),
        _ => &[],
    };
    let asked = matchers
        .iter()
        .filter(|matcher| matcher.op == "=" && !matcher.value.is_empty());
    let labels = asked
        .map(|matcher| (matcher.label.to_owned(), matcher.value.to_owned()))
        .collect();
    vec![Entry {
        labels,
        ..unlabelled(Number::exact(1.0))
    }]
}

/// When samples were taken; what is computed was taken now.
fn timestamps(argument: &Expr, context: Context<'_>) -> Outcome<Vec<Entry>> {
    if let Expr::Selector(selector) = argument {
        return Ok(select::timestamps(selector, context));
    }
    let now = Number::exact(context.now_ms as f64 / 1000.0);
    each(vector(argument, context)?, |_| Ok(now))
}

/// The text arguments from `first` on.
pub(crate) fn texts(arguments: &[Expr], first: usize) -> Vec<&str> {
    arguments.iter().skip(first).map(text).collect()
}
