//! `${NAME}` and `${NAME:-default}` in a configuration file, replaced from the environment.

use super::problem::Problem;

/// Keys of relabelling whose values name groups of a regular expression in the same form (`${host}`).
const KEYS_WITH_GROUPS: [&str; 2] = ["replacement", "target_label"];

/// The key whose values have variables in Prometheus' own form, replaced when they are read.
const KEY_WITH_OWN_VARIABLES: &str = "external_labels:";

/// Replaces variables in `text`; lines keep their numbers. `$${` stands for a literal `${`; `$1` and `${1}`, the groups
/// of a regular expression, are left alone, and so are comment lines and the values of [`KEYS_WITH_GROUPS`] and [`KEY_WITH_OWN_VARIABLES`].
pub(crate) fn replace(
    text: &str,
    file: &std::path::Path,
    lookup: impl Fn(&str) -> Option<String>,
) -> Result<String, Vec<Problem>> {
    let mut replaced = String::with_capacity(text.len());
    let mut problems = Vec::new();
    let mut left_alone_below: Option<usize> = None;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let content = line.trim_start();
        let indent = line.len() - content.len();
        if left_alone_below.is_some_and(|key_indent| !content.is_empty() && indent <= key_indent) {
            left_alone_below = None;
        }
        if content.starts_with(KEY_WITH_OWN_VARIABLES) {
            left_alone_below = Some(indent);
        }
        if content.starts_with('#') || left_alone_below.is_some() {
            replaced.push_str(line);
            continue;
        }
        if let Err(message) = replace_line(line, &lookup, &mut replaced) {
            problems.push(Problem::at(file, Some(index as u64 + 1), message));
        }
    }
    if problems.is_empty() {
        Ok(replaced)
    } else {
        Err(problems)
    }
}

fn replace_line(line: &str, lookup: impl Fn(&str) -> Option<String>, out: &mut String) -> Result<(), String> {
    let mut rest = line;
    while let Some(start) = rest.find("${") {
        let (before, from_dollar) = rest.split_at(start);
        let inner = from_dollar.get(2..).unwrap_or_default();
        if let Some(escaped) = before.strip_suffix('$') {
            out.push_str(escaped);
            out.push_str("${");
            rest = inner;
            continue;
        }
        out.push_str(before);
        let place = line.len() - from_dollar.len();
        if last_key(line.get(..place).unwrap_or_default()).is_some_and(|key| KEYS_WITH_GROUPS.contains(&key))
        {
            out.push_str("${");
            rest = inner;
            continue;
        }
        let Some((content, tail)) = inner
            .split_once('}')
            .filter(|(content, _)| names_a_variable(content))
        else {
            out.push_str("${");
            rest = inner;
            continue;
        };
        let (name, default) = content
            .split_once(":-")
            .map_or((content, None), |(name, text)| (name, Some(text)));
        // As in a shell, an empty variable counts as unset where a default is given.
        let value = lookup(name).filter(|value| default.is_none() || !value.is_empty());
        let value = value.or_else(|| default.map(str::to_owned)).ok_or_else(|| {
            format!("the environment variable {name} is not set; set it, or write ${{{name}:-default}}")
        })?;
        if value.chars().any(char::is_control) {
            return Err(format!(
                "the environment variable {name} holds a line end or control character"
            ));
        }
        out.push_str(&value);
        rest = tail;
    }
    out.push_str(rest);
    Ok(())
}

/// The key whose value goes on at the end of `start`, the beginning of a line.
fn last_key(start: &str) -> Option<&str> {
    let (before, _) = start.rsplit_once(": ")?;
    before
        .rsplit(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .next()
}

fn names_a_variable(content: &str) -> bool {
    let name = content.split_once(":-").map_or(content, |(name, _)| name);
    let mut chars = name.chars();
    chars
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn check(text: &str, expected: Result<&str, &str>) {
        let lookup = |name: &str| match name {
            "HOST" => Some("web-1".to_owned()),
            "EMPTY" => Some(String::new()),
            "TWO_LINES" => Some("a\nb: c".to_owned()),
            _ => None,
        };
        let got = replace(text, Path::new("w.yaml"), lookup)
            .map_err(|problems| super::super::problem::join(&problems));
        match (got, expected) {
            (Ok(got), Ok(expected)) => assert_eq!(got, expected),
            (Err(got), Err(expected)) => assert!(got.contains(expected), "{got}"),
            (got, expected) => panic!("{got:?} is not {expected:?}"),
        }
    }

    #[test]
    fn variables_and_defaults_are_replaced() {
        check("a: ${HOST}:9100\n", Ok("a: web-1:9100\n"));
        check("a: ${PORT:-9100}", Ok("a: 9100"));
        check("a: ${EMPTY:-x} ${EMPTY}", Ok("a: x "));
    }

    #[test]
    fn groups_comments_and_escapes_are_left_alone() {
        check("replacement: ${1}-$2", Ok("replacement: ${1}-$2"));
        check(
            "- replacement: '${HOST}:${x}'",
            Ok("- replacement: '${HOST}:${x}'"),
        );
        let flow = "- {target_label: t_${x}, regex: '${HOST}'}";
        check(flow, Ok("- {target_label: t_${x}, regex: 'web-1'}"));
        check("# ${NOT_SET}\n", Ok("# ${NOT_SET}\n"));
        check("a: $${HOST}", Ok("a: ${HOST}"));
        check("a: ${", Ok("a: ${"));
    }

    #[test]
    fn values_of_external_labels_are_left_alone() {
        check(
            "global:\n  external_labels:\n    a: ${NOT_SET}\n    b: x\n  c: ${HOST}\n",
            Ok("global:\n  external_labels:\n    a: ${NOT_SET}\n    b: x\n  c: web-1\n"),
        );
        check(
            "  external_labels: {a: '${HOST}'}\nb: ${HOST}",
            Ok("  external_labels: {a: '${HOST}'}\nb: web-1"),
        );
    }

    #[test]
    fn unset_variables_are_named_with_their_line() {
        check(
            "a: 1\nb: ${NOT_SET}\n",
            Err("w.yaml:2: the environment variable NOT_SET is not set"),
        );
        check("a: ${TWO_LINES}", Err("holds a line end"));
    }
}
