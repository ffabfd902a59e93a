//! Operands, operators between them and parentheses around them, read without descending: a chain of operators is printed with as many
//! parentheses within each other as it has operators, and these must read back.

use super::Fault;
use super::cursor::Cursor;
use crate::limits;

/// What stands between parentheses and operators, and what is made of it.
pub(super) trait Infix {
    type Operand;
    type Operator;

    /// Reads an operand that has no parentheses around it.
    fn operand(cursor: &mut Cursor<'_>) -> Result<Self::Operand, Fault>;

    /// Takes the operator that comes next, if it binds at least as strongly as `weakest`.
    fn operator(cursor: &mut Cursor<'_>, weakest: u8) -> Result<Option<Self::Operator>, Fault>;

    /// How strongly an operator of the right side must bind to belong to it.
    fn weakest_of_right(operator: &Self::Operator) -> u8;

    /// What an operator makes of its sides.
    fn joined(
        operator: Self::Operator,
        left: Self::Operand,
        right: Self::Operand,
    ) -> Result<Self::Operand, Fault>;
}

/// What waits for the operand that is being read.
enum Open<I: Infix> {
    Parenthesis,
    /// An operator and its left side.
    Left(I::Operator, I::Operand),
}

/// Operands up to where no operator follows.
pub(super) fn read<I: Infix>(cursor: &mut Cursor<'_>) -> Result<I::Operand, Fault> {
    let mut open: Vec<Open<I>> = Vec::new();
    loop {
        while cursor.is_sign("(") {
            let parentheses = open.iter().filter(|open| matches!(open, Open::Parenthesis));
            if parentheses.count() >= limits::OPERATORS_MAX {
                return Err(cursor.too_deep(limits::OPERATORS_MAX));
            }
            cursor.take();
            open.push(Open::Parenthesis);
        }
        let mut operand = I::operand(cursor)?;
        loop {
            let weakest = match open.last() {
                Some(Open::Left(operator, _)) => I::weakest_of_right(operator),
                Some(Open::Parenthesis) | None => 0,
            };
            if let Some(operator) = I::operator(cursor, weakest)? {
                open.push(Open::Left(operator, operand));
                break;
            }
            match open.pop() {
                Some(Open::Left(operator, left)) => operand = I::joined(operator, left, operand)?,
                Some(Open::Parenthesis) => cursor.expect_sign(")")?,
                None => return Ok(operand),
            }
        }
    }
}
