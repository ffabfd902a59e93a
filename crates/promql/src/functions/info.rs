//! `info`: adds the labels of info metrics, such as `target_info`, to series of the same job and instance.

use std::collections::BTreeMap;

use model::labels::METRIC_NAME;
use model::{Labels, Matcher};
use rustc_hash::FxHashMap;

use crate::error::EvalError;
use crate::eval::{Column, Evaluated, Evaluator, Grid, merge_same_labels};
use crate::plan::{CallPlan, Op, Plan, SelectorPlan, Shift, Source};

/// The labels that tie an info metric to other series.
const IDENTIFYING: [&str; 2] = ["instance", "job"];
/// The info metric that is meant where none is named.
const DEFAULT_METRIC: &str = "target_info";

/// What the second argument asks for.
struct Asked {
    names: Vec<Matcher>,
    data: Vec<Matcher>,
}

/// Info series that share the identifying labels, by metric, with the time of their newest sample at each step.
struct Infos {
    labels: Vec<Labels>,
    times: Vec<Vec<f64>>,
    by_id: FxHashMap<Labels, Vec<usize>>,
}

pub(crate) fn info(
    evaluator: &mut Evaluator<'_>,
    call: &CallPlan,
    grid: Grid,
) -> Result<Evaluated, EvalError> {
    let Some(base) = call.args.first() else {
        return Ok(Evaluated::Vector(Vec::new()));
    };
    let asked = asked(call.args.get(1));
    let columns = evaluator.vector(base, grid)?;
    let infos = infos(evaluator, &asked, base, grid)?;
    let mut results = Vec::new();
    for (turn, column) in columns.into_iter().enumerate() {
        evaluator.check_at(turn)?;
        let name = column.labels.metric_name();
        // Info metrics are not enriched themselves.
        if asked.names.iter().all(|matcher| matcher.matches(name)) {
            results.push(column);
        } else {
            enrich(&column, &asked, &infos, grid, &mut results)?;
        }
    }
    merge_same_labels(results).map(Evaluated::Vector)
}

fn asked(selector: Option<&Plan>) -> Asked {
    let matchers = match selector.map(|plan| &plan.op) {
        Some(Op::Selector(selector)) => selector.matchers.clone(),
        _ => Vec::new(),
    };
    let (mut names, data): (Vec<_>, Vec<_>) = matchers
        .into_iter()
        .partition(|matcher| matcher.name() == METRIC_NAME);
    if names.is_empty() {
        names.push(Matcher::equal(METRIC_NAME, DEFAULT_METRIC));
    }
    Asked { names, data }
}

fn infos(evaluator: &mut Evaluator<'_>, asked: &Asked, base: &Plan, grid: Grid) -> Result<Infos, EvalError> {
    let selector = SelectorPlan {
        matchers: asked.names.iter().chain(&asked.data).cloned().collect(),
        shift: shift_of(base),
        extended: None,
        hints: crate::histogram::Hints::default(),
    };
    let mut found = Infos {
        labels: Vec::new(),
        times: Vec::new(),
        by_id: FxHashMap::default(),
    };
    if let Evaluated::Vector(columns) = evaluator.select_times_of_numbers(&selector, grid)? {
        for column in columns {
            if !column.has_no_histogram() {
                return Err(EvalError::execution("info sample should be float"));
            }
            let id = column.labels.retain(|name| IDENTIFYING.contains(&name));
            found.by_id.entry(id).or_default().push(found.labels.len());
            found.labels.push(column.labels);
            found.times.push(column.values);
        }
    }
    Ok(found)
}

/// The time that the first selector of an expression looks at: info series are those of the same time.
fn shift_of(plan: &Plan) -> Shift {
    match &plan.op {
        Op::Selector(selector) => selector.shift,
        Op::Window(window) => match &window.source {
            Source::Series(_) => window.shift,
            Source::Subquery { inner, .. } => {
                let inner = shift_of(inner);
                Shift {
                    at_ms: inner.at_ms.or(window.shift.at_ms),
                    offset_ms: inner.offset_ms
                        + if inner.at_ms.is_some() {
                            0
                        } else {
                            window.shift.offset_ms
                        },
                }
            }
        },
        Op::Plus(inner) | Op::Negate(inner) => shift_of(inner),
        Op::Binary(binary) => shift_of(&binary.left),
        Op::Aggregate(aggregate) => shift_of(&aggregate.inner),
        Op::Call(call) => call
            .args
            .iter()
            .find(|arg| !matches!(arg.op, Op::Number(_) | Op::Text { .. }))
            .map_or(Shift::default(), shift_of),
        Op::Number(_) | Op::Text { .. } => Shift::default(),
    }
}

/// Adds to `results` the column once for every set of info series that it meets over time.
fn enrich(
    column: &Column,
    asked: &Asked,
    infos: &Infos,
    grid: Grid,
    results: &mut Vec<Column>,
) -> Result<(), EvalError> {
    let id = column.labels.retain(|name| IDENTIFYING.contains(&name));
    let candidates = infos.by_id.get(&id).map(Vec::as_slice).unwrap_or_default();
    let may_lack = asked.data.iter().all(Matcher::matches_empty);
    let mut by_infos: BTreeMap<Vec<usize>, Column> = BTreeMap::new();
    for step in 0..grid.steps {
        let Some(value) = column.point(step) else {
            continue;
        };
        let newest = newest_by_metric(candidates, infos, step)?;
        if newest.is_empty() && !may_lack {
            continue;
        }
        if !by_infos.contains_key(&newest) {
            let labels = enriched(&column.labels, &newest, asked, infos)?;
            let added = Column::blank(labels, column.drops_name, grid.steps);
            by_infos.insert(newest.clone(), added);
        }
        if let Some(found) = by_infos.get_mut(&newest) {
            found.set(step, value);
        }
    }
    results.extend(by_infos.into_values());
    Ok(())
}

/// Of every info metric the series with the newest sample at a step.
fn newest_by_metric(candidates: &[usize], infos: &Infos, step: usize) -> Result<Vec<usize>, EvalError> {
    let mut newest: BTreeMap<&str, (f64, usize)> = BTreeMap::new();
    for place in candidates {
        let (Some(labels), Some(times)) = (infos.labels.get(*place), infos.times.get(*place)) else {
            continue;
        };
        let Some(time) = times.get(step).copied().filter(|time| !time.is_nan()) else {
            continue;
        };
        let name = labels.metric_name();
        match newest.get(name) {
            Some((known, _)) if *known > time => {}
            Some((known, _)) if *known == time => {
                return Err(EvalError::execution(format!(
                    "found duplicate series for info metric {name:?}: {labels}"
                )));
            }
            _ => {
                newest.insert(name, (time, *place));
            }
        }
    }
    Ok(newest.into_values().map(|(_, place)| place).collect())
}

fn enriched(base: &Labels, newest: &[usize], asked: &Asked, infos: &Infos) -> Result<Labels, EvalError> {
    let mut added: BTreeMap<&str, &str> = BTreeMap::new();
    for labels in newest.iter().filter_map(|place| infos.labels.get(*place)) {
        for (name, value) in labels {
            let wanted = asked.data.is_empty() || asked.data.iter().any(|matcher| matcher.name() == name);
            if name == METRIC_NAME || IDENTIFYING.contains(&name) || !wanted || base.get(name).is_some() {
                continue;
            }
            if added.insert(name, value).is_some_and(|known| known != value) {
                return Err(EvalError::execution(format!("conflicting label: {name}")));
            }
        }
    }
    let mut labels = base.to_builder();
    for (name, value) in added {
        labels.set(name, value);
    }
    Ok(labels.build())
}
