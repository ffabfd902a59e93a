//! Stream selectors and what stands behind them.

use model::{GoRegex, Matcher};

use super::cursor::Cursor;
use super::lexer::TokenKind;
use super::{Fault, label_filter};
use crate::ast::{
    Extraction, FormatSource, LabelFormat, LineFilter, LineOp, LogExpr, NamedLabel, Needle, Stage,
};
use crate::go_regex;
use crate::line_pattern::LinePattern;

/// A selector and its stages, `unwrap` excluded.
pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<LogExpr, Fault> {
    let matchers = selector(cursor)?;
    let mut stages = Vec::new();
    read_stages(cursor, &mut stages)?;
    Ok(LogExpr { matchers, stages })
}

/// `{app="a", …}`
pub(super) fn selector(cursor: &mut Cursor<'_>) -> Result<Vec<Matcher>, Fault> {
    cursor.expect_sign("{")?;
    let mut matchers = Vec::new();
    if cursor.take_sign("}") {
        return Ok(matchers);
    }
    loop {
        matchers.push(label_filter::matcher(cursor)?);
        if !cursor.take_sign(",") {
            break;
        }
    }
    cursor.expect_sign("}")?;
    Ok(matchers)
}

/// All stages that come next, up to `unwrap` or what is no stage.
pub(super) fn read_stages(cursor: &mut Cursor<'_>, stages: &mut Vec<Stage>) -> Result<(), Fault> {
    loop {
        if let Some(op) = line_op(cursor.peek()) {
            cursor.take();
            line_filters(cursor, op, stages)?;
            continue;
        }
        let is_unwrap = matches!(cursor.peek_at(1), TokenKind::Keyword("unwrap"));
        if !cursor.is_sign("|") || is_unwrap {
            return Ok(());
        }
        cursor.take();
        stages.push(stage(cursor)?);
    }
}

fn line_op(token: &TokenKind) -> Option<LineOp> {
    let TokenKind::Sign(sign) = token else { return None };
    Some(match *sign {
        "|=" => LineOp::Contains,
        "!=" => LineOp::ContainsNot,
        "|~" => LineOp::Matches,
        "!~" => LineOp::MatchesNot,
        "|>" => LineOp::Fits,
        "!>" => LineOp::FitsNot,
        _ => return None,
    })
}

/// What stands behind the operator: of a filter that negates, neither this nor that is two filters.
fn line_filters(cursor: &mut Cursor<'_>, op: LineOp, stages: &mut Vec<Stage>) -> Result<(), Fault> {
    let mut needles = vec![needle(cursor, op)?];
    while cursor.take_keyword("or") {
        needles.push(needle(cursor, op)?);
    }
    let filter = |needle, or| Stage::LineFilter(LineFilter { op, needle, or });
    if op.is_negated() {
        stages.extend(needles.into_iter().map(|needle| filter(needle, Vec::new())));
    } else {
        let or = needles.split_off(1);
        stages.extend(needles.pop().map(|needle| filter(needle, or)));
    }
    Ok(())
}

fn needle(cursor: &mut Cursor<'_>, op: LineOp) -> Result<Needle, Fault> {
    let at = cursor.at();
    match cursor.peek() {
        TokenKind::Text(text) => {
            cursor.take();
            if matches!(op, LineOp::Matches | LineOp::MatchesNot) {
                count_pattern(cursor, text, at)?;
            }
            Ok(Needle {
                text: text.clone(),
                is_ip: false,
            })
        }
        TokenKind::Function("ip") => Ok(Needle {
            text: label_filter::ip(cursor)?,
            is_ip: true,
        }),
        _ => Err(cursor.unexpected("STRING or ip")),
    }
}

/// Counts what the expression takes; whether it is one is told where it is compiled.
fn count_pattern(cursor: &mut Cursor<'_>, pattern: &str, at: usize) -> Result<(), Fault> {
    let bytes = GoRegex::parse(pattern).map_or(0, |read| read.program_bytes());
    cursor.count_pattern(bytes, at)
}

fn stage(cursor: &mut Cursor<'_>) -> Result<Stage, Fault> {
    let TokenKind::Keyword(word) = cursor.peek() else {
        return Ok(Stage::LabelFilter(label_filter::read(cursor)?));
    };
    let at = cursor.at();
    let refused = cursor.unexpected("");
    cursor.take();
    Ok(match *word {
        "json" => Stage::Json(extractions(cursor)?),
        "logfmt" => logfmt(cursor)?,
        "unpack" => Stage::Unpack,
        "decolorize" => Stage::Decolorize,
        "regexp" => {
            let pattern = cursor.expect_text()?;
            count_pattern(cursor, &pattern, at)?;
            check_regexp(&pattern)
                .map_err(|reason| Fault::new(at, format!("invalid regexp parser: {reason}")))?;
            Stage::Regexp(pattern)
        }
        "pattern" => {
            let pattern = cursor.expect_text()?;
            LinePattern::for_parser(&pattern)
                .map_err(|reason| Fault::new(at, format!("invalid pattern parser: {reason}")))?;
            Stage::Pattern(pattern)
        }
        "line_format" => Stage::LineFormat(cursor.expect_text()?),
        "label_format" => Stage::LabelFormat(list(cursor, label_format)?),
        "drop" => Stage::Drop(list(cursor, named_label)?),
        "keep" => Stage::Keep(list(cursor, named_label)?),
        _ => return Err(refused),
    })
}

/// One thing or more, with commas between them.
fn list<T>(
    cursor: &mut Cursor<'_>,
    read: impl Fn(&mut Cursor<'_>) -> Result<T, Fault>,
) -> Result<Vec<T>, Fault> {
    let mut all = vec![read(cursor)?];
    while cursor.take_sign(",") {
        all.push(read(cursor)?);
    }
    Ok(all)
}

fn logfmt(cursor: &mut Cursor<'_>) -> Result<Stage, Fault> {
    let (mut strict, mut keep_empty) = (false, false);
    while let TokenKind::Flag(flag) = cursor.peek() {
        cursor.take();
        strict |= *flag == "--strict";
        keep_empty |= *flag == "--keep-empty";
    }
    Ok(Stage::Logfmt {
        strict,
        keep_empty,
        fields: extractions(cursor)?,
    })
}

/// The fields behind `json` and `logfmt`, if there are any.
fn extractions(cursor: &mut Cursor<'_>) -> Result<Vec<Extraction>, Fault> {
    if !matches!(cursor.peek(), TokenKind::Identifier(_)) {
        return Ok(Vec::new());
    }
    list(cursor, |cursor| {
        let label = cursor.expect_identifier()?;
        let path = if cursor.take_sign("=") {
            cursor.expect_text()?
        } else {
            label.clone()
        };
        Ok(Extraction { label, path })
    })
}

fn label_format(cursor: &mut Cursor<'_>) -> Result<LabelFormat, Fault> {
    let label = cursor.expect_identifier()?;
    cursor.expect_sign("=")?;
    let source = match cursor.peek() {
        TokenKind::Text(template) => FormatSource::Template(template.clone()),
        TokenKind::Identifier(name) => FormatSource::Rename(name.clone()),
        _ => return Err(cursor.unexpected("IDENTIFIER or STRING")),
    };
    cursor.take();
    Ok(LabelFormat { label, source })
}

fn named_label(cursor: &mut Cursor<'_>) -> Result<NamedLabel, Fault> {
    let is_matcher = matches!(cursor.peek_at(1), TokenKind::Sign("=" | "!=" | "=~" | "!~"));
    if is_matcher {
        return Ok(NamedLabel::Matching(label_filter::matcher(cursor)?));
    }
    Ok(NamedLabel::Name(cursor.expect_identifier()?))
}

/// A regular expression of `| regexp` has named captures, each name once.
fn check_regexp(pattern: &str) -> Result<(), String> {
    let mut met: Vec<&str> = Vec::new();
    for name in go_regex::names(pattern) {
        if met.contains(&name) {
            return Err(format!("duplicate extracted label name '{name}'"));
        }
        met.push(name);
    }
    let regex = go_regex::compile(pattern)?;
    let names: Vec<&str> = regex.capture_names().flatten().collect();
    if names.is_empty() {
        return Err("at least one named capture must be supplied".to_owned());
    }
    let is_label = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    match names.iter().find(|name| !is_label(name)) {
        Some(name) => Err(format!("invalid extracted label name '{name}'")),
        None => Ok(()),
    }
}
