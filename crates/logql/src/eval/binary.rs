//! Operations on two sides: numbers, series and a number, series and series that belong together.

use std::collections::BTreeMap;

use rustc_hash::FxHashSet;

use super::Evaluator;
use super::column::{ABSENT, Column, Evaluated, bytes_of_values, is_present, merge_same_labels};
use super::grid::Grid;
use crate::ast::{Binary, BinaryOp, Cardinality, Matching};
use crate::error::EvalError;
use crate::label_set::LabelSet;

impl Evaluator<'_> {
    pub(super) fn binary(&mut self, binary: &Binary, grid: Grid) -> Result<Evaluated, EvalError> {
        let left = self.evaluate(&binary.left, grid)?;
        let right = self.evaluate(&binary.right, grid)?;
        self.check()?;
        let before = left.held_bytes() + right.held_bytes();
        let made = match (left, right) {
            (Evaluated::Scalar(left), Evaluated::Scalar(right)) => {
                return Ok(Evaluated::Scalar(binary.op.apply(left, right)));
            }
            (Evaluated::Vector(left), Evaluated::Scalar(right)) => {
                with_number(binary, left, |value| (value, right))
            }
            (Evaluated::Scalar(left), Evaluated::Vector(right)) => {
                with_number(binary, right, |value| (left, value))
            }
            (Evaluated::Vector(left), Evaluated::Vector(right)) => {
                // Each series makes a group of its own at most.
                self.check_room((left.len() + right.len()) * bytes_of_values(0) * 2)?;
                if binary.op.is_set() {
                    set(binary, left, right, grid)
                } else {
                    matched(self, binary, &left, &right, grid)?
                }
            }
        };
        self.exchange(before, &made)?;
        Ok(Evaluated::Vector(made))
    }
}

/// Whether a comparison leaves values out instead of giving 0 or 1.
fn filters(binary: &Binary) -> bool {
    matches!(binary.op, BinaryOp::Compare(_)) && !binary.returns_bool
}

fn with_number(binary: &Binary, mut columns: Vec<Column>, sides: impl Fn(f64) -> (f64, f64)) -> Vec<Column> {
    for column in &mut columns {
        for value in column.values.iter_mut().filter(|value| is_present(**value)) {
            let (left, right) = sides(*value);
            let made = binary.op.apply(left, right);
            // Of the two the series keeps its own value.
            match filters(binary) {
                true if made == 0.0 => *value = ABSENT,
                true => {}
                false => *value = made,
            }
        }
    }
    columns.retain(|column| !column.is_empty());
    columns
}

/// What must be equal for two series to belong together.
fn signature(labels: &LabelSet, matching: Option<&Matching>) -> LabelSet {
    match matching {
        None => labels.retain(|_| true),
        Some(matching) => {
            let is_named = |name: &str| matching.labels.iter().any(|label| label == name);
            labels.retain(|name| is_named(name) == matching.on)
        }
    }
}

/// The series of both sides that belong together.
type Groups = BTreeMap<LabelSet, (Vec<usize>, Vec<usize>)>;

fn groups(binary: &Binary, left: &[Column], right: &[Column]) -> Groups {
    let mut groups = Groups::new();
    for (place, column) in left.iter().enumerate() {
        let signature = signature(&column.labels, binary.matching.as_ref());
        groups.entry(signature).or_default().0.push(place);
    }
    for (place, column) in right.iter().enumerate() {
        let signature = signature(&column.labels, binary.matching.as_ref());
        groups.entry(signature).or_default().1.push(place);
    }
    groups
}

fn any_at(columns: &[Column], members: &[usize], step: usize) -> bool {
    let mut members = members.iter().filter_map(|member| columns.get(*member));
    members.any(|column| column.at(step).is_some())
}

/// `and`, `or` and `unless`.
fn set(binary: &Binary, mut left: Vec<Column>, mut right: Vec<Column>, grid: Grid) -> Vec<Column> {
    for (lefts, rights) in groups(binary, &left, &right).values() {
        for step in 0..grid.steps {
            let (left_is_there, right_is_there) = (any_at(&left, lefts, step), any_at(&right, rights, step));
            let (clears_left, clears_right) = match binary.op {
                BinaryOp::And => (!right_is_there, true),
                BinaryOp::Unless => (right_is_there, true),
                _ => (false, left_is_there),
            };
            if clears_left {
                clear(&mut left, lefts, step);
            }
            if clears_right {
                clear(&mut right, rights, step);
            }
        }
    }
    left.append(&mut right);
    left.retain(|column| !column.is_empty());
    merge_same_labels(left)
}

fn clear(columns: &mut [Column], members: &[usize], step: usize) {
    for member in members {
        let value = columns
            .get_mut(*member)
            .and_then(|column| column.values.get_mut(step));
        if let Some(value) = value {
            *value = ABSENT;
        }
    }
}

/// Arithmetic and comparisons.
fn matched(
    evaluator: &mut Evaluator<'_>,
    binary: &Binary,
    left: &[Column],
    right: &[Column],
    grid: Grid,
) -> Result<Vec<Column>, EvalError> {
    let cardinality = binary
        .matching
        .as_ref()
        .map_or(Cardinality::OneToOne, |matching| matching.cardinality);
    let one_is_left = cardinality == Cardinality::OneToMany;
    let (many, one) = if one_is_left { (right, left) } else { (left, right) };
    let mut pairing = Pairing {
        evaluator,
        held: 0,
        binary,
        many,
        one,
        cardinality,
        steps: grid.steps,
        pairs: BTreeMap::new(),
        made: Vec::new(),
    };
    for (lefts, rights) in groups(binary, left, right).values() {
        let (many_members, one_members) = if one_is_left {
            (rights, lefts)
        } else {
            (lefts, rights)
        };
        for step in 0..grid.steps {
            if let Some(single) = single_at(one, one_members, step, one_is_left)? {
                pairing.step(many_members, single, step)?;
            }
        }
    }
    let Pairing {
        evaluator,
        held,
        mut made,
        ..
    } = pairing;
    evaluator.release(held);
    made.retain(|column| !column.is_empty());
    Ok(merge_same_labels(made))
}

/// Series of one side that belong to one series of the other, step by step.
struct Pairing<'a, 'e> {
    evaluator: &'a mut Evaluator<'e>,
    /// Bytes of what is made.
    held: usize,
    binary: &'a Binary,
    many: &'a [Column],
    one: &'a [Column],
    cardinality: Cardinality,
    steps: usize,
    /// Where what is made of a pair is: its labels do not depend on the step.
    pairs: BTreeMap<(usize, usize), usize>,
    made: Vec<Column>,
}

impl Pairing<'_, '_> {
    /// Those of `members` that have a value at a step, each with the one at `single`.
    fn step(&mut self, members: &[usize], single: usize, step: usize) -> Result<(), EvalError> {
        let Some(one_value) = self.one.get(single).and_then(|column| column.at(step)) else {
            return Ok(());
        };
        let mut seen: FxHashSet<LabelSet> = FxHashSet::default();
        let mut is_first = true;
        for member in members {
            let value = self.many.get(*member).and_then(|column| column.at(step));
            let Some(many_value) = value else { continue };
            if self.cardinality == Cardinality::OneToOne && !is_first {
                return Err(EvalError::execution(
                    "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)",
                ));
            }
            is_first = false;
            let place = self.place(*member, single)?;
            let Some(column) = self.made.get_mut(place) else {
                continue;
            };
            if self.cardinality != Cardinality::OneToOne && !seen.insert(column.labels.clone()) {
                return Err(EvalError::execution(
                    "multiple matches for labels: grouping labels must ensure unique matches",
                ));
            }
            let (left, right) = match self.cardinality {
                Cardinality::OneToMany => (one_value, many_value),
                _ => (many_value, one_value),
            };
            let made = self.binary.op.apply(left, right);
            if let Some(value) = column.values.get_mut(step) {
                *value = match filters(self.binary) {
                    true if made == 0.0 => ABSENT,
                    true => left,
                    false => made,
                };
            }
        }
        Ok(())
    }

    /// Where what is made of a pair is.
    fn place(&mut self, member: usize, single: usize) -> Result<usize, EvalError> {
        if let Some(place) = self.pairs.get(&(member, single)) {
            return Ok(*place);
        }
        let labels = self
            .many
            .get(member)
            .map(|column| labels_of(column, self.one.get(single), self.binary.matching.as_ref()));
        let labels = labels.unwrap_or_default();
        let bytes = labels.heap_bytes() + bytes_of_values(self.steps);
        self.evaluator.hold(bytes)?;
        self.held += bytes;
        self.made.push(Column {
            labels,
            values: vec![ABSENT; self.steps],
        });
        let place = self.made.len() - 1;
        self.pairs.insert((member, single), place);
        Ok(place)
    }
}

/// The one of the members that has a value at a step.
fn single_at(
    columns: &[Column],
    members: &[usize],
    step: usize,
    is_left: bool,
) -> Result<Option<usize>, EvalError> {
    let is_there = |member: &&usize| {
        columns
            .get(**member)
            .is_some_and(|column| column.at(step).is_some())
    };
    let mut present = members.iter().filter(is_there);
    let first = present.next();
    if present.next().is_some() {
        let side = if is_left { "left" } else { "right" };
        return Err(EvalError::execution(format!(
            "found duplicate series on the {side} hand-side;many-to-many matching not allowed: matching labels must be unique \
             on one side"
        )));
    }
    Ok(first.copied())
}

/// The labels of what is made of a pair.
fn labels_of(many: &Column, one: Option<&Column>, matching: Option<&Matching>) -> LabelSet {
    let Some(matching) = matching else {
        return many.labels.retain(|_| true);
    };
    if matching.cardinality == Cardinality::OneToOne {
        return signature(&many.labels, Some(matching));
    }
    let start = many.labels.retain(|_| true);
    matching.include.iter().fold(start, |labels, name| {
        let value = one.and_then(|column| column.labels.get(name)).unwrap_or_default();
        labels.with(name, value)
    })
}
