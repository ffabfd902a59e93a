//! One line of the protocol, from left to right: `measurement,tag=value field=value,field=value time`.

use std::borrow::Cow;

use model::labels::METRIC_NAME;

/// What is wrong with a line, behind the byte where it is.
pub(super) type Fault = (usize, String);

/// A line as written, escapes undone.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Line<'a> {
    pub(super) measurement: Cow<'a, str>,
    pub(super) tags: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    pub(super) fields: Vec<(Cow<'a, str>, Value)>,
    /// The time stamp as written, and where it stands.
    pub(super) time: Option<(i64, usize)>,
}

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Value {
    Number(f64),
    Text,
}

/// The lines of a body. A text in quotes may hold line ends, so a line may take several.
#[derive(Debug)]
pub(super) struct Lines<'a> {
    rest: &'a [u8],
    /// Whether a text was found that has no end. At every line end behind its beginning that text was open, and so would be
    /// any other that reaches one: from there on each line ends with its line.
    endless: bool,
}

impl<'a> Lines<'a> {
    pub(super) fn new(body: &'a [u8]) -> Self {
        Self {
            rest: body,
            endless: false,
        }
    }

    fn cut(&mut self, at: usize) -> &'a [u8] {
        let (line, rest) = self.rest.split_at(at);
        self.rest = rest.get(1..).unwrap_or_default();
        line
    }
}

impl<'a> Iterator for Lines<'a> {
    /// A line, and how many lines it takes.
    type Item = (&'a [u8], usize);

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let first_end = memchr::memchr(b'\n', self.rest).unwrap_or(self.rest.len());
        let first = self.rest.get(..first_end).unwrap_or_default();
        // Without a quote behind the first blank there is no text in it.
        if self.endless || memchr::memchr(b'"', first).is_none() {
            return Some((self.cut(first_end), 1));
        }
        match end_of_line(self.rest) {
            Some((at, lines)) => Some((self.cut(at), lines)),
            // The text has no end: the fault is that of the first line, and the others are lines of their own.
            None => {
                self.endless = true;
                Some((self.cut(first_end), 1))
            }
        }
    }
}

/// Where the first line ends, and how many lines it takes; `None` where a text in it has no end.
fn end_of_line(bytes: &[u8]) -> Option<(usize, usize)> {
    let (mut in_text, mut in_fields, mut lines, mut at) = (false, false, 1, 0);
    let mut after_equals = false;
    while let Some(byte) = bytes.get(at) {
        let begins_value = std::mem::replace(&mut after_equals, *byte == b'=');
        match byte {
            b'\\' => at += usize::from(bytes.get(at + 1).is_some_and(|next| *next != b'\n')),
            b' ' if !in_text => in_fields = true,
            b'"' if in_text => in_text = false,
            // Only behind an equals sign, one without a backslash, does a quote begin a text; elsewhere it is a character
            // like others.
            b'"' if in_fields => in_text = begins_value,
            b'\n' if in_text => lines += 1,
            b'\n' => return Some((at, lines)),
            _ => {}
        }
        at += 1;
    }
    (!in_text).then_some((bytes.len(), lines))
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Line<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, Fault> {
        let mut scanner = Scanner { text, at: 0 };
        scanner.blanks();
        let measurement = scanner.name(b", ");
        if measurement.is_empty() {
            return Err(scanner.fault("missing measurement"));
        }
        let mut tags = Vec::new();
        while scanner.take(b',') {
            tags.push(scanner.tag()?);
        }
        scanner.blanks();
        if scanner.at_end() {
            return Err(scanner.fault("missing fields"));
        }
        let mut fields = vec![scanner.field()?];
        while scanner.take(b',') {
            fields.push(scanner.field()?);
        }
        let time = scanner.time()?;
        Ok(Self {
            measurement,
            tags,
            fields,
            time,
        })
    }
}

impl<'a> Scanner<'a> {
    fn tag(&mut self) -> Result<(Cow<'a, str>, Cow<'a, str>), Fault> {
        let start = self.at;
        let name = self.name(b",= ");
        if name.is_empty() {
            return Err(self.fault("missing tag key"));
        }
        if name == METRIC_NAME {
            return Err((
                start,
                format!("the tag key {METRIC_NAME} is taken by the measurement; rename it"),
            ));
        }
        if !self.take(b'=') {
            return Err(self.fault("missing tag value"));
        }
        let value = self.name(b",= ");
        if value.is_empty() || self.peek() == Some(b'=') {
            return Err(self.fault(if value.is_empty() {
                "missing tag value"
            } else {
                "an equals sign in a tag value needs a backslash before it"
            }));
        }
        Ok((name, value))
    }

    fn field(&mut self) -> Result<(Cow<'a, str>, Value), Fault> {
        let name = self.name(b",= ");
        if name.is_empty() {
            return Err(self.fault("missing field key"));
        }
        if !self.take(b'=') {
            return Err(self.fault("missing field value"));
        }
        if self.peek() == Some(b'"') {
            self.quoted()?;
            return Ok((name, Value::Text));
        }
        let start = self.at;
        let value = self.until(b", ");
        if value.is_empty() {
            return Err(self.fault("missing field value"));
        }
        let number = number(value).map_err(|reason| (start, format!("{reason} {value:?}")))?;
        Ok((name, Value::Number(number)))
    }

    fn quoted(&mut self) -> Result<(), Fault> {
        let start = self.at;
        self.at += 1;
        while let Some(byte) = self.peek() {
            self.at += 1;
            match byte {
                b'"' => return Ok(()),
                b'\\' => self.at += usize::from(matches!(self.peek(), Some(b'"' | b'\\'))),
                _ => {}
            }
        }
        Err((start, "unbalanced quotes".to_owned()))
    }

    fn time(&mut self) -> Result<Option<(i64, usize)>, Fault> {
        if !self.at_end() && self.peek() != Some(b' ') {
            return Err(self.fault("expected a comma or a blank behind a field"));
        }
        self.blanks();
        if self.at_end() {
            return Ok(None);
        }
        let start = self.at;
        let written = self.until(b" ");
        let time = written
            .parse()
            .map_err(|_| (start, format!("bad timestamp {written:?}")))?;
        self.blanks();
        if self.at_end() {
            return Ok(Some((time, start)));
        }
        Err(self.fault("unexpected text behind the timestamp"))
    }

    /// A name up to one of the `stops`, all of which a backslash can escape.
    fn name(&mut self, stops: &[u8]) -> Cow<'a, str> {
        let mut name = Cow::Borrowed("");
        let mut piece_start = self.at;
        while let Some(byte) = self.peek() {
            if stops.contains(&byte) {
                break;
            }
            let escapes = byte == b'\\'
                && self
                    .text
                    .as_bytes()
                    .get(self.at + 1)
                    .is_some_and(|next| stops.contains(next));
            if escapes {
                name += self.text.get(piece_start..self.at).unwrap_or_default();
                piece_start = self.at + 1;
                self.at += 1;
            }
            self.at += 1;
        }
        name += self.text.get(piece_start..self.at).unwrap_or_default();
        name
    }

    fn until(&mut self, stops: &[u8]) -> &'a str {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let length = rest
            .bytes()
            .position(|byte| stops.contains(&byte))
            .unwrap_or(rest.len());
        self.at += length;
        rest.get(..length).unwrap_or_default()
    }

    fn blanks(&mut self) {
        while self.take(b' ') {}
    }

    fn take(&mut self, expected: u8) -> bool {
        let found = self.peek() == Some(expected);
        self.at += usize::from(found);
        found
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn at_end(&self) -> bool {
        self.at >= self.text.len()
    }

    fn fault(&self, reason: &str) -> Fault {
        (self.at, reason.to_owned())
    }
}

/// A float, an integer with `i` or `u`, or a boolean.
fn number(text: &str) -> Result<f64, &'static str> {
    match text {
        "t" | "T" | "true" | "True" | "TRUE" => return Ok(1.0),
        "f" | "F" | "false" | "False" | "FALSE" => return Ok(0.0),
        _ => {}
    }
    if let Some(digits) = text.strip_suffix('i') {
        let value: i64 = digits.parse().map_err(|_| "invalid integer")?;
        return Ok(value as f64);
    }
    if let Some(digits) = text.strip_suffix('u') {
        let value: u64 = digits.parse().map_err(|_| "invalid unsigned integer")?;
        return Ok(value as f64);
    }
    let decimal = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E'));
    let value: Option<f64> = text.parse().ok().filter(|_| decimal);
    value.filter(|value| value.is_finite()).ok_or("invalid number")
}
