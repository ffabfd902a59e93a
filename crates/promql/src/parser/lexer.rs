//! Cuts the text of an expression into tokens.

use super::{Fault, number, text};
use crate::ast::{NumberLiteral, TextLiteral};

/// A token and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    /// Byte offset of its first byte.
    pub(super) at: usize,
    /// Byte offset behind its last byte.
    pub(super) end: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum TokenKind {
    End,
    /// Keywords included; which words are keywords depends on the place.
    Word,
    Number(NumberLiteral),
    Text(TextLiteral),
    /// An operator or a bracket.
    Sign(&'static str),
}

/// Longest first, so that `<=` is not read as `<`.
const SIGNS: [&str; 27] = [
    "==", "!=", "<=", ">=", "=~", "!~", "</", ">/", "+", "-", "*", "/", "%", "^", "<", ">", "=", "(", ")",
    "{", "}", "[", "]", ",", "@", ":", "~",
];

/// All tokens of `source`, [`TokenKind::End`] last.
pub(super) fn scan(source: &str) -> Result<Vec<Token>, Fault> {
    let mut tokens = Vec::new();
    let mut at = 0;
    // Within brackets and braces a colon stands alone, outside it is part of a name.
    let mut enclosed = 0_usize;
    loop {
        at = skip_blanks(source, at);
        let rest = source.get(at..).unwrap_or_default();
        let Some(first) = rest.chars().next() else {
            tokens.push(Token {
                kind: TokenKind::End,
                at,
                end: at,
            });
            return Ok(tokens);
        };
        let (kind, length) = match first {
            '"' | '\'' | '`' => {
                let (literal, length) = text::unquote(rest).map_err(|message| Fault::new(at, message))?;
                (TokenKind::Text(literal), length)
            }
            '0'..='9' => number_token(rest, at)?,
            '.' if rest.as_bytes().get(1).is_some_and(u8::is_ascii_digit) => number_token(rest, at)?,
            'a'..='z' | 'A'..='Z' | '_' => (TokenKind::Word, word_length(rest, enclosed == 0)),
            ':' if enclosed == 0 => (TokenKind::Word, word_length(rest, true)),
            _ => {
                let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign));
                let sign = *sign.ok_or_else(|| Fault::new(at, format!("unexpected character: {first:?}")))?;
                match sign {
                    "{" | "[" => enclosed += 1,
                    "}" | "]" => enclosed = enclosed.saturating_sub(1),
                    _ => {}
                }
                (TokenKind::Sign(sign), sign.len())
            }
        };
        let end = at + length;
        tokens.push(Token { kind, at, end });
        at = end;
    }
}

fn number_token(rest: &str, at: usize) -> Result<(TokenKind, usize), Fault> {
    let (literal, length) = number::read(rest).map_err(|message| Fault::new(at, message))?;
    Ok((TokenKind::Number(literal), length))
}

fn word_length(rest: &str, with_colon: bool) -> usize {
    rest.bytes()
        .take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_' || (with_colon && *byte == b':'))
        .count()
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

impl TokenKind {
    /// The token as it stands in messages.
    pub(super) fn describe(&self, source: &str, token: &Token) -> String {
        match self {
            Self::End => "end of input".to_owned(),
            Self::Word => format!("identifier {:?}", token.text(source)),
            Self::Number(_) => format!("number {:?}", token.text(source)),
            Self::Text(_) => format!("string {}", token.text(source)),
            Self::Sign(sign) => format!("{sign:?}"),
        }
    }
}

impl Token {
    /// The token as written.
    pub(super) fn text<'a>(&self, source: &'a str) -> &'a str {
        source.get(self.at..self.end).unwrap_or_default()
    }
}
