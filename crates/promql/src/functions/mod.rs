//! The functions of the language: one table with names, signatures, a line of documentation each, and what computes them.
//!
//! In: windows, samples and vectors from the evaluator.  Out: their results; the table also feeds documentation and
//! completion.
//! Owns: nothing.
//! Invariants: names are sorted and unique (`tests::the_table_is_sorted_and_unique`); every function that the table
//! names is computed.
//! Not here: operators and aggregations, they live in `eval`.
//! Start at: [`all`].

pub(crate) mod absent;
pub(crate) mod dates;
pub(crate) mod extended;
pub(crate) mod histogram;
pub(crate) mod info;
pub(crate) mod labels;
pub(crate) mod math;
pub(crate) mod mixed;
pub(crate) mod native;
mod native_extended;
pub(crate) mod native_over_time;
mod native_quantile;
pub(crate) mod native_rate;
pub(crate) mod over_time;
pub(crate) mod rate;
pub(crate) mod regression;
pub(crate) mod rolled_up;
pub(crate) mod smoothing;
pub(crate) mod sort;
pub(crate) mod sum;
pub(crate) mod table;
pub(crate) mod time;

#[cfg(test)]
mod tests;

use model::{Counted, NO_START};

use crate::ast::ValueType;
use crate::error::EvalError;
use crate::eval::{Evaluated, Evaluator, Grid};
use crate::plan::CallPlan;

pub use table::all;

/// The name of the function whose second argument selects labels rather than series.
pub(crate) const INFO: &str = "info";

/// A function of the language.
#[derive(Debug)]
pub struct Function {
    /// The name, as written in expressions.
    pub name: &'static str,
    /// The types of its arguments.
    pub args: &'static [ValueType],
    /// Whether the last arguments may be left out or repeated.
    pub variadic: Variadic,
    /// The type of its value.
    pub returns: ValueType,
    /// What it does, in one line.
    pub doc: &'static str,
    pub(crate) body: Body,
}

/// How many arguments a function takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variadic {
    /// As many as it has types.
    No,
    /// The last so many may be left out.
    Optional(usize),
    /// The last may be left out or repeated.
    Repeated,
}

/// What computes a function.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Body {
    /// From the samples of one series in a window; the name of the metric stays or goes.
    Window(WindowBody),
    /// From one sample at a time and the scalar arguments.
    Sample(fn(f64, &[f64]) -> Option<f64>),
    /// From whole vectors.
    Whole(fn(&mut Evaluator<'_>, &CallPlan, Grid) -> Result<Evaluated, EvalError>),
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct WindowBody {
    /// From numbers alone.
    pub(crate) compute: fn(&Window<'_>) -> Option<f64>,
    /// Where native histograms are among them.
    pub(crate) mixed: mixed::Compute,
    pub(crate) keeps_name: bool,
}

/// The samples of one series at one step of a query.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window<'a> {
    pub(crate) at_ms: &'a [i64],
    pub(crate) values: &'a [f64],
    /// The starts of the first samples; those behind have none. As a rule there is none at all.
    pub(crate) starts: &'a [i64],
    /// Where the window starts, offset applied.
    pub(crate) start_ms: i64,
    /// Where the window ends, offset applied.
    pub(crate) end_ms: i64,
    /// The time of the step, to which the result belongs.
    pub(crate) now_ms: i64,
    /// The scalar arguments at this step, in order.
    pub(crate) params: &'a [f64],
    /// Whether the series, as a counter, [started again](rate::starts_again) anywhere; in this window or outside.
    pub(crate) starts_again: bool,
}

impl Window<'_> {
    /// The scalar argument at `place`, counted without the range vector.
    pub(crate) fn param(&self, place: usize) -> f64 {
        self.params.get(place).copied().unwrap_or(f64::NAN)
    }

    /// When the sample at `place` was taken, and since when it counts.
    pub(crate) fn counted(&self, place: usize) -> Option<Counted> {
        Some(Counted {
            at_ms: *self.at_ms.get(place)?,
            start_ms: self.starts.get(place).copied().unwrap_or(NO_START),
        })
    }

    /// The length that was asked for, in seconds.
    pub(crate) fn seconds(&self) -> f64 {
        (self.end_ms - self.start_ms) as f64 / 1000.0
    }
}

impl Function {
    /// The fewest and the most arguments; no most where the last may be repeated.
    pub fn arg_counts(&self) -> (usize, Option<usize>) {
        let all = self.args.len();
        match self.variadic {
            Variadic::No => (all, Some(all)),
            Variadic::Optional(count) => (all.saturating_sub(count), Some(all)),
            Variadic::Repeated => (all.saturating_sub(1), None),
        }
    }

    /// The type of the argument at `place`.
    pub fn arg_type(&self, place: usize) -> Option<ValueType> {
        self.args.get(place).or(self.args.last()).copied()
    }
}

/// The function of that name.
pub fn find(name: &str) -> Option<&'static Function> {
    let table = all();
    let place = table.binary_search_by(|function| function.name.cmp(name)).ok()?;
    table.get(place)
}

/// The function whose name differs least from `name`, if the difference is that of a slip.
pub(crate) fn nearest(name: &str) -> Option<&'static str> {
    let slip_max = name.len() / 3;
    all()
        .iter()
        .map(|function| (distance(name, function.name), function.name))
        .filter(|(distance, _)| *distance <= slip_max)
        .min()
        .map(|(_, name)| name)
}

/// Levenshtein's distance in bytes. Names longer than any function's need not be measured.
fn distance(left: &str, right: &str) -> usize {
    if left.len() > 64 {
        return left.len();
    }
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (place, byte) in left.bytes().enumerate() {
        let mut diagonal = place;
        let mut previous = place + 1;
        if let Some(first) = row.first_mut() {
            *first = previous;
        }
        for (cell, other) in row.iter_mut().skip(1).zip(right.bytes()) {
            let changed = diagonal + usize::from(byte != other);
            diagonal = *cell;
            previous = changed.min(*cell + 1).min(previous + 1);
            *cell = previous;
        }
    }
    row.last().copied().unwrap_or(left.len())
}
