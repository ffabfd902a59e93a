//! Prints expressions over several lines, as Prometheus does (prometheus/promql/parser `prettier.go`).

use crate::ast::{Expr, Kind, Node};
use crate::print::{AggregateHead, Operator};

/// Expressions up to this length stay on one line, but for calls and aggregations.
const LINE_LENGTH_MAX: usize = 20;

impl Expr {
    /// The expression over several lines, indented by two blanks a level.
    pub fn pretty(&self) -> String {
        pretty(&self.root, 0)
    }
}

fn indent(level: usize) -> String {
    "  ".repeat(level)
}

fn needs_split(node: &Node) -> bool {
    node.to_string().len() > LINE_LENGTH_MAX
}

fn pretty(node: &Node, level: usize) -> String {
    let here = indent(level);
    match &node.kind {
        Kind::Aggregate(aggregate) => {
            let head = format!("{here}{}", AggregateHead(aggregate));
            let mut args: Vec<&Node> = aggregate.parameter.iter().collect();
            args.push(&aggregate.inner);
            format!("{head}(\n{}\n{here})", list(&args, level + 1))
        }
        Kind::Binary(binary) if needs_split(node) => {
            let left = pretty(&binary.left, level + 1);
            let right = pretty(&binary.right, level + 1);
            format!("{left}\n{here}{}\n{right}", Operator(binary))
        }
        Kind::Call(call) if !call.args.is_empty() && (needs_split(node) || has_window(&call.args)) => {
            let args: Vec<&Node> = call.args.iter().collect();
            format!(
                "{here}{}(\n{}\n{here})",
                call.function.name,
                list(&args, level + 1)
            )
        }
        Kind::Paren(inner) if needs_split(node) => {
            format!("{here}(\n{}\n{here})", pretty(inner, level + 1))
        }
        Kind::Unary(op, inner) => {
            let sign = match op {
                crate::ast::UnaryOp::Minus => "-",
                crate::ast::UnaryOp::Plus => "+",
            };
            let inner = pretty(inner, level);
            format!("{here}{sign}{}", inner.trim_start())
        }
        _ => format!("{here}{node}"),
    }
}

fn list(args: &[&Node], level: usize) -> String {
    let printed: Vec<String> = args.iter().map(|arg| pretty(arg, level)).collect();
    printed.join(",\n")
}

fn has_window(args: &[Node]) -> bool {
    args.iter()
        .any(|arg| matches!(arg.kind, Kind::Matrix(_) | Kind::Subquery(_)))
}
