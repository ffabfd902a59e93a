//! Queries and their samples (prometheus/template).

use std::collections::BTreeMap;
use std::sync::Arc;

use gotemplate::Value;
use model::Labels;

use crate::limits;
use crate::template::functions::{Function, text};
use crate::template::host::{Expansion, labels_value};

pub(super) const ALL: &[(&str, usize, usize, Function)] = &[
    ("query", 1, 1, query),
    ("first", 1, 1, |a, _| match a.first() {
        Some(Value::List(list)) => list
            .first()
            .cloned()
            .ok_or_else(|| "first() called on vector with no elements".to_owned()),
        _ => Err("first() needs a query result".to_owned()),
    }),
    ("value", 1, 1, |a, _| field(a.first(), "Value")),
    ("label", 2, 2, |a, _| match field(a.get(1), "Labels")? {
        Value::Map(labels) => Ok(labels
            .get(text(a, 0)?)
            .cloned()
            .unwrap_or_else(|| Value::text(""))),
        _ => Err("label() needs a sample".to_owned()),
    }),
    ("strvalue", 1, 1, |a, _| match field(a.first(), "Labels")? {
        Value::Map(labels) => Ok(labels
            .get("__value__")
            .cloned()
            .unwrap_or_else(|| Value::text(""))),
        _ => Err("strvalue() needs a sample".to_owned()),
    }),
    ("args", 0, 64, args),
    ("sortByLabel", 2, 2, sort_by_label),
];

fn query(arguments: &[Value], expansion: &mut Expansion<'_>) -> Result<Value, String> {
    expansion.queries += 1;
    if expansion.queries > limits::TEMPLATE_QUERIES_MAX {
        return Err(format!("more than {} queries", limits::TEMPLATE_QUERIES_MAX));
    }
    let samples = expansion.context.query.query(text(arguments, 0)?)?;
    Ok(Value::List(Arc::new(
        samples
            .iter()
            .map(|(labels, value)| sample(labels, *value))
            .collect(),
    )))
}

fn sample(labels: &Labels, value: f64) -> Value {
    Value::Struct(Arc::new(BTreeMap::from([
        ("Labels".to_owned(), labels_value(labels)),
        ("Value".to_owned(), Value::Float(value)),
    ])))
}

/// Puts its arguments together. It is the one function whose values lie within its values, and printing and forgetting them
/// goes as deep as they lie.
fn args(arguments: &[Value], _: &mut Expansion<'_>) -> Result<Value, String> {
    let numbered = arguments
        .iter()
        .enumerate()
        .map(|(index, value)| (format!("arg{index}"), value.clone()));
    let together = Value::Map(Arc::new(numbered.collect()));
    let mut values_left = limits::TEMPLATE_ARGS_MAX;
    if !fits(&together, limits::TEMPLATE_ARGS_DEPTH_MAX, &mut values_left) {
        return Err(format!(
            "args() lie within each other more than {} deep or have more than {} values together",
            limits::TEMPLATE_ARGS_DEPTH_MAX,
            limits::TEMPLATE_ARGS_MAX
        ));
    }
    Ok(together)
}

/// Whether maps lie in each other no deeper, and have no more values together, than is left.
fn fits(value: &Value, depth_left: usize, values_left: &mut usize) -> bool {
    let Value::Map(map) = value else { return true };
    let Some(left) = values_left.checked_sub(map.len()) else {
        return false;
    };
    *values_left = left;
    depth_left > 0 && map.values().all(|value| fits(value, depth_left - 1, values_left))
}

fn field(sample: Option<&Value>, name: &str) -> Result<Value, String> {
    match sample {
        Some(Value::Struct(fields)) => fields
            .get(name)
            .cloned()
            .ok_or_else(|| format!("no field {name}")),
        _ => Err("a sample is needed".to_owned()),
    }
}

fn sort_by_label(arguments: &[Value], _: &mut Expansion<'_>) -> Result<Value, String> {
    let name = text(arguments, 0)?;
    let Some(Value::List(list)) = arguments.get(1) else {
        return Err("sortByLabel() needs a query result".to_owned());
    };
    let mut sorted = list.to_vec();
    sorted.sort_by_cached_key(|sample| match field(Some(sample), "Labels") {
        Ok(Value::Map(labels)) => labels.get(name).map(ToString::to_string).unwrap_or_default(),
        _ => String::new(),
    });
    Ok(Value::List(Arc::new(sorted)))
}
