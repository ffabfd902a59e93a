//! Numbers of native histograms.

use super::{Grammar, LABELS};
use crate::data::NATIVE;
use crate::tree::{Expr, Natives};

const NUMBERS: [&str; 3] = ["histogram_count", "histogram_sum", "histogram_avg"];
const OF_RANGE: [&str; 8] = [
    "rate",
    "rate",
    "increase",
    "increase",
    "delta",
    "sum_over_time",
    "avg_over_time",
    "last_over_time",
];

impl Grammar<'_> {
    pub(crate) fn of_natives(&mut self) -> Expr {
        let natives = self.natives(2);
        if self.random.chance(40) {
            let q = self.parameter(&[0.5, 0.9, 0.0, 1.0, 0.25, -1.0, 2.0]);
            return Expr::OfNatives {
                name: "histogram_quantile",
                parameter: Some(Box::new(q)),
                natives,
            };
        }
        Expr::OfNatives {
            name: self.random.pick(&NUMBERS),
            parameter: None,
            natives,
        }
    }

    fn natives(&mut self, depth: u32) -> Natives {
        match self.random.below(if depth == 0 { 6 } else { 10 }) {
            0 | 1 => Natives::Selector(self.selector_of(&NATIVE)),
            2..6 => Natives::OverRange {
                name: self.random.pick(&OF_RANGE),
                selector: self.selector_of(&NATIVE),
                range_ms: self.random.pick(&[60_000, 120_000, 300_000, 600_000]),
            },
            6 => Natives::Times {
                factor: self.random.pick(&[0.5, 2.0, 3.0]),
                inner: Box::new(self.natives(depth - 1)),
            },
            _ => Natives::Aggregate {
                op: self.random.pick(&["sum", "sum", "avg"]),
                is_without: self.random.chance(30),
                labels: self.random.some_of(&LABELS),
                inner: Box::new(self.natives(depth - 1)),
            },
        }
    }
}
