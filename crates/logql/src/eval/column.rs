//! The values of a series at every step.

use rustc_hash::FxHashMap;

use crate::label_set::LabelSet;

/// Stands where a series has no value; no computation gives it.
pub(crate) const ABSENT: f64 = f64::from_bits(0x7ff4_0000_0000_0a5e);

/// Whether there is a value.
pub(crate) fn is_present(value: f64) -> bool {
    value.to_bits() != ABSENT.to_bits()
}

/// A series.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub(crate) labels: LabelSet,
    /// One for every step.
    pub(crate) values: Vec<f64>,
}

/// What a part of an expression gives.
#[derive(Debug)]
pub(crate) enum Evaluated {
    /// One number, the same at every step.
    Scalar(f64),
    Vector(Vec<Column>),
}

impl Evaluated {
    /// Bytes that are held for it.
    pub(crate) fn held_bytes(&self) -> usize {
        match self {
            Self::Scalar(_) => 0,
            Self::Vector(columns) => held_bytes(columns),
        }
    }
}

impl Column {
    pub(crate) fn is_empty(&self) -> bool {
        !self.values.iter().any(|value| is_present(*value))
    }

    /// At how many steps there is a value.
    pub(crate) fn present(&self) -> usize {
        self.values.iter().filter(|value| is_present(**value)).count()
    }

    /// Bytes that the series takes.
    pub(crate) fn held_bytes(&self) -> usize {
        self.labels.heap_bytes() + bytes_of_values(self.values.len())
    }

    pub(crate) fn at(&self, step: usize) -> Option<f64> {
        self.values.get(step).copied().filter(|value| is_present(*value))
    }
}

/// What a series takes beside its labels and values: places in the lists and tables that it is in.
const PLACES_BYTES: usize = 96;

/// Bytes that a series with so many values takes, without its labels.
pub(crate) fn bytes_of_values(steps: usize) -> usize {
    steps * size_of::<f64>() + PLACES_BYTES
}

/// Bytes that series take.
pub(crate) fn held_bytes(columns: &[Column]) -> usize {
    columns.iter().map(Column::held_bytes).sum()
}

/// Makes one series of those with the same labels that have values at different steps.
pub(crate) fn merge_same_labels(columns: Vec<Column>) -> Vec<Column> {
    let mut places: FxHashMap<LabelSet, usize> = FxHashMap::default();
    let mut merged: Vec<Column> = Vec::with_capacity(columns.len());
    for column in columns {
        let known = places
            .get(&column.labels)
            .and_then(|place| merged.get_mut(*place));
        let Some(known) = known else {
            places.insert(column.labels.clone(), merged.len());
            merged.push(column);
            continue;
        };
        let mut pairs = known.values.iter().zip(&column.values);
        if pairs.any(|(left, right)| is_present(*left) && is_present(*right)) {
            merged.push(column);
            continue;
        }
        for (value, other) in known.values.iter_mut().zip(column.values) {
            if is_present(other) {
                *value = other;
            }
        }
    }
    merged
}
