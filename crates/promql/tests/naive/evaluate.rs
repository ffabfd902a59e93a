//! Evaluation of one expression at one time: a recursion over the tree, nothing kept and nothing shared.

use std::collections::BTreeSet;

use super::data::{Labels, NativeSeries, Series};
use super::number::{Number, Outcome, Stop};
use super::tree::{Expr, Shift};
use super::{aggregate, binary, calls, native, select};

/// The name under which a metric's name is a label.
pub(crate) const NAME: &str = "__name__";
/// Two series of a vector may not have the same labels.
pub(crate) const SAME_LABELS: Stop = Stop::Error("vector cannot contain metrics with the same labelset");

/// What an expression is evaluated over, and when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) series: &'a [Series],
    pub(crate) natives: &'a [NativeSeries],
    /// The first and the last time of the query, one and the same of an instant query.
    pub(crate) start_ms: i64,
    pub(crate) end_ms: i64,
    /// The time in question.
    pub(crate) now_ms: i64,
    pub(crate) settings: Settings,
}

/// What a server is configured with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Settings {
    /// How far back an instant selector looks.
    pub(crate) lookback_ms: i64,
    /// The step of a subquery that names none.
    pub(crate) subquery_step_ms: i64,
}

/// One sample of a vector.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// The name of the metric included, even if it is to go away: that happens at the very end.
    pub(crate) labels: Labels,
    pub(crate) drops_name: bool,
    pub(crate) number: Number,
}

#[derive(Debug, Clone)]
pub(crate) enum Value {
    Scalar(Number),
    Text,
    Vector(Vec<Entry>),
}

impl Context<'_> {
    /// The time that a selector with `shift` asks for.
    pub(crate) fn shifted(&self, shift: Shift) -> i64 {
        use super::tree::At;
        let base = match shift.at {
            None => self.now_ms,
            Some(At::Time(at_ms)) => at_ms,
            Some(At::Start) => self.start_ms,
            Some(At::End) => self.end_ms,
        };
        base - shift.offset_ms
    }
}

/// The value of a whole query: names are gone where they have to, and labels are unique.
pub(crate) fn answer(expr: &Expr, context: Context<'_>) -> Outcome<Value> {
    let value = evaluate(expr, context)?;
    let Value::Vector(mut entries) = value else {
        return Ok(value);
    };
    for entry in &mut entries {
        if entry.drops_name {
            entry.labels.remove(NAME);
        }
    }
    Ok(Value::Vector(unique(entries)?))
}

/// A vector whose labels have to be unique.
pub(crate) fn unique(entries: Vec<Entry>) -> Outcome<Vec<Entry>> {
    let mut seen = BTreeSet::new();
    if entries.iter().all(|entry| seen.insert(&entry.labels)) {
        Ok(entries)
    } else {
        Err(SAME_LABELS)
    }
}

pub(crate) fn evaluate(expr: &Expr, context: Context<'_>) -> Outcome<Value> {
    Ok(match expr {
        Expr::Number(value) => Value::Scalar(Number::exact(*value)),
        Expr::Text(_) => Value::Text,
        Expr::Selector(selector) => Value::Vector(select::instant(selector, context)),
        Expr::Window { .. } | Expr::Subquery { .. } => panic!("a range vector has no value by itself"),
        Expr::Negate(inner) => match evaluate(inner, context)? {
            Value::Scalar(number) => Value::Scalar(number.map(|value| -value)?),
            Value::Vector(entries) => Value::Vector(each(entries, |number| number.map(|value| -value))?),
            Value::Text => panic!("a text has no sign"),
        },
        Expr::Binary(binary) => binary::evaluate(binary, context)?,
        Expr::Aggregate(aggregate) => Value::Vector(aggregate::evaluate(aggregate, context)?),
        Expr::Call { name, arguments } => calls::evaluate(name, arguments, context)?,
        Expr::OfNatives {
            name,
            parameter,
            natives,
        } => Value::Vector(native::numbers(name, parameter.as_deref(), natives, context)?),
        Expr::Limited { limit, inner } => Value::Vector(aggregate::limited(*limit, vector(inner, context)?)),
    })
}

/// A function of every number; the names of metrics go away.
pub(crate) fn each(entries: Vec<Entry>, f: impl Fn(Number) -> Outcome<Number>) -> Outcome<Vec<Entry>> {
    let changed = entries.into_iter().map(|entry| {
        let number = f(entry.number)?;
        Ok(Entry {
            number,
            drops_name: true,
            ..entry
        })
    });
    changed.collect()
}

pub(crate) fn vector(expr: &Expr, context: Context<'_>) -> Outcome<Vec<Entry>> {
    match evaluate(expr, context)? {
        Value::Vector(entries) => Ok(entries),
        other => panic!("{expr} is no vector: {other:?}"),
    }
}

pub(crate) fn scalar(expr: &Expr, context: Context<'_>) -> Outcome<Number> {
    match evaluate(expr, context)? {
        Value::Scalar(number) => Ok(number),
        other => panic!("{expr} is no scalar: {other:?}"),
    }
}

pub(crate) fn text(expr: &Expr) -> &str {
    match expr {
        Expr::Text(text) => text,
        other => panic!("{other} is no text"),
    }
}
