//! `line`: a field, or a text with fields in it, becomes the line.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::{Entry, Flow, Stage};
use crate::limits::PIPELINE_LINE_BYTES_MAX;

/// The keys of `line`; one of the two is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LineConfig {
    /// The name of what becomes the line.
    Source(String),
    /// A text with `{name}` where values go; `{{` and `}}` are braces.
    Format(Vec<Part>),
}

/// A piece of a format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// As it is.
    Text(String),
    /// The value of a name; nothing where there is none. `line` is the line as it is.
    Name(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    source: Option<String>,
    format: Option<String>,
}

impl<'de> Deserialize<'de> for LineConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Written::deserialize(deserializer)? {
            Written {
                source: Some(source),
                format: None,
            } => Ok(Self::Source(source)),
            Written {
                source: None,
                format: Some(format),
            } => parts(&format).map(Self::Format).map_err(D::Error::custom),
            _ => Err(D::Error::custom(
                "line needs one of source and format; write one and not the other",
            )),
        }
    }
}

fn parts(format: &str) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut text = String::new();
    let mut rest = format;
    while let Some(c) = rest.chars().next() {
        let tail = rest.get(c.len_utf8()..).unwrap_or_default();
        if let Some(tail) = tail.strip_prefix(c).filter(|_| matches!(c, '{' | '}')) {
            text.push(c);
            rest = tail;
        } else if c == '{' {
            let (name, tail) = tail.split_once('}').ok_or_else(|| {
                format!("line.format {format:?} has a brace that nothing closes; close it, or write {{{{")
            })?;
            parts.push(Part::Text(std::mem::take(&mut text)));
            parts.push(Part::Name(name.trim().to_owned()));
            rest = tail;
        } else if c == '}' {
            return Err(format!(
                "line.format {format:?} has a closing brace alone; write }}}}"
            ));
        } else {
            text.push(c);
            rest = tail;
        }
    }
    parts.push(Part::Text(text));
    Ok(parts)
}

#[derive(Debug)]
pub(super) struct Line(pub(super) LineConfig);

impl Stage for Line {
    fn apply(&self, entry: &mut Entry<'_>, _now_ns: i64) -> Flow {
        let line = match &self.0 {
            LineConfig::Source(name) => match entry.value(name) {
                Some(value) => value.to_owned(),
                None => return Flow::Missed("no source"),
            },
            LineConfig::Format(parts) => {
                let mut line = String::new();
                for part in parts {
                    line.push_str(match part {
                        Part::Text(text) => text,
                        Part::Name(name) if name == "line" => &entry.line,
                        Part::Name(name) => entry.value(name).unwrap_or_default(),
                    });
                }
                line
            }
        };
        if line.len() > PIPELINE_LINE_BYTES_MAX {
            return Flow::Missed("too long");
        }
        entry.line = line.into();
        Flow::On
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_read() {
        let name = |name: &str| Part::Name(name.to_owned());
        let text = |text: &str| Part::Text(text.to_owned());
        assert_eq!(
            parts("[{level}] {{{ msg }}}").unwrap(),
            [text("["), name("level"), text("] {"), name("msg"), text("}")]
        );
        assert!(parts("{a").unwrap_err().contains("nothing closes"));
        assert!(parts("a}").unwrap_err().contains("alone"));
    }
}
