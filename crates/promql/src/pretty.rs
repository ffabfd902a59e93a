//! Prints expressions over several lines, as Prometheus does (prometheus/promql/parser `prettier.go`).

use std::fmt::{Display, Write};

use stdx::{indentation, prints_within};

use crate::ast::{Expr, Kind, Node, UnaryOp};
use crate::print::{AggregateHead, Operator};

/// Parts up to this length stay on one line.
const LINE_LENGTH_MAX: usize = 100;

impl Expr {
    /// The expression over several lines, indented by two blanks a level.
    pub fn pretty(&self) -> String {
        self.pretty_within(LINE_LENGTH_MAX)
    }

    /// As [`Self::pretty`], breaking up parts that are longer than `line_length_max` bytes.
    pub fn pretty_within(&self, line_length_max: usize) -> String {
        let mut printer = Printer {
            out: String::new(),
            is_behind_sign: false,
        };
        printer.part(&Part::new(&self.root, line_length_max), 0);
        printer.out
    }
}

/// A part of an expression, and whether it stays on one line.
struct Part<'a> {
    node: &'a Node,
    fits: bool,
    /// What may get lines of its own, as it is printed.
    inner: Vec<Part<'a>>,
}

impl<'a> Part<'a> {
    /// Each part is looked at once: around one that does not fit none fits.
    fn new(node: &'a Node, line_length_max: usize) -> Self {
        let inner: Vec<&Node> = match &node.kind {
            Kind::Aggregate(aggregate) => aggregate.parameter.iter().chain([&aggregate.inner]).collect(),
            Kind::Binary(binary) => vec![&binary.left, &binary.right],
            Kind::Call(call) => call.args.iter().collect(),
            Kind::Paren(inner) | Kind::Unary(_, inner) => vec![inner],
            Kind::Number(_) | Kind::Text(_) | Kind::Selector(_) | Kind::Matrix(_) | Kind::Subquery(_) => {
                Vec::new()
            }
        };
        let inner: Vec<Self> = inner
            .into_iter()
            .map(|inner| Self::new(inner, line_length_max))
            .collect();
        let fits = inner.iter().all(|inner| inner.fits) && prints_within(node, line_length_max);
        Self { node, fits, inner }
    }
}

struct Printer {
    out: String,
    /// Whether a sign was printed that the next part is to follow without a margin.
    is_behind_sign: bool,
}

impl Printer {
    fn print(&mut self, text: impl Display) {
        // Writing to a text cannot fail.
        let _ = write!(self.out, "{text}");
    }

    fn margin(&mut self, level: usize) {
        if !std::mem::take(&mut self.is_behind_sign) {
            self.out.push_str(&indentation(level));
        }
    }

    fn part(&mut self, part: &Part<'_>, level: usize) {
        match (&part.node.kind, part.inner.as_slice()) {
            (Kind::Aggregate(aggregate), inner) if !part.fits => {
                self.margin(level);
                self.print(AggregateHead(aggregate));
                self.parenthesized(inner, level);
            }
            (Kind::Call(call), inner) if !part.fits && !inner.is_empty() => {
                self.margin(level);
                self.print(call.function.name);
                self.parenthesized(inner, level);
            }
            (Kind::Paren(_), inner) if !part.fits => {
                self.margin(level);
                self.parenthesized(inner, level);
            }
            (Kind::Binary(binary), [left, right]) if !part.fits => {
                match binary.infinite_base() {
                    Some(base) => {
                        self.margin(level + 1);
                        self.print(base);
                    }
                    None => self.part(left, level + 1),
                }
                self.print('\n');
                self.margin(level);
                self.print(Operator(binary));
                self.print('\n');
                self.part(right, level + 1);
            }
            (Kind::Unary(op, _), [inner]) if !part.fits => {
                self.margin(level);
                self.print(match op {
                    UnaryOp::Minus => "-",
                    UnaryOp::Plus => "+",
                });
                self.is_behind_sign = true;
                self.part(inner, level);
            }
            _ => {
                self.margin(level);
                self.print(part.node);
            }
        }
    }

    /// Parts in parentheses, each on lines of its own.
    fn parenthesized(&mut self, parts: &[Part<'_>], level: usize) {
        for (place, part) in parts.iter().enumerate() {
            self.print(if place == 0 { "(\n" } else { ",\n" });
            self.part(part, level + 1);
        }
        self.print('\n');
        self.margin(level);
        self.print(')');
    }
}
