//! Binary operators: between vectors and numbers, and between vectors by their labels.

use super::scalars::{ARITHMETIC, COMPARISONS};
use super::{Expression, Grammar, Precision};

const SET_OPERATORS: [&str; 3] = ["and", "or", "unless"];
/// Sides that match many to one: the many, how they match, and the one.
const JOINS: [(&str, &str, &str); 6] = [
    ("requests_total", "on(instance) group_left(version)", "build_info"),
    ("temperature", "on(instance) group_left", "depth"),
    ("requests_total", "ignoring(code) group_left", "errors_total"),
    (
        "requests_total",
        "on(instance, method) group_left()",
        "errors_total",
    ),
    ("load", "on(job) group_left(instance)", "sum by (job) (limit)"),
    ("limit", "on(instance) group_left(job, version)", "build_info"),
];

/// Whether a difference of the last bit of an operand can become a great one.
fn is_sensitive(operator: &str) -> bool {
    matches!(operator, "==" | "!=" | "%" | "^")
}

/// How far both sides agree on what an operator makes of two operands.
fn precision_of(operator: &str, left: Precision, right: Precision) -> Precision {
    match operator {
        "+" | "-" => left.min(right),
        "*" | "/" | "%" => left.min(right).min(Precision::Same),
        _ => Precision::Rounded,
    }
}

impl Grammar<'_> {
    /// An operator with its `bool`, and whether its result is that of a comparison.
    fn operator(&mut self) -> (&'static str, String) {
        if self.random.chance(60) {
            let operator = self.random.pick(&ARITHMETIC);
            return (operator, operator.to_owned());
        }
        let operator = self.random.pick(&COMPARISONS);
        let bool = if self.random.chance(40) { " bool" } else { "" };
        (operator, format!("{operator}{bool}"))
    }

    /// A vector for an operand of this operator.
    fn operand(&mut self, depth: u32, operator: &str) -> Expression {
        if is_sensitive(operator) {
            self.precise(depth, Precision::Same)
        } else {
            self.vector(depth)
        }
    }

    fn joined(operator: (&str, &str), left: &Expression, right: &Expression) -> Expression {
        let (name, written) = operator;
        let precision = if written.ends_with("bool") {
            Precision::Exact
        } else if COMPARISONS.contains(&name) {
            left.precision
        } else {
            precision_of(name, left.precision, right.precision)
        };
        Expression::new(format!("{} {written} {}", left.text, right.text), precision)
    }

    /// Any binary operator of which at least one side is a vector, in parentheses.
    pub(super) fn binary(&mut self, depth: u32) -> Expression {
        let inner = depth.saturating_sub(1);
        let joined = match self.random.below(100) {
            0..30 => self.with_number(inner),
            30..45 => self.with_itself(),
            45..65 => self.one_to_one(inner),
            65..78 => self.many_to_one(),
            78..95 => self.of_sets(inner),
            _ => self.at_random(inner),
        };
        // Results of `atan2` had kept the name of the metric before 3; another function takes it away on both sides.
        let wrapper = if joined.text.contains(" atan2") { "rad" } else { "" };
        let text = format!("{wrapper}({})", joined.text);
        joined.reworded(text)
    }

    fn with_number(&mut self, depth: u32) -> Expression {
        let (name, written) = self.operator();
        let vector = self.operand(depth, name);
        let number = Expression::new(self.scalar(1), Precision::Same);
        if self.random.chance(70) {
            return Self::joined((name, &written), &vector, &number);
        }
        // The value that stays is the vector's on either side.
        let joined = Self::joined((name, &written), &number, &vector);
        let precision = joined.precision.min(vector.precision);
        Expression { precision, ..joined }
    }

    /// A metric and its past.
    fn with_itself(&mut self) -> Expression {
        let (name, written) = self.operator();
        let metric = self.metric();
        let [left, right] = [0, 1].map(|_| Expression::new(self.selector_of(&metric), Precision::Exact));
        Self::joined((name, &written), &left, &right)
    }

    fn one_to_one(&mut self, depth: u32) -> Expression {
        let (name, written) = self.operator();
        let labels = self
            .random
            .pick(&["instance", "job", "instance, job", "instance, method"]);
        let [left, right] = [0, 1].map(|_| {
            let of = self.operand(depth, name);
            let is_exact = of.precision == Precision::Exact;
            let by = self.random.pick(&["sum", "max", "min"]);
            let by = if is_sensitive(name) && !is_exact {
                "max"
            } else {
                by
            };
            let is_sum_of_rounded = by == "sum" && !is_exact;
            let precision = if is_sum_of_rounded {
                Precision::Rounded
            } else {
                of.precision
            };
            Expression::new(format!("{by} by ({labels}) ({})", of.text), precision)
        });
        let matching = match self.random.below(3) {
            0 => format!(" on({labels})"),
            1 => " ignoring(nothing)".to_owned(),
            _ => String::new(),
        };
        Self::joined((name, &format!("{written}{matching}")), &left, &right)
    }

    fn many_to_one(&mut self) -> Expression {
        let (name, written) = self.operator();
        let (many, matching, one) = self.random.pick(&JOINS);
        let many = format!("{many}{}", self.modifiers());
        let (left, matching, right) = if self.random.chance(30) {
            (one.to_owned(), matching.replace("left", "right"), many)
        } else {
            (many, matching.to_owned(), one.to_owned())
        };
        let [left, right] = [left, right].map(|text| Expression::new(text, Precision::Exact));
        let joined = Self::joined((name, &written), &left, &right);
        let text = format!("{} {written} {matching} {}", left.text, right.text);
        joined.reworded(text)
    }

    fn of_sets(&mut self, depth: u32) -> Expression {
        let operator = self.random.pick(&SET_OPERATORS);
        let (left, right) = (self.vector(depth), self.vector(depth));
        let matching = match self.random.below(6) {
            0 => " on(instance)",
            1 => " on(job)",
            2 => " ignoring(room, core, kind)",
            3 => " on()",
            _ => "",
        };
        let precision = left.precision.min(right.precision);
        Expression::new(
            format!("{} {operator}{matching} {}", left.text, right.text),
            precision,
        )
    }

    /// Whatever comes: often nothing matches, or too much.
    fn at_random(&mut self, depth: u32) -> Expression {
        let (name, written) = self.operator();
        let (left, right) = (self.operand(depth, name), self.operand(depth, name));
        let matching = [
            "",
            " on(instance)",
            " ignoring(le)",
            " on(job) group_left",
            " ignoring(room) group_right(job)",
        ];
        let matching = self.random.pick(&matching);
        Self::joined((name, &format!("{written}{matching}")), &left, &right)
    }
}
