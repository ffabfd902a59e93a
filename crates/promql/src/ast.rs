//! The tree of an expression, as written: durations unresolved, `start()` and `end()` unbound.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::labels::METRIC_NAME;
use model::{Matcher, MatcherOp};

use crate::functions::Function;

/// A PromQL expression that was read and whose types were checked.
///
/// `Display` prints it in canonical form, as Prometheus does; what is printed reads back to the same expression.
#[derive(Debug, Clone)]
pub struct Expr {
    pub(crate) root: Node,
    /// The text it was read from, for the places in annotations.
    pub(crate) source: Arc<str>,
}

/// The type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ValueType {
    /// One number.
    Scalar,
    /// One text.
    String,
    /// One sample a series.
    Vector,
    /// Many samples a series.
    Matrix,
}

/// A part of an expression and where it begins.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    /// Byte offset in the source.
    pub(crate) at: usize,
}

#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Number(NumberLiteral),
    Text(TextLiteral),
    Selector(Selector),
    /// `selector[5m]`
    Matrix(Box<Matrix>),
    Subquery(Box<Subquery>),
    Paren(Box<Node>),
    Unary(UnaryOp, Box<Node>),
    Binary(Box<Binary>),
    Aggregate(Box<Aggregate>),
    Call(Call),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct NumberLiteral {
    pub(crate) value: f64,
    /// Written with a unit (`5m`), value in seconds.
    pub(crate) is_duration: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TextLiteral {
    /// The text; bytes that are not UTF-8 are replaced.
    pub(crate) value: String,
    /// The text quoted as Go quotes it, where it is not UTF-8.
    pub(crate) not_utf8: Option<String>,
}

/// What picks series, with its modifiers.
#[derive(Debug, Clone)]
pub(crate) struct Selector {
    /// The metric's name where it stands before or, quoted, within the braces.
    pub(crate) name: Option<String>,
    /// All matchers, one of the name included.
    pub(crate) matchers: Vec<Matcher>,
    pub(crate) time: TimeShift,
    pub(crate) extended: Option<Extended>,
}

#[derive(Debug, Clone)]
pub(crate) struct Matrix {
    pub(crate) selector: Selector,
    /// Where the selector begins.
    pub(crate) range: DurationNode,
}

#[derive(Debug, Clone)]
pub(crate) struct Subquery {
    pub(crate) inner: Node,
    pub(crate) range: DurationNode,
    pub(crate) step: Option<DurationNode>,
    pub(crate) time: TimeShift,
}

/// `@` and `offset`.
#[derive(Debug, Clone, Default)]
pub(crate) struct TimeShift {
    pub(crate) at: Option<AtModifier>,
    pub(crate) offset: Option<DurationNode>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AtModifier {
    /// Milliseconds since the Unix epoch.
    Time(i64),
    Start,
    End,
}

/// Selectors that look beyond their window's ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extended {
    Anchored,
    Smoothed,
}

/// A duration and where it begins; a plain number is one of seconds.
#[derive(Debug, Clone)]
pub(crate) struct DurationNode {
    pub(crate) kind: DurationKind,
    pub(crate) at: usize,
}

#[derive(Debug, Clone)]
pub(crate) enum DurationKind {
    /// Seconds.
    Literal(NumberLiteral),
    /// The step of the query.
    Step,
    /// From the start to the end of the query.
    Range,
    MinOf(Box<DurationNode>, Box<DurationNode>),
    MaxOf(Box<DurationNode>, Box<DurationNode>),
    Negative(Box<DurationNode>),
    Paren(Box<DurationNode>),
    Binary(BinaryOp, Box<DurationNode>, Box<DurationNode>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UnaryOp {
    Plus,
    Minus,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BinaryOp {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Pow,
    Atan2,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    And,
    Or,
    Unless,
    /// `</`: keeps what lies below, of native histograms.
    TrimUpper,
    /// `>/`: keeps what lies above, of native histograms.
    TrimLower,
}

#[derive(Debug, Clone)]
pub(crate) struct Binary {
    pub(crate) op: BinaryOp,
    pub(crate) left: Node,
    pub(crate) right: Node,
    pub(crate) return_bool: bool,
    /// Of operations between two vectors.
    pub(crate) matching: Matching,
}

/// How series of two vectors are paired.
#[derive(Debug, Clone, Default)]
pub(crate) struct Matching {
    /// `on` rather than `ignoring`.
    pub(crate) on: bool,
    pub(crate) labels: Vec<String>,
    pub(crate) cardinality: Cardinality,
    /// Labels of the one side that results take over.
    pub(crate) include: Vec<String>,
    pub(crate) fill_left: Option<f64>,
    pub(crate) fill_right: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Cardinality {
    #[default]
    OneToOne,
    /// `group_left`
    ManyToOne,
    /// `group_right`
    OneToMany,
}

#[derive(Debug, Clone)]
pub(crate) struct Aggregate {
    pub(crate) op: AggregateOp,
    pub(crate) inner: Node,
    pub(crate) parameter: Option<Node>,
    /// `without` rather than `by`.
    pub(crate) without: bool,
    pub(crate) labels: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AggregateOp {
    Sum,
    Avg,
    Min,
    Max,
    Count,
    Stddev,
    Stdvar,
    Group,
    Topk,
    Bottomk,
    Quantile,
    CountValues,
    Limitk,
    LimitRatio,
}

#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) function: &'static Function,
    pub(crate) args: Vec<Node>,
}

/// What one selector of an expression asks the store for.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// All matchers, one of the name included where it has a name.
    pub matchers: &'a [Matcher],
    /// Whether it asks for the samples of a range, and not for the last one.
    pub is_range: bool,
}

// === impl Expr ===

impl Expr {
    /// The type of the expression's value in an instant query.
    pub fn value_type(&self) -> ValueType {
        self.root.value_type()
    }

    /// The names of the metrics that the selectors ask for, sorted; `None` where one asks for no exact name.
    pub fn metric_names(&self) -> Option<Vec<String>> {
        let mut names = BTreeSet::new();
        let mut all_named = true;
        self.root.for_each_selector(&mut |selector, _| {
            let exact = selector
                .matchers
                .iter()
                .find(|matcher| matcher.name() == METRIC_NAME && *matcher.op() == MatcherOp::Equal);
            match exact {
                Some(matcher) => {
                    names.insert(matcher.value().to_owned());
                }
                None => all_named = false,
            }
        });
        all_named.then(|| names.into_iter().collect())
    }

    /// What each selector of the expression asks the store for, in order.
    pub fn selectors(&self) -> Vec<Asked<'_>> {
        let mut all = Vec::new();
        self.root.for_each_selector(&mut |selector, is_range| {
            all.push(Asked {
                matchers: &selector.matchers,
                is_range,
            });
        });
        all
    }
}

// === impl Node ===

impl Node {
    pub(crate) fn value_type(&self) -> ValueType {
        match &self.kind {
            Kind::Number(_) => ValueType::Scalar,
            Kind::Text(_) => ValueType::String,
            Kind::Selector(_) | Kind::Aggregate(_) => ValueType::Vector,
            Kind::Matrix(_) | Kind::Subquery(_) => ValueType::Matrix,
            Kind::Paren(inner) | Kind::Unary(_, inner) => inner.value_type(),
            Kind::Binary(binary) => match (binary.left.value_type(), binary.right.value_type()) {
                (ValueType::Scalar, ValueType::Scalar) => ValueType::Scalar,
                _ => ValueType::Vector,
            },
            Kind::Call(call) => call.function.returns,
        }
    }

    /// Visits every selector, and says whether it asks for a range.
    pub(crate) fn for_each_selector<'a>(&'a self, visit: &mut dyn FnMut(&'a Selector, bool)) {
        match &self.kind {
            Kind::Number(_) | Kind::Text(_) => {}
            Kind::Selector(selector) => visit(selector, false),
            Kind::Matrix(matrix) => visit(&matrix.selector, true),
            Kind::Subquery(subquery) => subquery.inner.for_each_selector(visit),
            Kind::Paren(inner) | Kind::Unary(_, inner) => inner.for_each_selector(visit),
            Kind::Binary(binary) => {
                binary.left.for_each_selector(visit);
                binary.right.for_each_selector(visit);
            }
            Kind::Aggregate(aggregate) => {
                if let Some(parameter) = &aggregate.parameter {
                    parameter.for_each_selector(visit);
                }
                aggregate.inner.for_each_selector(visit);
            }
            Kind::Call(call) => call.args.iter().for_each(|arg| arg.for_each_selector(visit)),
        }
    }
}

// === impl ValueType ===

impl ValueType {
    /// The name as Prometheus documents it, for messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::String => "string",
            Self::Vector => "instant vector",
            Self::Matrix => "range vector",
        }
    }
}

// === impl BinaryOp ===

/// Whether a word, in small letters, stands behind an operator or is one; it cannot name a metric without quotes.
pub(crate) fn belongs_to_operator(word: &str) -> bool {
    matches!(
        word,
        "bool" | "on" | "ignoring" | "group_left" | "group_right" | "atan2"
    )
}

impl BinaryOp {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::Mod => "%",
            Self::Pow => "^",
            Self::Atan2 => "atan2",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
            Self::And => "and",
            Self::Or => "or",
            Self::Unless => "unless",
            Self::TrimUpper => "</",
            Self::TrimLower => ">/",
        }
    }

    pub(crate) fn is_comparison(self) -> bool {
        matches!(
            self,
            Self::Equal | Self::NotEqual | Self::Less | Self::LessEqual | Self::Greater | Self::GreaterEqual
        )
    }

    pub(crate) fn is_set(self) -> bool {
        matches!(self, Self::And | Self::Or | Self::Unless)
    }
}

// === impl AggregateOp ===

impl AggregateOp {
    pub(crate) const ALL: [(&'static str, Self); 14] = [
        ("sum", Self::Sum),
        ("avg", Self::Avg),
        ("min", Self::Min),
        ("max", Self::Max),
        ("count", Self::Count),
        ("stddev", Self::Stddev),
        ("stdvar", Self::Stdvar),
        ("group", Self::Group),
        ("topk", Self::Topk),
        ("bottomk", Self::Bottomk),
        ("quantile", Self::Quantile),
        ("count_values", Self::CountValues),
        ("limitk", Self::Limitk),
        ("limit_ratio", Self::LimitRatio),
    ];

    pub(crate) fn as_str(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(_, op)| *op == self)
            .map_or("", |(name, _)| name)
    }

    /// The type of the parameter before the vector, where there is one.
    pub(crate) fn parameter_type(self) -> Option<ValueType> {
        match self {
            Self::Topk | Self::Bottomk | Self::Quantile | Self::Limitk | Self::LimitRatio => {
                Some(ValueType::Scalar)
            }
            Self::CountValues => Some(ValueType::String),
            _ => None,
        }
    }
}
