//! Go's own functions: comparison, logic, `index`, `len`, `print`.

use std::cmp::Ordering;
use std::sync::Arc;

use crate::template::exec::Run;
use crate::template::format::sprintf;
use crate::template::functions::{Function, text};
use crate::template::value::Value;

pub(super) const ALL: &[(&str, usize, usize, Function)] = &[
    ("eq", 2, 64, eq),
    ("ne", 2, 2, |a, _| Ok(Value::Bool(!equal(arg(a, 0), arg(a, 1))?))),
    ("lt", 2, 2, |a, _| ordered(a, &[Ordering::Less])),
    ("le", 2, 2, |a, _| ordered(a, &[Ordering::Less, Ordering::Equal])),
    ("gt", 2, 2, |a, _| ordered(a, &[Ordering::Greater])),
    ("ge", 2, 2, |a, _| {
        ordered(a, &[Ordering::Greater, Ordering::Equal])
    }),
    ("not", 1, 1, |a, _| Ok(Value::Bool(!arg(a, 0).is_true()))),
    ("len", 1, 1, len),
    ("index", 1, 16, index),
    ("slice", 1, 3, slice),
    ("print", 0, 64, |a, _| Ok(Value::text(print(a)))),
    ("println", 0, 64, |a, _| {
        let texts: Vec<String> = a.iter().map(ToString::to_string).collect();
        Ok(Value::text(format!("{}\n", texts.join(" "))))
    }),
    ("printf", 1, 64, |a, _| {
        Ok(Value::text(sprintf(text(a, 0)?, a.get(1..).unwrap_or_default())))
    }),
    ("html", 1, 64, |a, _| Ok(Value::text(escape_html(&print(a))))),
    ("urlquery", 1, 64, |a, _| {
        Ok(Value::text(super::texts::query_escape(&print(a))))
    }),
];

fn arg(arguments: &[Value], index: usize) -> &Value {
    arguments.get(index).unwrap_or(&Value::Nil)
}

fn eq(arguments: &[Value], _: &mut Run<'_>) -> Result<Value, String> {
    for other in arguments.iter().skip(1) {
        if equal(arg(arguments, 0), other)? {
            return Ok(Value::Bool(true));
        }
    }
    Ok(Value::Bool(false))
}

fn equal(a: &Value, b: &Value) -> Result<bool, String> {
    match (a, b) {
        (Value::Nil, Value::Nil) => Ok(true),
        (Value::Nil, _) | (_, Value::Nil) => Ok(false),
        (Value::Bool(a), Value::Bool(b)) => Ok(a == b),
        (Value::Int(a), Value::Int(b)) => Ok(a == b),
        (Value::Float(a), Value::Float(b)) => Ok(a == b),
        (Value::Text(a), Value::Text(b)) => Ok(a == b),
        _ => Err("incompatible types for comparison".to_owned()),
    }
}

fn ordered(arguments: &[Value], wanted: &[Ordering]) -> Result<Value, String> {
    let found = match (arg(arguments, 0), arg(arguments, 1)) {
        (Value::Int(a), Value::Int(b)) => Some(a.cmp(b)),
        (Value::Float(a), Value::Float(b)) => a.partial_cmp(b),
        (Value::Text(a), Value::Text(b)) => Some(a.cmp(b)),
        _ => return Err("incompatible types for comparison".to_owned()),
    };
    Ok(Value::Bool(found.is_some_and(|found| wanted.contains(&found))))
}

fn len(arguments: &[Value], _: &mut Run<'_>) -> Result<Value, String> {
    let count = match arg(arguments, 0) {
        Value::Text(text) => text.len(),
        Value::Map(map) => map.len(),
        Value::List(list) => list.len(),
        other => return Err(format!("len of type {}", other.type_name())),
    };
    Ok(Value::Int(count as i64))
}

fn index(arguments: &[Value], _: &mut Run<'_>) -> Result<Value, String> {
    let mut value = arg(arguments, 0).clone();
    for place in arguments.iter().skip(1) {
        value = match (&value, place) {
            (Value::List(list), Value::Int(at)) => usize::try_from(*at)
                .ok()
                .and_then(|at| list.get(at).cloned())
                .ok_or_else(|| format!("index out of range: {at}"))?,
            (Value::Map(map), Value::Text(name)) => {
                map.get(&**name).cloned().unwrap_or_else(|| Value::text(""))
            }
            (Value::Text(text), Value::Int(at)) => usize::try_from(*at)
                .ok()
                .and_then(|at| text.as_bytes().get(at))
                .map(|byte| Value::Int(i64::from(*byte)))
                .ok_or_else(|| format!("index out of range: {at}"))?,
            (other, _) => return Err(format!("can't index item of type {}", other.type_name())),
        };
    }
    Ok(value)
}

fn slice(arguments: &[Value], _: &mut Run<'_>) -> Result<Value, String> {
    let bound = |index: usize, default: usize| match arguments.get(index) {
        None => Ok(default),
        Some(Value::Int(at)) => usize::try_from(*at).map_err(|_| format!("index out of range: {at}")),
        Some(other) => Err(format!("cannot index slice with type {}", other.type_name())),
    };
    let out_of_range = || "index out of range".to_owned();
    match arg(arguments, 0) {
        Value::Text(text) => {
            let part = text.get(bound(1, 0)?..bound(2, text.len())?);
            part.map(Value::text).ok_or_else(out_of_range)
        }
        Value::List(list) => {
            let part = list.get(bound(1, 0)?..bound(2, list.len())?);
            part.map(|part| Value::List(Arc::new(part.to_vec())))
                .ok_or_else(out_of_range)
        }
        other => Err(format!("can't slice item of type {}", other.type_name())),
    }
}

/// Go's `fmt.Sprint`: a blank between two operands of which neither is a text.
fn print(arguments: &[Value]) -> String {
    let mut out = String::new();
    let mut after_text = true;
    for argument in arguments {
        let is_text = matches!(argument, Value::Text(_));
        if !is_text && !after_text {
            out.push(' ');
        }
        out.push_str(&argument.to_string());
        after_text = is_text;
    }
    out
}

pub(super) fn escape_html(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&#34;")
        .replace('\'', "&#39;")
}
