//! Walks over tokens and counts how deep the reader has descended.

use model::PatternsSize;

use super::Fault;
use super::lexer::{Token, TokenKind};
use crate::limits;

/// The place of the reader among the tokens.
#[derive(Debug)]
pub(super) struct Cursor<'a> {
    pub(super) source: &'a str,
    tokens: &'a [Token],
    next: usize,
    depth: usize,
    operators: usize,
    /// What the regular expressions that were read take.
    pub(super) patterns: PatternsSize,
}

static END: Token = Token {
    kind: TokenKind::End,
    at: 0,
    end: 0,
};

impl<'a> Cursor<'a> {
    pub(super) fn new(source: &'a str, tokens: &'a [Token]) -> Self {
        Self {
            source,
            tokens,
            next: 0,
            depth: 0,
            operators: 0,
            patterns: PatternsSize::default(),
        }
    }

    pub(super) fn peek(&self) -> &'a Token {
        self.peek_at(0)
    }

    /// The token `ahead` places after the next; the end from there on.
    pub(super) fn peek_at(&self, ahead: usize) -> &'a Token {
        self.tokens
            .get(self.next + ahead)
            .or(self.tokens.last())
            .unwrap_or(&END)
    }

    pub(super) fn take(&mut self) -> &'a Token {
        let token = self.peek();
        self.next += 1;
        token
    }

    /// Where the next token begins.
    pub(super) fn at(&self) -> usize {
        self.peek().at
    }

    pub(super) fn is_sign(&self, sign: &str) -> bool {
        matches!(self.peek().kind, TokenKind::Sign(found) if found == sign)
    }

    /// Takes `sign` if it comes next.
    pub(super) fn take_sign(&mut self, sign: &str) -> bool {
        let found = self.is_sign(sign);
        if found {
            self.next += 1;
        }
        found
    }

    pub(super) fn expect_sign(&mut self, sign: &str, place: &str) -> Result<(), Fault> {
        if self.take_sign(sign) {
            Ok(())
        } else {
            Err(self.unexpected(place, &format!("{sign:?}")))
        }
    }

    /// The next token in lower case where it is a word, else nothing.
    pub(super) fn word(&self) -> Option<String> {
        self.word_at(0)
    }

    pub(super) fn word_at(&self, ahead: usize) -> Option<String> {
        let token = self.peek_at(ahead);
        (token.kind == TokenKind::Word).then(|| token.text(self.source).to_ascii_lowercase())
    }

    /// Takes the word `keyword` if it comes next.
    pub(super) fn take_word(&mut self, keyword: &str) -> bool {
        let found = self.word().is_some_and(|word| word == keyword);
        if found {
            self.next += 1;
        }
        found
    }

    /// Whether a parenthesis opens `ahead` places after the next token.
    pub(super) fn opens_at(&self, ahead: usize) -> bool {
        matches!(self.peek_at(ahead).kind, TokenKind::Sign("("))
    }

    /// The fault of meeting the next token at `place`, with what was wanted instead.
    pub(super) fn unexpected(&self, place: &str, wanted: &str) -> Fault {
        let token = self.peek();
        let found = token.kind.describe(self.source, token);
        let place = if place.is_empty() {
            String::new()
        } else {
            format!(" in {place}")
        };
        let wanted = if wanted.is_empty() {
            String::new()
        } else {
            format!(", expected {wanted}")
        };
        Fault::new(token.at, format!("unexpected {found}{place}{wanted}"))
    }

    /// Counts one more operator. Chains of operators make the tree one level deeper each, and whoever walks the tree
    /// descends as deep.
    pub(super) fn count_operator(&mut self) -> Result<(), Fault> {
        self.operators += 1;
        if self.operators > limits::OPERATORS_MAX {
            return Err(Fault::new(
                self.at(),
                format!("expression has more than {} operators", limits::OPERATORS_MAX),
            ));
        }
        Ok(())
    }

    /// Runs `read` one level deeper; refuses to go too deep.
    pub(super) fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Fault>) -> Result<T, Fault> {
        if self.depth >= limits::NESTING_MAX {
            return Err(Fault::new(
                self.at(),
                format!("expression nests deeper than {} levels", limits::NESTING_MAX),
            ));
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }
}
