//! Random expressions whose types are right.
//!
//! The grammar of `cargo x differential` is another one on purpose: it writes text, knows Prometheus 2.42 only, and keeps away
//! from all that two programs may round or order differently, window ends and equal values among it. Those are wanted here.

mod aggregations;
mod calls;
mod natives;
mod operators;
mod ranges;

use crate::data::{END_MS, METRICS, Metric, START_MS};
use crate::tree::{At, Expr, Matcher, Selector, Shift};
use testkit::Random;

/// The most operations within each other.
const DEPTH_MAX: u64 = 4;
/// Labels to group and to match by; not all series have all of them.
pub(super) const LABELS: [&str; 6] = ["job", "instance", "core", "code", "le", "nothing"];

/// What writes the parts of one expression.
#[derive(Debug)]
pub(crate) struct Grammar<'a> {
    pub(crate) random: &'a mut Random,
    /// How many subqueries are around.
    pub(crate) subqueries: u32,
}

/// A time that is worth asking for: in the data or a little beside it, most often where samples are.
pub(crate) fn time(random: &mut Random) -> i64 {
    let at_ms = random.between(START_MS - 60_000, END_MS + 330_000);
    at_ms - at_ms % random.pick(&[15_000, 15_000, 60_000, 1000, 1])
}

impl Grammar<'_> {
    /// Any expression that a query may be.
    pub(crate) fn expression(&mut self) -> Expr {
        let depth = self.random.below(DEPTH_MAX + 1) as u32;
        match self.random.below(100) {
            0..5 => self.scalar(depth),
            // Order shows in the outermost function only.
            5..9 => self.ordered(depth),
            _ => self.vector(depth),
        }
    }

    /// An instant vector.
    pub(crate) fn vector(&mut self, depth: u32) -> Expr {
        if depth == 0 {
            return if self.random.chance(95) {
                Expr::Selector(self.selector())
            } else {
                self.call("vector", vec![Self::number(2.0)])
            };
        }
        match self.random.below(100) {
            0..8 => Expr::Selector(self.selector()),
            8..34 => self.over_range(depth),
            34..52 => self.aggregation(depth),
            52..76 => self.operation(depth),
            76..78 => Expr::Negate(Box::new(self.vector(depth - 1))),
            _ => self.function(depth),
        }
    }

    /// A number, from a literal to the value of a vector.
    pub(crate) fn scalar(&mut self, depth: u32) -> Expr {
        if depth == 0 {
            let value = self.random.pick(&[
                0.0,
                1.0,
                2.0,
                0.5,
                3.0,
                10.0,
                0.25,
                -1.0,
                -2.5,
                100.0,
                0.1,
                -0.0,
                f64::NAN,
                f64::INFINITY,
                f64::NEG_INFINITY,
            ]);
            return Self::number(value);
        }
        match self.random.below(10) {
            0 => self.call("time", Vec::new()),
            1 => {
                let name = self.random.pick(&["start", "end", "range", "pi"]);
                self.call(name, Vec::new())
            }
            2 => {
                let name = self.random.pick(&["min_of", "max_of"]);
                let both = vec![self.scalar(depth - 1), self.scalar(depth - 1)];
                self.call(name, both)
            }
            3 => Expr::Negate(Box::new(self.scalar(depth - 1))),
            4 | 5 => self.of_scalars(depth),
            6 | 7 => {
                let vector = self.vector(depth - 1);
                self.call("scalar", vec![vector])
            }
            _ => self.scalar(0),
        }
    }

    /// A scalar as parameters are: most often a literal.
    pub(super) fn parameter(&mut self, of: &[f64]) -> Expr {
        if self.random.chance(12) {
            return self.scalar(1);
        }
        Self::number(self.random.pick(of))
    }

    pub(super) fn number(value: f64) -> Expr {
        // A sign is a sign, not a part of the number, as the parser reads it; a sign of NaN is lost.
        if value < 0.0 || (value == 0.0 && value.is_sign_negative()) {
            return Expr::Negate(Box::new(Expr::Number(-value)));
        }
        Expr::Number(value)
    }

    #[expect(clippy::unused_self, reason = "reads as all other productions do")]
    pub(super) fn call(&mut self, name: &'static str, arguments: Vec<Expr>) -> Expr {
        Expr::Call { name, arguments }
    }

    pub(super) fn metric(&mut self) -> &'static Metric {
        &METRICS[self.random.below(METRICS.len() as u64) as usize]
    }

    pub(super) fn selector(&mut self) -> Selector {
        let metric = self.metric();
        self.selector_of(metric)
    }

    pub(super) fn selector_of(&mut self, metric: &'static Metric) -> Selector {
        let mut matchers = Vec::new();
        for (label, values) in metric.labels {
            if self.random.chance(20) {
                let (op, value) = match self.random.below(6) {
                    0 => ("!=", self.random.pick(values)),
                    1 => (
                        "=~",
                        self.random
                            .pick(&["a.*", "a1|db", "a1", ".*", ".+", "", "[0-9]+"]),
                    ),
                    2 => ("!~", self.random.pick(&["a.*", "a2|api", "a1", "x"])),
                    _ => ("=", self.random.pick(values)),
                };
                matchers.push(Matcher { label, op, value });
            }
        }
        if self.random.chance(4) {
            let op = self.random.pick(&["=", "!=", "=~"]);
            matchers.push(Matcher {
                label: "nothing",
                op,
                value: self.random.pick(&["", "x"]),
            });
        }
        Selector {
            name: metric.name,
            matchers,
            shift: self.shift(),
        }
    }

    pub(super) fn shift(&mut self) -> Shift {
        let at = match self.random.below(24) {
            0 => Some(At::Start),
            1 => Some(At::End),
            2 => Some(At::Time(time(self.random))),
            _ => None,
        };
        let offset_ms = match self.random.below(8) {
            0 => self.random.pick(&[15_000, 60_000, 300_000, 59_999, 90_000]),
            1 => -self.random.pick(&[15_000, 60_000, 120_000, 1]),
            _ => 0,
        };
        Shift { at, offset_ms }
    }
}
