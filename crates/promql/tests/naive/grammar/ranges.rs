//! Range vectors and the functions of them.

use super::{Grammar, METRICS};
use crate::data::Moves;
use crate::tree::Expr;

const OF_RANGE: [&str; 22] = [
    "sum_over_time",
    "avg_over_time",
    "count_over_time",
    "present_over_time",
    "first_over_time",
    "last_over_time",
    "ts_of_first_over_time",
    "ts_of_last_over_time",
    "min_over_time",
    "max_over_time",
    "ts_of_min_over_time",
    "ts_of_max_over_time",
    "stdvar_over_time",
    "stddev_over_time",
    "mad_over_time",
    "changes",
    "resets",
    "idelta",
    "delta",
    "deriv",
    "irate",
    "rate",
];
const OF_COUNTER: [&str; 4] = ["rate", "increase", "irate", "resets"];
/// Subqueries within each other are evaluated so many times that two are enough.
const SUBQUERIES_MAX: u32 = 2;

impl Grammar<'_> {
    /// A function of a range vector.
    pub(crate) fn over_range(&mut self, depth: u32) -> Expr {
        match self.random.below(20) {
            0..6 => {
                let name = self.random.pick(&OF_COUNTER);
                let range = self.counters();
                self.call(name, vec![range])
            }
            6 => {
                let q = self.parameter(&[0.0, 0.5, 0.9, 1.0, 0.25, -1.0, 1.5, f64::NAN]);
                let range = self.range(depth);
                self.call("quantile_over_time", vec![q, range])
            }
            7 => {
                let range = self.range(depth);
                let ahead = self.parameter(&[0.0, 60.0, 600.0, 3600.0]);
                self.call("predict_linear", vec![range, ahead])
            }
            8 => {
                let range = self.range(depth);
                let mut factor = || Self::number(self.random.pick(&[0.1, 0.3, 0.5, 0.9, 0.5, 0.3, 1.0, 0.0]));
                let factors = [factor(), factor()];
                let arguments = [range].into_iter().chain(factors).collect();
                self.call("double_exponential_smoothing", arguments)
            }
            9 => {
                let range = self.range(depth);
                self.call("absent_over_time", vec![range])
            }
            _ => {
                let name = self.random.pick(&OF_RANGE);
                let range = self.range(depth);
                self.call(name, vec![range])
            }
        }
    }

    /// The samples of counters.
    fn counters(&mut self) -> Expr {
        let counters: Vec<_> = METRICS
            .iter()
            .filter(|metric| matches!(metric.moves, Moves::Counter | Moves::Buckets))
            .collect();
        let metric = self.random.pick(&counters);
        self.window_of(metric)
    }

    pub(super) fn window_of(&mut self, metric: &'static super::Metric) -> Expr {
        let selector = self.selector_of(metric);
        let range_ms = self.random.pick(&[
            30_000, 60_000, 60_000, 120_000, 300_000, 300_000, 600_000, 1_200_000, 45_001,
        ]);
        Expr::Window { selector, range_ms }
    }

    pub(crate) fn range(&mut self, depth: u32) -> Expr {
        if self.subqueries >= SUBQUERIES_MAX || self.random.chance(65) {
            let metric = self.metric();
            return self.window_of(metric);
        }
        self.subqueries += 1;
        let inner = Box::new(self.vector(depth.saturating_sub(1).min(2)));
        self.subqueries -= 1;
        let (range_ms, step_ms) = self.random.pick(&[
            (60_000, Some(15_000)),
            (60_000, Some(7_000)),
            (180_000, Some(30_000)),
            (300_000, Some(60_000)),
            (300_000, None),
            (600_000, Some(97_000)),
            (30_000, Some(60_000)),
        ]);
        Expr::Subquery {
            inner,
            range_ms,
            step_ms,
            shift: self.shift(),
        }
    }
}
