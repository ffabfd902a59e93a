//! Numbers as written, with the sign in front of them.

use super::Fault;
use super::cursor::Cursor;
use super::lexer::TokenKind;
use crate::units;

/// `5`, `+5`, `-5`
pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<f64, Fault> {
    let negative = cursor.is_sign("-");
    if negative || cursor.is_sign("+") {
        cursor.take();
    }
    let value = read_unsigned(cursor)?;
    Ok(if negative { -value } else { value })
}

/// `5`
pub(super) fn read_unsigned(cursor: &mut Cursor<'_>) -> Result<f64, Fault> {
    read_named(cursor, "literal")
}

/// `5`, called `name` where it is none.
pub(super) fn read_named(cursor: &mut Cursor<'_>, name: &str) -> Result<f64, Fault> {
    let at = cursor.at();
    let TokenKind::Number(text) = cursor.peek() else {
        return Err(cursor.unexpected("NUMBER"));
    };
    cursor.take();
    units::parse_float(text)
        .map_err(|reason| Fault::new(at, format!("unable to parse {name} as a float: {reason}")))
}
