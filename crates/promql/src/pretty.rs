//! Prints expressions over several lines, as Prometheus does (prometheus/promql/parser `prettier.go`).

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
        pretty(&self.root, 0, line_length_max)
    }
}

fn indent(level: usize) -> String {
    "  ".repeat(level)
}

fn pretty(node: &Node, level: usize, longest: usize) -> String {
    let here = indent(level);
    let flat = node.to_string();
    if flat.len() <= longest {
        return format!("{here}{flat}");
    }
    let deeper = |node: &Node| pretty(node, level + 1, longest);
    match &node.kind {
        Kind::Aggregate(aggregate) => {
            let head = AggregateHead(aggregate);
            let args = aggregate.parameter.iter().chain([&aggregate.inner]);
            let args: Vec<String> = args.map(deeper).collect();
            format!("{here}{head}(\n{}\n{here})", args.join(",\n"))
        }
        Kind::Binary(binary) => {
            let (left, right) = (deeper(&binary.left), deeper(&binary.right));
            format!("{left}\n{here}{}\n{right}", Operator(binary))
        }
        Kind::Call(call) if !call.args.is_empty() => {
            let args: Vec<String> = call.args.iter().map(deeper).collect();
            format!("{here}{}(\n{}\n{here})", call.function.name, args.join(",\n"))
        }
        Kind::Paren(inner) => format!("{here}(\n{}\n{here})", deeper(inner)),
        Kind::Unary(op, inner) => {
            let sign = match op {
                UnaryOp::Minus => "-",
                UnaryOp::Plus => "+",
            };
            let inner = pretty(inner, level, longest);
            format!("{here}{sign}{}", inner.trim_start())
        }
        Kind::Number(_)
        | Kind::Text(_)
        | Kind::Selector(_)
        | Kind::Matrix(_)
        | Kind::Subquery(_)
        | Kind::Call(_) => {
            format!("{here}{flat}")
        }
    }
}
