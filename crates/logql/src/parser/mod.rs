//! Reads the text of an expression into its tree and checks what can be checked without lines.
//!
//! In: text from people and dashboards.  Out: [`Expr`], to the evaluator and to printers.
//! Owns: nothing.
//! Invariants: no text panics or nests without bound (`tests::no_text_panics`, `tests::deep_nesting_is_refused`); what
//! is printed reads back to the same tree (`tests::printed_expressions_read_back`).
//! Not here: what stages are made of (regular expressions of line filters, templates, paths): `pipeline` reads them when a query
//! runs, as Loki does.
//! Start at: [`parse`].

mod check;
mod cursor;
mod infix;
mod label_filter;
mod lexer;
mod metric;
mod number;
mod pipeline;
mod range;
mod text;

#[cfg(test)]
mod tests;

use model::Matcher;

use crate::ast::Expr;
use crate::error::ParseError;
use crate::limits;
use cursor::Cursor;
use lexer::TokenKind;

/// Reads a LogQL expression.
pub fn parse(source: &str) -> Result<Expr, ParseError> {
    let expr = read(source)?;
    check::check(&expr).map_err(|message| ParseError { place: None, message })?;
    Ok(expr)
}

/// Reads a LogQL expression as people browse by it: one that asks for lines may select every stream, `{} |= "error"`.
pub fn parse_browsing(source: &str) -> Result<Expr, ParseError> {
    match read(source)? {
        lines @ Expr::Log(_) => Ok(lines),
        numbers => {
            check::check(&numbers).map_err(|message| ParseError { place: None, message })?;
            Ok(numbers)
        }
    }
}

/// Reads the grammar alone.
fn read(source: &str) -> Result<Expr, ParseError> {
    if source.len() >= limits::EXPRESSION_BYTES_MAX {
        let message = format!(
            "input size too long ({} > {})",
            source.len(),
            limits::EXPRESSION_BYTES_MAX
        );
        return Err(ParseError { place: None, message });
    }
    let fault = |fault: Fault| ParseError::at(source, fault.at, fault.message);
    let tokens = lexer::scan(source).map_err(fault)?;
    let mut cursor = Cursor::new(&tokens);
    let expr = metric::read(&mut cursor).map_err(fault)?;
    if *cursor.peek() != TokenKind::End {
        return Err(fault(cursor.unexpected("")));
    }
    Ok(expr)
}

/// Reads a bare stream selector, as in `match[]` of the HTTP API: its matchers.
pub fn parse_selector(source: &str) -> Result<Vec<Matcher>, ParseError> {
    match parse(source)? {
        Expr::Log(log) if log.stages.is_empty() => Ok(log.matchers),
        _ => Err(ParseError {
            place: None,
            message: "expected a stream selector such as {app=\"web\"}".to_owned(),
        }),
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
