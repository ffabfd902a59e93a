//! Operators between two values, and how series are matched (querying/operators, "Binary operators", "Vector matching").

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::data::Labels;
use super::evaluate::{self, Context, Entry, NAME, Value, unique};
use super::number::{Number, Outcome, Stop};
use super::tree::{Binary, Matching};

pub(crate) fn evaluate(binary: &Binary, context: Context<'_>) -> Outcome<Value> {
    let left = evaluate::evaluate(&binary.left, context)?;
    let right = evaluate::evaluate(&binary.right, context)?;
    Ok(match (left, right) {
        (Value::Scalar(left), Value::Scalar(right)) => {
            let (number, holds) = apply(binary.op, left, right)?;
            Value::Scalar(if is_comparison(binary.op) {
                truth(holds)
            } else {
                number
            })
        }
        (Value::Vector(entries), Value::Scalar(scalar)) => {
            Value::Vector(with_scalar(binary, entries, |entry| (entry, scalar))?)
        }
        (Value::Scalar(scalar), Value::Vector(entries)) => {
            Value::Vector(with_scalar(binary, entries, |entry| (scalar, entry))?)
        }
        (Value::Vector(left), Value::Vector(right)) if is_set(binary.op) => {
            Value::Vector(set(binary, left, right))
        }
        (Value::Vector(left), Value::Vector(right)) => Value::Vector(unique(between(binary, left, right)?)?),
        other => panic!("no operands: {other:?}"),
    })
}

fn is_comparison(op: &str) -> bool {
    matches!(op, "==" | "!=" | "<" | "<=" | ">" | ">=")
}

fn is_set(op: &str) -> bool {
    matches!(op, "and" | "or" | "unless")
}

fn truth(holds: bool) -> Number {
    Number::exact(if holds { 1.0 } else { 0.0 })
}

/// The operator's number, and whether a comparison holds; its number is then the left one.
fn apply(op: &str, left: Number, right: Number) -> Outcome<(Number, bool)> {
    if is_comparison(op) {
        let order = left.compare(right)?;
        let holds = match op {
            "==" => order == Some(Ordering::Equal),
            "!=" => order != Some(Ordering::Equal),
            "<" => order == Some(Ordering::Less),
            "<=" => matches!(order, Some(Ordering::Less | Ordering::Equal)),
            ">" => order == Some(Ordering::Greater),
            _ => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
        };
        return Ok((left, holds));
    }
    let number = left.with(right, |left, right| match op {
        "+" => left + right,
        "-" => left - right,
        "*" => left * right,
        "/" => left / right,
        "%" => left % right,
        "^" => left.powf(right),
        "atan2" => left.atan2(right),
        other => panic!("no operator: {other}"),
    })?;
    Ok((number, true))
}

fn with_scalar(
    binary: &Binary,
    entries: Vec<Entry>,
    sides: impl Fn(Number) -> (Number, Number),
) -> Outcome<Vec<Entry>> {
    let mut results = Vec::new();
    for entry in entries {
        let (left, right) = sides(entry.number);
        let (number, holds) = apply(binary.op, left, right)?;
        if !is_comparison(binary.op) {
            results.push(Entry {
                number,
                drops_name: true,
                ..entry
            });
        } else if binary.is_bool {
            results.push(Entry {
                number: truth(holds),
                drops_name: true,
                ..entry
            });
        } else if holds {
            // A filter keeps the sample of the vector, on whichever side it stands.
            results.push(entry);
        }
    }
    Ok(results)
}

/// The labels that have to be the same on both sides.
fn signature(matching: &Matching, labels: &Labels) -> Labels {
    let mut signature = labels.clone();
    signature.retain(|name, _| {
        let is_listed = matching.labels.contains(name);
        if matching.is_on {
            is_listed
        } else {
            !is_listed && name != NAME
        }
    });
    signature
}

fn set(binary: &Binary, left: Vec<Entry>, right: Vec<Entry>) -> Vec<Entry> {
    let of = |entry: &Entry| signature(&binary.matching, &entry.labels);
    let in_left: Vec<Labels> = left.iter().map(of).collect();
    let in_right: Vec<Labels> = right.iter().map(of).collect();
    let mut results = Vec::new();
    for entry in left {
        let is_matched = in_right.contains(&of(&entry));
        if binary.op == "or" || is_matched == (binary.op == "and") {
            results.push(entry);
        }
    }
    if binary.op == "or" {
        results.extend(right.into_iter().filter(|entry| !in_left.contains(&of(entry))));
    }
    results
}

fn between(binary: &Binary, left: Vec<Entry>, right: Vec<Entry>) -> Outcome<Vec<Entry>> {
    let matching = &binary.matching;
    let one_is_left = matching.group.as_ref().is_some_and(|group| group.is_right);
    let (many, one) = if one_is_left { (right, left) } else { (left, right) };
    if many.is_empty() || one.is_empty() {
        return Ok(Vec::new());
    }
    let mut ones: BTreeMap<Labels, Entry> = BTreeMap::new();
    for entry in one {
        if ones.insert(signature(matching, &entry.labels), entry).is_some() {
            return Err(Stop::Error("many-to-many matching not allowed"));
        }
    }
    let mut matched: Vec<(Labels, Labels)> = Vec::new();
    let mut results = Vec::new();
    for entry in many {
        let signature = signature(matching, &entry.labels);
        let Some(one) = ones.get(&signature) else {
            continue;
        };
        let (left, right) = if one_is_left {
            (one.number, entry.number)
        } else {
            (entry.number, one.number)
        };
        let (mut number, holds) = apply(binary.op, left, right)?;
        if binary.is_bool {
            number = truth(holds);
        } else if !holds {
            continue;
        }
        let labels = result_labels(binary, &entry.labels, &one.labels);
        // Of one-to-one there is one result for each signature, else the results of one have to differ.
        let is_taken = matched
            .iter()
            .any(|(known, result)| *known == signature && (matching.group.is_none() || *result == labels));
        if is_taken {
            return Err(Stop::Error("multiple matches for labels"));
        }
        matched.push((signature, labels.clone()));
        results.push(Entry {
            labels,
            drops_name: entry.drops_name || binary.is_bool,
            number,
        });
    }
    Ok(results)
}

fn result_labels(binary: &Binary, many: &Labels, one: &Labels) -> Labels {
    let matching = &binary.matching;
    let mut labels = many.clone();
    if !is_comparison(binary.op) {
        labels.remove(NAME);
    }
    match &matching.group {
        None => labels.retain(|name, _| matching.labels.contains(name) == matching.is_on),
        Some(group) => {
            for name in &group.include {
                match one.get(name) {
                    Some(value) => labels.insert(name.clone(), value.clone()),
                    None => labels.remove(name),
                };
            }
        }
    }
    labels
}
