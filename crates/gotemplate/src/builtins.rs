//! Go's own functions: comparison, logic, `index`, `len`, `print`.

use std::cmp::Ordering;
use std::fmt::Write as _;
use std::sync::Arc;

use crate::Room;
use crate::format::sprintf;
use crate::text::{escape_html, query_escape};
use crate::value::{Value, write_joined};

const ALL: &[(&str, usize, usize, Function)] = &[
    ("eq", 2, 64, |a, _| eq(a)),
    ("ne", 2, 2, |a, _| Ok(Value::Bool(!equal(arg(a, 0), arg(a, 1))?))),
    ("lt", 2, 2, |a, _| ordered(a, &[Ordering::Less])),
    ("le", 2, 2, |a, _| ordered(a, &[Ordering::Less, Ordering::Equal])),
    ("gt", 2, 2, |a, _| ordered(a, &[Ordering::Greater])),
    ("ge", 2, 2, |a, _| {
        ordered(a, &[Ordering::Greater, Ordering::Equal])
    }),
    ("not", 1, 1, |a, _| Ok(Value::Bool(!arg(a, 0).is_true()))),
    ("len", 1, 1, |a, _| len(a)),
    ("index", 1, 16, |a, _| index(a)),
    ("slice", 1, 3, |a, _| slice(a)),
    ("print", 0, 64, |a, room| Ok(Value::text(print(a, room)?))),
    ("println", 0, 64, |a, room| {
        let line = room.write(|out| write_joined(out, a, " ").and_then(|()| out.write_str("\n")));
        Ok(Value::text(line?))
    }),
    ("printf", 1, 64, |a, room| {
        let (format, rest) = (text_argument(a, 0)?, a.get(1..).unwrap_or_default());
        let text = room.write(|out| sprintf(out, format, rest));
        Ok(Value::text(text?))
    }),
    ("html", 1, 64, |a, room| {
        Ok(Value::text(escape_html(&print(a, room)?)))
    }),
    ("urlquery", 1, 64, |a, room| {
        Ok(Value::text(query_escape(&print(a, room)?)))
    }),
];

/// A function: its value, or why there is none, of its arguments and what it may make.
type Function = fn(&[Value], Room) -> Result<Value, String>;

/// Whether there is such a function. `and` and `or` look at their arguments one by one, see `exec`.
pub(crate) fn exists(name: &str) -> bool {
    matches!(name, "and" | "or") || ALL.iter().any(|(known, ..)| *known == name)
}

/// Calls a function, if there is one of that name.
pub(crate) fn call(name: &str, arguments: &[Value], room: Room) -> Option<Result<Value, String>> {
    let (_, least, most, function) = ALL.iter().find(|(known, ..)| *known == name)?;
    Some(match check_count(name, *least, *most, arguments.len()) {
        Ok(()) => function(arguments, room),
        Err(error) => Err(error),
    })
}

/// Whether a function takes so many arguments.
pub(crate) fn check_count(name: &str, least: usize, most: usize, got: usize) -> Result<(), String> {
    if (least..=most).contains(&got) {
        return Ok(());
    }
    Err(format!("wrong number of args for {name}: want {least} got {got}"))
}

/// The argument at `index`, which must be a text.
pub fn text_argument(arguments: &[Value], index: usize) -> Result<&str, String> {
    match arguments.get(index) {
        Some(Value::Text(text)) => Ok(text),
        Some(other) => Err(format!(
            "wrong type for value; expected string; got {}",
            other.type_name()
        )),
        None => Err("missing argument".to_owned()),
    }
}

fn arg(arguments: &[Value], index: usize) -> &Value {
    arguments.get(index).unwrap_or(&Value::Nil)
}

fn eq(arguments: &[Value]) -> Result<Value, String> {
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

fn len(arguments: &[Value]) -> Result<Value, String> {
    let count = match arg(arguments, 0) {
        Value::Text(text) => text.len(),
        Value::Map(map) => map.len(),
        Value::List(list) => list.len(),
        other => return Err(format!("len of type {}", other.type_name())),
    };
    Ok(Value::Int(count as i64))
}

fn index(arguments: &[Value]) -> Result<Value, String> {
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

fn slice(arguments: &[Value]) -> Result<Value, String> {
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
fn print(arguments: &[Value], room: Room) -> Result<String, String> {
    room.write(|out| {
        let mut after_text = true;
        for argument in arguments {
            let is_text = matches!(argument, Value::Text(_));
            if !is_text && !after_text {
                out.write_str(" ")?;
            }
            write!(out, "{argument}")?;
            after_text = is_text;
        }
        Ok(())
    })
}
