//! `and`, `or` and `unless`: which series of two vectors stay, step by step.

use model::Labels;
use rustc_hash::FxHashMap;

use super::column::Column;
use super::matching::matching_labels;
use super::{Evaluator, Grid, merge_same_labels};
use crate::ast::{BinaryOp, Matching};
use crate::error::EvalError;
use crate::plan::BinaryPlan;

impl Evaluator<'_> {
    pub(super) fn set_operation(
        &mut self,
        plan: &BinaryPlan,
        mut left: Vec<Column>,
        mut right: Vec<Column>,
        grid: Grid,
    ) -> Result<Vec<Column>, EvalError> {
        self.check()?;
        let matching = &plan.matching;
        match plan.op {
            BinaryOp::And => {
                let present = present_by_key(matching, &right, grid);
                mask(matching, &mut left, &present, true);
                Ok(left)
            }
            BinaryOp::Unless => {
                let present = present_by_key(matching, &right, grid);
                mask(matching, &mut left, &present, false);
                Ok(left)
            }
            _ => {
                let present = present_by_key(matching, &left, grid);
                mask(matching, &mut right, &present, false);
                left.append(&mut right);
                // The same series may come from the left at some steps and from the right at others.
                merge_same_labels(left)
            }
        }
    }
}

/// At which steps a vector has a series, by matching labels.
fn present_by_key(matching: &Matching, columns: &[Column], grid: Grid) -> FxHashMap<Labels, Vec<bool>> {
    let mut by_key: FxHashMap<Labels, Vec<bool>> = FxHashMap::default();
    for column in columns {
        let key = matching_labels(matching, &column.labels);
        let present = by_key.entry(key).or_insert_with(|| vec![false; grid.steps]);
        column.mark(present);
    }
    by_key
}

/// Keeps only values where the other vector's presence is as wanted, and only columns that have any left.
fn mask(
    matching: &Matching,
    columns: &mut Vec<Column>,
    present: &FxHashMap<Labels, Vec<bool>>,
    wanted: bool,
) {
    columns.retain_mut(|column| {
        let key = matching_labels(matching, &column.labels);
        let Some(present) = present.get(&key) else {
            return !wanted;
        };
        column.mask(|step| present.get(step) == Some(&wanted));
        !column.is_empty()
    });
}
