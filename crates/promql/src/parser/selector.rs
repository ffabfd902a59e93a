//! Selectors: names, matchers in braces, and lists of label names.

use model::Matcher;
use model::labels::METRIC_NAME;

use super::Fault;
use super::cursor::Cursor;
use super::lexer::TokenKind;
use crate::ast::{Kind, Node, Selector, TextLiteral, TimeShift};

/// A selector: a name, matchers in braces, or both. The cursor stands at the name or at the brace.
pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<Node, Fault> {
    let at = cursor.at();
    let mut selector = Selector {
        name: None,
        matchers: Vec::new(),
        time: TimeShift::default(),
        extended: None,
    };
    if cursor.peek().kind == TokenKind::Word {
        selector.name = Some(cursor.take().text(cursor.source).to_owned());
    }
    let named_before = selector.name.is_some();
    if cursor.take_sign("{") {
        read_matchers(cursor, &mut selector)?;
    }
    let named_by_matcher = selector
        .matchers
        .iter()
        .any(|matcher| matcher.name() == METRIC_NAME);
    if named_before && named_by_matcher {
        return Err(Fault::new(
            at,
            format!(
                "metric name must not be set twice: {:?} and a matcher of {METRIC_NAME}",
                selector.name.unwrap_or_default()
            ),
        ));
    }
    if let Some(name) = &selector.name {
        selector.matchers.push(Matcher::equal(METRIC_NAME, name));
    }
    Ok(Node {
        kind: Kind::Selector(selector),
        at,
    })
}

fn read_matchers(cursor: &mut Cursor<'_>, selector: &mut Selector) -> Result<(), Fault> {
    const PLACE: &str = "label matching";
    while !cursor.take_sign("}") {
        let at = cursor.at();
        match &cursor.peek().kind {
            TokenKind::Word => {
                let name = cursor.take().text(cursor.source).to_owned();
                selector.matchers.push(read_matcher(cursor, name)?);
            }
            TokenKind::Text(literal) => {
                let literal = utf8(literal, at)?;
                cursor.take();
                if cursor.is_sign(",") || cursor.is_sign("}") {
                    if let Some(name) = &selector.name {
                        return Err(Fault::new(
                            at,
                            format!("metric name must not be set twice: {name:?} or {literal:?}"),
                        ));
                    }
                    selector.name = Some(literal);
                } else {
                    selector.matchers.push(read_matcher(cursor, literal)?);
                }
            }
            _ => return Err(cursor.unexpected(PLACE, "identifier or \"}\"")),
        }
        if !cursor.take_sign(",") && !cursor.is_sign("}") {
            return Err(cursor.unexpected(PLACE, "\",\" or \"}\""));
        }
    }
    Ok(())
}

/// The operator and value behind a label's name.
fn read_matcher(cursor: &mut Cursor<'_>, name: String) -> Result<Matcher, Fault> {
    const PLACE: &str = "label matching";
    let TokenKind::Sign(op @ ("=" | "!=" | "=~" | "!~")) = cursor.peek().kind else {
        return Err(cursor.unexpected(PLACE, "label matching operator (=, !=, =~, !~)"));
    };
    cursor.take();
    let at = cursor.at();
    let TokenKind::Text(literal) = &cursor.peek().kind else {
        return Err(cursor.unexpected(PLACE, "string"));
    };
    let value = utf8(literal, at)?;
    cursor.take();
    let matcher = match op {
        "=" => Ok(Matcher::equal(name, value)),
        "!=" => Ok(Matcher::not_equal(name, value)),
        "=~" => Matcher::matching(name, &value),
        _ => Matcher::not_matching(name, &value),
    };
    let matcher = matcher.map_err(|error| Fault::new(at, error.to_string()))?;
    let added = cursor.patterns.add(matcher.pattern_bytes());
    added.map_err(|error| Fault::new(at, error.to_string()))?;
    Ok(matcher)
}

/// Label names in parentheses, as behind `by` and `on`; a comma may end the list.
pub(super) fn read_label_names(cursor: &mut Cursor<'_>) -> Result<Vec<String>, Fault> {
    const PLACE: &str = "grouping opts";
    cursor.expect_sign("(", PLACE)?;
    let mut names = Vec::new();
    while !cursor.take_sign(")") {
        let at = cursor.at();
        match &cursor.peek().kind {
            TokenKind::Word => {
                let name = cursor.take().text(cursor.source);
                if name.contains(':') {
                    return Err(Fault::new(at, format!("invalid label name {name:?} in {PLACE}")));
                }
                names.push(name.to_owned());
            }
            TokenKind::Text(literal) => {
                let name = utf8(literal, at)?;
                if name.is_empty() {
                    return Err(Fault::new(at, format!("empty label name in {PLACE}")));
                }
                cursor.take();
                names.push(name);
            }
            _ => return Err(cursor.unexpected(PLACE, "label")),
        }
        if !cursor.take_sign(",") && !cursor.is_sign(")") {
            return Err(cursor.unexpected(PLACE, "\",\" or \")\""));
        }
    }
    Ok(names)
}

/// The text of a literal; label names and values must be UTF-8.
fn utf8(literal: &TextLiteral, at: usize) -> Result<String, Fault> {
    match &literal.not_utf8 {
        None => Ok(literal.value.clone()),
        Some(quoted) => Err(Fault::new(at, format!("{quoted} is not valid UTF-8"))),
    }
}
