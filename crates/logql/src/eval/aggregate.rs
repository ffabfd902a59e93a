//! Many series made one, or some of them chosen: `sum by (app) (…)`, `topk(5, …)`.

use std::cmp::Ordering;

use rustc_hash::FxHashMap;

use super::Evaluator;
use super::column::{ABSENT, Column, bytes_of_values, held_bytes};
use super::grid::Grid;
use super::state::{Least, Mean, Most, Spread, State};
use crate::ast::{Aggregation, Grouping, Metric, RangeOp, VectorOp};
use crate::error::EvalError;
use crate::label_set::LabelSet;

impl Evaluator<'_> {
    pub(super) fn aggregation(
        &mut self,
        aggregation: &Aggregation,
        grid: Grid,
    ) -> Result<Vec<Column>, EvalError> {
        if aggregation.op == VectorOp::ApproxTopk && !self.is_instant {
            return Err(EvalError::execution(
                "approx_topk is only supported for instant queries",
            ));
        }
        let columns = self.inner(aggregation, grid)?;
        self.check()?;
        match aggregation.op {
            VectorOp::Sort => return Ok(sorted(columns, false)),
            VectorOp::SortDesc => return Ok(sorted(columns, true)),
            _ => {}
        }
        let held = held_bytes(&columns);
        self.check_room(columns.iter().map(bytes_in_groups).sum())?;
        let groups = groups(aggregation.grouping.as_ref(), &columns);
        let of_groups = columns.len() * size_of::<usize>() + groups.len() * bytes_of_values(0);
        self.hold(of_groups)?;
        let made = if aggregation.op.selects() {
            let count = aggregation.parameter.unwrap_or_default();
            let kept_max = columns
                .len()
                .min(count.saturating_mul(grid.steps).saturating_mul(groups.len()));
            self.check_room(kept_max * bytes_of_values(grid.steps))?;
            let least_first = aggregation.op == VectorOp::Bottomk;
            selected(columns, &groups, count, least_first, grid)
        } else {
            self.check_room(groups.len() * bytes_of_values(grid.steps))?;
            added_up(aggregation.op, &columns, groups, grid)
        };
        self.exchange(held + of_groups, &made)?;
        Ok(made)
    }

    /// The series to be aggregated. Where lines are added up, they are added up as they are grouped in the end.
    fn inner(&mut self, aggregation: &Aggregation, grid: Grid) -> Result<Vec<Column>, EvalError> {
        let Metric::Range(range) = &aggregation.inner else {
            return self.vector(&aggregation.inner, grid);
        };
        let adds_up = matches!(
            range.op,
            RangeOp::Bytes | RangeOp::BytesRate | RangeOp::Sum | RangeOp::Rate | RangeOp::Count
        );
        let all = Grouping {
            without: false,
            labels: Vec::new(),
        };
        let grouping = aggregation.grouping.as_ref().unwrap_or(&all);
        let pushed = (aggregation.op == VectorOp::Sum && adds_up).then_some(grouping);
        self.range_aggregation(range, pushed, grid)
    }
}

/// The members of each group, in the order in which the groups are met.
type Groups = Vec<(LabelSet, Vec<usize>)>;

/// Bytes that a series takes where it makes a group of its own.
fn bytes_in_groups(column: &Column) -> usize {
    column.labels.heap_bytes() + bytes_of_values(0)
}

fn groups(grouping: Option<&Grouping>, columns: &[Column]) -> Groups {
    let mut places: FxHashMap<LabelSet, usize> = FxHashMap::default();
    let mut groups = Groups::new();
    for (member, column) in columns.iter().enumerate() {
        let labels = match grouping {
            None => LabelSet::empty(),
            Some(grouping) => {
                let is_named = |name: &str| grouping.labels.iter().any(|label| label == name);
                column.labels.retain(|name| is_named(name) != grouping.without)
            }
        };
        let place = *places.entry(labels).or_insert_with_key(|labels| {
            groups.push((labels.clone(), Vec::new()));
            groups.len() - 1
        });
        if let Some((_, members)) = groups.get_mut(place) {
            members.push(member);
        }
    }
    groups
}

/// One series for each group.
fn added_up(op: VectorOp, columns: &[Column], groups: Groups, grid: Grid) -> Vec<Column> {
    let made = groups.into_iter().map(|(labels, members)| {
        let members: Vec<&Column> = members.iter().filter_map(|member| columns.get(*member)).collect();
        let values = (0..grid.steps).map(|step| {
            let values = members.iter().filter_map(|column| column.at(step));
            of_values(op, values).unwrap_or(ABSENT)
        });
        Column {
            labels,
            values: values.collect(),
        }
    });
    made.collect()
}

fn of_values(op: VectorOp, mut values: impl Iterator<Item = f64>) -> Option<f64> {
    fn fold<S: State>(first: f64, rest: impl Iterator<Item = f64>) -> S {
        let mut state = S::new(0, first);
        rest.for_each(|value| state.add(0, value));
        state
    }
    let first = values.next()?;
    Some(match op {
        VectorOp::Sum => values.fold(first, |sum, value| sum + value),
        VectorOp::Avg => {
            let mean: Mean = fold(first, values);
            mean.sum / mean.count
        }
        VectorOp::Count => 1.0 + values.count() as f64,
        VectorOp::Max => fold::<Most>(first, values).0,
        VectorOp::Min => fold::<Least>(first, values).0,
        VectorOp::Stdvar => fold::<Spread>(first, values).variance(),
        VectorOp::Stddev => fold::<Spread>(first, values).variance().sqrt(),
        _ => f64::NAN,
    })
}

/// By value; what is no number comes last either way.
fn order(left: f64, right: f64, descending: bool) -> Ordering {
    match (left.is_nan(), right.is_nan()) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        (false, false) => {
            let by_value = left.partial_cmp(&right).unwrap_or(Ordering::Equal);
            if descending { by_value.reverse() } else { by_value }
        }
    }
}

/// Sorted by the value at the first step; an answer over time is sorted by labels anyway.
fn sorted(mut columns: Vec<Column>, descending: bool) -> Vec<Column> {
    columns.sort_by(|left, right| {
        let value = |column: &Column| column.at(0).unwrap_or(f64::NAN);
        let by_value = order(value(left), value(right), descending);
        by_value.then_with(|| left.labels.cmp(&right.labels))
    });
    columns
}

/// At every step the first members of each group by value.
fn selected(
    columns: Vec<Column>,
    groups: &Groups,
    count: usize,
    least_first: bool,
    grid: Grid,
) -> Vec<Column> {
    // Room for values is made for those that are chosen at some step.
    let mut kept: Vec<Vec<f64>> = vec![Vec::new(); columns.len()];
    for (_, members) in groups {
        for step in 0..grid.steps {
            let value = |member: &usize| columns.get(*member).and_then(|column| column.at(step));
            let mut present: Vec<(usize, f64)> = members
                .iter()
                .filter_map(|member| Some((*member, value(member)?)))
                .collect();
            present.sort_by(|left, right| {
                let labels = |member: usize| columns.get(member).map(|column| &column.labels);
                let by_value = order(left.1, right.1, !least_first);
                by_value.then_with(|| labels(left.0).cmp(&labels(right.0)))
            });
            for (member, value) in present.into_iter().take(count) {
                let Some(values) = kept.get_mut(member) else {
                    continue;
                };
                if values.is_empty() {
                    values.resize(grid.steps, ABSENT);
                }
                if let Some(place) = values.get_mut(step) {
                    *place = value;
                }
            }
        }
    }
    let chosen = columns.into_iter().zip(kept);
    chosen
        .filter(|(_, values)| !values.is_empty())
        .map(|(Column { labels, .. }, values)| Column { labels, values })
        .collect()
}
