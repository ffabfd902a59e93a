//! Aggregations, with every way to name the labels that stay.

use super::{Expression, Grammar, Precision};

const LABELS: [&str; 9] = [
    "instance", "job", "room", "core", "kind", "method", "code", "le", "nothing",
];
/// Which are as exact as what they aggregate.
const CHOOSING: [&str; 4] = ["min", "max", "count", "group"];
const COMPUTING: [&str; 3] = ["avg", "stddev", "stdvar"];

impl Grammar<'_> {
    /// Any aggregation.
    pub(super) fn aggregation(&mut self, depth: u32) -> Expression {
        let inner = depth.saturating_sub(1);
        match self.random.below(100) {
            0..28 => {
                let of = self.vector(inner);
                let is_exact = of.precision == Precision::Exact;
                let precision = if is_exact {
                    Precision::Exact
                } else {
                    Precision::Rounded
                };
                Expression::new(self.grouped("sum", &of.text), precision)
            }
            28..52 => {
                let name = self.random.pick(&CHOOSING);
                let of = self.vector(inner);
                let text = self.grouped(name, &of.text);
                of.reworded(text)
            }
            52..72 => {
                let name = self.random.pick(&COMPUTING);
                let of = self.precise(inner, Precision::Exact);
                Expression::new(self.grouped(name, &of.text), Precision::Rounded)
            }
            72..80 => {
                let (quantile, of) = (self.quantile(), self.vector(inner));
                let arguments = format!("{quantile}, {}", of.text);
                Expression::new(self.grouped("quantile", &arguments), Precision::Rounded)
            }
            80..86 => {
                // By labels of which one comes after the new one, 2.42 loses labels.
                let of = self.precise(inner, Precision::Same);
                let text = match self.random.below(3) {
                    0 => {
                        let label = self.random.pick(&["instance", "code"]);
                        format!("count_values(\"{label}\", {})", of.text)
                    }
                    1 => {
                        let label = self.random.pick(&["instance", "code", "value"]);
                        let without = self.random.pick(&LABELS);
                        format!("count_values without ({without}) (\"{label}\", {})", of.text)
                    }
                    _ => self.grouped("count_values", &format!("\"value\", {}", of.text)),
                };
                Expression::new(text, Precision::Exact)
            }
            _ => self.ranked(inner),
        }
    }

    /// `topk` and `bottomk`: where they have to choose, no two values are equal.
    fn ranked(&mut self, depth: u32) -> Expression {
        let name = self.random.pick(&["topk", "bottomk"]);
        if self.random.chance(20) {
            let of = self.vector(depth);
            let text = self.grouped(name, &format!("1000, {}", of.text));
            return of.reworded(text);
        }
        let count = match self.random.below(12) {
            0 => "0".to_owned(),
            1 => "-1".to_owned(),
            2 => "NaN".to_owned(),
            3 => "2.9".to_owned(),
            4 => format!("scalar(count({}))", self.selector()),
            5 => format!("(time() % {})", self.random.pick(&["3", "7"])),
            _ => self.random.pick(&["1", "2", "3", "5"]).to_owned(),
        };
        let of = if self.random.chance(50) {
            Expression::new(self.distinct_selector(), Precision::Exact)
        } else {
            Expression::new(self.distinct_over_time(), Precision::Rounded)
        };
        let text = self.grouped(name, &format!("{count}, {}", of.text));
        of.reworded(text)
    }

    /// The aggregation over what is in its parentheses, by labels or without labels, written before or behind.
    pub(super) fn grouped(&mut self, name: &str, arguments: &str) -> String {
        let word = self.random.pick(&["by", "by", "without"]);
        let labels = match self.random.below(10) {
            0..3 => return format!("{name}({arguments})"),
            3..6 => self.random.some_of(&LABELS).join(", "),
            _ => self.random.pick(&LABELS).to_owned(),
        };
        if self.random.chance(70) {
            format!("{name} {word} ({labels}) ({arguments})")
        } else {
            format!("{name}({arguments}) {word} ({labels})")
        }
    }
}
