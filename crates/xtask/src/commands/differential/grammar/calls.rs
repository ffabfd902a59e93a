//! Functions of instant vectors.

use super::{Expression, Grammar, Precision};

/// Which give what both sides have to agree on to the last bit, if they agree on the argument.
const STEPPING: [&str; 5] = ["abs", "ceil", "floor", "round", "sgn"];
const SMOOTH: [&str; 22] = [
    "acos", "acosh", "asin", "asinh", "atan", "atanh", "cos", "cosh", "deg", "exp", "ln", "log10", "log2",
    "rad", "sin", "sinh", "sqrt", "tan", "tanh", "sqrt", "ln", "exp",
];
const DATES: [&str; 8] = [
    "day_of_month",
    "day_of_week",
    "day_of_year",
    "days_in_month",
    "hour",
    "minute",
    "month",
    "year",
];
const NATIVE: [&str; 3] = ["histogram_count(", "histogram_sum(", "histogram_fraction(0, 1, "];
const PATTERNS: [&str; 5] = ["(.*)", "(.).*", "a|b", "([a-z]+)", ""];
const REPLACEMENTS: [&str; 5] = ["$1", "x-$1", "fixed", "", "${1}s"];
const SEPARATORS: [&str; 3] = ["-", "", ", "];

impl Grammar<'_> {
    /// A function that is applied to each value.
    pub(super) fn mathematics(&mut self, depth: u32) -> Expression {
        let of = self.precise(depth.saturating_sub(1), Precision::Same);
        match self.random.below(10) {
            0..3 => {
                let name = self.random.pick(&STEPPING);
                let text = format!("{name}({})", of.text);
                of.reworded(text)
            }
            3..8 => {
                let name = self.random.pick(&SMOOTH);
                Expression::new(format!("{name}({})", of.text), Precision::Rounded)
            }
            8 => {
                let nearest = self.scalar(1);
                Expression::new(format!("round({}, {nearest})", of.text), Precision::Rounded)
            }
            _ => {
                let (low, high) = (self.scalar(1), self.scalar(1));
                let text = match self.random.below(3) {
                    0 => format!("clamp({}, {low}, {high})", of.text),
                    1 => format!("clamp_min({}, {low})", of.text),
                    _ => format!("clamp_max({}, {high})", of.text),
                };
                Expression::new(text, Precision::Same)
            }
        }
    }

    /// A part of a date, of now or of what a vector says.
    pub(super) fn date(&mut self, depth: u32) -> Expression {
        let name = self.random.pick(&DATES);
        let text = match self.random.below(5) {
            0 => format!("{name}()"),
            1 => format!("{name}(timestamp({}))", self.selector()),
            2 => {
                let selector = self.distinct_selector();
                format!("{name}({selector} * 86400)")
            }
            3 => format!(
                "{name}(vector(time() - {}))",
                self.random.pick(&["0", "1e7", "86400", "3e8"])
            ),
            _ => {
                // What is no time is whatever the processor makes of it in Prometheus.
                let of = self.precise(depth.saturating_sub(1), Precision::Same);
                format!("{name}({} > -1e12 < 1e12)", of.text)
            }
        };
        Expression::new(text, Precision::Exact)
    }

    /// When the newest samples were taken.
    pub(super) fn timestamp(&mut self, depth: u32) -> Expression {
        let text = match self.random.below(3) {
            0 => format!("timestamp({})", self.vector(depth.saturating_sub(1)).text),
            1 => format!("timestamp(({}))", self.selector()),
            _ => format!("timestamp({})", self.selector()),
        };
        Expression::new(text, Precision::Same)
    }

    /// A change of labels.
    pub(super) fn relabelled(&mut self, depth: u32) -> Expression {
        let mut of = self.vector(depth.saturating_sub(1));
        let to = self.random.pick(&["new", "instance", "job", "__name__"]);
        let from = self
            .random
            .pick(&["instance", "job", "room", "nothing", "__name__"]);
        if [to, from].contains(&"__name__") {
            // Of what is computed, the name goes away at different times.
            of = Expression::new(self.selector(), Precision::Exact);
        }
        let text = if self.random.chance(60) {
            let (pattern, replacement) = (self.random.pick(&PATTERNS), self.random.pick(&REPLACEMENTS));
            format!(
                "label_replace({}, \"{to}\", \"{replacement}\", \"{from}\", \"{pattern}\")",
                of.text
            )
        } else {
            let separator = self.random.pick(&SEPARATORS);
            let other = self.random.pick(&["instance", "method", "nothing"]);
            format!(
                "label_join({}, \"{to}\", \"{separator}\", \"{from}\", \"{other}\")",
                of.text
            )
        };
        of.reworded(text)
    }

    /// Quantiles of classic histograms; what is read of native ones, of which there are none.
    pub(super) fn histogram(&mut self, depth: u32) -> Expression {
        if self.random.chance(15) {
            let name = self.random.pick(&NATIVE);
            return Expression::new(format!("{name}{})", self.selector()), Precision::Exact);
        }
        let quantile = self.quantile();
        let buckets = "latency_seconds_bucket";
        let length = self.random.pick(&["1m", "5m", "20m"]);
        let modifiers = self.modifiers();
        let of = match self.random.below(8) {
            0 => format!("{buckets}{modifiers}"),
            1..3 => format!("rate({buckets}[{length}]{modifiers})"),
            3..5 => format!("sum by (le) (rate({buckets}[{length}]{modifiers}))"),
            5 => format!("sum by (job, le) (increase({buckets}[{length}]{modifiers}))"),
            6 => format!("{buckets}{{le!=\"+Inf\"}}{modifiers}"),
            _ => self.vector(depth.saturating_sub(1)).text,
        };
        Expression::new(
            format!("histogram_quantile({quantile}, {of})"),
            Precision::Rounded,
        )
    }
}
