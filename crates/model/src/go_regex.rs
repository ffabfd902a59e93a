//! Regular expressions as Go writes them, for a library that is stricter about what needs an escape, and what a compiled one
//! takes.

use regex::{Regex, RegexBuilder};
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind};

use crate::anchored::BadRegex;

/// Bytes that the programs of one expression's, one request's or one store's patterns may take together, as
/// [`program_bytes`] reckons: 16 MiB.
pub const PROGRAM_BYTES_MAX: usize = 16 << 20;

/// Bytes of a pattern.
pub const PATTERN_BYTES_MAX: usize = 512 << 10;

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
    /// Where it is none in the library's manner either, or longer than [`PATTERN_BYTES_MAX`].
    pub fn parse(pattern: &str) -> Result<Self, BadRegex> {
        if pattern.len() > PATTERN_BYTES_MAX {
            let beginning = pattern.get(..pattern.floor_char_boundary(64)).unwrap_or_default();
            return Err(BadRegex::new(&format!("{beginning}…"), TOO_LONG));
        }
        let read = |written: String| {
            let mut parser = ParserBuilder::new().dot_matches_new_line(true).build();
            match parser.parse(&written) {
                Ok(meaning) => Ok(Self { written, meaning }),
                Err(error) => Err(BadRegex::new(pattern, &error.to_string())),
            }
        };
        read(translate(pattern)).or_else(|_| read(pattern.to_owned()))
    }

    /// Compiles it; it may match anywhere in a text, and takes time linear in the text.
    ///
    /// # Errors
    /// Where its program takes more than [`PROGRAM_BYTES_MAX`].
    pub fn compile(&self, pattern: &str) -> Result<Regex, BadRegex> {
        self.compile_as(pattern, &self.written)
    }

    /// Compiles it as `written`, which holds it.
    pub(crate) fn compile_as(&self, pattern: &str, written: &str) -> Result<Regex, BadRegex> {
        if self.program_bytes() > PROGRAM_BYTES_MAX {
            return Err(BadRegex::new(pattern, TOO_LARGE));
        }
        RegexBuilder::new(written)
            .size_limit(PROGRAM_BYTES_MAX)
            .build()
            .map_err(|error| match error {
                regex::Error::CompiledTooBig(_) => BadRegex::new(pattern, TOO_LARGE),
                error => BadRegex::new(pattern, &error.to_string()),
            })
    }

    /// Bytes that the program takes, about.
    pub fn program_bytes(&self) -> usize {
        program_bytes(&self.meaning)
    }
}

const TOO_LARGE: &str = "its program takes more than 16 MiB: shorten lists and counts of repetition";

const TOO_LONG: &str = "it has more than 512 KiB: shorten it";

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
///
/// Checkpoints of the series store are read back only where their patterns are within the bound as reckoned here: no later
/// reckoning may find more.
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
/// classes, octal numbers, `\Q…\E`, and `\<`, which is a word's edge here and a plain sign there. `\d`, `\s`, `\w` and `\b` know
/// ASCII only there (<https://github.com/google/re2/wiki/Syntax>).
fn translate(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut rest = pattern;
    let mut class: Option<Place> = None;
    while let Some(c) = rest.chars().next() {
        let tail = rest.get(c.len_utf8()..).unwrap_or_default();
        let (piece, used) = match &mut class {
            Some(place) if c == ']' && *place != Place::Start => {
                class = None;
                ("]".to_owned(), 1)
            }
            Some(place) => in_class(c, rest, tail, place),
            None if c == '[' => {
                class = Some(Place::Start);
                let opening = if tail.starts_with('^') { "[^" } else { "[" };
                (opening.to_owned(), opening.len())
            }
            None if c == '\\' => escaped(rest, tail, false),
            None if c == '{' && !counts(tail) => ("\\{".to_owned(), 1),
            None => (c.to_string(), c.len_utf8()),
        };
        out.push_str(&piece);
        rest = rest.get(used..).unwrap_or_default();
    }
    out
}

/// Where in a class a sign stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// First, where a bracket stands for itself.
    Start,
    /// Behind what begins no range.
    Between,
    /// Behind a character, which may begin a range.
    Character,
    /// Behind the sign of a range.
    Range,
}

/// What stands in a class, and how many bytes it takes.
fn in_class(c: char, rest: &str, tail: &str, place: &mut Place) -> (String, usize) {
    /// No name of a class is longer: `[:^xdigit:]`.
    const NAME_BYTES_MAX: usize = 11;
    if c == '-' && *place == Place::Character && !tail.starts_with(']') {
        *place = Place::Range;
        return ("-".to_owned(), 1);
    }
    let name = rest.get(..rest.floor_char_boundary(NAME_BYTES_MAX));
    let name = name.and_then(|name| name.strip_prefix("[:")).unwrap_or_default();
    let name_bytes = name.find(":]").map(|at| at + 4);
    let (piece, used, is_character) = match (c, name_bytes) {
        ('[', Some(bytes)) if *place != Place::Range => {
            (rest.get(..bytes).unwrap_or_default().to_owned(), bytes, false)
        }
        // What is no character ends no range: left as it is, it is refused.
        ('\\', _) if *place == Place::Range && is_of_many(tail) => {
            (rest.get(..2).unwrap_or_default().to_owned(), 2, false)
        }
        ('\\', _) => {
            let (piece, used) = escaped(rest, tail, true);
            (piece, used, !is_of_many(tail))
        }
        ('[' | ']' | '&' | '~' | '-', _) => (format!("\\{c}"), 1, true),
        _ => (c.to_string(), c.len_utf8(), true),
    };
    *place = match (is_character, *place) {
        (true, Place::Start | Place::Between | Place::Character) => Place::Character,
        _ => Place::Between,
    };
    (piece, used)
}

/// Whether an escape stands for a class of its own; `tail` is what follows the backslash.
fn is_of_many(tail: &str) -> bool {
    tail.starts_with(['d', 'D', 's', 'S', 'w', 'W', 'p', 'P'])
}

/// An escape, and how many bytes it takes.
fn escaped(rest: &str, tail: &str, in_class: bool) -> (String, usize) {
    let Some(next) = tail.chars().next() else {
        return ("\\".to_owned(), 1);
    };
    match next {
        'Q' if !in_class => {
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
        '0'..='7' => octal(tail),
        // The braces of these belong to them.
        'x' | 'p' | 'P' if tail.get(1..).is_some_and(|tail| tail.starts_with('{')) => {
            let length = rest.find('}').map_or(rest.len(), |at| at + 1);
            (rest.get(..length).unwrap_or_default().to_owned(), length)
        }
        _ => (format!("\\{next}"), 1 + next.len_utf8()),
    }
}

/// A character by its number in octal, of up to three digits; one digit that is not 0 would name a capture, which there is not.
fn octal(tail: &str) -> (String, usize) {
    let digits = tail
        .bytes()
        .take(3)
        .take_while(|digit| (b'0'..=b'7').contains(digit))
        .count();
    let text = tail.get(..digits).unwrap_or_default();
    match u32::from_str_radix(text, 8) {
        Ok(number) if number == 0 || digits > 1 => (format!("\\x{{{number:x}}}"), 1 + digits),
        _ => (format!("\\{text}"), 1 + digits),
    }
}

/// Whether what follows a brace is a count: `3}`, `3,}`, `3,5}`.
fn counts(tail: &str) -> bool {
    let inner = tail
        .bytes()
        .take_while(|byte| byte.is_ascii_digit() || *byte == b',')
        .count();
    let (inner, closing) = tail.split_at_checked(inner).unwrap_or_default();
    // Go takes no zero in front.
    let is_number = |text: &str| {
        let is_plain = text == "0" || !text.starts_with('0');
        is_plain && !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    closing.starts_with('}')
        && match inner.split_once(',') {
            Some((least, most)) => is_number(least) && (most.is_empty() || is_number(most)),
            None => is_number(inner),
        }
}

#[cfg(test)]
mod tests;
