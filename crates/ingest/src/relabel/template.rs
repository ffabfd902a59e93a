//! Replacement texts with `$1` and `${name}`, expanded as Go's `Regexp.Expand` does.

use regex::Captures;

use super::room::{Room, TooMuchMade};

/// A replacement text, taken apart once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Group(usize),
    Named(String),
}

impl Template {
    /// Takes a text apart. Any text is a template: a `$` that names nothing stands for itself, `$$` for one `$`.
    pub(super) fn new(text: &str) -> Self {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('$') {
            plain.push_str(before);
            if let Some(tail) = after.strip_prefix('$') {
                plain.push('$');
                rest = tail;
            } else if let Some((name, tail)) = variable(after) {
                if !plain.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut plain)));
                }
                parts.push(part_of(name));
                rest = tail;
            } else {
                plain.push('$');
                rest = after;
            }
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Self { parts }
    }

    /// Whether the text names a group.
    pub(super) fn has_variables(&self) -> bool {
        self.parts.iter().any(|part| !matches!(part, Part::Text(_)))
    }

    /// Fills in what the groups captured; a group that is absent or took no part is empty.
    pub(super) fn expand(&self, captures: &Captures<'_>, room: &mut Room) -> Result<String, TooMuchMade> {
        let mut out = String::new();
        for part in &self.parts {
            let group = match part {
                Part::Text(text) => {
                    room.push(&mut out, text)?;
                    continue;
                }
                Part::Group(number) => captures.get(*number),
                Part::Named(name) => captures.name(name),
            };
            room.push(&mut out, group.map_or("", |found| found.as_str()))?;
        }
        Ok(out)
    }
}

/// Reads the variable that follows a `$`: the longest run of letters, digits and underscores, or such a run in braces.
fn variable(after: &str) -> Option<(&str, &str)> {
    let in_name = |c: char| c.is_alphanumeric() || c == '_';
    if let Some(inner) = after.strip_prefix('{') {
        let (name, tail) = inner.split_once('}')?;
        return (!name.is_empty() && name.chars().all(in_name)).then_some((name, tail));
    }
    let end = after.find(|c| !in_name(c)).unwrap_or(after.len());
    (end > 0).then(|| after.split_at(end))
}

fn part_of(name: &str) -> Part {
    let is_number = name.bytes().all(|byte| byte.is_ascii_digit());
    match name.parse() {
        Ok(number) if is_number => Part::Group(number),
        _ => Part::Named(name.to_owned()),
    }
}
