//! Aggregations with every way to name the labels that stay.

use super::{Grammar, LABELS};
use crate::tree::{Aggregate, Expr, Limit};

const SIMPLE: [&str; 10] = [
    "sum", "sum", "avg", "min", "max", "count", "group", "stddev", "stdvar", "sum",
];

impl Grammar<'_> {
    pub(crate) fn aggregation(&mut self, depth: u32) -> Expr {
        let inner = self.vector(depth - 1);
        match self.random.below(20) {
            0 | 1 => {
                let q = self.parameter(&[0.5, 0.0, 1.0, 0.9, 0.3, -0.5, 2.0, f64::NAN]);
                self.grouped("quantile", Some(q), inner)
            }
            2..6 => {
                let op = self.random.pick(&["topk", "bottomk"]);
                let count = self.parameter(&[1.0, 2.0, 3.0, 2.9, 100.0, 0.0, -1.0]);
                self.grouped(op, Some(count), inner)
            }
            6 => {
                let label = self.random.pick(&["value", "value", "job", "instance"]);
                self.grouped("count_values", Some(Expr::Text(label.to_owned())), inner)
            }
            7 => self.limited(inner),
            _ => {
                let op = self.random.pick(&SIMPLE);
                self.grouped(op, None, inner)
            }
        }
    }

    pub(super) fn grouped(&mut self, op: &'static str, parameter: Option<Expr>, inner: Expr) -> Expr {
        let is_without = self.random.chance(35);
        let mut labels = if self.random.chance(25) {
            Vec::new()
        } else {
            self.random.some_of(&LABELS)
        };
        if self.random.chance(3) {
            labels.push("__name__".to_owned());
        }
        Expr::Aggregate(Box::new(Aggregate {
            op,
            parameter,
            is_without,
            labels,
            inner,
        }))
    }

    /// A limit on how many series there are.
    fn limited(&mut self, inner: Expr) -> Expr {
        let count = self.random.pick(&[0.0, 1.0, 2.0, 3.0, 50.0]);
        let ratio = self.random.pick(&[0.25, 0.5, 1.0]);
        let limit = self
            .random
            .pick(&[Limit::Count(count), Limit::Whole(ratio), Limit::Nothing(ratio)]);
        Expr::Limited {
            limit,
            inner: Box::new(inner),
        }
    }
}
