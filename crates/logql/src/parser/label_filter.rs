//! Conditions on labels: matchers, and label filters joined by `and`, `or`, comma and blank.

use model::Matcher;

use super::cursor::Cursor;
use super::infix::Infix;
use super::lexer::TokenKind;
use super::{Fault, infix, number};
use crate::ast::{CompareOp, LabelFilter};

/// `name="value"`, with any of the four operators.
pub(super) fn matcher(cursor: &mut Cursor<'_>) -> Result<Matcher, Fault> {
    let name = cursor.expect_identifier()?;
    let at = cursor.at();
    let op = match cursor.peek() {
        TokenKind::Sign(sign @ ("=" | "!=" | "=~" | "!~")) => *sign,
        _ => return Err(cursor.unexpected("= or != or =~ or !~")),
    };
    cursor.take();
    let value = cursor.expect_text()?;
    new_matcher(cursor, name, op, value, at)
}

fn new_matcher(
    cursor: &mut Cursor<'_>,
    name: String,
    op: &str,
    value: String,
    at: usize,
) -> Result<Matcher, Fault> {
    let made = match op {
        "=" => Ok(Matcher::equal(name, value)),
        "!=" => Ok(Matcher::not_equal(name, value)),
        "=~" => Matcher::matching(name, &value),
        _ => Matcher::not_matching(name, &value),
    };
    let matcher = made.map_err(|error| Fault::new(at, error.as_go_says()))?;
    cursor.count_pattern(matcher.pattern_bytes(), at)?;
    Ok(matcher)
}

/// Conditions joined by `or`, which binds weakest, by `and`, by comma and by nothing.
pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<LabelFilter, Fault> {
    infix::read::<LabelFilter>(cursor)
}

/// What stands between two conditions.
pub(super) enum Joint {
    And,
    Or,
}

impl Infix for LabelFilter {
    type Operand = Self;
    type Operator = Joint;

    fn operand(cursor: &mut Cursor<'_>) -> Result<Self, Fault> {
        one(cursor)
    }

    fn operator(cursor: &mut Cursor<'_>, weakest: u8) -> Result<Option<Joint>, Fault> {
        let joint = if weakest <= OR && cursor.take_keyword("or") {
            Joint::Or
        } else if weakest <= AND && begins_another(cursor) {
            Joint::And
        } else {
            return Ok(None);
        };
        cursor.count_operator()?;
        Ok(Some(joint))
    }

    fn weakest_of_right(joint: &Joint) -> u8 {
        match joint {
            Joint::Or => OR + 1,
            Joint::And => AND + 1,
        }
    }

    fn joined(joint: Joint, left: Self, right: Self) -> Result<Self, Fault> {
        let (left, right) = (Box::new(left), Box::new(right));
        Ok(match joint {
            Joint::Or => Self::Or(left, right),
            Joint::And => Self::And(left, right),
        })
    }
}

/// How strongly `or` and `and` bind.
const OR: u8 = 1;
const AND: u8 = 2;

/// Takes `and` or a comma; neither need stand between two conditions.
fn begins_another(cursor: &mut Cursor<'_>) -> bool {
    let is_joined = cursor.take_keyword("and") || cursor.take_sign(",");
    is_joined || matches!(cursor.peek(), TokenKind::Identifier(_)) || cursor.is_sign("(")
}

fn one(cursor: &mut Cursor<'_>) -> Result<LabelFilter, Fault> {
    let label = cursor.expect_identifier()?;
    let at = cursor.at();
    let TokenKind::Sign(sign) = cursor.peek() else {
        return Err(cursor.unexpected(""));
    };
    let op = compare_op(sign);
    let is_matcher = matches!(*sign, "=" | "!=" | "=~" | "!~");
    if op.is_none() && !is_matcher {
        return Err(cursor.unexpected(""));
    }
    cursor.take();
    match (cursor.peek(), op) {
        (TokenKind::Text(value), _) if is_matcher => {
            cursor.take();
            let matcher = new_matcher(cursor, label, sign, value.clone(), at)?;
            Ok(LabelFilter::Text(matcher))
        }
        (TokenKind::Function("ip"), Some(CompareOp::Equal | CompareOp::NotEqual)) if *sign != "==" => {
            let pattern = ip(cursor)?;
            let negated = *sign == "!=";
            Ok(LabelFilter::Ip {
                label,
                negated,
                pattern,
            })
        }
        (TokenKind::Duration(value_ns), Some(op)) => {
            cursor.take();
            let value_ns = *value_ns;
            Ok(LabelFilter::Duration { label, op, value_ns })
        }
        (TokenKind::Bytes(value), Some(op)) => {
            cursor.take();
            let value = *value;
            Ok(LabelFilter::Bytes { label, op, value })
        }
        (TokenKind::Number(_) | TokenKind::Sign("+" | "-"), Some(op)) => {
            let value = number::read(cursor)?;
            Ok(LabelFilter::Number { label, op, value })
        }
        _ => Err(cursor.unexpected("")),
    }
}

fn compare_op(sign: &str) -> Option<CompareOp> {
    Some(match sign {
        "=" | "==" => CompareOp::Equal,
        "!=" => CompareOp::NotEqual,
        ">" => CompareOp::Greater,
        ">=" => CompareOp::GreaterOrEqual,
        "<" => CompareOp::Less,
        "<=" => CompareOp::LessOrEqual,
        _ => return None,
    })
}

/// `ip("…")`
pub(super) fn ip(cursor: &mut Cursor<'_>) -> Result<String, Fault> {
    cursor.take();
    cursor.expect_sign("(")?;
    let pattern = cursor.expect_text()?;
    cursor.expect_sign(")")?;
    Ok(pattern)
}
