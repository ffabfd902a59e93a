//! Aggregations (querying/operators, "Aggregation operators").

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::data::Labels;
use super::evaluate::{Context, Entry, NAME, scalar, text, unique, vector};
use super::number::{Number, Outcome, Stop, mean, quantile, root, sum, variance};
use super::tree::{Aggregate, Limit};

pub(crate) fn evaluate(aggregate: &Aggregate, context: Context<'_>) -> Outcome<Vec<Entry>> {
    let parameter = match &aggregate.parameter {
        Some(parameter) if aggregate.op != "count_values" => scalar(parameter, context)?,
        _ => Number::exact(0.0),
    };
    let ranks = matches!(aggregate.op, "topk" | "bottomk" | "limitk");
    if ranks && parameter.value.is_nan() {
        return Err(Stop::Error("a count is NaN"));
    }
    if ranks && parameter.value.abs() >= i64::MAX as f64 {
        return Err(Stop::Error("a count is no whole number of 64 bits"));
    }
    let mut entries = vector(&aggregate.inner, context)?;
    if aggregate.op == "count_values" {
        let label = aggregate
            .parameter
            .as_ref()
            .map_or("", |parameter| text(parameter));
        return count_values(aggregate, label, entries);
    }
    let mut groups: BTreeMap<Labels, Vec<Entry>> = BTreeMap::new();
    for entry in entries.drain(..) {
        groups
            .entry(group_of(aggregate.is_without, &aggregate.labels, &entry.labels))
            .or_default()
            .push(entry);
    }
    let mut results = Vec::new();
    for (labels, members) in groups {
        if matches!(aggregate.op, "topk" | "bottomk") {
            results.extend(ranked(members, parameter, aggregate.op == "topk")?);
            continue;
        }
        let drops_name = members.iter().any(|member| member.drops_name);
        let numbers: Vec<Number> = members.iter().map(|member| member.number).collect();
        let number = of_group(aggregate.op, parameter, &numbers)?;
        results.push(Entry {
            labels,
            drops_name,
            number,
        });
    }
    Ok(results)
}

/// The labels that stay of a series' ones.
pub(crate) fn group_of(is_without: bool, listed: &[String], labels: &Labels) -> Labels {
    let mut group = labels.clone();
    group.retain(|name, _| {
        let is_listed = listed.contains(name);
        if is_without {
            !is_listed && name != NAME
        } else {
            is_listed
        }
    });
    group
}

fn of_group(op: &str, parameter: Number, numbers: &[Number]) -> Outcome<Number> {
    let count = Number::exact(numbers.len() as f64);
    match op {
        "sum" => sum(numbers),
        "avg" => mean(numbers),
        "count" => Ok(count),
        "group" => Ok(Number::exact(1.0)),
        "min" => extreme(numbers, false),
        "max" => extreme(numbers, true),
        "stdvar" => variance(numbers),
        "stddev" => root(variance(numbers)?),
        "quantile" => quantile(parameter, numbers),
        other => panic!("no aggregation: {other}"),
    }
}

/// The greatest or the least; NaN only where there is nothing else.
fn extreme(numbers: &[Number], greatest: bool) -> Outcome<Number> {
    let mut best = numbers[0];
    for number in numbers {
        let is_better = if greatest {
            number.value > best.value
        } else {
            number.value < best.value
        };
        if is_better || best.value.is_nan() {
            best = *number;
        }
    }
    let slack = numbers
        .iter()
        .fold(best.slack, |slack, number| slack.max(number.slack));
    Number::within(best.value, slack)
}

/// The first so many by value, NaN last. Which of equals stay where not all can is left open.
fn ranked(mut members: Vec<Entry>, count: Number, greatest: bool) -> Outcome<Vec<Entry>> {
    let count = count.map(f64::trunc)?;
    if count.slack > 0.25 {
        return Err(Stop::Undecided("rounding decides a count"));
    }
    let count = if count.value < 1.0 {
        0
    } else {
        count.value as usize
    };
    let order = |left: &Entry, right: &Entry| {
        let (left, right) = (left.number.value, right.number.value);
        let by_size = left.partial_cmp(&right).unwrap_or(Ordering::Equal);
        let by_size = if greatest { by_size.reverse() } else { by_size };
        left.is_nan().cmp(&right.is_nan()).then(by_size)
    };
    members.sort_by(order);
    if let (true, Some(next)) = (count > 0, members.get(count)) {
        let last = &members[count - 1];
        let both_are_nan = last.number.value.is_nan() && next.number.value.is_nan();
        if both_are_nan || last.number.equals(next.number)? {
            return Err(Stop::Undecided("equal values at the end of a ranking"));
        }
    }
    members.truncate(count);
    Ok(members)
}

/// How often each value is there: the value becomes a label before series are grouped.
fn count_values(aggregate: &Aggregate, label: &str, entries: Vec<Entry>) -> Outcome<Vec<Entry>> {
    let mut listed = aggregate.labels.clone();
    if !aggregate.is_without {
        listed.push(label.to_owned());
    }
    let mut counts: BTreeMap<Labels, (f64, bool)> = BTreeMap::new();
    for mut entry in entries {
        if entry.number.slack > 0.0 {
            return Err(Stop::Undecided("rounding decides a label"));
        }
        let value = match entry.number.value {
            f64::INFINITY => "+Inf".to_owned(),
            f64::NEG_INFINITY => "-Inf".to_owned(),
            value => format!("{value}"),
        };
        entry.labels.insert(label.to_owned(), value);
        let known = counts
            .entry(group_of(aggregate.is_without, &listed, &entry.labels))
            .or_default();
        known.0 += 1.0;
        known.1 |= entry.drops_name;
    }
    let of = |(labels, (count, drops_name))| Entry {
        labels,
        drops_name,
        number: Number::exact(count),
    };
    unique(counts.into_iter().map(of).collect())
}

/// What stays when only so many series are to stay, as far as it is promised.
pub(crate) fn limited(limit: Limit, entries: Vec<Entry>) -> Vec<Entry> {
    let count = match limit {
        Limit::Whole(_) => return entries,
        Limit::Nothing(_) => 0.0,
        Limit::Count(count) => count.min(entries.len() as f64),
    };
    if count < 1.0 {
        return Vec::new();
    }
    vec![Entry {
        labels: Labels::new(),
        drops_name: true,
        number: Number::exact(count),
    }]
}
