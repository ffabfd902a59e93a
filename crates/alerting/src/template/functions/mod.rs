//! Prometheus' functions of templates, in one table.
//!
//! In: a function's name and its arguments.  Out: its value, or why there is none.
//! Owns: nothing.
//! Invariants: what the tables do not name is refused when a template is read
//! (`template::tests::faults_are_found_when_the_file_is_read`).
//! Not here: Go's own functions (`gotemplate`).
//! Start at: [`call`].

mod numbers;
mod samples;
mod texts;

use std::sync::LazyLock;

use gotemplate::{Signature, Value, text_argument as text};

use crate::template::host::Expansion;

/// A function: its arguments, and the expansion for those that ask queries.
type Function = fn(&[Value], &mut Expansion<'_>) -> Result<Value, String>;

static SIGNATURES: LazyLock<Vec<Signature>> = LazyLock::new(|| {
    let signature = |(name, least, most, _): &(&'static str, usize, usize, Function)| (*name, *least, *most);
    all().map(signature).collect()
});

/// All functions by name, with the least and the most arguments they take.
fn all() -> impl Iterator<Item = &'static (&'static str, usize, usize, Function)> {
    numbers::ALL.iter().chain(samples::ALL).chain(texts::ALL)
}

/// All functions, as templates are read for them.
pub(super) fn signatures() -> &'static [Signature] {
    &SIGNATURES
}

/// Calls a function; the number of arguments is right.
pub(super) fn call(name: &str, arguments: &[Value], expansion: &mut Expansion<'_>) -> Result<Value, String> {
    let (.., function) = all()
        .find(|(known, ..)| *known == name)
        .ok_or_else(|| format!("function {name:?} not defined"))?;
    function(arguments, expansion)
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
