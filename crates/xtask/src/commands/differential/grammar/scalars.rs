//! Numbers: literals, the time, series taken as numbers, and what is computed of them.

use super::{Grammar, Precision};

/// All of them exact in binary, so that products and sums of them mostly are too.
const LITERALS: [&str; 16] = [
    "0", "1", "2", "3", "0.5", "-1", "10", "100", "1e3", "0x1f", ".25", "-7", "60", "NaN", "Inf", "-Inf",
];
const QUANTILES: [&str; 11] = [
    "0", "0.1", "0.25", "0.5", "0.75", "0.9", "0.99", "1", "-1", "2", "NaN",
];
pub(super) const COMPARISONS: [&str; 6] = ["==", "!=", "<", "<=", ">", ">="];
/// Which the processor computes the same way for everyone.
const EXACT: [&str; 5] = ["+", "-", "*", "/", "%"];
pub(super) const ARITHMETIC: [&str; 7] = ["+", "-", "*", "/", "%", "^", "atan2"];

impl Grammar<'_> {
    /// A number that is written out.
    pub(super) fn literal(&mut self) -> String {
        self.random.pick(&LITERALS).to_owned()
    }

    pub(super) fn quantile(&mut self) -> String {
        self.random.pick(&QUANTILES).to_owned()
    }

    /// Any scalar; both sides compute it to the last bit.
    pub(super) fn scalar(&mut self, depth: u32) -> String {
        if depth == 0 {
            return match self.random.below(10) {
                0 => "time()".to_owned(),
                1 => "pi()".to_owned(),
                _ => self.literal(),
            };
        }
        let inner = depth - 1;
        match self.random.below(12) {
            0 => {
                let (base, exponent) = (
                    self.random.pick(&["2", "-3", "Inf", "0"]),
                    self.random.pick(&["2", "-1", "NaN", "0"]),
                );
                format!("({base} ^ {exponent})")
            }
            1..4 => {
                let operator = self.random.pick(&EXACT);
                format!("({} {operator} {})", self.scalar(inner), self.scalar(inner))
            }
            4 => {
                let operator = self.random.pick(&COMPARISONS);
                format!("({} {operator} bool {})", self.scalar(inner), self.scalar(inner))
            }
            5 => format!("-{}", self.scalar(inner)),
            6 => format!("-({})", self.scalar(inner)),
            7..10 => {
                // One series, or none.
                let metric = self.metric();
                let name = self.random.pick(&["sum", "max", "min", "count"]);
                format!("scalar({name}({}))", self.selector_of(&metric))
            }
            10 => format!("scalar({})", self.precise(inner, Precision::Same).text),
            _ => self.literal(),
        }
    }
}
