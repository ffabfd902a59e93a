//! Lines of a window of time, as functions over time take them: the window may stand before the stages or behind them, with
//! or without parentheses.

use super::cursor::Cursor;
use super::lexer::TokenKind;
use super::{Fault, label_filter, pipeline};
use crate::ast::{Conversion, LogExpr, LogRange, Unwrap};

/// What has been read of a range so far.
struct Parts {
    log: LogExpr,
    unwrap: Option<Unwrap>,
    interval_ns: Option<i64>,
    offset_ns: i64,
}

/// `{…} | … | unwrap … [5m] offset 1h` and its other forms.
pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<LogRange, Fault> {
    let parts = parts(cursor)?;
    let Some(interval_ns) = parts.interval_ns else {
        return Err(cursor.unexpected("RANGE"));
    };
    Ok(LogRange {
        log: parts.log,
        unwrap: parts.unwrap,
        interval_ns,
        offset_ns: parts.offset_ns,
    })
}

fn parts(cursor: &mut Cursor<'_>) -> Result<Parts, Fault> {
    if cursor.take_sign("(") {
        let mut inner = cursor.deeper(parts)?;
        cursor.expect_sign(")")?;
        if inner.interval_ns.is_some() {
            return Ok(inner);
        }
        read_interval(cursor, &mut inner)?;
        // Behind the window stands what may stand there, if nothing stood before it.
        if inner.log.stages.is_empty() && inner.unwrap.is_none() {
            read_unwrap(cursor, &mut inner)?;
        }
        return Ok(inner);
    }
    let mut all = Parts {
        log: LogExpr {
            matchers: pipeline::selector(cursor)?,
            stages: Vec::new(),
        },
        unwrap: None,
        interval_ns: None,
        offset_ns: 0,
    };
    read_interval(cursor, &mut all)?;
    pipeline::read_stages(cursor, &mut all.log.stages)?;
    read_unwrap(cursor, &mut all)?;
    if all.interval_ns.is_none() {
        read_interval(cursor, &mut all)?;
    }
    Ok(all)
}

/// `[5m] offset 1h`, if it comes next.
fn read_interval(cursor: &mut Cursor<'_>, all: &mut Parts) -> Result<(), Fault> {
    let TokenKind::Range(interval_ns) = cursor.peek() else {
        return Ok(());
    };
    if *interval_ns <= 0 {
        return Err(Fault::new(cursor.at(), "the range must be longer than 0s"));
    }
    cursor.take();
    all.interval_ns = Some(*interval_ns);
    if cursor.take_keyword("offset") {
        let TokenKind::Duration(offset_ns) = cursor.peek() else {
            return Err(cursor.unexpected("DURATION"));
        };
        cursor.take();
        all.offset_ns = *offset_ns;
    }
    Ok(())
}

/// `| unwrap …` and the label filters behind it, if it comes next.
fn read_unwrap(cursor: &mut Cursor<'_>, all: &mut Parts) -> Result<(), Fault> {
    let is_unwrap = cursor.is_sign("|") && matches!(cursor.peek_at(1), TokenKind::Keyword("unwrap"));
    if !is_unwrap {
        return Ok(());
    }
    cursor.take();
    cursor.take();
    let conversion = match cursor.peek() {
        TokenKind::Function("bytes") => Conversion::Bytes,
        TokenKind::Function("duration") => Conversion::Duration,
        TokenKind::Function("duration_seconds") => Conversion::DurationSeconds,
        _ => Conversion::Number,
    };
    let label = if conversion == Conversion::Number {
        cursor.expect_identifier()?
    } else {
        cursor.take();
        cursor.expect_sign("(")?;
        let label = cursor.expect_identifier()?;
        cursor.expect_sign(")")?;
        label
    };
    let mut filters = Vec::new();
    while cursor.take_sign("|") {
        filters.push(label_filter::read(cursor)?);
    }
    all.unwrap = Some(Unwrap {
        label,
        conversion,
        filters,
    });
    Ok(())
}
