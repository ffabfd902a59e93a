//! Functions of instant vectors.

use super::Grammar;
use crate::data::METRICS;
use crate::tree::Expr;

const OF_NUMBER: [&str; 30] = [
    "abs", "ceil", "floor", "round", "sgn", "abs", "ceil", "floor", "round", "sgn", "exp", "ln", "log2",
    "log10", "sqrt", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh",
    "atanh", "deg", "rad", "sqrt",
];
const DATES: [&str; 8] = [
    "hour",
    "minute",
    "month",
    "year",
    "day_of_month",
    "day_of_week",
    "day_of_year",
    "days_in_month",
];
const QUANTILES: [f64; 12] = [
    0.5,
    0.9,
    0.25,
    0.75,
    0.1,
    0.4,
    0.0,
    1.0,
    0.99,
    -1.0,
    2.0,
    f64::NAN,
];
const BOUNDS: [f64; 8] = [
    0.0,
    1.0,
    10.0,
    -5.0,
    5.0,
    f64::NAN,
    f64::INFINITY,
    f64::NEG_INFINITY,
];
const FROM: [&str; 5] = ["job", "instance", "code", "nothing", "__name__"];

impl Grammar<'_> {
    pub(crate) fn function(&mut self, depth: u32) -> Expr {
        match self.random.below(28) {
            0..6 => {
                let name = self.random.pick(&OF_NUMBER);
                let of = self.vector(depth - 1);
                self.call(name, vec![of])
            }
            6 => {
                let (of, nearest) = (
                    self.vector(depth - 1),
                    self.parameter(&[1.0, 5.0, 0.5, 0.1, 10.0]),
                );
                self.call("round", vec![of, nearest])
            }
            7 | 8 => self.clamp(depth),
            9 => self.date(depth),
            10..13 => self.histogram(depth),
            13 => {
                let of = self.vector(depth - 1);
                self.call("absent", vec![of])
            }
            14 | 15 => {
                let of = if self.random.chance(60) {
                    Expr::Selector(self.selector())
                } else {
                    self.vector(depth - 1)
                };
                self.call("timestamp", vec![of])
            }
            16..19 => self.relabelled(depth),
            19 | 20 => self.ordered(depth - 1),
            21..25 => self.of_natives(),
            25..28 => self.histogram(depth),
            _ => {
                let of = self.scalar(depth - 1);
                self.call("vector", vec![of])
            }
        }
    }

    /// A vector in an order.
    pub(crate) fn ordered(&mut self, depth: u32) -> Expr {
        let of = self.vector(depth);
        if self.random.chance(40) {
            let name = self.random.pick(&["sort", "sort_desc"]);
            return self.call(name, vec![of]);
        }
        let name = self.random.pick(&["sort_by_label", "sort_by_label_desc"]);
        let first = Expr::Text(
            self.random
                .pick(&["instance", "instance", "job", "code"])
                .to_owned(),
        );
        let mut arguments = vec![of, first];
        if self.random.chance(50) {
            arguments.push(self.label());
        }
        self.call(name, arguments)
    }

    fn label(&mut self) -> Expr {
        Expr::Text(self.random.pick(&FROM).to_owned())
    }

    fn clamp(&mut self, depth: u32) -> Expr {
        let of = self.vector(depth - 1);
        let (low, mut high) = (self.parameter(&BOUNDS), self.parameter(&BOUNDS));
        if self.random.chance(25) {
            high = low.clone();
        }
        match self.random.below(3) {
            0 => self.call("clamp_min", vec![of, low]),
            1 => self.call("clamp_max", vec![of, high]),
            _ => self.call("clamp", vec![of, low, high]),
        }
    }

    fn date(&mut self, depth: u32) -> Expr {
        let name = self.random.pick(&DATES);
        match self.random.below(3) {
            0 => self.call(name, Vec::new()),
            1 => {
                let selector = Expr::Selector(self.selector());
                let of = self.call("timestamp", vec![selector]);
                self.call(name, vec![of])
            }
            _ => {
                let of = self.vector(depth - 1);
                self.call(name, vec![of])
            }
        }
    }

    /// Quantiles and fractions, most often of what has buckets.
    fn histogram(&mut self, depth: u32) -> Expr {
        let buckets = &METRICS[6];
        let of = match self.random.below(6) {
            0 => self.vector(depth - 1),
            1 | 2 => Expr::Selector(self.selector_of(buckets)),
            3 => {
                let window = self.window_of(buckets);
                self.call("rate", vec![window])
            }
            _ => {
                let window = self.window_of(buckets);
                let rates = self.call("increase", vec![window]);
                self.grouped("sum", None, rates)
            }
        };
        if self.random.chance(65) {
            let q = self.parameter(&QUANTILES);
            return self.call("histogram_quantile", vec![q, of]);
        }
        let bounds = [
            0.0,
            0.1,
            0.3,
            1.0,
            2.0,
            3.0,
            -1.0,
            f64::INFINITY,
            f64::NEG_INFINITY,
        ];
        let (low, high) = (self.parameter(&bounds), self.parameter(&bounds));
        self.call("histogram_fraction", vec![low, high, of])
    }

    fn relabelled(&mut self, depth: u32) -> Expr {
        let to = self.random.pick(&["new", "job", "instance", "__name__"]);
        let of = self.vector(depth - 1);
        let (to, from) = (Expr::Text(to.to_owned()), self.label());
        if self.random.chance(35) {
            let separator = Expr::Text(self.random.pick(&["-", "", ", "]).to_owned());
            let other = self.label();
            return self.call("label_join", vec![of, to, separator, from, other]);
        }
        let replacement = self.random.pick(&["$1", "x-$1", "fixed", "", "${1}s", "$2"]);
        let pattern = self
            .random
            .pick(&["(.*)", "(.).*", "a1|api", "([a-z]+)([0-9]*)", "", "(", "x"]);
        let texts = [
            Expr::Text(replacement.to_owned()),
            from,
            Expr::Text(pattern.to_owned()),
        ];
        self.call("label_replace", [of, to].into_iter().chain(texts).collect())
    }
}
