//! Durations within brackets and behind `offset`, arithmetic on them included.

use super::Fault;
use super::cursor::Cursor;
use super::lexer::TokenKind;
use crate::ast::{BinaryOp, DurationKind, DurationNode, NumberLiteral};
use crate::limits;

const PLACE: &str = "duration expression";

/// The duration of a range or of a subquery's step; must be positive where that is known already.
pub(super) fn read_range(cursor: &mut Cursor<'_>) -> Result<DurationNode, Fault> {
    let node = read_sum(cursor, 0)?;
    if let DurationKind::Literal(literal) = &node.kind
        && (literal.value * 1000.0).round() <= 0.0
    {
        return Err(Fault::new(node.at, "duration must be greater than 0"));
    }
    Ok(node)
}

/// The duration behind `offset`: one term, so that operators after it belong to the expression around.
pub(super) fn read_offset(cursor: &mut Cursor<'_>) -> Result<DurationNode, Fault> {
    read_term(cursor)
}

fn binding(sign: &str) -> Option<(BinaryOp, u8)> {
    Some(match sign {
        "+" => (BinaryOp::Add, 1),
        "-" => (BinaryOp::Sub, 1),
        "*" => (BinaryOp::Mul, 2),
        "/" => (BinaryOp::Div, 2),
        "%" => (BinaryOp::Mod, 2),
        "^" => (BinaryOp::Pow, 3),
        _ => return None,
    })
}

fn read_sum(cursor: &mut Cursor<'_>, weakest: u8) -> Result<DurationNode, Fault> {
    let mut left = cursor.deeper(read_term)?;
    loop {
        let TokenKind::Sign(sign) = cursor.peek().kind else {
            return Ok(left);
        };
        let Some((op, strength)) = binding(sign).filter(|(_, strength)| *strength >= weakest) else {
            return Ok(left);
        };
        cursor.count_operator()?;
        cursor.take();
        let next = if op == BinaryOp::Pow {
            strength
        } else {
            strength + 1
        };
        let right = cursor.deeper(|cursor| read_sum(cursor, next))?;
        if let (BinaryOp::Div | BinaryOp::Mod, DurationKind::Literal(literal)) = (op, &right.kind)
            && literal.value == 0.0
        {
            let what = if op == BinaryOp::Div { "division" } else { "modulo" };
            return Err(Fault::new(right.at, format!("{what} by zero")));
        }
        let at = left.at;
        left = DurationNode {
            kind: DurationKind::Binary(op, Box::new(left), Box::new(right)),
            at,
        };
    }
}

fn read_term(cursor: &mut Cursor<'_>) -> Result<DurationNode, Fault> {
    let at = cursor.at();
    if cursor.take_sign("+") {
        return cursor.deeper(read_term);
    }
    if cursor.take_sign("-") {
        let inner = cursor.deeper(read_term)?;
        let kind = match inner.kind {
            DurationKind::Literal(literal) => DurationKind::Literal(NumberLiteral {
                value: -literal.value,
                ..literal
            }),
            _ => DurationKind::Negative(Box::new(inner)),
        };
        return Ok(DurationNode { kind, at });
    }
    if cursor.take_sign("(") {
        let inner = cursor.deeper(|cursor| read_sum(cursor, 0))?;
        cursor.expect_sign(")", PLACE)?;
        let kind = DurationKind::Paren(Box::new(inner));
        return Ok(DurationNode { kind, at });
    }
    match &cursor.peek().kind {
        TokenKind::Number(literal) => {
            if literal.value > limits::DURATION_SECONDS_MAX {
                return Err(Fault::new(at, "duration out of range"));
            }
            cursor.take();
            let kind = DurationKind::Literal(literal.clone());
            Ok(DurationNode { kind, at })
        }
        TokenKind::Word if cursor.opens_at(1) => read_named(cursor),
        _ => Err(cursor.unexpected(PLACE, "number, duration, step(), or range()")),
    }
}

/// `step()`, `range()`, `min_of(a, b)` and `max_of(a, b)`.
fn read_named(cursor: &mut Cursor<'_>) -> Result<DurationNode, Fault> {
    let at = cursor.at();
    let word = cursor.word().unwrap_or_default();
    let is_known = matches!(word.as_str(), "step" | "range" | "min_of" | "max_of");
    if !is_known {
        return Err(cursor.unexpected(PLACE, "step(), range(), min_of() or max_of()"));
    }
    cursor.take();
    cursor.expect_sign("(", PLACE)?;
    let kind = match word.as_str() {
        "step" => DurationKind::Step,
        "range" => DurationKind::Range,
        _ => {
            let first = Box::new(cursor.deeper(|cursor| read_sum(cursor, 0))?);
            cursor.expect_sign(",", PLACE)?;
            let second = Box::new(cursor.deeper(|cursor| read_sum(cursor, 0))?);
            if word == "min_of" {
                DurationKind::MinOf(first, second)
            } else {
                DurationKind::MaxOf(first, second)
            }
        }
    };
    cursor.expect_sign(")", PLACE)?;
    Ok(DurationNode { kind, at })
}
