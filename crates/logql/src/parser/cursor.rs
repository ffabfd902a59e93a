//! Walks over tokens and counts how deep the reader has descended.

use model::{PatternsSize, PatternsTooLarge};

use super::Fault;
use super::lexer::{Token, TokenKind};
use crate::limits;

/// The place of the reader among the tokens.
#[derive(Debug)]
pub(super) struct Cursor<'a> {
    tokens: &'a [Token],
    next: usize,
    depth: usize,
    operators: usize,
    /// What the regular expressions that were read take.
    patterns: PatternsSize,
}

static END: Token = Token {
    kind: TokenKind::End,
    at: 0,
};

impl<'a> Cursor<'a> {
    pub(super) fn new(tokens: &'a [Token]) -> Self {
        Self {
            tokens,
            next: 0,
            depth: 0,
            operators: 0,
            patterns: PatternsSize::default(),
        }
    }

    /// Adds what a regular expression takes that was read at `at`.
    pub(super) fn count_pattern(&mut self, bytes: usize, at: usize) -> Result<(), Fault> {
        let added = self.patterns.add(bytes);
        added.map_err(|error: PatternsTooLarge| Fault::new(at, error.to_string()))
    }

    pub(super) fn peek(&self) -> &'a TokenKind {
        self.peek_at(0)
    }

    /// The token `ahead` places after the next; the end from there on.
    pub(super) fn peek_at(&self, ahead: usize) -> &'a TokenKind {
        &self.token_at(ahead).kind
    }

    fn token_at(&self, ahead: usize) -> &'a Token {
        self.tokens
            .get(self.next + ahead)
            .or(self.tokens.last())
            .unwrap_or(&END)
    }

    pub(super) fn take(&mut self) -> &'a TokenKind {
        let token = self.peek();
        self.next += 1;
        token
    }

    /// Where the next token begins.
    pub(super) fn at(&self) -> usize {
        self.token_at(0).at
    }

    pub(super) fn is_sign(&self, sign: &str) -> bool {
        matches!(self.peek(), TokenKind::Sign(found) if *found == sign)
    }

    /// Takes `sign` if it comes next.
    pub(super) fn take_sign(&mut self, sign: &str) -> bool {
        let found = self.is_sign(sign);
        self.next += usize::from(found);
        found
    }

    pub(super) fn expect_sign(&mut self, sign: &str) -> Result<(), Fault> {
        if self.take_sign(sign) {
            Ok(())
        } else {
            Err(self.unexpected(sign))
        }
    }

    pub(super) fn is_keyword(&self, word: &str) -> bool {
        matches!(self.peek(), TokenKind::Keyword(found) if *found == word)
    }

    /// Takes the keyword `word` if it comes next.
    pub(super) fn take_keyword(&mut self, word: &str) -> bool {
        let found = self.is_keyword(word);
        self.next += usize::from(found);
        found
    }

    pub(super) fn expect_identifier(&mut self) -> Result<String, Fault> {
        match self.peek() {
            TokenKind::Identifier(name) => {
                self.next += 1;
                Ok(name.clone())
            }
            _ => Err(self.unexpected("IDENTIFIER")),
        }
    }

    pub(super) fn expect_text(&mut self) -> Result<String, Fault> {
        match self.peek() {
            TokenKind::Text(text) => {
                self.next += 1;
                Ok(text.clone())
            }
            _ => Err(self.unexpected("STRING")),
        }
    }

    /// The fault of meeting the next token, with what was wanted instead.
    pub(super) fn unexpected(&self, wanted: &str) -> Fault {
        let found = self.peek().describe();
        let wanted = if wanted.is_empty() {
            String::new()
        } else {
            format!(", expecting {wanted}")
        };
        Fault::new(self.at(), format!("syntax error: unexpected {found}{wanted}"))
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

    /// The fault of nesting deeper than `levels`.
    pub(super) fn too_deep(&self, levels: usize) -> Fault {
        Fault::new(self.at(), format!("expression nests deeper than {levels} levels"))
    }

    /// Runs `read` one level deeper; refuses to go too deep.
    pub(super) fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Fault>) -> Result<T, Fault> {
        if self.depth >= limits::NESTING_MAX {
            return Err(self.too_deep(limits::NESTING_MAX));
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }
}
