//! The language of `| pattern` and of `|>`: texts with captures between them, `<ip> - <_> [<time>]`.

use memchr::memmem::Finder;

/// A pattern of texts and captures.
#[derive(Debug, Clone)]
pub struct LinePattern {
    /// Never two captures side by side, nor two texts.
    parts: Vec<Part>,
}

#[derive(Debug, Clone)]
enum Part {
    Text(Box<Finder<'static>>),
    /// The name; none for `<_>`.
    Capture(Option<String>),
}

impl LinePattern {
    /// Reads the pattern of `| pattern`: named captures, each name once.
    pub fn for_parser(pattern: &str) -> Result<Self, String> {
        let read = Self::read(pattern)?;
        let mut names: Vec<&str> = Vec::new();
        for name in read.names() {
            if names.contains(&name) {
                return Err(format!("duplicate capture name ({name}): invalid expression"));
            }
            names.push(name);
        }
        if names.is_empty() {
            return Err("at least one capture is required".to_owned());
        }
        Ok(read)
    }

    /// Reads the pattern of `|>`: no named captures.
    pub fn for_filter(pattern: &str) -> Result<Self, String> {
        let read = Self::read(pattern)?;
        let is_named = read.names().next().is_some();
        if is_named {
            return Err("named captures are not allowed".to_owned());
        }
        Ok(read)
    }

    fn read(pattern: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut text = String::new();
        let mut rest = pattern;
        while let Some(c) = rest.chars().next() {
            if let Some((name, length)) = capture(rest) {
                if !text.is_empty() {
                    parts.push(Part::Text(Box::new(Finder::new(&text).into_owned())));
                    text.clear();
                } else if matches!(parts.last(), Some(Part::Capture(_))) {
                    return Err("found consecutive capture: invalid expression".to_owned());
                }
                parts.push(Part::Capture((name != "_").then(|| name.to_owned())));
                rest = rest.get(length..).unwrap_or_default();
            } else {
                text.push(c);
                rest = rest.get(c.len_utf8()..).unwrap_or_default();
            }
        }
        if !text.is_empty() {
            parts.push(Part::Text(Box::new(Finder::new(&text).into_owned())));
        }
        Ok(Self { parts })
    }

    /// The names of the captures, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Capture(Some(name)) => Some(name.as_str()),
            _ => None,
        })
    }

    /// Hands over what the named captures hold, in the order of [`names`](Self::names), as far as the line fits; the capture in
    /// front of a text that does not come holds the rest of the line.
    pub fn captures<'t>(&self, line: &'t str, mut found: impl FnMut(usize, &'t str)) {
        let mut rest = line;
        let mut parts = self.parts.iter().peekable();
        if let Some(Part::Text(text)) = parts.peek() {
            let Some(tail) = strip_prefix(rest, text) else {
                return;
            };
            rest = tail;
            parts.next();
        }
        let mut place = 0;
        while let Some(part) = parts.next() {
            let Part::Capture(name) = part else { continue };
            let (held, tail) = match parts.peek() {
                Some(Part::Text(text)) => split_at(rest, text).map_or((rest, None), |(a, b)| (a, Some(b))),
                _ => (rest, None),
            };
            if name.is_some() {
                found(place, held);
                place += 1;
            }
            let Some(tail) = tail else { return };
            rest = tail;
        }
    }

    /// Whether the whole line fits; no capture is empty.
    pub fn fits(&self, line: &str) -> bool {
        let mut rest = line;
        let mut behind_capture = false;
        for part in &self.parts {
            match part {
                Part::Capture(_) => behind_capture = true,
                Part::Text(text) if behind_capture => {
                    let Some((held, tail)) = split_at(rest, text) else {
                        return false;
                    };
                    if held.is_empty() {
                        return false;
                    }
                    rest = tail;
                    behind_capture = false;
                }
                Part::Text(text) => match strip_prefix(rest, text) {
                    Some(tail) => rest = tail,
                    None => return false,
                },
            }
        }
        behind_capture != rest.is_empty()
    }

    /// The texts, all of which a line that fits holds.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Text(text) => std::str::from_utf8(text.needle()).ok(),
            Part::Capture(_) => None,
        })
    }
}

/// The capture that `rest` starts with, and how many bytes it takes.
fn capture(rest: &str) -> Option<(&str, usize)> {
    let inner = rest.strip_prefix('<')?;
    let length = inner.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))?;
    let (name, tail) = inner.split_at_checked(length)?;
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    (is_name && tail.starts_with('>')).then_some((name, length + 2))
}

fn strip_prefix<'t>(line: &'t str, text: &Finder<'_>) -> Option<&'t str> {
    if line.as_bytes().starts_with(text.needle()) {
        line.get(text.needle().len()..)
    } else {
        None
    }
}

fn split_at<'t>(line: &'t str, text: &Finder<'_>) -> Option<(&'t str, &'t str)> {
    let at = text.find(line.as_bytes())?;
    Some((line.get(..at)?, line.get(at + text.needle().len()..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn captured(pattern: &str, line: &str) -> Vec<String> {
        let pattern = LinePattern::for_parser(pattern).unwrap();
        let mut held = Vec::new();
        pattern.captures(line, |_, text| held.push(text.to_owned()));
        held
    }

    #[test]
    fn captures_hold_what_stands_between_texts() {
        let line = "10.0.0.1 - - [08/Oct] \"GET /x HTTP/1.1\" 200";
        assert_eq!(
            captured("<ip> - <_> [<time>] \"<method> <path> <_>\" <status>", line),
            ["10.0.0.1", "08/Oct", "GET", "/x", "200"]
        );
        assert_eq!(captured("a<b>c", "xa"), [""; 0]);
        assert_eq!(captured("<a>|<b>", "all"), ["all"]);
        assert_eq!(captured("<_>level=<level> ", "x level=warn y"), ["warn"]);
    }

    #[test]
    fn a_filter_fits_the_whole_line_and_no_capture_is_empty() {
        for (pattern, line, expected) in [
            ("GET <_> 200", "GET /api 200", true),
            ("GET <_> 200", "GET  200", false),
            ("GET /api", "GET /api 200", false),
            ("<_>api<_>", "GET /api 200", true),
            ("<_>api<_>", "api 200", false),
            ("<_>", "", false),
            ("", "", true),
            ("", "x", false),
        ] {
            let read = LinePattern::for_filter(pattern).unwrap();
            assert_eq!(read.fits(line), expected, "{pattern} {line}");
        }
    }

    #[test]
    fn faults_are_told() {
        for (pattern, expected) in [
            ("a", "at least one capture is required"),
            ("<_>", "at least one capture is required"),
            ("<a><b>", "found consecutive capture: invalid expression"),
            ("<a> <a>", "duplicate capture name (a): invalid expression"),
        ] {
            assert_eq!(
                LinePattern::for_parser(pattern).unwrap_err(),
                expected,
                "{pattern}"
            );
        }
        assert!(LinePattern::for_filter("<a>").is_err());
    }
}
