//! Reads YAML into plain data and says everything that is wrong at once, each fault with its line.

use std::fmt;

use serde::de::DeserializeOwned;
use serde_saphyr::Error;

/// More faults than these are not looked for in one text.
const FAULTS_MAX: usize = 50;

/// One thing that is wrong with a YAML text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The line, counted from 1, where the parser knows it.
    pub line: Option<u64>,
    /// What is wrong and, where it can be told, how to mend it; one line.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

/// Reads `text` into `T`.
///
/// The parser stops at its first fault. To find the others too, the faulty entry is blanked out (line numbers stay) and
/// the text is read again, until it is clean or a fault cannot be taken out.
pub fn read<T: DeserializeOwned + Default>(text: &str) -> Result<T, Vec<Fault>> {
    let mut faults: Vec<Fault> = Vec::new();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let mut blanked_keys: Vec<String> = Vec::new();
    if lines
        .iter()
        .all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'))
    {
        return Ok(T::default());
    }
    loop {
        let error = match serde_saphyr::from_str::<T>(&lines.join("\n")) {
            Ok(value) if faults.is_empty() => return Ok(value),
            Ok(_) => return Err(faults),
            Err(error) => error,
        };
        let line = error
            .location()
            .map(|location| location.line())
            .filter(|line| *line > 0);
        let follows_from_blanking = match error.without_snippet() {
            Error::SerdeMissingField { field, .. } => blanked_keys.iter().any(|key| key == field),
            _ => false,
        };
        let fault = Fault {
            line,
            message: describe(&error),
        };
        if !follows_from_blanking && !faults.contains(&fault) {
            faults.push(fault);
        }
        let blanked = line.and_then(|line| blank_entry(&mut lines, line));
        match blanked {
            Some(key) if faults.len() < FAULTS_MAX => blanked_keys.push(key),
            _ => return Err(faults),
        }
    }
}

/// One line for one fault, with the nearest known key where a key is unknown.
fn describe(error: &Error) -> String {
    match error.without_snippet() {
        Error::SerdeUnknownField { field, expected, .. } => unknown_key(field, expected),
        Error::SerdeMissingField { field, .. } => format!("the key {field:?} is missing; add it"),
        Error::DuplicateMappingKey { key: Some(key), .. } => {
            format!("the key {key:?} stands here twice; remove one of them")
        }
        other => {
            let text = other.to_string();
            let first = text.lines().next().unwrap_or_default();
            // The location stands in front already.
            let end = first
                .rfind(" at line ")
                .or_else(|| first.rfind(" (line "))
                .unwrap_or(first.len());
            first
                .get(..end)
                .unwrap_or(first)
                .trim_start_matches("error: ")
                .to_owned()
        }
    }
}

/// Names an unknown key and the nearest one that exists.
fn unknown_key(field: &str, expected: &[&'static str]) -> String {
    let chars = field.chars().count();
    let slip_max = |known: &str| known.len().max(chars) / 2;
    let nearest = expected
        .iter()
        // A key that is much longer cannot be near, and measuring it would cost its length.
        .filter(|known| chars.abs_diff(known.len()) <= slip_max(known))
        .map(|known| (strsim::damerau_levenshtein(field, known), *known))
        .min()
        .filter(|(distance, known)| *distance <= slip_max(known));
    match nearest {
        Some((_, known)) => format!("unknown key {field:?}; did you mean {known:?}?"),
        None => format!("unknown key {field:?}; known here: {}", expected.join(", ")),
    }
}

/// Blanks the entry that starts on `line` (counted from 1) with all that is indented below it; gives back its key.
/// `None` if there is nothing left to blank there.
fn blank_entry(lines: &mut [String], line: u64) -> Option<String> {
    let start = usize::try_from(line).ok()?.checked_sub(1)?;
    let first = lines.get(start)?.clone();
    let content = first.trim_start();
    if content.is_empty() || content == "-" {
        return None;
    }
    let indent = first.len() - content.len();
    let item = content.strip_prefix("- ");
    let key_indent = item.map_or(indent, |rest| indent + 2 + (rest.len() - rest.trim_start().len()));
    let key = item.unwrap_or(content).trim_start();
    let key = key
        .split(':')
        .next()
        .unwrap_or(key)
        .trim_matches(['"', '\'', ' '])
        .to_owned();
    // `- key: value` keeps its dash: the entries below belong to the same item.
    let kept = if item.is_some() {
        format!("{}-", " ".repeat(indent))
    } else {
        String::new()
    };
    *lines.get_mut(start)? = kept;
    for below in lines.iter_mut().skip(start + 1) {
        let content = below.trim_start();
        let below_indent = below.len() - content.len();
        let list_of_this_key = item.is_none() && below_indent == indent && content.starts_with("- ");
        if !content.is_empty() && below_indent <= key_indent && !list_of_this_key {
            break;
        }
        below.clear();
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Default, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Top {
        name: String,
        count: u32,
        jobs: Vec<Job>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Job {
        job_name: String,
        #[serde(default)]
        every: u32,
    }

    fn check(text: &str, expected: &[&str]) {
        let faults = match read::<Top>(text) {
            Ok(_) => Vec::new(),
            Err(faults) => faults.iter().map(ToString::to_string).collect(),
        };
        assert_eq!(faults.len(), expected.len(), "{faults:#?}");
        for (fault, expected) in faults.iter().zip(expected) {
            assert!(fault.contains(expected), "{fault:?} does not say {expected:?}");
        }
    }

    #[test]
    fn a_good_file_is_read_and_an_empty_one_is_the_default() {
        let top: Top = read("name: a\ncount: 3\njobs:\n- job_name: x\n  every: 5\n").unwrap();
        assert_eq!((top.name.as_str(), top.count, top.jobs.len()), ("a", 3, 1));
        assert_eq!((top.jobs[0].job_name.as_str(), top.jobs[0].every), ("x", 5));
        check("", &[]);
        check("# nothing\n\n", &[]);
    }

    #[test]
    fn every_fault_is_named_with_its_line() {
        check(
            "nmae: a\ncount: many\njobs:\n- job_nam: x\n  job_name: y\n  evry: 5\n- job_name: z\n  every: never\n",
            &[
                r#"line 1: unknown key "nmae"; did you mean "name"?"#,
                "line 2: ",
                r#"line 4: unknown key "job_nam"; did you mean "job_name"?"#,
                r#"line 6: unknown key "evry"; did you mean "every"?"#,
                "line 8: ",
            ],
        );
    }

    #[test]
    fn the_nearest_key_is_not_looked_for_where_none_can_be_near() {
        for letter in ["x", "\u{1f600}"] {
            let described = unknown_key(&letter.repeat(4 << 20), &["name", "every"]);
            assert!(described.ends_with("known here: name, every"));
        }
    }

    #[test]
    fn a_missing_key_is_named_and_broken_yaml_ends_the_search() {
        check("jobs:\n- every: 5\n", &[r#"the key "job_name" is missing"#]);
        check("name: [a\ncount: 3\n", &["line "]);
    }
}
