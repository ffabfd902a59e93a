//! Evaluates a plan over the steps of a query: selectors once, each series decoded once, results in columns.
//!
//! In: a [`Plan`] and a `SeriesRead`.  Out: an [`Answer`].
//! Owns: nothing that outlives a query.
//! Invariants: the value at a step of a range query is that of an instant query at the step's time
//! (`tests/range_equals_instants.rs`); deadline, cancel flag and sample limit are looked at in every loop over series
//! (`tests/limits.rs`).
//! Not here: the language's text, see `parser`; single functions, see `functions`.
//! Start at: [`instant`] and [`range`].

mod account;
mod aggregate;
mod batches;
mod binary;
mod call;
mod column;
mod fold;
mod grid;
mod histograms;
mod matching;
mod mixed_aggregate;
mod mixed_binary;
mod notes;
mod parallel;
mod profile;
mod select;
mod select_mixed;
mod sets;
mod shared;
mod tier;
mod window;
mod window_mixed;

pub(crate) use column::{ABSENT, Column, Evaluated, is_present, merge_same_labels};
pub(crate) use grid::Grid;
pub(crate) use notes::{Note, Notes};

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use model::{SeriesRead, Tier};

use crate::answer::{Answer, MatrixSeries, Value, VectorSample};
use crate::ast::{Expr, ValueType};
use crate::error::EvalError;
use crate::limits;
use crate::options::Options;
use crate::plan::{self, Op, Plan};
use account::Account;
use profile::Profile;
use shared::SharedValues;

/// The value of `expr` at `at_ms` (milliseconds since the Unix epoch).
pub fn instant(
    expr: &Expr,
    store: &dyn SeriesRead,
    at_ms: i64,
    options: &Options,
) -> Result<Answer, EvalError> {
    let grid = Grid::instant(at_ms);
    let bound = plan::bind(expr, grid, options)?;
    let mut evaluator = Evaluator::new(expr, store, grid, (options, bound.parts));
    let plan = &bound.plan;
    let value = match &plan.op {
        Op::Window(window) => {
            let under_way = evaluator.enter(plan);
            let matrix = evaluator.raw_window(window, grid)?;
            evaluator.leave(under_way, matrix.len(), Duration::ZERO);
            Value::Matrix(matrix)
        }
        _ => evaluator.evaluate(plan, grid)?.into_instant(at_ms)?,
    };
    Ok(evaluator.answer(value, plan))
}

/// The value of `expr` every `step_ms` from `from_ms` to `to_ms`, both included (milliseconds since the Unix epoch).
///
/// Only scalars and instant vectors have values over time.
pub fn range(
    expr: &Expr,
    store: &dyn SeriesRead,
    from_ms: i64,
    to_ms: i64,
    step_ms: i64,
    options: &Options,
) -> Result<Answer, EvalError> {
    let found = expr.value_type();
    if !matches!(found, ValueType::Scalar | ValueType::Vector) {
        return Err(EvalError::execution(format!(
            "invalid expression type {:?} for range query, must be Scalar or instant Vector",
            found.as_str()
        )));
    }
    let grid = Grid::new(from_ms, to_ms, step_ms)?;
    let bound = plan::bind(expr, grid, options)?;
    let mut evaluator = Evaluator::new(expr, store, grid, (options, bound.parts));
    let evaluated = evaluator.evaluate(&bound.plan, grid)?;
    // Samples of an answer carry their times.
    evaluator.check_room(evaluated.sample_count())?;
    let value = evaluated.into_matrix(grid)?;
    Ok(evaluator.answer(value, &bound.plan))
}

/// One query under way.
#[derive(Debug)]
pub(crate) struct Evaluator<'a> {
    store: &'a dyn SeriesRead,
    pub(crate) options: &'a Options,
    source: &'a str,
    /// The steps of the query itself, not of a subquery.
    pub(crate) query: Grid,
    account: Account,
    /// In which tiers samples are kept, once that was asked.
    tiers: Option<Vec<Tier>>,
    shared: SharedValues,
    /// Where somebody wants to know what the parts take.
    profile: Option<Profile>,
}

impl<'a> Evaluator<'a> {
    fn new(
        expr: &'a Expr,
        store: &'a dyn SeriesRead,
        query: Grid,
        (options, parts): (&'a Options, usize),
    ) -> Self {
        Self {
            store,
            options,
            source: &expr.source,
            query,
            account: Account::default(),
            tiers: None,
            shared: SharedValues::default(),
            profile: options.explain.then(|| Profile::new(parts)),
        }
    }

    fn answer(self, value: Value, plan: &Plan) -> Answer {
        Answer {
            value,
            explained: self.explained(plan),
            statistics: self.account.statistics(),
            annotations: self.account.told(),
        }
    }

    /// The value of a part at every step of `grid`.
    pub(crate) fn evaluate(&mut self, plan: &Plan, grid: Grid) -> Result<Evaluated, EvalError> {
        self.check()?;
        if let Some(value) = self.known(plan, grid) {
            return Ok(value);
        }
        let told = self.annotation_count();
        let under_way = self.enter(plan);
        let value = self.computed(plan, grid);
        let series = value.as_ref().map_or(0, Evaluated::series_count);
        self.leave(under_way, series, Duration::ZERO);
        let value = value?;
        self.share(plan, grid, &value, told);
        Ok(value)
    }

    fn computed(&mut self, plan: &Plan, grid: Grid) -> Result<Evaluated, EvalError> {
        if plan.is_constant && grid.steps > 1 {
            let value = self.computed(plan, grid.first())?;
            self.hold(value.sample_count().saturating_mul(grid.steps - 1))?;
            return Ok(value.repeated(grid.steps));
        }
        match &plan.op {
            Op::Number(value) => Ok(Evaluated::Scalar(vec![*value; grid.steps])),
            Op::Text { value, .. } => Ok(Evaluated::Text(value.clone())),
            Op::Selector(selector) => self.select(selector, plan.at, grid),
            Op::Window(_) => Err(EvalError::execution("a range vector has no value by itself")),
            Op::Plus(inner) => self.evaluate(inner, grid),
            Op::Negate(inner) => {
                let value = self.evaluate(inner, grid)?;
                let before = value.sample_count();
                let negated = self.negated(value)?;
                self.hold(negated.sample_count())?;
                self.release(before);
                Ok(negated)
            }
            Op::Binary(binary) => self.binary(binary, plan.at, grid),
            Op::Aggregate(aggregate) => self.aggregate(aggregate, plan.at, grid),
            Op::Call(call) => self.call(call, grid),
        }
    }

    /// The value of a part that is a vector.
    pub(crate) fn vector(&mut self, plan: &Plan, grid: Grid) -> Result<Vec<Column>, EvalError> {
        match self.evaluate(plan, grid)? {
            Evaluated::Vector(columns) => Ok(columns),
            other => Err(EvalError::execution(format!(
                "expected an instant vector, got a {}",
                other.kind()
            ))),
        }
    }

    /// The value of a part that is a number, at every step.
    pub(crate) fn scalar(&mut self, plan: &Plan, grid: Grid) -> Result<Vec<f64>, EvalError> {
        match self.evaluate(plan, grid)? {
            Evaluated::Scalar(values) => Ok(values),
            other => Err(EvalError::execution(format!(
                "expected a scalar, got a {}",
                other.kind()
            ))),
        }
    }

    /// Whether to go on: neither cancelled nor past the deadline.
    pub(crate) fn check(&self) -> Result<(), EvalError> {
        let cancelled = self
            .options
            .cancel
            .as_ref()
            .is_some_and(|cancel| cancel.load(Ordering::Relaxed));
        if cancelled {
            return Err(EvalError::Cancelled);
        }
        if self
            .options
            .deadline
            .is_some_and(|deadline| Instant::now() >= deadline)
        {
            return Err(EvalError::Timeout);
        }
        Ok(())
    }

    /// As [`Self::check`], at every so many turns of a loop.
    pub(crate) fn check_at(&self, turn: usize) -> Result<(), EvalError> {
        if turn.is_multiple_of(limits::CHECK_EVERY) {
            self.check()
        } else {
            Ok(())
        }
    }
}

// === impl Evaluated, the way out ===

impl Evaluated {
    fn into_instant(self, at_ms: i64) -> Result<Value, EvalError> {
        Ok(match self {
            Self::Scalar(values) => Value::Scalar {
                at_ms,
                value: values.first().copied().unwrap_or(f64::NAN),
            },
            Self::Text(value) => Value::String { at_ms, value },
            Self::Vector(columns) => {
                let samples = column::finish(columns)?.into_iter().filter_map(|column| {
                    let value = column.point(0)?;
                    Some(VectorSample {
                        labels: column.labels,
                        at_ms,
                        value,
                    })
                });
                Value::Vector(samples.collect())
            }
        })
    }

    fn into_matrix(self, grid: Grid) -> Result<Value, EvalError> {
        let columns = match self {
            Self::Scalar(values) => vec![Column::new(model::Labels::empty(), values)],
            Self::Vector(columns) => columns,
            Self::Text(_) => return Err(EvalError::execution("a string has no values over time")),
        };
        let mut matrix: Vec<MatrixSeries> = column::finish(columns)?
            .into_iter()
            .map(|column| {
                let labels = column.labels.clone();
                let (samples, histograms) = column.into_samples(grid);
                MatrixSeries {
                    labels,
                    samples,
                    histograms,
                }
            })
            .filter(|series| !series.samples.is_empty() || !series.histograms.is_empty())
            .collect();
        matrix.sort_by(|left, right| left.labels.cmp(&right.labels));
        Ok(Value::Matrix(matrix))
    }
}
