//! Aggregations: series are grouped by labels once, then each group's columns are summed up step by step.

use std::collections::hash_map::Entry;

use model::Labels;
use model::labels::METRIC_NAME;
use model::number::{format_float, format_plain};
use rustc_hash::FxHashMap;

use super::column::{ABSENT, Column, Evaluated, is_present, sample_count, without_name};
use super::{Evaluator, Grid, merge_same_labels};
use crate::answer::Point;
use crate::ast::AggregateOp;
use crate::error::EvalError;
use crate::functions::over_time::quantile_of;
use crate::plan::{AggregatePlan, Op, Plan};

/// The series of one group.
pub(super) struct Group {
    pub(super) labels: Labels,
    pub(super) drops_name: bool,
    pub(super) members: Vec<usize>,
}

impl Evaluator<'_> {
    /// An aggregation's value at every step.
    pub(super) fn aggregate(
        &mut self,
        plan: &AggregatePlan,
        aggregate_at: usize,
        grid: Grid,
    ) -> Result<Evaluated, EvalError> {
        let at = plan.inner.at;
        if plan.op == AggregateOp::CountValues {
            return self.count_values(plan, grid);
        }
        if let Some(folded) = self.folded(plan, grid)? {
            return Ok(folded);
        }
        let params = match &plan.parameter {
            Some(parameter) => self.scalar(parameter, grid)?,
            None => Vec::new(),
        };
        let params_at = plan.parameter.as_ref().map_or(0, |parameter| parameter.at);
        let params = self.checked(plan.op, params, params_at)?;
        let columns = self.vector(&plan.inner, grid)?;
        let before = sample_count(&columns);
        let groups = group(plan, &columns);
        let is_ranked = matches!(plan.op, AggregateOp::Topk | AggregateOp::Bottomk);
        let ignored_at = if is_ranked { aggregate_at } else { at };
        self.tell_ignored(plan.op, &columns, ignored_at);
        let results = match plan.op {
            AggregateOp::Topk | AggregateOp::Bottomk => ranked(plan.op, &params, &columns, &groups, grid),
            AggregateOp::Limitk | AggregateOp::LimitRatio => {
                limited(plan.op, &params, &columns, &groups, grid)
            }
            _ => quantiles(&params, &columns, groups, grid),
        };
        self.hold(sample_count(&results))?;
        self.release(before);
        Ok(Evaluated::Vector(results))
    }

    /// Refuses or notes parameters that make no sense, and brings the others into range.
    fn checked(&mut self, op: AggregateOp, mut params: Vec<f64>, at: usize) -> Result<Vec<f64>, EvalError> {
        match op {
            AggregateOp::Quantile => {
                for q in &params {
                    self.doubt_quantile(*q, at);
                }
            }
            AggregateOp::Topk | AggregateOp::Bottomk | AggregateOp::Limitk => {
                if params.iter().any(|k| k.is_nan()) {
                    return Err(EvalError::execution("Parameter value is NaN"));
                }
                if let Some(k) = params.iter().find(|k| k.abs() >= i64::MAX as f64) {
                    return Err(EvalError::execution(format!(
                        "Scalar value {} overflows int64",
                        format_float(*k)
                    )));
                }
            }
            AggregateOp::LimitRatio => {
                for ratio in &mut params {
                    if ratio.is_nan() {
                        return Err(EvalError::execution("Ratio value is NaN"));
                    }
                    let capped = ratio.clamp(-1.0, 1.0);
                    if capped != *ratio {
                        let text = format!(
                            "ratio value should be between -1 and 1, got {}, capping to {}",
                            format_float(*ratio),
                            format_float(capped)
                        );
                        self.warn(at, &text);
                        *ratio = capped;
                    }
                }
            }
            _ => {}
        }
        Ok(params)
    }

    fn count_values(&mut self, plan: &AggregatePlan, grid: Grid) -> Result<Evaluated, EvalError> {
        let label = label_of(plan.parameter.as_ref())?;
        let columns = self.vector(&plan.inner, grid)?;
        let groups = group(plan, &columns);
        // The label is set before others are taken away, and may be one of those.
        let is_taken = |label: &str| plan.labels.iter().any(|name| name == label) || label == METRIC_NAME;
        let mut counted = Counted {
            label: (!plan.without || !is_taken(&label)).then_some(label),
            steps: grid.steps,
            places: FxHashMap::default(),
            columns: Vec::new(),
        };
        let mut turn = 0;
        for group in &groups {
            // Keyed by the bits, all NaNs being one value.
            let mut numbers: FxHashMap<u64, usize> = FxHashMap::default();
            for column in group.members.iter().filter_map(|place| columns.get(*place)) {
                self.check_at(turn)?;
                turn += 1;
                for (step, value) in column
                    .values
                    .iter()
                    .enumerate()
                    .filter(|(_, value)| is_present(**value))
                {
                    let bits = if value.is_nan() {
                        f64::NAN.to_bits()
                    } else {
                        value.to_bits()
                    };
                    let place = match numbers.entry(bits) {
                        Entry::Occupied(known) => *known.get(),
                        Entry::Vacant(new) => {
                            self.hold(grid.steps)?;
                            *new.insert(counted.place(group, format_plain(*value)))
                        }
                    };
                    counted.count(place, step);
                }
                for step in 0..grid.steps {
                    let Some(histogram) = column.histogram_at(step) else {
                        continue;
                    };
                    let known = counted.columns.len();
                    let place = counted.place(group, crate::histogram::text(histogram));
                    self.hold(grid.steps * (counted.columns.len() - known))?;
                    counted.count(place, step);
                }
            }
        }
        self.release(sample_count(&columns));
        let mut results = counted.columns;
        results.sort_by(|left, right| left.labels.cmp(&right.labels));
        merge_same_labels(results).map(Evaluated::Vector)
    }
}

/// How often each value was counted. The label may be one that groups are made by: then groups fall together.
struct Counted {
    /// None where it is taken away again.
    label: Option<String>,
    steps: usize,
    places: FxHashMap<Labels, usize>,
    columns: Vec<Column>,
}

impl Counted {
    /// The place of the column that counts a value of a group.
    fn place(&mut self, group: &Group, value: String) -> usize {
        let mut labels = group.labels.to_builder();
        if let Some(label) = &self.label {
            labels.set(label.as_str(), value);
        }
        let labels = labels.build();
        *self.places.entry(labels.clone()).or_insert_with(|| {
            self.columns
                .push(Column::blank(labels, group.drops_name, self.steps));
            self.columns.len() - 1
        })
    }

    fn count(&mut self, place: usize, step: usize) {
        let column = self.columns.get_mut(place);
        if let Some(cell) = column.and_then(|column| column.values.get_mut(step)) {
            *cell = if is_present(*cell) { *cell + 1.0 } else { 1.0 };
        }
    }
}

/// The name of the label that `count_values` sets.
fn label_of(parameter: Option<&Plan>) -> Result<String, EvalError> {
    match parameter.map(|plan| &plan.op) {
        Some(Op::Text {
            not_utf8: Some(quoted),
            ..
        }) => Err(EvalError::execution(format!("invalid label name {quoted}"))),
        Some(Op::Text { value, .. }) if !value.is_empty() => Ok(value.clone()),
        _ => Err(EvalError::execution("invalid label name \"\"")),
    }
}

/// Whether groups are told apart by the metric's name.
pub(super) fn groups_by_name(plan: &AggregatePlan) -> bool {
    !plan.without && plan.labels.iter().any(|label| label == METRIC_NAME)
}

/// The labels of the group that a column belongs to.
pub(super) fn group_labels(plan: &AggregatePlan, column: &Column) -> Labels {
    let is_listed = |name: &str| plan.labels.iter().any(|label| label == name);
    if plan.without {
        without_name(&column.labels).retain(|name| !is_listed(name))
    } else if plan.labels.is_empty() {
        Labels::empty()
    } else {
        column.labels.retain(is_listed)
    }
}

/// Groups columns, in the order in which groups first appear.
fn group(plan: &AggregatePlan, columns: &[Column]) -> Vec<Group> {
    let mut places: FxHashMap<Labels, usize> = FxHashMap::default();
    let mut groups: Vec<Group> = Vec::new();
    let by_name = groups_by_name(plan);
    for (member, column) in columns.iter().enumerate() {
        let labels = group_labels(plan, column);
        let place = *places.entry(labels.clone()).or_insert_with(|| {
            groups.push(Group {
                labels,
                drops_name: false,
                members: Vec::new(),
            });
            groups.len() - 1
        });
        if let Some(group) = groups.get_mut(place) {
            group.members.push(member);
            group.drops_name |= by_name && column.drops_name;
        }
    }
    groups
}

/// Sorts groups: in which order they appeared depends on where the query begins, and what is made of them on their order.
pub(super) fn sort_by_labels<T>(groups: &mut [T], labels: impl Fn(&T) -> &Labels) {
    groups.sort_by(|left, right| labels(left).cmp(labels(right)));
}

/// The values of a group's members at one step.
fn members_at<'a>(
    columns: &'a [Column],
    group: &'a Group,
    step: usize,
) -> impl Iterator<Item = (usize, f64)> + 'a {
    group
        .members
        .iter()
        .filter_map(move |place| Some((*place, columns.get(*place)?.at(step)?)))
}

/// The quantile of every group at every step.
fn quantiles(params: &[f64], columns: &[Column], mut groups: Vec<Group>, grid: Grid) -> Vec<Column> {
    sort_by_labels(&mut groups, |group| &group.labels);
    let mut values = Vec::new();
    let mut of_group = |group: Group| {
        let steps = (0..grid.steps).map(|step| {
            values.clear();
            values.extend(members_at(columns, &group, step).map(|(_, value)| value));
            if values.is_empty() {
                ABSENT
            } else {
                quantile_of(params.get(step).copied().unwrap_or(f64::NAN), &mut values)
            }
        });
        let mut result = Column::new(group.labels.clone(), steps.collect());
        result.drops_name = group.drops_name;
        result
    };
    groups.into_iter().map(&mut of_group).collect()
}

/// `topk` and `bottomk`: of every group the first so many by value, NaN last.
fn ranked(op: AggregateOp, params: &[f64], columns: &[Column], groups: &[Group], grid: Grid) -> Vec<Column> {
    let mut chosen = Chosen::new(columns.len());
    let mut members = Vec::new();
    for group in groups {
        for step in 0..grid.steps {
            let count = wanted_count(params, step);
            members.clear();
            members.extend(members_at(columns, group, step));
            let compare = |left: &(usize, f64), right: &(usize, f64)| {
                let by_value = if op == AggregateOp::Topk {
                    right.1.partial_cmp(&left.1)
                } else {
                    left.1.partial_cmp(&right.1)
                };
                let by_nan = left.1.is_nan().cmp(&right.1.is_nan());
                by_nan
                    .then(by_value.unwrap_or(std::cmp::Ordering::Equal))
                    .then(left.0.cmp(&right.0))
            };
            if count < members.len() && count > 0 {
                members.select_nth_unstable_by(count - 1, compare);
            }
            members.truncate(count);
            members.sort_unstable_by(compare);
            for (place, value) in &members {
                chosen.add(*place, step, Point::Float(*value), columns, grid);
            }
        }
    }
    chosen.columns
}

/// `limitk` and `limit_ratio`: of every group some series, the same ones at every step.
fn limited(op: AggregateOp, params: &[f64], columns: &[Column], groups: &[Group], grid: Grid) -> Vec<Column> {
    let mut chosen = Chosen::new(columns.len());
    for group in groups {
        for step in 0..grid.steps {
            let ratio = params.get(step).copied().unwrap_or(0.0);
            let count = if op == AggregateOp::Limitk {
                wanted_count(params, step)
            } else {
                usize::MAX
            };
            let members = group.members.iter();
            let members = members.filter_map(|place| Some((*place, columns.get(*place)?.point(step)?)));
            members
                .filter(|(place, _)| op == AggregateOp::Limitk || falls_within(columns.get(*place), ratio))
                .take(count)
                .for_each(|(place, value)| chosen.add(place, step, value, columns, grid));
        }
    }
    chosen.columns
}

/// How many series are wanted at a step; none of a negative number.
fn wanted_count(params: &[f64], step: usize) -> usize {
    params.get(step).copied().unwrap_or(0.0).max(0.0) as usize
}

/// Whether a series belongs to the share `ratio` of all, by the hash of its labels; a negative ratio takes from the
/// other end, so that `r` and `r - 1` together take every series once.
fn falls_within(column: Option<&Column>, ratio: f64) -> bool {
    let Some(column) = column else { return false };
    let place = (column.labels.id().0 >> 64) as u64 as f64 / u64::MAX as f64;
    if ratio >= 0.0 {
        place < ratio || ratio == 1.0
    } else {
        place >= 1.0 + ratio
    }
}

/// Series that were chosen at some steps, in the order in which they first were.
struct Chosen {
    places: Vec<Option<usize>>,
    columns: Vec<Column>,
}

impl Chosen {
    fn new(count: usize) -> Self {
        Self {
            places: vec![None; count],
            columns: Vec::new(),
        }
    }

    fn add(&mut self, place: usize, step: usize, value: Point, columns: &[Column], grid: Grid) {
        let (Some(known), Some(column)) = (self.places.get_mut(place), columns.get(place)) else {
            return;
        };
        let chosen = *known.get_or_insert_with(|| {
            self.columns.push(Column::blank(
                column.labels.clone(),
                column.drops_name,
                grid.steps,
            ));
            self.columns.len() - 1
        });
        if let Some(column) = self.columns.get_mut(chosen) {
            column.set(step, value);
        }
    }
}
