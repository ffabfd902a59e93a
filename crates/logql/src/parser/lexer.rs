//! Cuts the text of an expression into tokens.

use super::{Fault, text};
use crate::ast::{RangeOp, VectorOp};
use crate::units;

/// A token and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    /// Byte offset of its first byte.
    pub(super) at: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum TokenKind {
    End,
    Identifier(String),
    /// A word that is never a name.
    Keyword(&'static str),
    /// A word that is a function here, and may be a name elsewhere.
    Function(&'static str),
    /// As written; whether it is a number at all is for the reader to find out.
    Number(String),
    /// In nanoseconds.
    Duration(i64),
    Bytes(u64),
    /// `[5m]`, in nanoseconds.
    Range(i64),
    Text(String),
    /// `--strict`, `--keep-empty`
    Flag(&'static str),
    /// An operator or a bracket.
    Sign(&'static str),
}

/// Longest first, so that `<=` is not read as `<`.
const SIGNS: [&str; 28] = [
    "|=", "|~", "|>", "!=", "!~", "!>", "==", "=~", ">=", "<=", "|", "=", ">", "<", "{", "}", "(", ")", "]",
    ",", ".", "+", "-", "*", "/", "%", "^", "!",
];

const KEYWORDS: [&str; 24] = [
    "by",
    "without",
    "bool",
    "offset",
    "on",
    "ignoring",
    "group_left",
    "group_right",
    "or",
    "and",
    "unless",
    "json",
    "regexp",
    "logfmt",
    "unpack",
    "pattern",
    "label_format",
    "line_format",
    "decolorize",
    "drop",
    "keep",
    "unwrap",
    "variants",
    "of",
];

/// Functions beside those over ranges and vectors.
const OTHER_FUNCTIONS: [&str; 6] = [
    "ip",
    "vector",
    "label_replace",
    "bytes",
    "duration",
    "duration_seconds",
];

const FLAGS: [&str; 2] = ["--strict", "--keep-empty"];

/// All tokens of `source`, [`TokenKind::End`] last.
pub(super) fn scan(source: &str) -> Result<Vec<Token>, Fault> {
    let mut tokens = Vec::new();
    let mut at = 0;
    loop {
        at = skip_blanks(source, at);
        let rest = source.get(at..).unwrap_or_default();
        let Some(first) = rest.chars().next() else {
            tokens.push(Token {
                kind: TokenKind::End,
                at,
            });
            return Ok(tokens);
        };
        let (kind, length) = token(rest, first).map_err(|message| Fault::new(at, message))?;
        tokens.push(Token { kind, at });
        at += length;
    }
}

fn token(rest: &str, first: char) -> Result<(TokenKind, usize), String> {
    let next_is_digit = rest.as_bytes().get(1).is_some_and(u8::is_ascii_digit);
    match first {
        '"' | '`' => {
            let (text, length) = text::unquote(rest)?;
            Ok((TokenKind::Text(text), length))
        }
        '[' => range(rest),
        '0'..='9' => Ok(number(rest)),
        '.' if next_is_digit => Ok(number(rest)),
        '-' => Ok(minus(rest)),
        _ if first.is_alphabetic() || first == '_' => Ok(word(rest)),
        _ => {
            let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign));
            let sign = *sign.ok_or_else(|| format!("syntax error: unexpected character {first:?}"))?;
            Ok((TokenKind::Sign(sign), sign.len()))
        }
    }
}

/// Skips white space and comments.
fn skip_blanks(source: &str, mut at: usize) -> usize {
    let bytes = source.as_bytes();
    while let Some(byte) = bytes.get(at) {
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' => at += 1,
            b'#' => {
                while bytes.get(at).is_some_and(|byte| *byte != b'\n') {
                    at += 1;
                }
            }
            _ => break,
        }
    }
    at
}

fn range(rest: &str) -> Result<(TokenKind, usize), String> {
    let inner = rest.get(1..).unwrap_or_default();
    let (inner, _) = inner
        .split_once(']')
        .ok_or_else(|| "missing closing ']' in duration".to_owned())?;
    let interval_ns = units::parse_written_duration(inner.trim())?;
    Ok((TokenKind::Range(interval_ns), inner.len() + 2))
}

/// A number, or a duration or size that starts with it.
fn number(rest: &str) -> (TokenKind, usize) {
    let digits = number_length(rest);
    if let Some((duration_ns, length)) = duration(rest, digits) {
        return (TokenKind::Duration(duration_ns), length);
    }
    let more = extended(rest, digits, |c| {
        c.is_ascii_digit() || matches!(c, '.' | 'B' | 'i' | 'k' | 'K' | 'M' | 'G' | 'T' | 'P')
    });
    if more > digits
        && let Some(Ok(bytes)) = rest.get(..more).map(units::parse_bytes)
    {
        return (TokenKind::Bytes(bytes), more);
    }
    let text = rest.get(..digits).unwrap_or_default().to_owned();
    (TokenKind::Number(text), digits)
}

/// The digits of a number with its base, decimals and exponent, as Go's scanner finds them.
fn number_length(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let is_based = bytes.first() == Some(&b'0')
        && bytes
            .get(1)
            .is_some_and(|byte| matches!(byte, b'x' | b'X' | b'b' | b'B' | b'o' | b'O'))
        && bytes.get(2).is_some_and(u8::is_ascii_hexdigit);
    if is_based {
        return extended(rest, 2, |c| c.is_ascii_hexdigit() || c == '_');
    }
    let digits = extended(rest, 0, |c| c.is_ascii_digit() || c == '.' || c == '_');
    let tail = rest.get(digits..).unwrap_or_default();
    let Some(exponent) = tail.strip_prefix(['e', 'E']) else {
        return digits;
    };
    let unsigned = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    if !unsigned.starts_with(|c: char| c.is_ascii_digit()) {
        return digits;
    }
    let skipped = rest.len() - unsigned.len();
    extended(rest, skipped, |c| c.is_ascii_digit())
}

/// Where the characters that belong to a token end, from byte `from` on.
fn extended(rest: &str, from: usize, belongs: impl Fn(char) -> bool) -> usize {
    let tail = rest.get(from..).unwrap_or_default();
    tail.find(|c| !belongs(c))
        .map_or(rest.len(), |length| from + length)
}

/// The duration that starts with `digits` bytes of number or sign; there is none without a unit.
fn duration(rest: &str, digits: usize) -> Option<(i64, usize)> {
    let length = extended(rest, digits, |c| {
        c.is_ascii_digit() || matches!(c, '.' | 'n' | 'u' | 'µ' | 'μ' | 'm' | 's' | 'h' | 'd' | 'w' | 'y')
    });
    let text = rest.get(..length)?;
    let has_unit = text.ends_with(|c: char| c.is_alphabetic());
    if length == digits || !has_unit {
        return None;
    }
    let (text, negative) = text.strip_prefix('-').map_or((text, false), |text| (text, true));
    let size = units::parse_written_duration(text).ok()?;
    Some((if negative { -size } else { size }, length))
}

/// A flag, a negative duration or just a minus.
fn minus(rest: &str) -> (TokenKind, usize) {
    let length = extended(rest, 1, |c| c.is_ascii_alphabetic() || c == '-');
    if let Some(flag) = FLAGS.iter().find(|flag| rest.get(..length) == Some(flag)) {
        return (TokenKind::Flag(flag), length);
    }
    match duration(rest, 1) {
        Some((duration_ns, length)) => (TokenKind::Duration(duration_ns), length),
        None => (TokenKind::Sign("-"), 1),
    }
}

fn word(rest: &str) -> (TokenKind, usize) {
    let length = extended(rest, 0, |c| c.is_alphanumeric() || c == '_');
    let text = rest.get(..length).unwrap_or_default();
    let lower = text.to_ascii_lowercase();
    let tail = rest.get(length..).unwrap_or_default();
    let functions = RangeOp::ALL.iter().map(|op| op.as_str());
    let mut functions = functions
        .chain(VectorOp::ALL.iter().map(|op| op.as_str()))
        .chain(OTHER_FUNCTIONS);
    let kind = if let Some(name) = functions.find(|name| *name == lower) {
        if is_called(tail) {
            TokenKind::Function(name)
        } else {
            TokenKind::Identifier(text.to_owned())
        }
    } else if let Some(keyword) = KEYWORDS.iter().find(|keyword| **keyword == lower) {
        TokenKind::Keyword(keyword)
    } else {
        TokenKind::Identifier(text.to_owned())
    };
    (kind, length)
}

/// Whether what follows a word makes it a function: a parenthesis, or a grouping with one.
fn is_called(tail: &str) -> bool {
    let tail = tail.trim_start();
    let (word, _) = tail.split_at(tail.find(|c: char| !c.is_alphabetic()).unwrap_or(tail.len()));
    if word.eq_ignore_ascii_case("by") || word.eq_ignore_ascii_case("without") {
        let behind = tail.get(word.len()..).unwrap_or_default();
        return behind.trim_start().starts_with('(');
    }
    tail.starts_with('(')
}

impl TokenKind {
    /// The token as it stands in messages.
    pub(super) fn describe(&self) -> &str {
        match self {
            Self::End => "$end",
            Self::Identifier(_) => "IDENTIFIER",
            Self::Keyword(word) | Self::Function(word) => word,
            Self::Number(_) => "NUMBER",
            Self::Duration(_) => "DURATION",
            Self::Bytes(_) => "BYTES",
            Self::Range(_) => "RANGE",
            Self::Text(_) => "STRING",
            Self::Flag(_) => "PARSER_FLAG",
            Self::Sign(sign) => sign,
        }
    }
}
