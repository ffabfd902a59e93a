//! Regular expressions as Go writes them, for a library that is stricter about what needs an escape.

use regex::{Regex, RegexBuilder};

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
