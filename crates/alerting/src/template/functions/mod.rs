//! The functions of templates: Go's own and Prometheus', in one table.
//!
//! In: a function's name and its arguments.  Out: its value, or why there is none.
//! Owns: nothing.
//! Invariants: what the tables do not name is refused when a template is read
//! (`template::tests::faults_are_found_when_the_file_is_read`).
//! Not here: `and` and `or`, which look at their arguments one by one (`template::exec`).
//! Start at: [`call`].

mod compare;
mod numbers;
mod samples;
mod texts;

use crate::template::exec::Run;
use crate::template::value::Value;

/// A function: its arguments, and the run for those that ask queries.
type Function = fn(&[Value], &mut Run<'_>) -> Result<Value, String>;

/// All functions by name, with the least and the most arguments they take. `and` and `or` are part of the language.
fn all() -> impl Iterator<Item = &'static (&'static str, usize, usize, Function)> {
    compare::ALL
        .iter()
        .chain(numbers::ALL)
        .chain(samples::ALL)
        .chain(texts::ALL)
}

/// Whether there is such a function.
pub(super) fn exists(name: &str) -> bool {
    matches!(name, "and" | "or") || all().any(|(known, ..)| *known == name)
}

/// Calls a function.
pub(super) fn call(name: &str, arguments: &[Value], run: &mut Run<'_>) -> Result<Value, String> {
    let (_, least, most, function) = all()
        .find(|(known, ..)| *known == name)
        .ok_or_else(|| format!("function {name:?} not defined"))?;
    if !(*least..=*most).contains(&arguments.len()) {
        return Err(format!(
            "wrong number of args for {name}: want {least} got {}",
            arguments.len()
        ));
    }
    function(arguments, run)
}

/// The argument at `index` as text.
fn text(arguments: &[Value], index: usize) -> Result<&str, String> {
    match arguments.get(index) {
        Some(Value::Text(text)) => Ok(text),
        Some(other) => Err(format!(
            "wrong type for value; expected string; got {}",
            other.type_name()
        )),
        None => Err("missing argument".to_owned()),
    }
}

/// The argument at `index` as a number; texts are read, as Prometheus does.
fn number(arguments: &[Value], index: usize) -> Result<f64, String> {
    match arguments.get(index) {
        Some(Value::Float(value)) => Ok(*value),
        Some(Value::Int(value)) => Ok(*value as f64),
        Some(Value::Text(text)) => {
            model::number::parse_float(text).ok_or_else(|| format!("{text:?} is not a number"))
        }
        Some(other) => Err(format!("can't convert {} to float", other.type_name())),
        None => Err("missing argument".to_owned()),
    }
}
