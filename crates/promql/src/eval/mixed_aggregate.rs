//! Aggregations of native histograms: what becomes of a group that has them.

use super::aggregate::Group;
use super::column::{ABSENT, Column};
use super::{Evaluator, Note, Notes};
use crate::answer::Point;
use crate::ast::AggregateOp;
use crate::error::EvalError;
use crate::histogram::{MixedSchemas, Total};

impl Evaluator<'_> {
    /// Tells that an aggregation of numbers passes histograms over.
    pub(super) fn tell_ignored(&self, op: AggregateOp, columns: &[Column], at: usize) {
        let of_numbers = matches!(
            op,
            AggregateOp::Min
                | AggregateOp::Max
                | AggregateOp::Stddev
                | AggregateOp::Stdvar
                | AggregateOp::Quantile
                | AggregateOp::Topk
                | AggregateOp::Bottomk
        );
        if of_numbers && columns.iter().any(|column| !column.has_no_histogram()) {
            self.inform(at, &format!("ignored histogram in {} aggregation", op.as_str()));
        }
    }

    /// Adds to the result of a group's numbers what comes of its histograms.
    pub(super) fn sum_histograms(
        &self,
        op: AggregateOp,
        columns: &[Column],
        group: &Group,
        (result, at): (&mut Column, usize),
    ) -> Result<(), EvalError> {
        let members = || group.members.iter().filter_map(|place| columns.get(*place));
        if members().all(|column| column.histograms.is_none()) {
            return Ok(());
        }
        let mut notes = Notes::default();
        let mut mixed_of: Option<&Column> = None;
        for step in 0..result.values.len() {
            self.check_at(step)?;
            let mut histograms = members().filter_map(|column| Some((column, column.histogram_at(step)?)));
            let Some((first_column, first)) = histograms.next() else {
                continue;
            };
            let numbers = result.at(step);
            match op {
                AggregateOp::Count => {
                    let count = 1 + histograms.count();
                    result.set(step, Point::Float(numbers.unwrap_or(0.0) + count as f64));
                }
                AggregateOp::Group => result.set(step, Point::Float(1.0)),
                AggregateOp::Sum | AggregateOp::Avg if numbers.is_some() => {
                    notes.add(Note::FloatsAndHistogramsAggregated);
                    if let Some(cell) = result.values.get_mut(step) {
                        *cell = ABSENT;
                    }
                }
                AggregateOp::Sum | AggregateOp::Avg => {
                    let mut total = if op == AggregateOp::Avg {
                        Total::mean(first)
                    } else {
                        Total::sum(first)
                    };
                    let mut met = first_column;
                    let added = histograms.try_for_each(|(column, histogram)| {
                        met = column;
                        total.add(histogram)
                    });
                    match added {
                        Ok(()) => {
                            notes.add_aggregated(total.added());
                            let mut value = total.value();
                            value.compact();
                            result.set(step, Point::Histogram(value.shared()));
                        }
                        Err(MixedSchemas) => {
                            notes.add_if(total.added().bounds_reconciled, Note::ReconciledInAggregation);
                            mixed_of = mixed_of.or(Some(met));
                        }
                    }
                }
                // The others are of numbers only.
                _ => {}
            }
        }
        if let Some(column) = mixed_of {
            let mut mixed = Notes::default();
            mixed.add(Note::ExponentialAndCustom);
            self.tell(mixed, column.labels.metric_name(), at);
        }
        self.tell(notes, "", at);
        Ok(())
    }
}
