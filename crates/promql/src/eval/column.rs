//! Values of series at the steps of a grid.

use std::collections::hash_map::Entry;

use model::{Labels, STALE_NAN, is_stale};
use rustc_hash::FxHashMap;

use crate::error::EvalError;

/// What stands where a series has no value. No expression computes the stale marker's bits, so it can serve.
pub(crate) const ABSENT: f64 = STALE_NAN;

/// The value of a part of a query at every step.
#[derive(Debug, Clone)]
pub(crate) enum Evaluated {
    Scalar(Vec<f64>),
    Text(String),
    Vector(Vec<Column>),
}

/// One series' value at every step.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub(crate) labels: Labels,
    /// The metric's name goes when the query is done, unless `label_replace` or `label_join` set it anew. Until then
    /// it can be matched and grouped by, as upstream with delayed name removal.
    pub(crate) drops_name: bool,
    pub(crate) values: Vec<f64>,
}

pub(crate) fn is_present(value: f64) -> bool {
    !is_stale(value)
}

impl Column {
    pub(crate) fn new(labels: Labels, values: Vec<f64>) -> Self {
        Self {
            labels,
            drops_name: false,
            values,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        !self.values.iter().any(|value| is_present(*value))
    }

    /// The value at a step.
    pub(crate) fn at(&self, step: usize) -> Option<f64> {
        self.values.get(step).copied().filter(|value| is_present(*value))
    }

    /// Computes every value anew.
    pub(crate) fn map(&mut self, compute: impl Fn(f64) -> f64) {
        for value in &mut self.values {
            if is_present(*value) {
                *value = compute(*value);
            }
        }
    }
}

impl Evaluated {
    pub(crate) fn sample_count(&self) -> usize {
        match self {
            Self::Scalar(values) => values.len(),
            Self::Text(_) => 0,
            Self::Vector(columns) => sample_count(columns),
        }
    }

    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Scalar(_) => "scalar",
            Self::Text(_) => "string",
            Self::Vector(_) => "instant vector",
        }
    }

    /// The value of one step at so many steps.
    pub(crate) fn repeated(self, steps: usize) -> Self {
        let repeat = |values: &[f64]| vec![values.first().copied().unwrap_or(ABSENT); steps];
        match self {
            Self::Scalar(values) => Self::Scalar(repeat(&values)),
            Self::Text(text) => Self::Text(text),
            Self::Vector(mut columns) => {
                for column in &mut columns {
                    column.values = repeat(&column.values);
                }
                Self::Vector(columns)
            }
        }
    }

    pub(crate) fn negated(self) -> Self {
        match self {
            Self::Scalar(mut values) => {
                for value in &mut values {
                    *value = -*value;
                }
                Self::Scalar(values)
            }
            Self::Vector(mut columns) => {
                for column in &mut columns {
                    column.map(|value| -value);
                    column.drops_name = true;
                }
                Self::Vector(columns)
            }
            text @ Self::Text(_) => text,
        }
    }
}

pub(crate) fn sample_count(columns: &[Column]) -> usize {
    columns.iter().map(|column| column.values.len()).sum()
}

/// What goes with the metric's name: its type and unit, which belong to the name.
const NAME_LABELS: [&str; 3] = ["__name__", "__type__", "__unit__"];

/// The labels without the metric's name, and without its type and unit.
pub(crate) fn without_name(labels: &Labels) -> Labels {
    if labels.iter().any(|(name, _)| NAME_LABELS.contains(&name)) {
        labels.retain(|name| !NAME_LABELS.contains(&name))
    } else {
        labels.clone()
    }
}

/// Drops names that are to go, and joins columns that have the same labels then.
pub(crate) fn finish(mut columns: Vec<Column>) -> Result<Vec<Column>, EvalError> {
    for column in &mut columns {
        if column.drops_name {
            column.labels = without_name(&column.labels);
            column.drops_name = false;
        }
    }
    merge_same_labels(columns)
}

/// Joins columns of the same labels, whose values must not meet at any step. The first keeps its place.
pub(crate) fn merge_same_labels(columns: Vec<Column>) -> Result<Vec<Column>, EvalError> {
    let mut places: FxHashMap<Labels, usize> = FxHashMap::default();
    let mut merged: Vec<Column> = Vec::with_capacity(columns.len());
    for column in columns {
        if column.is_empty() {
            continue;
        }
        match places.entry(column.labels.clone()) {
            Entry::Vacant(place) => {
                place.insert(merged.len());
                merged.push(column);
            }
            Entry::Occupied(place) => {
                if let Some(known) = merged.get_mut(*place.get()) {
                    known.drops_name |= column.drops_name;
                    join(known, &column)?;
                }
            }
        }
    }
    Ok(merged)
}

fn join(known: &mut Column, other: &Column) -> Result<(), EvalError> {
    for (value, added) in known.values.iter_mut().zip(&other.values) {
        if !is_present(*added) {
            continue;
        }
        if is_present(*value) {
            return Err(EvalError::execution(
                "vector cannot contain metrics with the same labelset",
            ));
        }
        *value = *added;
    }
    Ok(())
}
