//! Splits a template into text and the tokens between `{{` and `}}`.

use crate::TemplateError;

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Piece {
    Text(String),
    Action(Vec<Token>),
}

/// A token, and whether it follows the one before without a blank.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) glued: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    Word(String),
    Variable(String),
    Field(String),
    Dot,
    Text(String),
    Int(i64),
    Float(f64),
    /// `:=` `=` `|` `(` `)` `,`
    Sign(&'static str),
}

/// Splits a template.
pub(crate) fn split(text: &str) -> Result<Vec<Piece>, TemplateError> {
    let mut pieces = Vec::new();
    let mut rest = text;
    let mut trim_next = false;
    loop {
        let (before, action) = match rest.split_once("{{") {
            Some((before, action)) => (before, Some(action)),
            None => (rest, None),
        };
        let trims_before = action.is_some_and(|action| action.strip_prefix('-').is_some_and(starts_blank));
        let mut before = if trim_next { before.trim_start() } else { before };
        if trims_before {
            before = before.trim_end();
        }
        if !before.is_empty() {
            pieces.push(Piece::Text(before.to_owned()));
        }
        let Some(action) = action else { return Ok(pieces) };
        let action = if trims_before {
            action.get(1..).unwrap_or_default()
        } else {
            action
        };
        let (tokens, used) = action_tokens(action)?;
        let tail = action.get(used..).unwrap_or_default();
        trim_next = tail.starts_with("-}}");
        rest = tail
            .strip_prefix('-')
            .unwrap_or(tail)
            .strip_prefix("}}")
            .unwrap_or_default();
        if let Some(tokens) = tokens {
            pieces.push(Piece::Action(tokens));
        }
    }
}

fn starts_blank(text: &str) -> bool {
    text.starts_with([' ', '\t', '\r', '\n'])
}

/// The tokens up to the closing braces, and how many bytes they take. A comment is no action.
fn action_tokens(text: &str) -> Result<(Option<Vec<Token>>, usize), TemplateError> {
    let trimmed = text.trim_start();
    if let Some(comment) = trimmed.strip_prefix("/*") {
        let end = comment.find("*/").ok_or_else(|| fault("unclosed comment"))?;
        let after = comment.get(end + 2..).unwrap_or_default();
        let close = after.trim_start();
        if !close.starts_with("}}") && !close.starts_with("-}}") {
            return Err(fault("comment ends before closing delimiter"));
        }
        return Ok((None, text.len() - close.len()));
    }
    let mut tokens = Vec::new();
    let mut at = 0;
    let mut glued = false;
    loop {
        let rest = text.get(at..).unwrap_or_default();
        let Some(c) = rest.chars().next() else {
            return Err(fault("unclosed action"));
        };
        if rest.starts_with("}}") || (rest.starts_with("-}}") && !glued) {
            return Ok((Some(tokens), at));
        }
        if c.is_whitespace() {
            at += c.len_utf8();
            glued = false;
            continue;
        }
        let (kind, used) = token(rest, c)?;
        tokens.push(Token { kind, glued });
        at += used;
        glued = true;
    }
}

fn token(rest: &str, c: char) -> Result<(Kind, usize), TemplateError> {
    for sign in [":=", "=", "|", "(", ")", ","] {
        if rest.starts_with(sign) {
            return Ok((Kind::Sign(sign), sign.len()));
        }
    }
    let word_len = |text: &str| {
        text.find(|c: char| !(c.is_alphanumeric() || c == '_'))
            .unwrap_or(text.len())
    };
    let tail = rest.get(c.len_utf8()..).unwrap_or_default();
    let next = tail.chars().next();
    match c {
        '"' => quoted(tail),
        '`' => {
            let end = tail
                .find('`')
                .ok_or_else(|| fault("unterminated raw quoted string"))?;
            Ok((
                Kind::Text(tail.get(..end).unwrap_or_default().to_owned()),
                end + 2,
            ))
        }
        '\'' => character(tail),
        '$' => {
            let used = word_len(tail);
            Ok((
                Kind::Variable(tail.get(..used).unwrap_or_default().to_owned()),
                used + 1,
            ))
        }
        '.' if next.is_some_and(|c| c.is_alphabetic() || c == '_') => {
            let used = word_len(tail);
            Ok((
                Kind::Field(tail.get(..used).unwrap_or_default().to_owned()),
                used + 1,
            ))
        }
        '.' if !next.is_some_and(|c| c.is_ascii_digit()) => Ok((Kind::Dot, 1)),
        '0'..='9' | '.' | '+' | '-' => number(rest),
        _ if c.is_alphabetic() || c == '_' => {
            let used = word_len(rest);
            Ok((Kind::Word(rest.get(..used).unwrap_or_default().to_owned()), used))
        }
        _ => Err(fault(&format!("unexpected {c:?} in command"))),
    }
}

fn quoted(tail: &str) -> Result<(Kind, usize), TemplateError> {
    let mut escaped = false;
    for (at, c) in tail.char_indices() {
        match c {
            '\n' => break,
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => {
                let inner = tail.get(..at).unwrap_or_default();
                let text = crate::text::unquote(inner).ok_or_else(|| fault("bad escape in a string"))?;
                return Ok((Kind::Text(text), at + 2));
            }
            _ => {}
        }
    }
    Err(fault("unterminated quoted string"))
}

fn character(tail: &str) -> Result<(Kind, usize), TemplateError> {
    let start = usize::from(tail.starts_with('\\')) + 1;
    let end = tail
        .char_indices()
        .skip(start)
        .find(|(_, c)| *c == '\'')
        .map(|(at, _)| at)
        .ok_or_else(|| fault("unterminated character constant"))?;
    let inner = tail.get(..end).unwrap_or_default();
    let text = if inner == "\\'" {
        Some("'".to_owned())
    } else {
        crate::text::unquote(inner)
    };
    let mut chars = text.as_deref().unwrap_or_default().chars();
    match (chars.next(), chars.next()) {
        (Some(c), None) => Ok((Kind::Int(i64::from(u32::from(c))), end + 2)),
        _ => Err(fault("bad character constant")),
    }
}

fn number(rest: &str) -> Result<(Kind, usize), TemplateError> {
    let mut end = 0;
    let mut before = ' ';
    for (at, c) in rest.char_indices() {
        let sign = matches!(c, '+' | '-') && (at == 0 || matches!(before, 'e' | 'E' | 'p' | 'P'));
        if !(c.is_ascii_alphanumeric() || c == '.' || c == '_' || sign) {
            break;
        }
        before = c;
        end = at + c.len_utf8();
    }
    let text = rest.get(..end).unwrap_or_default();
    let plain = text.replace('_', "");
    let unsigned = plain.trim_start_matches(['+', '-']);
    let radix = |prefix: &str, radix: u32| {
        let digits = unsigned.strip_prefix(prefix)?;
        let value = i64::from_str_radix(digits, radix).ok()?;
        Some(if plain.starts_with('-') { -value } else { value })
    };
    let int = plain.parse().ok();
    let int = int
        .or_else(|| radix("0x", 16))
        .or_else(|| radix("0b", 2))
        .or_else(|| radix("0o", 8));
    if let Some(int) = int {
        return Ok((Kind::Int(int), end));
    }
    match plain.parse::<f64>() {
        Ok(float) if unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') => {
            Ok((Kind::Float(float), end))
        }
        _ => Err(fault(&format!("bad number syntax: {text:?}"))),
    }
}

fn fault(message: &str) -> TemplateError {
    TemplateError(message.to_owned())
}
