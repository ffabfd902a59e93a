//! Prints expressions in canonical form, as Prometheus does (prometheus/promql/parser `printer.go`).

use std::borrow::Cow;
use std::fmt::{self, Display};

use model::labels::METRIC_NAME;
use model::names::is_legacy_metric_name;
use model::number::format_float;
use model::quoting::{label_name, quote};
use model::{Matcher, MatcherOp};
use stdx::HumanDuration;

use crate::ast::{
    Aggregate, AtModifier, Binary, BinaryOp, Cardinality, DurationKind, DurationNode, Expr, Extended, Kind,
    Matching, Node, NumberLiteral, Selector, TextLiteral, TimeShift, UnaryOp, belongs_to_operator,
};

impl Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.root.fmt(f)
    }
}

impl Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Number(literal) => literal.fmt(f),
            Kind::Text(literal) => literal.fmt(f),
            Kind::Selector(selector) => selector.fmt(f),
            Kind::Matrix(matrix) => {
                write_series(f, &matrix.selector)?;
                write!(f, "[{}]", matrix.range)?;
                write_modifiers(f, &matrix.selector)
            }
            Kind::Subquery(subquery) => {
                write!(f, "{}[{}:", subquery.inner, subquery.range)?;
                if let Some(step) = &subquery.step {
                    step.fmt(f)?;
                }
                write!(f, "]{}", subquery.time)
            }
            Kind::Paren(inner) => write!(f, "({inner})"),
            Kind::Unary(UnaryOp::Minus, inner) => write!(f, "-{inner}"),
            Kind::Unary(UnaryOp::Plus, inner) => write!(f, "+{inner}"),
            Kind::Binary(binary) => binary.fmt(f),
            Kind::Aggregate(aggregate) => {
                write!(f, "{}(", AggregateHead(aggregate))?;
                if let Some(parameter) = &aggregate.parameter {
                    write!(f, "{parameter}, ")?;
                }
                write!(f, "{})", aggregate.inner)
            }
            Kind::Call(call) => {
                write!(f, "{}(", call.function.name)?;
                for (place, arg) in call.args.iter().enumerate() {
                    let separator = if place == 0 { "" } else { ", " };
                    write!(f, "{separator}{arg}")?;
                }
                f.write_str(")")
            }
        }
    }
}

/// The operator of an aggregation and its grouping, up to the parenthesis.
#[derive(Debug)]
pub(crate) struct AggregateHead<'a>(pub(crate) &'a Aggregate);

impl Display for AggregateHead<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.op.as_str())?;
        match (self.0.without, self.0.labels.is_empty()) {
            (true, _) => write!(f, " without ({}) ", LabelNames(&self.0.labels)),
            (false, false) => write!(f, " by ({}) ", LabelNames(&self.0.labels)),
            (false, true) => Ok(()),
        }
    }
}

impl Display for Binary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.infinite_base() {
            Some(name) => f.write_str(name)?,
            None => self.left.fmt(f)?,
        }
        write!(f, " {} {}", Operator(self), self.right)
    }
}

impl Binary {
    /// The left side where it is infinite and the base of a power, without a sign: that would be the whole power's, and one more each
    /// time it is read.
    pub(crate) fn infinite_base(&self) -> Option<&'static str> {
        match &self.left.kind {
            Kind::Number(literal) if self.op == BinaryOp::Pow && literal.value == f64::INFINITY => {
                Some("Inf")
            }
            _ => None,
        }
    }
}

/// The operator of a binary expression with all its modifiers.
#[derive(Debug)]
pub(crate) struct Operator<'a>(pub(crate) &'a Binary);

impl Display for Operator<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.op.as_str())?;
        if self.0.return_bool {
            f.write_str(" bool")?;
        }
        self.0.matching.fmt(f)
    }
}

impl Display for Matching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.labels.is_empty() || self.on || self.cardinality != Cardinality::OneToOne {
            let word = if self.on { "on" } else { "ignoring" };
            write!(f, " {word} ({})", LabelNames(&self.labels))?;
        }
        match self.cardinality {
            Cardinality::OneToOne => {}
            Cardinality::ManyToOne => write!(f, " group_left ({})", LabelNames(&self.include))?,
            Cardinality::OneToMany => write!(f, " group_right ({})", LabelNames(&self.include))?,
        }
        match (self.fill_left, self.fill_right) {
            (Some(left), Some(right)) if left.to_bits() == right.to_bits() => {
                write!(f, " fill ({})", format_float(left))
            }
            (left, right) => {
                if let Some(left) = left {
                    write!(f, " fill_left ({})", format_float(left))?;
                }
                right.map_or(Ok(()), |right| write!(f, " fill_right ({})", format_float(right)))
            }
        }
    }
}

impl Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_series(f, self)?;
        write_modifiers(f, self)
    }
}

/// The name and the matchers.
fn write_series(f: &mut fmt::Formatter<'_>, selector: &Selector) -> fmt::Result {
    let name = selector.name.as_deref();
    let others = || selector.matchers.iter().filter(|matcher| !is_name(matcher, name));
    let mut matchers: Vec<String> = others().map(print_matcher).collect();
    matchers.sort();
    // Before the braces a name must be the only one.
    let is_alone = !others().any(|matcher| matcher.name() == METRIC_NAME);
    match name {
        Some(name) if is_alone && is_metric_name(name) => {
            f.write_str(name)?;
            if matchers.is_empty() {
                return Ok(());
            }
        }
        Some(name) => matchers.insert(0, quote(name)),
        None => {}
    }
    write!(f, "{{{}}}", matchers.join(","))
}

fn is_name(matcher: &Matcher, name: Option<&str>) -> bool {
    matcher.name() == METRIC_NAME && *matcher.op() == MatcherOp::Equal && Some(matcher.value()) == name
}

fn print_matcher(matcher: &Matcher) -> String {
    let op = match matcher.op() {
        MatcherOp::Equal => "=",
        MatcherOp::NotEqual => "!=",
        MatcherOp::Matches(_) => "=~",
        MatcherOp::NotMatches(_) => "!~",
    };
    format!("{}{op}{}", label_name(matcher.name()), quote(matcher.value()))
}

fn write_modifiers(f: &mut fmt::Formatter<'_>, selector: &Selector) -> fmt::Result {
    match selector.extended {
        Some(Extended::Anchored) => f.write_str(" anchored")?,
        Some(Extended::Smoothed) => f.write_str(" smoothed")?,
        None => {}
    }
    selector.time.fmt(f)
}

impl Display for TimeShift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at {
            Some(AtModifier::Time(at_ms)) => write!(f, " @ {:.3}", at_ms as f64 / 1000.0)?,
            Some(AtModifier::Start) => f.write_str(" @ start()")?,
            Some(AtModifier::End) => f.write_str(" @ end()")?,
            None => {}
        }
        self.offset
            .as_ref()
            .map_or(Ok(()), |offset| write!(f, " offset {offset}"))
    }
}

impl Display for DurationNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            // A bare number of seconds prints as a duration; within arithmetic it may be a factor and stays as it is.
            DurationKind::Literal(literal) => write_duration(f, literal.value),
            _ => write_term(f, self),
        }
    }
}

fn write_term(f: &mut fmt::Formatter<'_>, node: &DurationNode) -> fmt::Result {
    let term = |node| DurationTerm(node);
    match &node.kind {
        DurationKind::Literal(literal) => literal.fmt(f),
        DurationKind::Step => f.write_str("step()"),
        DurationKind::Range => f.write_str("range()"),
        DurationKind::MinOf(first, second) => write!(f, "min_of({}, {})", term(first), term(second)),
        DurationKind::MaxOf(first, second) => write!(f, "max_of({}, {})", term(first), term(second)),
        DurationKind::Negative(inner) => write!(f, "-{}", term(inner)),
        DurationKind::Paren(inner) => write!(f, "({})", term(inner)),
        DurationKind::Binary(op, left, right) => {
            write!(f, "{} {} {}", term(left), op.as_str(), term(right))
        }
    }
}

struct DurationTerm<'a>(&'a DurationNode);

impl Display for DurationTerm<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_term(f, self.0)
    }
}

impl Display for NumberLiteral {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_duration {
            write_duration(f, self.value)
        } else {
            f.write_str(&format_float(self.value))
        }
    }
}

fn write_duration(f: &mut fmt::Formatter<'_>, seconds: f64) -> fmt::Result {
    let sign = if seconds.is_sign_negative() { "-" } else { "" };
    let millis = (seconds.abs() * 1000.0).round() as u64;
    write!(f, "{sign}{}", HumanDuration::from_millis(millis))
}

impl Display for TextLiteral {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.not_utf8 {
            Some(quoted) => f.write_str(quoted),
            None => f.write_str(&quote(&self.value)),
        }
    }
}

struct LabelNames<'a>(&'a [String]);

impl Display for LabelNames<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<Cow<'_, str>> = self.0.iter().map(|name| label_name(name)).collect();
        f.write_str(&names.join(", "))
    }
}

/// Whether a metric's name can stand without quotes.
fn is_metric_name(name: &str) -> bool {
    let word = name.to_ascii_lowercase();
    let is_number = matches!(word.as_str(), "inf" | "nan");
    is_legacy_metric_name(name) && !is_number && !belongs_to_operator(&word)
}
