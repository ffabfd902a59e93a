//! Range vectors, and the functions that make an instant vector of them.

use super::super::data::Metric;
use super::{Expression, Grammar, Precision};

const LENGTHS: [&str; 11] = [
    "10s", "20s", "45s", "1m", "2m", "5m", "5m", "10m", "15m", "30m", "1h",
];
/// None shorter than a step: of a subquery without a step, Prometheus answers with one behind its end if all is fixed in time.
const LENGTHS_OF_SUBQUERIES: [&str; 5] = ["2m", "5m", "10m", "12m", "30m"];
/// Whole seconds; where it is empty both sides take a minute.
const STEPS: [&str; 6] = ["30s", "1m", "17s", "2m", "45s", ""];

/// What is selected of the past only, exactly: which values there were, or how many.
const CHOOSING: [&str; 8] = [
    "count_over_time",
    "last_over_time",
    "max_over_time",
    "min_over_time",
    "present_over_time",
    "changes",
    "resets",
    "sum_over_time",
];
const COMPUTING: [&str; 8] = [
    "avg_over_time",
    "stddev_over_time",
    "stdvar_over_time",
    "delta",
    "deriv",
    "idelta",
    "irate",
    "absent_over_time",
];

impl Grammar<'_> {
    /// Any range vector.
    pub(super) fn range(&mut self, depth: u32) -> Expression {
        if depth > 0 && self.random.chance(30) {
            return self.subquery(depth);
        }
        let metric = self.metric();
        Expression::new(self.range_of(&metric), Precision::Exact)
    }

    fn range_of(&mut self, metric: &Metric) -> String {
        let length = self.random.pick(&LENGTHS);
        format!("{}[{length}]{}", self.matched(metric), self.modifiers())
    }

    fn subquery(&mut self, depth: u32) -> Expression {
        let outside = std::mem::replace(&mut self.is_inside_subquery, true);
        let inner = self.vector(depth.saturating_sub(1).min(2));
        self.is_inside_subquery = outside;
        let text = self.subquery_over(&inner.text);
        inner.reworded(text)
    }

    fn subquery_over(&mut self, inner: &str) -> String {
        let length = self.random.pick(&LENGTHS_OF_SUBQUERIES);
        let step = self.random.pick(&STEPS);
        format!("({inner})[{length}:{step}]{}", self.modifiers_of_subquery())
    }

    /// A range vector of counters, plain or sampled anew.
    fn range_of_counters(&mut self, depth: u32) -> String {
        let metric = self.metric_that(Metric::is_counter);
        if depth > 0 && self.random.chance(15) {
            let outside = std::mem::replace(&mut self.is_inside_subquery, true);
            let inner = self.selector_of(&metric);
            self.is_inside_subquery = outside;
            return self.subquery_over(&inner);
        }
        self.range_of(&metric)
    }

    /// A range vector that both sides know to the last bit.
    fn precise_range(&mut self, depth: u32) -> Expression {
        let range = self.range(depth);
        if range.precision >= Precision::Same {
            return range;
        }
        let metric = self.metric();
        Expression::new(self.range_of(&metric), Precision::Exact)
    }

    /// A function of a range vector.
    pub(super) fn over_time(&mut self, depth: u32) -> Expression {
        let inner = depth.saturating_sub(1);
        match self.random.below(100) {
            0..30 => self.counting(inner),
            30..60 => {
                let name = self.random.pick(&CHOOSING);
                // A change of the last bit is a change.
                let range = self.precise_range(inner);
                let is_sum = name == "sum_over_time" && range.precision != Precision::Exact;
                let precision = if is_sum {
                    Precision::Rounded
                } else {
                    range.precision
                };
                Expression::new(format!("{name}({})", range.text), precision)
            }
            60..84 => {
                let name = self.random.pick(&COMPUTING);
                let range = self.precise_range(inner);
                Expression::new(format!("{name}({})", range.text), Precision::Rounded)
            }
            84..91 => {
                let (quantile, range) = (self.quantile(), self.range(inner));
                Expression::new(
                    format!("quantile_over_time({quantile}, {})", range.text),
                    Precision::Rounded,
                )
            }
            91..96 => {
                let (seconds, range) = (self.literal(), self.precise_range(inner));
                Expression::new(
                    format!("predict_linear({}, {seconds})", range.text),
                    Precision::Rounded,
                )
            }
            _ => {
                let range = self.range(inner);
                let factors = ["0.3, 0.6", "0.5, 0.1", "0.01, 0.99", "0.5, 0.5", "1.5, 0.5"];
                let factors = self.random.pick(&factors);
                Expression::new(
                    format!("holt_winters({}, {factors})", range.text),
                    Precision::Rounded,
                )
            }
        }
    }

    /// How fast counters grow.
    pub(super) fn counting(&mut self, depth: u32) -> Expression {
        let name = self.random.pick(&["rate", "rate", "increase", "irate"]);
        let range = self.range_of_counters(depth);
        Expression::new(format!("{name}({range})"), Precision::Rounded)
    }

    /// A function of the past of series that never have equal values; nor do its results.
    pub(super) fn distinct_over_time(&mut self) -> String {
        let metric = self.metric_that(|metric| metric.is_distinct);
        let name = self
            .random
            .pick(&["avg_over_time", "max_over_time", "min_over_time", "sum_over_time"]);
        format!("{name}({})", self.range_of(&metric))
    }
}
