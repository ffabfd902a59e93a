//! Operators between two vectors: series are paired by labels once, then their columns are walked together.

use model::Labels;
use model::labels::METRIC_NAME;
use rustc_hash::FxHashMap;

use super::binary::{compute, is_trim, keeps, keeps_name};
use super::column::{Column, merge_same_labels, sample_count, without_name};
use super::mixed_binary::{Said, apply};
use super::{Evaluator, Grid};
use crate::answer::Point;
use crate::ast::{Cardinality, Matching};
use crate::error::EvalError;
use crate::plan::BinaryPlan;

/// Series of both sides that have the same matching labels. The sides are "many" and "one"; of one-to-one matching
/// "many" is the left.
#[derive(Debug, Default)]
struct Group {
    many: Vec<usize>,
    one: Vec<usize>,
}

impl Evaluator<'_> {
    pub(super) fn between_vectors(
        &mut self,
        plan: &BinaryPlan,
        at: usize,
        left: Vec<Column>,
        right: Vec<Column>,
        grid: Grid,
    ) -> Result<Vec<Column>, EvalError> {
        let mut said = Said::default();
        let matching = &plan.matching;
        let swapped = matching.cardinality == Cardinality::OneToMany;
        let (many, one) = if swapped { (right, left) } else { (left, right) };
        // With group_right upstream fills the sides the other way round, since it swaps the operands but not the fills;
        // answers should not differ from there.
        let (fill_many, fill_one) = (matching.fill_left, matching.fill_right);
        let pairing = Pairing {
            plan,
            swapped,
            fill_many,
            fill_one,
            // Duplicates matter only at steps where something could match.
            many_present: present_steps(&many, grid),
            many: &many,
            one: &one,
            grid,
        };
        let mut groups: FxHashMap<Labels, Group> = FxHashMap::default();
        let mut order = Vec::new();
        for (is_many, columns) in [(true, &many), (false, &one)] {
            for (place, column) in columns.iter().enumerate() {
                let key = matching_labels(matching, &column.labels);
                let group = groups.entry(key.clone()).or_insert_with(|| {
                    order.push(key);
                    Group::default()
                });
                if is_many {
                    group.many.push(place);
                } else {
                    group.one.push(place);
                }
            }
        }
        let mut results = Vec::new();
        let (mut made, mut counted) = (0, 0);
        for (turn, key) in order.iter().enumerate() {
            self.check_at(turn)?;
            if let Some(group) = groups.get(key) {
                pairing.join(key, group, &mut results, &mut said)?;
            }
            made += results.get(counted..).map_or(0, sample_count);
            counted = results.len();
            self.check_room(made)?;
        }
        self.tell_operator(plan.op, &said, at);
        merge_same_labels(results)
    }
}

/// The labels by which series are paired.
pub(super) fn matching_labels(matching: &Matching, labels: &Labels) -> Labels {
    if matching.on {
        labels.retain(|name| matching.labels.iter().any(|label| label == name))
    } else {
        labels.retain(|name| name != METRIC_NAME && !matching.labels.iter().any(|label| label == name))
    }
}

/// At which steps any column has a value.
pub(super) fn present_steps(columns: &[Column], grid: Grid) -> Vec<bool> {
    let mut present = vec![false; grid.steps];
    for column in columns {
        column.mark(&mut present);
    }
    present
}

struct Pairing<'a> {
    plan: &'a BinaryPlan,
    /// "many" stands on the right.
    swapped: bool,
    fill_many: Option<f64>,
    fill_one: Option<f64>,
    many_present: Vec<bool>,
    many: &'a [Column],
    one: &'a [Column],
    grid: Grid,
}

impl Pairing<'_> {
    /// The results of one group.
    fn join(
        &self,
        key: &Labels,
        group: &Group,
        results: &mut Vec<Column>,
        said: &mut Said,
    ) -> Result<(), EvalError> {
        let partner = self.partners(key, group)?;
        let one_to_one = self.plan.matching.cardinality == Cardinality::OneToOne;
        let mut matched = vec![false; self.grid.steps];
        let mut many_seen = vec![false; self.grid.steps];
        let first_result = results.len();
        for column in group.many.iter().filter_map(|place| self.many.get(*place)) {
            // Results differ by the partner's labels where some of those are taken over.
            let mut by_partner: Vec<(Option<usize>, Column)> = Vec::new();
            for step in 0..self.grid.steps {
                let Some(many) = column.point(step) else {
                    continue;
                };
                if let Some(seen) = many_seen.get_mut(step) {
                    *seen = true;
                }
                let place = partner.get(step).copied().flatten();
                let one = place
                    .and_then(|place| self.one.get(place)?.point(step))
                    .or(self.fill_one.map(Point::Float));
                let Some(value) = one.and_then(|one| self.value(many, one, said)) else {
                    continue;
                };
                if one_to_one && matched.get(step).copied().unwrap_or(false) {
                    return Err(EvalError::execution(
                        "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)",
                    ));
                }
                if let Some(matched) = matched.get_mut(step) {
                    *matched = true;
                }
                let source = if self.plan.matching.include.is_empty() {
                    None
                } else {
                    place
                };
                let known = by_partner.iter().position(|(known, _)| *known == source);
                let known = known.unwrap_or_else(|| {
                    by_partner.push((source, self.result(column, source)));
                    by_partner.len() - 1
                });
                if let Some((_, found)) = by_partner.get_mut(known) {
                    found.set(step, value);
                }
            }
            results.extend(by_partner.into_iter().map(|(_, column)| column));
        }
        self.fill_missing_many(key, &partner, &many_seen, results, said);
        if !one_to_one {
            let added = results.split_off(first_result);
            let merged = merge_same_labels(added).map_err(|_| {
                EvalError::execution(
                    "multiple matches for labels: grouping labels must ensure unique matches",
                )
            })?;
            results.extend(merged);
        }
        Ok(())
    }

    /// The one series to pair with, at every step; refuses more than one.
    fn partners(&self, key: &Labels, group: &Group) -> Result<Vec<Option<usize>>, EvalError> {
        let mut partners: Vec<Option<usize>> = vec![None; self.grid.steps];
        for place in &group.one {
            let Some(column) = self.one.get(*place) else {
                continue;
            };
            for (step, partner) in partners.iter_mut().enumerate() {
                if !column.has(step) {
                    continue;
                }
                let matters =
                    self.fill_many.is_some() || self.many_present.get(step).copied().unwrap_or(false);
                match partner {
                    Some(known) if matters => return Err(self.duplicate(key, *known, *place)),
                    _ => *partner = Some(*place),
                }
            }
        }
        Ok(partners)
    }

    fn duplicate(&self, key: &Labels, first: usize, second: usize) -> EvalError {
        let labels = |place: usize| {
            self.one
                .get(place)
                .map(|column| column.labels.to_string())
                .unwrap_or_default()
        };
        let side = if self.swapped { "left" } else { "right" };
        EvalError::execution(format!(
            "found duplicate series for the match group {key} on the {side} hand-side of the operation: [{}, {}];many-to-many matching not allowed: matching labels must be unique on one side",
            labels(second),
            labels(first)
        ))
    }

    /// The operator's value; nothing where a comparison does not hold.
    fn value(&self, many: Point, one: Point, said: &mut Said) -> Option<Point> {
        let (left, right) = if self.swapped { (one, many) } else { (many, one) };
        if let (Point::Float(left), Point::Float(right)) = (&left, &right)
            && !is_trim(self.plan.op)
        {
            let value = match keeps(self.plan.op, *left, *right) {
                None => compute(self.plan.op, *left, *right),
                Some(keep) if self.plan.return_bool => f64::from(u8::from(keep)),
                Some(true) => *left,
                Some(false) => return None,
            };
            return Some(Point::Float(value));
        }
        let verdict = apply(self.plan.op, &left, &right, said);
        verdict.value(self.plan.return_bool, || left)
    }

    /// An empty column with the labels of a result.
    fn result(&self, many: &Column, partner: Option<usize>) -> Column {
        let matching = &self.plan.matching;
        let mut labels = if keeps_name(self.plan.op) {
            many.labels.clone()
        } else {
            without_name(&many.labels)
        };
        if matching.cardinality == Cardinality::OneToOne {
            labels = labels.retain(|name| matching.on == matching.labels.iter().any(|label| label == name));
        }
        if let Some(one) = partner.and_then(|place| self.one.get(place)) {
            let mut builder = labels.to_builder();
            for name in &matching.include {
                builder.set(name.as_str(), one.labels.get(name).unwrap_or_default());
            }
            labels = builder.build();
        }
        Column::blank(labels, many.drops_name || self.plan.return_bool, self.grid.steps)
    }

    /// Results at steps where only the "one" side has a sample and the other side is to be filled.
    fn fill_missing_many(
        &self,
        key: &Labels,
        partner: &[Option<usize>],
        many_seen: &[bool],
        results: &mut Vec<Column>,
        said: &mut Said,
    ) {
        let Some(fill) = self.fill_many else { return };
        let mut filled = Column::blank(without_name(key), false, self.grid.steps);
        for step in 0..self.grid.steps {
            if many_seen.get(step).copied().unwrap_or(false) {
                continue;
            }
            let one = partner
                .get(step)
                .copied()
                .flatten()
                .and_then(|place| self.one.get(place)?.point(step));
            let value = one.and_then(|one| self.value(Point::Float(fill), one, said));
            filled.set_some(step, value);
        }
        if !filled.is_empty() {
            results.push(filled);
        }
    }
}
