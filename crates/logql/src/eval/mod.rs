//! Evaluates expressions over the steps of a query: lines are read once for each selector, batch by batch, and none is kept
//! unless it is asked for.
//!
//! In: an expression and a `LogRead`.  Out: an [`Answer`].
//! Owns: nothing that outlives a query.
//! Invariants: the value at a step of a range query is that of an instant query at the step's time
//! (`tests/range_equals_instants.rs`); deadline, cancel flag and memory are looked at in every loop over lines
//! (`tests/limits.rs`).
//! Not here: the language's text, see `parser`; what a line goes through, see `pipeline`.
//! Start at: [`instant`], [`range`] and [`lines()`].

mod aggregate;
mod binary;
mod column;
mod grid;
mod lines;
mod memory;
mod numbers;
mod panes;
mod range_aggregate;
mod series;
mod state;
mod windows;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use model::{Direction, LogRead, ReadBudget, ReadError, Searched};

use crate::answer::{Answer, MatrixSeries, Statistics, Value, VectorSample};
use crate::ast::{Expr, LabelReplace, LogExpr, Metric, VectorOp};
use crate::error::EvalError;
use crate::limits;
use crate::options::Options;
use crate::pipeline::Fields;
use column::{Column, Evaluated, merge_same_labels};
use grid::Grid;
use lines::Asked;

/// The label that tells the answers of `variants` from each other.
const VARIANT: &str = "__variant__";

/// The value of `expr` at `at_ns` (nanoseconds since the Unix epoch). Lines have no value at one time, ask for them with
/// [`lines()`].
pub fn instant(expr: &Expr, store: &dyn LogRead, at_ns: i64, options: &Options) -> Result<Answer, EvalError> {
    let grid = Grid::instant(at_ns)?;
    let mut evaluator = Evaluator::new(store, options, at_ns, true);
    let value = match evaluator.expression(expr, grid)? {
        Evaluated::Scalar(value) => Value::Scalar { at_ns, value },
        Evaluated::Vector(mut columns) => {
            if !is_sorted(expr) {
                columns.sort_by(|left, right| left.labels.cmp(&right.labels));
            }
            evaluator.check_series(columns.len())?;
            let samples = columns.into_iter().filter_map(|column| {
                Some(VectorSample {
                    value: column.at(0)?,
                    at_ns,
                    labels: column.labels,
                })
            });
            Value::Vector(samples.collect())
        }
    };
    Ok(evaluator.answer(value))
}

/// The value of `expr` every `step_ns` from `from_ns` to `to_ns`, both included (nanoseconds since the Unix epoch).
pub fn range(
    expr: &Expr,
    store: &dyn LogRead,
    (from_ns, to_ns): (i64, i64),
    step_ns: i64,
    options: &Options,
) -> Result<Answer, EvalError> {
    let grid = Grid::new(from_ns, to_ns, step_ns)?;
    let mut evaluator = Evaluator::new(store, options, to_ns, false);
    let mut columns = match evaluator.expression(expr, grid)? {
        Evaluated::Vector(columns) => merge_same_labels(columns),
        Evaluated::Scalar(value) => vec![Column {
            labels: crate::LabelSet::empty(),
            values: vec![value; grid.steps],
        }],
    };
    columns.retain(|column| !column.is_empty());
    columns.sort_by(|left, right| left.labels.cmp(&right.labels));
    evaluator.check_series(columns.len())?;
    let present: usize = columns.iter().map(Column::present).sum();
    evaluator.hold(present * size_of::<(i64, f64)>())?;
    let matrix = columns.into_iter().map(|column| {
        let mut samples = Vec::with_capacity(column.present());
        samples.extend((0..grid.steps).filter_map(|step| Some((grid.at(step), column.at(step)?))));
        MatrixSeries {
            samples,
            labels: column.labels,
        }
    });
    let value = Value::Matrix(matrix.collect());
    Ok(evaluator.answer(value))
}

/// The first `limit` lines of `log` in a direction, from `from_ns` on and before `to_ns` (nanoseconds since the Unix epoch).
pub fn lines(
    log: &LogExpr,
    store: &dyn LogRead,
    (from_ns, to_ns): (i64, i64),
    direction: Direction,
    limit: usize,
    options: &Options,
) -> Result<Answer, EvalError> {
    // As for numbers: times that cannot be reckoned with are refused.
    Grid::new(from_ns, to_ns, i64::MAX)?;
    let mut evaluator = Evaluator::new(store, options, to_ns, false);
    let asked = Asked {
        from_ns,
        to_ns,
        direction,
        limit,
    };
    let streams = evaluator.lines(log, asked)?;
    Ok(evaluator.answer(Value::Streams(streams)))
}

/// One query under way.
struct Evaluator<'a> {
    store: &'a dyn LogRead,
    options: &'a Options,
    now_ns: i64,
    is_instant: bool,
    statistics: Statistics,
    held: usize,
    /// What all readings of the query together may cost.
    budget: Arc<ReadBudget>,
}

impl<'a> Evaluator<'a> {
    fn new(store: &'a dyn LogRead, options: &'a Options, end_ns: i64, is_instant: bool) -> Self {
        Self {
            store,
            options,
            now_ns: options.now_ns.unwrap_or(end_ns),
            is_instant,
            statistics: Statistics::default(),
            held: 0,
            budget: options.read_budget(),
        }
    }

    fn answer(self, value: Value) -> Answer {
        let statistics = Statistics {
            file_bytes_read: self.budget.bytes(),
            ..self.statistics
        };
        Answer { value, statistics }
    }

    /// What became of a reading, counted and in the words of the language.
    fn settle(&mut self, read: Result<Searched, ReadError>) -> Result<(), EvalError> {
        match read {
            Ok(searched) => {
                self.statistics.searched += searched;
                Ok(())
            }
            Err(ReadError::Interrupted) => {
                // One of both was the reason; where it was the flag, it is set still.
                self.check()?;
                Err(EvalError::Timeout)
            }
            Err(error) => Err(EvalError::Storage(error)),
        }
    }

    fn expression(&mut self, expr: &Expr, grid: Grid) -> Result<Evaluated, EvalError> {
        match expr {
            Expr::Metric(metric) => self.evaluate(metric, grid),
            Expr::Log(_) => Err(EvalError::execution(
                "log queries have lines, not numbers; ask for lines, or make numbers of them as with count_over_time",
            )),
            Expr::Variants(variants) => {
                let mut all = Vec::new();
                for (place, metric) in variants.metrics.iter().enumerate() {
                    let columns = self.vector(metric, grid)?;
                    let before = column::held_bytes(&columns);
                    let with_label = columns.into_iter().map(|column| Column {
                        labels: column.labels.with(VARIANT, &place.to_string()),
                        ..column
                    });
                    let made: Vec<Column> = with_label.collect();
                    self.exchange(before, &made)?;
                    all.extend(made);
                }
                Ok(Evaluated::Vector(all))
            }
        }
    }

    /// The value of a part.
    fn evaluate(&mut self, metric: &Metric, grid: Grid) -> Result<Evaluated, EvalError> {
        self.check()?;
        Ok(match metric {
            Metric::Number(value) => Evaluated::Scalar(*value),
            Metric::Vector(value) => {
                let made = vec![Column {
                    labels: crate::LabelSet::empty(),
                    values: vec![*value; grid.steps],
                }];
                self.hold(column::held_bytes(&made))?;
                Evaluated::Vector(made)
            }
            Metric::Range(range) => Evaluated::Vector(self.range_aggregation(range, None, grid)?),
            Metric::Aggregate(aggregation) => Evaluated::Vector(self.aggregation(aggregation, grid)?),
            Metric::Binary(binary) => self.binary(binary, grid)?,
            Metric::LabelReplace(replace) => {
                let columns = self.vector(&replace.inner, grid)?;
                let mut before = column::held_bytes(&columns);
                let mut made = Vec::with_capacity(columns.len());
                for column in columns {
                    let column = replaced(column, replace);
                    // Until all are made, as if the labels before were there still.
                    let bytes = column.labels.heap_bytes();
                    self.hold(bytes)?;
                    before += bytes;
                    made.push(column);
                }
                let made = merge_same_labels(made);
                self.exchange(before, &made)?;
                Evaluated::Vector(made)
            }
        })
    }

    /// The value of a part that is a vector.
    fn vector(&mut self, metric: &Metric, grid: Grid) -> Result<Vec<Column>, EvalError> {
        match self.evaluate(metric, grid)? {
            Evaluated::Vector(columns) => Ok(columns),
            Evaluated::Scalar(_) => Err(EvalError::execution("expected series, got a number")),
        }
    }

    // === limits ===

    /// Whether to go on: neither cancelled nor past the deadline.
    fn check(&self) -> Result<(), EvalError> {
        let cancel = self.options.cancel.as_ref();
        if cancel.is_some_and(|cancel| cancel.load(Ordering::Relaxed)) {
            return Err(EvalError::Cancelled);
        }
        let deadline = self.options.deadline;
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Err(EvalError::Timeout);
        }
        Ok(())
    }

    /// Whether there is room for so many bytes beside what is held.
    fn check_room(&mut self, bytes: usize) -> Result<(), EvalError> {
        let all = self.held.saturating_add(bytes);
        self.statistics.memory_max = self.statistics.memory_max.max(all as u64);
        let memory_max = self.options.memory_max;
        if all > memory_max - memory_max / limits::READING_PART {
            return Err(EvalError::TooMuchMemory { memory_max });
        }
        Ok(())
    }

    /// Holds so many bytes more.
    fn hold(&mut self, bytes: usize) -> Result<(), EvalError> {
        self.check_room(bytes)?;
        self.held = self.held.saturating_add(bytes);
        Ok(())
    }

    fn release(&mut self, bytes: usize) {
        self.held = self.held.saturating_sub(bytes);
    }

    /// Holds what was made of series instead of them, which took so many bytes.
    fn exchange(&mut self, before: usize, made: &[Column]) -> Result<(), EvalError> {
        self.release(before);
        self.hold(column::held_bytes(made))
    }

    fn check_series(&self, series: usize) -> Result<(), EvalError> {
        let series_max = self.options.series_max;
        if series > series_max {
            return Err(EvalError::TooManySeries { series, series_max });
        }
        Ok(())
    }
}

fn check_names(fields: &Fields) -> Result<(), EvalError> {
    if fields.names.overflowed() {
        return Err(EvalError::TooManyNames {
            names_max: limits::LABEL_NAMES_MAX,
            bytes_max: limits::LABEL_NAMES_BYTES_MAX,
        });
    }
    Ok(())
}

fn replaced(column: Column, replace: &LabelReplace) -> Column {
    let source = column.labels.get(&replace.source).unwrap_or_default();
    let Some(captures) = replace.regex.regex().captures(source) else {
        return column;
    };
    let mut value = String::new();
    captures.expand(&replace.replacement, &mut value);
    Column {
        labels: column.labels.with(&replace.target, &value),
        values: column.values,
    }
}

/// Whether the order of an answer means something: somewhere it was sorted.
fn is_sorted(expr: &Expr) -> bool {
    fn sorts(metric: &Metric) -> bool {
        match metric {
            Metric::Aggregate(aggregation) => {
                matches!(aggregation.op, VectorOp::Sort | VectorOp::SortDesc) || sorts(&aggregation.inner)
            }
            Metric::Binary(binary) => sorts(&binary.left) || sorts(&binary.right),
            Metric::LabelReplace(replace) => sorts(&replace.inner),
            Metric::Range(_) | Metric::Number(_) | Metric::Vector(_) => false,
        }
    }
    matches!(expr, Expr::Metric(metric) if sorts(metric))
}
