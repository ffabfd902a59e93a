//! Random queries, each of a kind that Prometheus 2.42 knows.
//!
//! In: a sequence of random numbers, and the span of the data.  Out: queries with the times they are asked for.
//! Owns: nothing.
//! Invariants: every function and aggregation of Prometheus 2.42 comes up (`every_function_comes_up`); nothing depends on
//! whether the left end of a window belongs to it (`times_never_fall_on_a_whole_second`).
//! Not here: what the answers have to be.
//! Start at: [`Query::random`].
//!
//! What may differ without a fault is avoided as far as the grammar can see it. Samples lie 137 ms behind a whole second,
//! evaluation times 701 ms, steps of subqueries on whole seconds, and subqueries within subqueries are moved by 301 ms. What
//! makes a great difference of the last bit (`==`, `floor`, `sin`, `count_values`) is applied only to what both sides have to
//! compute to the last bit, and `topk` with a small count only to what has no two equal values.

use super::data::SPAN_MS;
use super::random::Random;

mod aggregations;
mod calls;
mod joins;
mod ranges;
mod scalars;
mod selectors;
mod vectors;

/// The most operations within each other.
const DEPTH_MAX: u32 = 4;
/// Evaluation times are so far behind a whole second.
const EVALUATION_SHIFT_MS: i64 = 701;

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Query {
    /// In the words of Prometheus 2.42.
    pub(super) text: String,
    pub(super) times: Times,
}

/// For when it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Times {
    Instant { at_ms: i64 },
    Range { start_ms: i64, end_ms: i64, step_s: i64 },
}

impl Query {
    /// The next query over data that ends at `end_ms`.
    pub(super) fn random(random: &mut Random, end_ms: i64) -> Self {
        let mut times = Times::random(random, end_ms);
        let mut grammar = Grammar {
            random,
            end_ms,
            is_inside_subquery: false,
        };
        let depth = grammar.random.below(u64::from(DEPTH_MAX) + 1) as u32;
        let text = match grammar.random.below(100) {
            0..5 => grammar.scalar(depth),
            5 => "\"a text\"".to_owned(),
            6..9 => {
                // Only an instant query answers with a range.
                times = times.as_instant();
                grammar.range(depth.min(2)).text
            }
            9..11 => grammar.ill_formed(),
            _ => grammar.vector(depth).text,
        };
        Self { text, times }
    }
}

impl Times {
    fn random(random: &mut Random, end_ms: i64) -> Self {
        let first_s = (end_ms - SPAN_MS) / 1000 - 120;
        let last_s = end_ms / 1000 + 400;
        let start_ms = random.between(first_s, last_s) * 1000 + EVALUATION_SHIFT_MS;
        if random.chance(50) {
            return Self::Instant { at_ms: start_ms };
        }
        let step_s = random.pick(&[5, 15, 17, 30, 60, 60, 300]);
        let steps = random.between(0, 30);
        Self::Range {
            start_ms,
            end_ms: start_ms + steps * step_s * 1000,
            step_s,
        }
    }

    fn as_instant(self) -> Self {
        match self {
            Self::Instant { at_ms } | Self::Range { start_ms: at_ms, .. } => Self::Instant { at_ms },
        }
    }
}

/// What writes the parts of one query.
struct Grammar<'a> {
    random: &'a mut Random,
    end_ms: i64,
    /// Within a subquery evaluation times are whole seconds.
    is_inside_subquery: bool,
}

/// An expression, and what is known of its values.
#[derive(Debug, Clone)]
struct Expression {
    text: String,
    precision: Precision,
}

/// How far both sides have to agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Precision {
    /// To about fifteen digits: sums in whichever order, functions of the C library.
    Rounded,
    /// To the last bit.
    Same,
    /// To the last bit, and so do sums, whose terms may be added in any order.
    Exact,
}

impl Expression {
    fn new(text: String, precision: Precision) -> Self {
        Self { text, precision }
    }

    /// The same values in another wording.
    fn reworded(self, text: String) -> Self {
        Self { text, ..self }
    }
}

impl Grammar<'_> {
    /// What neither side should accept; now and then it has a meaning after all.
    fn ill_formed(&mut self) -> String {
        let vector = self.vector(1).text;
        let scalar = self.scalar(1);
        match self.random.below(12) {
            0 => format!("rate({vector})"),
            1 => format!("{vector} and {scalar}"),
            2 => format!("{scalar} > {scalar}"),
            3 => format!("abs({scalar})"),
            4 => format!("sum by (instance {vector}"),
            5 => format!("topk({vector})"),
            6 => format!("no_such_function({vector})"),
            7 => format!("{vector} + on(job) {vector}"),
            8 => format!("label_replace({vector}, \"to\", \"$1\", \"job\", \"(\")"),
            9 => format!("{vector} offset {scalar}x"),
            10 => "{instance=~\".*\"}".to_owned(),
            _ => format!("clamp({vector})"),
        }
    }
}

#[cfg(test)]
mod tests;
