//! Regular expressions of lines: what they hold, and the names of their captures.

use model::GoRegex;
use regex::Regex;
use regex_syntax::hir::{Hir, HirKind};

/// Compiles `pattern`; matching takes time linear in the text.
pub(crate) fn compile(pattern: &str) -> Result<Regex, String> {
    let compiled = GoRegex::parse(pattern).and_then(|read| read.compile(pattern));
    compiled.map_err(|error| error.as_go_says())
}

/// Texts that whatever matches `pattern` holds: one at least of every group.
pub(crate) fn texts(pattern: &str) -> Vec<Vec<String>> {
    let mut groups = Vec::new();
    if let Ok(read) = GoRegex::parse(pattern) {
        texts_of(&read.meaning, &mut groups);
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
    fn a_fault_is_told_as_loki_does() {
        let fault = compile("(").unwrap_err();
        assert!(fault.starts_with("error parsing regexp: "), "{fault}");
    }
}
