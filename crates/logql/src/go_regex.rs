//! Regular expressions as Go writes them, for a library that is stricter about what needs an escape.

use regex::{Regex, RegexBuilder};
use regex_syntax::hir::{Hir, HirKind};

/// Bytes that a compiled expression may take: 10 MiB.
const PROGRAM_BYTES_MAX: usize = 10 << 20;

/// Compiles `pattern`; matching takes time linear in the text.
pub(crate) fn compile(pattern: &str) -> Result<Regex, String> {
    let build = |pattern: &str| RegexBuilder::new(pattern).size_limit(PROGRAM_BYTES_MAX).build();
    build(&translate(pattern))
        .or_else(|_| build(pattern))
        .map_err(|error| {
            let said = error.to_string();
            let last = said.lines().last().unwrap_or_default().trim();
            let reason = last.trim_start_matches("error: ");
            format!("error parsing regexp: {reason}: `{pattern}`")
        })
}

/// Texts that whatever matches `pattern` holds: one at least of every group.
pub(crate) fn texts(pattern: &str) -> Vec<Vec<String>> {
    let mut groups = Vec::new();
    // As `compile` takes it: the translation, or what is written where that is refused.
    let ways = [translate(pattern), pattern.to_owned()];
    if let Some(parsed) = ways.iter().find_map(|way| regex_syntax::parse(way).ok()) {
        texts_of(&parsed, &mut groups);
    }
    groups
}

/// Adds what a part of an expression needs.
fn texts_of(part: &Hir, groups: &mut Vec<Vec<String>>) {
    match part.kind() {
        HirKind::Literal(literal) => {
            // A piece of a character is no text.
            if let Ok(text) = std::str::from_utf8(&literal.0) {
                groups.push(vec![text.to_owned()]);
            }
        }
        HirKind::Capture(capture) => texts_of(&capture.sub, groups),
        HirKind::Repetition(repetition) if repetition.min > 0 => texts_of(&repetition.sub, groups),
        HirKind::Concat(parts) => parts.iter().for_each(|part| texts_of(part, groups)),
        HirKind::Alternation(ways) => groups.extend(text_of_each(ways)),
        HirKind::Empty | HirKind::Class(_) | HirKind::Look(_) | HirKind::Repetition(_) => {}
    }
}

/// The longest text that each of several ways needs, where each needs one.
fn text_of_each(ways: &[Hir]) -> Option<Vec<String>> {
    ways.iter()
        .map(|way| {
            let mut groups = Vec::new();
            texts_of(way, &mut groups);
            let alone = groups.into_iter().filter(|group| group.len() == 1).flatten();
            alone.max_by_key(String::len)
        })
        .collect()
}

/// The names of captures as they are written, `(?P<name>` and `(?<name>`; what stands within classes may be among them.
pub(crate) fn names(pattern: &str) -> impl Iterator<Item = &str> {
    pattern.match_indices("(?").filter_map(|(at, opening)| {
        let tail = pattern.get(at + opening.len()..)?;
        let tail = tail.strip_prefix('P').unwrap_or(tail).strip_prefix('<')?;
        let (name, _) = tail.split_once('>')?;
        let is_name = name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        (is_name && !name.is_empty()).then_some(name)
    })
}

/// Writes what Go takes as it is and the library does not: braces that count nothing, brackets and doubled signs within
/// classes, `\Q…\E`, and `\<`, which is a word's edge here and a plain sign there.
fn translate(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut rest = pattern;
    let mut in_class = false;
    while let Some(c) = rest.chars().next() {
        let tail = rest.get(c.len_utf8()..).unwrap_or_default();
        let (piece, used) = match c {
            '\\' => escaped(rest, tail),
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
fn escaped(rest: &str, tail: &str) -> (String, usize) {
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

    #[test]
    fn what_an_expression_needs_is_known() {
        let needed = |pattern: &str| texts(pattern);
        assert_eq!(
            needed("timeout after [0-9]{4}ms.*payments"),
            [["timeout after "], ["ms"], ["payments"]]
        );
        assert_eq!(needed("(GET|POST) /x"), [vec!["GET", "POST"], vec![" /x"]]);
        assert_eq!(needed("a?(b+)c*"), [["b"]]);
        assert_eq!(needed("x|y?"), Vec::<Vec<String>>::new());
        assert_eq!(needed("(?i)error"), Vec::<Vec<String>>::new());
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
            assert_eq!(compile(pattern).unwrap().is_match(text), expected, "{pattern}");
        }
        let fault = compile("(").unwrap_err();
        assert!(fault.starts_with("error parsing regexp: "), "{fault}");
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
