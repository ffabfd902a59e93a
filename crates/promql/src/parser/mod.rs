//! Reads the text of an expression into its tree and checks its types.
//!
//! In: text from people, rule files and dashboards.  Out: [`Expr`], to the evaluator and to printers.
//! Owns: nothing.
//! Invariants: no text panics or nests without bound (`tests::no_text_panics`, `tests::deep_nesting_is_refused`); what
//! is printed reads back to the same text (`tests::printed_expressions_read_back`).
//! Not here: evaluation; durations and times stay as written, `eval::plan` binds them.
//! Start at: [`parse`].

mod check;
mod cursor;
mod duration;
mod expression;
mod lexer;
mod number;
mod selector;
mod text;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use model::Matcher;
use stdx::prints_within;

use crate::ast::{Expr, Kind};
use crate::error::ParseError;
use crate::limits;

/// Reads a PromQL expression and checks the types of its parts.
pub fn parse(source: &str) -> Result<Expr, ParseError> {
    if source.len() > limits::EXPRESSION_BYTES_MAX {
        return Err(ParseError::at(
            source,
            0,
            format!(
                "expression of {} bytes exceeds the limit of {} bytes",
                source.len(),
                limits::EXPRESSION_BYTES_MAX
            ),
        ));
    }
    let fault = |fault: Fault| ParseError::at(source, fault.at, fault.message);
    let tokens = lexer::scan(source).map_err(fault)?;
    let root = expression::read(source, &tokens).map_err(fault)?;
    check::check(&root).map_err(fault)?;
    if !prints_within(&root, limits::EXPRESSION_BYTES_MAX) {
        let limit = limits::EXPRESSION_BYTES_MAX;
        let message = format!("expression in canonical form exceeds the limit of {limit} bytes");
        return Err(ParseError::at(source, 0, message));
    }
    Ok(Expr {
        root,
        source: Arc::from(source),
    })
}

/// Reads a bare instant selector, as in `match[]` of the HTTP API: its matchers, one of the name included.
pub fn parse_selector(source: &str) -> Result<Vec<Matcher>, ParseError> {
    let not_a_selector = || ParseError::at(source, 0, "expected a series selector such as up{job=\"node\"}");
    match parse(source)?.root.kind {
        Kind::Selector(selector) if selector.time.at.is_none() && selector.time.offset.is_none() => {
            Ok(selector.matchers)
        }
        _ => Err(not_a_selector()),
    }
}

/// Reads a metric as it stands in front of its values: a name, matchers in braces, both or neither.
pub(crate) fn parse_metric(source: &str) -> Result<Vec<Matcher>, ParseError> {
    let fault = |fault: Fault| ParseError::at(source, fault.at, fault.message);
    let tokens = lexer::scan(source).map_err(fault)?;
    let mut cursor = cursor::Cursor::new(source, &tokens);
    let node = selector::read(&mut cursor).map_err(fault)?;
    if cursor.peek().kind != lexer::TokenKind::End {
        return Err(fault(cursor.unexpected("metric", "nothing more")));
    }
    match node.kind {
        Kind::Selector(selector) => Ok(selector.matchers),
        _ => Err(ParseError::at(
            source,
            0,
            "expected a metric such as up{job=\"node\"}",
        )),
    }
}

/// What is wrong at a byte offset.
#[derive(Debug)]
struct Fault {
    at: usize,
    message: String,
}

impl Fault {
    fn new(at: usize, message: impl Into<String>) -> Self {
        Self {
            at,
            message: message.into(),
        }
    }
}
