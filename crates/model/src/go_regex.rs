//! Regular expressions as Go writes them, for a library that is stricter about what needs an escape, and what a compiled one
//! takes.

use regex::{Regex, RegexBuilder};
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind};

use crate::anchored::BadRegex;

/// Bytes that the programs of one expression's, one request's or one store's patterns may take together, as
/// [`program_bytes`] reckons: 16 MiB, the names of some 5,000 hosts.
pub const PROGRAM_BYTES_MAX: usize = 16 << 20;

/// A pattern that was read.
#[derive(Debug, Clone)]
pub struct GoRegex {
    /// As the library writes it.
    pub written: String,
    /// What it means, dot matching line ends.
    pub meaning: Hir,
}

impl GoRegex {
    /// Reads `pattern`; what is no expression in Go's manner is taken as the library would.
    ///
    /// # Errors
    /// Where it is none in the library's manner either, or its program would take more than [`PROGRAM_BYTES_MAX`].
    pub fn parse(pattern: &str) -> Result<Self, BadRegex> {
        let read = |written: String| {
            let mut parser = ParserBuilder::new().dot_matches_new_line(true).build();
            match parser.parse(&written) {
                Ok(meaning) => Ok(Self { written, meaning }),
                Err(error) => Err(BadRegex::new(pattern, &error.to_string())),
            }
        };
        let read = read(translate(pattern)).or_else(|_| read(pattern.to_owned()))?;
        if read.program_bytes() > PROGRAM_BYTES_MAX {
            return Err(BadRegex::new(pattern, TOO_LARGE));
        }
        Ok(read)
    }

    /// Compiles it; it may match anywhere in a text, and takes time linear in the text.
    ///
    /// # Errors
    /// Where its program takes more than [`PROGRAM_BYTES_MAX`].
    pub fn compile(&self, pattern: &str) -> Result<Regex, BadRegex> {
        compile(pattern, &self.written)
    }

    /// Bytes that the program takes, about.
    pub fn program_bytes(&self) -> usize {
        program_bytes(&self.meaning)
    }
}

const TOO_LARGE: &str = "its program takes more than 16 MiB: shorten lists and counts of repetition";

/// Compiles what stands for `pattern`.
pub(crate) fn compile(pattern: &str, written: &str) -> Result<Regex, BadRegex> {
    RegexBuilder::new(written)
        .size_limit(PROGRAM_BYTES_MAX)
        .build()
        .map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => BadRegex::new(pattern, TOO_LARGE),
            error => BadRegex::new(pattern, &error.to_string()),
        })
}

/// What patterns take together, so far.
#[derive(Debug, Clone, Copy, Default)]
pub struct PatternsSize {
    bytes: usize,
}

/// Patterns take too much together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "regular expressions take more than {} MiB together: use fewer, or shorten lists and counts of repetition",
    PROGRAM_BYTES_MAX >> 20
)]
pub struct PatternsTooLarge;

impl PatternsSize {
    /// Adds a pattern's bytes.
    ///
    /// # Errors
    /// Where all together are more than [`PROGRAM_BYTES_MAX`].
    pub fn add(&mut self, bytes: usize) -> Result<(), PatternsTooLarge> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > PROGRAM_BYTES_MAX {
            return Err(PatternsTooLarge);
        }
        Ok(())
    }
}

/// Bytes that the program of an expression takes, about: as measured of `regex_automata::meta::Regex::memory_usage`.
fn program_bytes(part: &Hir) -> usize {
    /// A state that compares nothing.
    const STATE: usize = 48;
    const LITERAL_BYTE: usize = 100;
    const RANGE: usize = 72;
    /// The ways to all characters of several bytes.
    const BEYOND_ASCII: usize = 900;
    let all = |parts: &[Hir]| parts.iter().map(program_bytes).fold(STATE, usize::saturating_add);
    match part.kind() {
        HirKind::Empty | HirKind::Look(_) => STATE,
        HirKind::Literal(literal) => literal.0.len().saturating_mul(LITERAL_BYTE),
        HirKind::Class(Class::Unicode(of)) if !of.is_ascii() => {
            BEYOND_ASCII.saturating_add(of.ranges().len().saturating_mul(RANGE))
        }
        HirKind::Class(Class::Unicode(of)) => STATE + of.ranges().len() * RANGE,
        HirKind::Class(Class::Bytes(of)) => STATE + of.ranges().len() * RANGE,
        HirKind::Repetition(repetition) => {
            let copies = repetition.max.unwrap_or(repetition.min).max(1);
            program_bytes(&repetition.sub)
                .saturating_mul(copies as usize)
                .saturating_add(STATE)
        }
        HirKind::Capture(capture) => program_bytes(&capture.sub).saturating_add(2 * STATE),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => all(parts),
    }
}

/// Writes what Go takes as it is and the library does not: braces that count nothing, brackets and doubled signs within
/// classes, `\Q…\E`, and `\<`, which is a word's edge here and a plain sign there. `\d`, `\s`, `\w` and `\b` know ASCII only
/// there (<https://github.com/google/re2/wiki/Syntax>).
fn translate(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut rest = pattern;
    let mut in_class = false;
    while let Some(c) = rest.chars().next() {
        let tail = rest.get(c.len_utf8()..).unwrap_or_default();
        let (piece, used) = match c {
            '\\' => escaped(rest, tail, in_class),
            '[' if !in_class => {
                in_class = true;
                let opening = ["[^]", "[]", "[^", "["].into_iter().find(|o| rest.starts_with(o));
                let opening = opening.unwrap_or("[");
                // A bracket that comes first in a class stands for itself.
                (opening.replace(']', "\\]"), opening.len())
            }
            '[' if tail.starts_with(':') => {
                let length = rest.find(":]").map_or(1, |at| at + 2);
                (rest.get(..length).unwrap_or("[").to_owned(), length)
            }
            '[' => ("\\[".to_owned(), 1),
            ']' if in_class => {
                in_class = false;
                ("]".to_owned(), 1)
            }
            '&' | '~' if in_class => (format!("\\{c}"), 1),
            '-' if in_class && tail.starts_with('-') => ("\\-".to_owned(), 1),
            '{' if !in_class && !counts(tail) => ("\\{".to_owned(), 1),
            _ => (c.to_string(), c.len_utf8()),
        };
        out.push_str(&piece);
        rest = rest.get(used..).unwrap_or_default();
    }
    out
}

/// An escape, and how many bytes it takes.
fn escaped(rest: &str, tail: &str, in_class: bool) -> (String, usize) {
    let Some(next) = tail.chars().next() else {
        return ("\\".to_owned(), 1);
    };
    match next {
        'Q' => {
            let quoted = tail.get(1..).unwrap_or_default();
            let length = quoted.find("\\E").unwrap_or(quoted.len());
            let text = quoted.get(..length).unwrap_or_default();
            (regex::escape(text), (length + 4).min(rest.len()))
        }
        '<' | '>' | '_' | '"' | '\'' | '/' | '`' | ',' | ';' | ':' | '!' | '@' | '%' | '=' => {
            (next.to_string(), 2)
        }
        'd' => ("[0-9]".to_owned(), 2),
        'D' => ("[^0-9]".to_owned(), 2),
        's' => (r"[\t\n\f\r ]".to_owned(), 2),
        'S' => (r"[^\t\n\f\r ]".to_owned(), 2),
        'w' => ("[0-9A-Za-z_]".to_owned(), 2),
        'W' => ("[^0-9A-Za-z_]".to_owned(), 2),
        'b' | 'B' if !in_class => (format!("(?-u:\\{next})"), 2),
        // The braces of these belong to them.
        'x' | 'p' | 'P' if tail.get(1..).is_some_and(|tail| tail.starts_with('{')) => {
            let length = rest.find('}').map_or(rest.len(), |at| at + 1);
            (rest.get(..length).unwrap_or_default().to_owned(), length)
        }
        _ => (format!("\\{next}"), 1 + next.len_utf8()),
    }
}

/// Whether what follows a brace is a count: `3}`, `3,}`, `3,5}`.
fn counts(tail: &str) -> bool {
    let Some((inner, _)) = tail.split_once('}') else {
        return false;
    };
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match inner.split_once(',') {
        Some((least, most)) => is_number(least) && (most.is_empty() || is_number(most)),
        None => is_number(inner),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compiled(pattern: &str) -> Regex {
        GoRegex::parse(pattern).unwrap().compile(pattern).unwrap()
    }

    #[test]
    fn what_go_takes_is_taken() {
        for (pattern, text, expected) in [
            ("user{id", "user{id", true),
            ("a{2}", "aa", true),
            ("a{2}", "a{2}", false),
            ("[a[b]", "[", true),
            ("[]a]", "]", true),
            ("[[:digit:]]+x", "12x", true),
            (r"\Qa.b\E", "a.b", true),
            (r"\Qa.b\E", "axb", false),
            (r"\<b\>", "<b>", true),
            (r"\x{41}", "A", true),
            ("(?i)(?i)ABC", "abc", true),
            (r"(?P<a>\w+) \S+", "x y", true),
            ("[a&&b]", "&", true),
        ] {
            assert_eq!(compiled(pattern).is_match(text), expected, "{pattern}");
        }
    }

    #[test]
    fn words_digits_and_blanks_are_of_ascii() {
        for (pattern, text, expected) in [
            (r"^\w$", "é", false),
            (r"^\W$", "é", true),
            (r"^[\w.]$", "é", false),
            (r"^[\w.]$", ".", true),
            (r"^[^\w.]$", "é", true),
            (r"^[\W]$", "é", true),
            (r"^\d$", "٣", false),
            (r"^\D$", "٣", true),
            (r"^\d$", "3", true),
            (r"^\s$", "\u{a0}", false),
            (r"^\s$", "\u{b}", false),
            (r"^\s$", "\t", true),
            (r"^\S$", "\u{a0}", true),
            (r"^\pL$", "é", true),
            (r"\bnaïf\b", "naïf", true),
            (r"\bf", "ïf", true),
            (r"\Bf", "ïf", false),
            (r"^[\w-]+$", "a-b", true),
        ] {
            assert_eq!(compiled(pattern).is_match(text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn what_a_program_takes_is_reckoned_before_it_is_made() {
        let bytes = |pattern: &str| GoRegex::parse(pattern).unwrap().program_bytes();
        assert!(bytes(r"\w{18}") < 8 << 10);
        assert!((700 << 10..1 << 20).contains(&bytes(r"\pL{18}")));
        assert!(bytes(&"x".repeat(100_000)) < PROGRAM_BYTES_MAX);
        for pattern in [
            r"\pL{1000}",
            r"((a{1000}){1000}){1000}",
            r"(\pL{90}){90}",
            &"x".repeat(1 << 20),
        ] {
            let fault = GoRegex::parse(pattern).unwrap_err().to_string();
            assert!(fault.contains("more than 16 MiB"), "{fault}");
        }
        let mut size = PatternsSize::default();
        let added = (0..300)
            .map(|_| size.add(bytes(r"\pL{18}")))
            .take_while(Result::is_ok);
        assert_eq!(added.count(), 18);
    }

    proptest::proptest! {
        #[test]
        fn plain_expressions_mean_the_same(
            // A bracket within a class is one more class for the library, and a plain sign for Go.
            pattern in "([ab.|*+()?^$-]|\\[ab\\]|\\[\\^a-b\\]|[{]1,2[}]){0,8}",
            text in "[ab{}-]{0,6}",
        ) {
            if let (Ok(plain), Ok(translated)) = (Regex::new(&pattern), Regex::new(&translate(&pattern))) {
                proptest::prop_assert_eq!(plain.is_match(&text), translated.is_match(&text), "{}", pattern);
            }
        }
    }
}
