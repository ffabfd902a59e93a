//! What `=~` and `!~` compare label values with. Most patterns in use are a list of names, a prefix or just anything: those are
//! never made into an automaton, and a store can look names of a list up.

use regex_syntax::hir::{Class, Dot, Hir, HirKind};

use crate::anchored::{AnchoredRegex, BadRegex};
use crate::go_regex::GoRegex;

/// A list of names is no longer than this; longer ones are compared by the regular expression.
const LITERALS_MAX: usize = 1024;
/// The same for prefixes, which are tried one after the other.
const PREFIXES_MAX: usize = 32;
/// Several names together have no more bytes than this, and so have the steps towards them.
const LITERAL_BYTES_MAX: usize = 64 << 10;

/// A regular expression that must fit the whole of a label's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(Fit);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Fit {
    /// One of these, in order, each once.
    Literals(Vec<String>),
    /// Whatever begins as one of these.
    Prefixes(Vec<Prefix>),
    Regex(AnchoredRegex),
}

/// What begins so and has at least so many bytes more.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Prefix {
    start: String,
    more: usize,
}

impl Prefix {
    fn is_match(&self, value: &str) -> bool {
        let rest = value.strip_prefix(self.start.as_str());
        rest.is_some_and(|rest| rest.len() >= self.more)
    }
}

impl Pattern {
    /// Reads `pattern`.
    pub fn new(pattern: &str) -> Result<Self, BadRegex> {
        let read = GoRegex::parse(pattern)?;
        match simple(&read.meaning) {
            Some(fit) => Ok(Self(fit)),
            None => Ok(Self(Fit::Regex(AnchoredRegex::of(pattern, &read)?))),
        }
    }

    /// Bytes that it takes, about.
    pub fn bytes(&self) -> usize {
        let texts = |bytes: usize, count: usize| bytes + count * size_of::<String>();
        match &self.0 {
            Fit::Literals(literals) => texts(bytes_of(literals), literals.len()),
            Fit::Prefixes(prefixes) => texts(
                prefixes.iter().map(|prefix| prefix.start.len()).sum(),
                prefixes.len(),
            ),
            Fit::Regex(regex) => regex.program_bytes(),
        }
    }

    /// Whether the whole of `value` fits.
    pub fn is_match(&self, value: &str) -> bool {
        match &self.0 {
            Fit::Literals(literals) => literals
                .binary_search_by(|known| known.as_str().cmp(value))
                .is_ok(),
            Fit::Prefixes(prefixes) => prefixes.iter().any(|prefix| prefix.is_match(value)),
            Fit::Regex(regex) => regex.is_match(value),
        }
    }

    /// All values that fit, in order, where the pattern is a list of them.
    pub fn literals(&self) -> Option<&[String]> {
        match &self.0 {
            Fit::Literals(literals) => Some(literals),
            Fit::Prefixes(_) | Fit::Regex(_) => None,
        }
    }
}

fn simple(parsed: &Hir) -> Option<Fit> {
    if let Some(mut literals) = literals(parsed) {
        literals.sort_unstable();
        literals.dedup();
        return Some(Fit::Literals(literals));
    }
    prefixes(parsed).map(Fit::Prefixes)
}

/// All beginnings of what fits, where anything may follow; a whole text is none.
fn prefixes(part: &Hir) -> Option<Vec<Prefix>> {
    let starts = match part.kind() {
        HirKind::Capture(capture) => return prefixes(&capture.sub),
        HirKind::Alternation(parts) => {
            let all = parts.iter().map(prefixes).collect::<Option<Vec<_>>>()?;
            return (all.iter().map(Vec::len).sum::<usize>() <= PREFIXES_MAX)
                .then(|| all.into_iter().flatten().collect());
        }
        HirKind::Concat(parts) => {
            let (last, before) = parts.split_last()?;
            let starts = literals(&Hir::concat(before.to_vec()))?;
            (starts, prefixes(last)?)
        }
        _ => (
            vec![String::new()],
            Vec::from([Prefix {
                start: String::new(),
                more: anything(part)?,
            }]),
        ),
    };
    let (starts, ends) = starts;
    if starts.len() * ends.len() > PREFIXES_MAX {
        return None;
    }
    let with_ends = starts.iter().flat_map(|start| {
        ends.iter().map(move |end| Prefix {
            start: format!("{start}{}", end.start),
            more: end.more,
        })
    });
    Some(with_ends.collect())
}

/// How much there must be at least, of an expression that anything fits: a byte where it must not be empty.
fn anything(part: &Hir) -> Option<usize> {
    match part.kind() {
        HirKind::Repetition(repetition) => {
            let of_anything = *repetition.sub == Hir::dot(Dot::AnyChar);
            (of_anything && repetition.min <= 1 && repetition.max.is_none())
                .then_some(repetition.min as usize)
        }
        _ => None,
    }
}

/// All texts that fit, if they are few; the same one may come more than once.
fn literals(part: &Hir) -> Option<Vec<String>> {
    match part.kind() {
        HirKind::Empty => Some(vec![String::new()]),
        HirKind::Literal(literal) => Some(vec![String::from_utf8(literal.0.to_vec()).ok()?]),
        HirKind::Capture(capture) => literals(&capture.sub),
        HirKind::Class(Class::Unicode(class)) => {
            let count: usize = class.iter().map(|range| range.len()).sum();
            let chars = class.iter().flat_map(|range| range.start()..=range.end());
            (count <= LITERALS_MAX).then(|| chars.map(String::from).collect())
        }
        HirKind::Alternation(parts) => {
            let mut all = Vec::new();
            for part in parts {
                all.append(&mut literals(part)?);
                if all.len() > LITERALS_MAX {
                    return None;
                }
            }
            Some(all)
        }
        HirKind::Concat(parts) => {
            let mut all = vec![String::new()];
            for part in parts {
                let ends = literals(part)?;
                let count = all.len() * ends.len();
                let bytes = bytes_of(&all) * ends.len() + bytes_of(&ends) * all.len();
                if count > LITERALS_MAX || (count > 1 && bytes > LITERAL_BYTES_MAX) {
                    return None;
                }
                if let [end] = ends.as_slice() {
                    for start in &mut all {
                        start.push_str(end);
                    }
                    continue;
                }
                let with_ends =
                    |start: &String| ends.iter().map(|end| format!("{start}{end}")).collect::<Vec<_>>();
                all = all.iter().flat_map(with_ends).collect();
            }
            Some(all)
        }
        _ => None,
    }
}

fn bytes_of(texts: &[String]) -> usize {
    texts.iter().map(String::len).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn long_lists_are_left_to_the_automaton() {
        let many = format!("[\u{4e00}-\u{51ff}]{}", "(x)".repeat(100));
        assert!(matches!(Pattern::new(&many).unwrap().0, Fit::Regex(_)));
        let long = "x".repeat(100_000);
        assert_eq!(Pattern::new(&long).unwrap().literals().unwrap(), [long]);
    }

    #[test]
    fn lists_prefixes_and_anything_need_no_automaton() {
        let literals = |pattern: &str| Pattern::new(pattern).unwrap().literals().map(<[String]>::to_vec);
        assert_eq!(literals("b|a|a").unwrap(), ["a", "b"]);
        assert_eq!(
            literals("host_(1|2[01])").unwrap(),
            ["host_1", "host_20", "host_21"]
        );
        assert_eq!(literals("a|").unwrap(), ["", "a"]);
        assert_eq!(literals("").unwrap(), [""]);
        assert_eq!(literals("é[ä]").unwrap(), ["éä"]);
        for (pattern, start, more) in [
            (".*", "", 0),
            (".+", "", 1),
            ("web-.*", "web-", 0),
            ("web(.+)", "web", 1),
        ] {
            let start = start.to_owned();
            let prefixes = vec![Prefix { start, more }];
            assert_eq!(Pattern::new(pattern).unwrap().0, Fit::Prefixes(prefixes));
        }
        for pattern in ["us-.*|eu-.+", "(a|b)(x|y).*", "(a.*|b.+)"] {
            assert!(
                matches!(Pattern::new(pattern).unwrap().0, Fit::Prefixes(_)),
                "{pattern}"
            );
        }
        for pattern in [
            "a.b",
            "a*",
            ".*x",
            "[0-9]{2,9}",
            "^a$",
            "(?i)abcdefghijkl",
            "(?-s:.*)",
            "a{2,}",
            r"\w+",
        ] {
            assert!(
                matches!(Pattern::new(pattern).unwrap().0, Fit::Regex(_)),
                "{pattern}"
            );
        }
    }

    proptest! {
        #[test]
        fn every_pattern_fits_what_its_regular_expression_fits(
            pattern in "([ab.|*+()\\[\\]?é-]|\\n){0,8}",
            values in proptest::collection::vec("[ab\\né]{0,4}", 0..8),
        ) {
            let (pattern, regex) = (Pattern::new(&pattern), AnchoredRegex::new(&pattern));
            match (pattern, regex) {
                (Ok(pattern), Ok(regex)) => {
                    for value in values {
                        prop_assert_eq!(pattern.is_match(&value), regex.is_match(&value), "{} {:?}", regex.as_str(), value);
                    }
                }
                (Err(pattern), Err(regex)) => prop_assert_eq!(pattern.to_string(), regex.to_string()),
                (pattern, regex) => prop_assert!(false, "{:?} {:?}", pattern, regex),
            }
        }
    }
}
