//! The tree of an expression as others may walk it, for a tree view of a query: names and numbers, durations in milliseconds.

use model::Matcher;

use crate::ast::{
    AtModifier, BinaryOp, Cardinality, DurationNode, Expr, Extended, Kind, Matching, Node, Selector,
    TimeShift, UnaryOp, ValueType,
};
use crate::functions::Function;

/// A part of an expression.
#[derive(Debug)]
pub enum Outline<'e> {
    /// A number; a sign before it is part of it.
    Number(f64),
    /// A text.
    Text(&'e str),
    /// An instant selector.
    Selector(SelectorOutline<'e>),
    /// A range selector and its range in milliseconds.
    Matrix(SelectorOutline<'e>, i64),
    /// An expression over a range.
    Subquery {
        /// What is evaluated.
        inner: Box<Outline<'e>>,
        /// The range in milliseconds.
        range_ms: i64,
        /// The step in milliseconds; 0 where none is written.
        step_ms: i64,
        /// `@` and `offset`.
        shift: ShiftOutline,
    },
    /// Something in parentheses.
    Paren(Box<Outline<'e>>),
    /// A sign and what stands behind it.
    Unary(&'static str, Box<Outline<'e>>),
    /// An operator between two sides.
    Binary {
        /// The operator as written.
        op: &'static str,
        /// The left side.
        left: Box<Outline<'e>>,
        /// The right side.
        right: Box<Outline<'e>>,
        /// Whether a comparison gives 0 or 1.
        return_bool: bool,
        /// How series are paired; `None` where a side is a number.
        matching: Option<MatchingOutline<'e>>,
    },
    /// An aggregation.
    Aggregate {
        /// Its name.
        op: &'static str,
        /// What is aggregated.
        inner: Box<Outline<'e>>,
        /// The parameter before it.
        parameter: Option<Box<Outline<'e>>>,
        /// The labels in its clause.
        labels: &'e [String],
        /// `without` rather than `by`.
        without: bool,
    },
    /// A call of a function.
    Call(&'static Function, Vec<Outline<'e>>),
}

/// What picks series.
#[derive(Debug)]
pub struct SelectorOutline<'e> {
    /// The metric's name where it stands before or, quoted, within the braces.
    pub name: Option<&'e str>,
    /// All matchers, one of the name included.
    pub matchers: &'e [Matcher],
    /// `@` and `offset`.
    pub shift: ShiftOutline,
    /// `anchored`
    pub is_anchored: bool,
    /// `smoothed`
    pub is_smoothed: bool,
}

/// `@` and `offset`.
#[derive(Debug, Clone, Copy, Default)]
pub struct ShiftOutline {
    /// The offset in milliseconds.
    pub offset_ms: i64,
    /// The moment behind `@`, milliseconds since the Unix epoch.
    pub at_ms: Option<i64>,
    /// `start` or `end`, where that stands behind `@`.
    pub start_or_end: Option<&'static str>,
}

/// How series of two vectors are paired.
#[derive(Debug)]
pub struct MatchingOutline<'e> {
    /// `one-to-one`, `many-to-one`, `one-to-many`, `many-to-many`.
    pub cardinality: &'static str,
    /// The labels behind `on` or `ignoring`.
    pub labels: &'e [String],
    /// `on` rather than `ignoring`.
    pub on: bool,
    /// Labels of the one side that results take over.
    pub include: &'e [String],
    /// What stands for a series that is missing on the left.
    pub fill_left: Option<f64>,
    /// The same on the right.
    pub fill_right: Option<f64>,
}

impl Expr {
    /// The expression's tree. Durations that depend on the query (`step()`, `range()`) are 0 there.
    pub fn outline(&self) -> Outline<'_> {
        outline(&self.root)
    }
}

fn outline(node: &Node) -> Outline<'_> {
    match &node.kind {
        Kind::Number(number) => Outline::Number(number.value),
        Kind::Text(text) => Outline::Text(&text.value),
        Kind::Selector(found) => Outline::Selector(selector(found)),
        Kind::Matrix(matrix) => Outline::Matrix(selector(&matrix.selector), millis(&matrix.range)),
        Kind::Subquery(subquery) => Outline::Subquery {
            inner: boxed(&subquery.inner),
            range_ms: millis(&subquery.range),
            step_ms: subquery.step.as_ref().map_or(0, millis),
            shift: shift(&subquery.time),
        },
        Kind::Paren(inner) => Outline::Paren(boxed(inner)),
        Kind::Unary(op, inner) => match (op, outline(inner)) {
            (UnaryOp::Minus, Outline::Number(value)) => Outline::Number(-value),
            (UnaryOp::Plus, Outline::Number(value)) => Outline::Number(value),
            (UnaryOp::Minus, inner) => Outline::Unary("-", Box::new(inner)),
            (UnaryOp::Plus, inner) => Outline::Unary("+", Box::new(inner)),
        },
        Kind::Binary(binary) => {
            let of_vectors = [&binary.left, &binary.right]
                .iter()
                .all(|side| side.value_type() == ValueType::Vector);
            Outline::Binary {
                op: binary.op.as_str(),
                left: boxed(&binary.left),
                right: boxed(&binary.right),
                return_bool: binary.return_bool,
                matching: of_vectors.then(|| matching(&binary.matching, binary.op)),
            }
        }
        Kind::Aggregate(aggregate) => Outline::Aggregate {
            op: aggregate.op.as_str(),
            inner: boxed(&aggregate.inner),
            parameter: aggregate.parameter.as_ref().map(boxed),
            labels: &aggregate.labels,
            without: aggregate.without,
        },
        Kind::Call(call) => Outline::Call(call.function, call.args.iter().map(outline).collect()),
    }
}

fn boxed(node: &Node) -> Box<Outline<'_>> {
    Box::new(outline(node))
}

fn selector(found: &Selector) -> SelectorOutline<'_> {
    SelectorOutline {
        name: found.name.as_deref(),
        matchers: &found.matchers,
        shift: shift(&found.time),
        is_anchored: found.extended == Some(Extended::Anchored),
        is_smoothed: found.extended == Some(Extended::Smoothed),
    }
}

fn shift(time: &TimeShift) -> ShiftOutline {
    let (at_ms, start_or_end) = match time.at {
        None => (None, None),
        Some(AtModifier::Time(at_ms)) => (Some(at_ms), None),
        Some(AtModifier::Start) => (None, Some("start")),
        Some(AtModifier::End) => (None, Some("end")),
    };
    ShiftOutline {
        offset_ms: time.offset.as_ref().map_or(0, millis),
        at_ms,
        start_or_end,
    }
}

fn millis(node: &DurationNode) -> i64 {
    let seconds = node.seconds(f64::NAN, f64::NAN);
    if seconds.is_finite() {
        (seconds * 1000.0).round() as i64
    } else {
        0
    }
}

fn matching(matching: &Matching, op: BinaryOp) -> MatchingOutline<'_> {
    MatchingOutline {
        cardinality: match matching.cardinality {
            _ if op.is_set() => "many-to-many",
            Cardinality::OneToOne => "one-to-one",
            Cardinality::ManyToOne => "many-to-one",
            Cardinality::OneToMany => "one-to-many",
        },
        labels: &matching.labels,
        on: matching.on,
        include: &matching.include,
        fill_left: matching.fill_left,
        fill_right: matching.fill_right,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_milliseconds_where_they_are_known() {
        let expr = crate::parse("a[2m * 2] offset -1s").unwrap();
        let Outline::Matrix(selector, range_ms) = expr.outline() else {
            panic!("{expr} is a range selector");
        };
        assert_eq!((range_ms, selector.shift.offset_ms), (240_000, -1000));
        let expr = crate::parse("a[step() + 1m]").unwrap();
        assert!(matches!(expr.outline(), Outline::Matrix(_, 0)));
    }

    #[test]
    fn numbers_have_no_cardinality() {
        let cardinality = |text: &str| match crate::parse(text).unwrap().outline() {
            Outline::Binary { matching, .. } => matching.map(|matching| matching.cardinality),
            _ => panic!("{text} has two sides"),
        };
        assert_eq!(cardinality("a + 1"), None);
        assert_eq!(cardinality("a + b"), Some("one-to-one"));
        assert_eq!(cardinality("a * on (x) group_left () b"), Some("many-to-one"));
        assert_eq!(cardinality("a and b"), Some("many-to-many"));
    }
}
