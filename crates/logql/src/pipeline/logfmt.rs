//! `| logfmt`: fields of lines such as `level=info msg="so it is"`.

use super::errors;
use super::fields::{Category, Fields};
use super::names::NameId;
use crate::ast::Extraction;

/// Reads the pairs of a line one by one.
#[derive(Debug)]
struct Pairs<'t> {
    line: &'t str,
    at: usize,
    fault: Option<String>,
}

/// A pair, or that there was none where one should be.
enum Found<'t> {
    Pair(&'t str, Text<'t>),
    Fault,
}

/// A value as it stands, and whether it has escapes.
struct Text<'t> {
    text: &'t str,
    is_escaped: bool,
}

impl<'t> Pairs<'t> {
    fn new(line: &'t str) -> Self {
        Self {
            line,
            at: 0,
            fault: None,
        }
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.line.as_bytes().get(at).copied()
    }

    fn slice(&self, from: usize, to: usize) -> &'t str {
        self.line.get(from..to).unwrap_or_default()
    }

    /// From `at` on, the first byte that `ends` names, or the end.
    fn find(&self, at: usize, ends: impl Fn(u8) -> bool) -> usize {
        let tail = self.line.as_bytes().get(at..).unwrap_or_default();
        tail.iter()
            .position(|byte| ends(*byte))
            .map_or(self.line.len(), |found| at + found)
    }

    fn next(&mut self) -> Option<Found<'t>> {
        self.at = self.find(self.at, |byte| byte > b' ');
        self.byte(self.at)?;
        let start = self.at;
        self.at = self.find(start, |byte| byte == b'=' || byte == b'"' || byte <= b' ');
        let key = self.slice(start, self.at);
        match self.byte(self.at) {
            Some(b'=') if !key.is_empty() => {}
            Some(c @ (b'=' | b'"')) => return Some(self.skip_unexpected(c)),
            _ => return Some(Found::Pair(key, Text::plain(""))),
        }
        self.at += 1;
        if self.byte(self.at) == Some(b'"') {
            return Some(self.quoted(key));
        }
        let start = self.at;
        self.at = self.find(start, |byte| byte == b'=' || byte == b'"' || byte <= b' ');
        match self.byte(self.at) {
            Some(c @ (b'=' | b'"')) => Some(self.skip_unexpected(c)),
            _ => Some(Found::Pair(key, Text::plain(self.slice(start, self.at)))),
        }
    }

    fn quoted(&mut self, key: &'t str) -> Found<'t> {
        let start = self.at + 1;
        let mut at = start;
        let mut is_escaped = false;
        loop {
            at = self.find(at, |byte| byte == b'"' || byte == b'\\');
            match self.byte(at) {
                Some(b'"') => break,
                Some(_) => {
                    is_escaped = true;
                    at += 2;
                }
                None => {
                    self.at = self.line.len();
                    return self.fault("unterminated quoted value");
                }
            }
        }
        self.at = at + 1;
        let text = self.slice(start, at);
        Found::Pair(key, Text { text, is_escaped })
    }

    fn skip_unexpected(&mut self, c: u8) -> Found<'t> {
        let fault = self.fault(&format!("unexpected {:?}", char::from(c)));
        self.at = self.find(self.at, |byte| byte <= b' ');
        fault
    }

    fn fault(&mut self, what: &str) -> Found<'t> {
        self.fault = Some(format!("logfmt syntax error at pos {} : {what}", self.at + 1));
        Found::Fault
    }
}

impl<'t> Text<'t> {
    fn plain(text: &'t str) -> Self {
        Self {
            text,
            is_escaped: false,
        }
    }

    /// What the value stands for; nothing where an escape is wrong.
    fn value<'b>(&self, buffer: &'b mut String) -> Option<&'b str>
    where
        't: 'b,
    {
        if !self.is_escaped {
            return Some(self.text);
        }
        let value = super::json_scan::unescape(self.text, buffer);
        (!value.is_empty()).then_some(value)
    }
}

/// All fields of a line.
#[derive(Debug)]
pub(super) struct Logfmt {
    strict: bool,
    keep_empty: bool,
    buffer: String,
}

impl Logfmt {
    pub(super) fn new(strict: bool, keep_empty: bool) -> Self {
        Self {
            strict,
            keep_empty,
            buffer: String::new(),
        }
    }

    pub(super) fn parse(&mut self, line: &str, fields: &mut Fields) {
        if fields.needs_nothing() {
            return;
        }
        let mut pairs = Pairs::new(line);
        while let Some(found) = pairs.next() {
            let Found::Pair(key, text) = found else {
                if self.strict {
                    break;
                }
                continue;
            };
            let Some(name) = fields.names.of_key(key) else {
                continue;
            };
            let value = text.value(&mut self.buffer).unwrap_or_default();
            if value.is_empty() && !self.keep_empty {
                continue;
            }
            fields.extract(name, value);
            if fields.needs_nothing() {
                break;
            }
        }
        if self.strict {
            tell(&pairs, fields);
        }
    }
}

fn tell(pairs: &Pairs<'_>, fields: &mut Fields) {
    if let Some(fault) = &pairs.fault {
        fields.set_error(errors::LOGFMT, fault);
    }
}

/// Only those fields that are named.
#[derive(Debug)]
pub(super) struct LogfmtFields {
    /// The label, and the key it is taken from as a name.
    fields: Vec<(NameId, NameId)>,
    strict: bool,
    buffer: String,
}

impl LogfmtFields {
    pub(super) fn new(extractions: &[Extraction], strict: bool, fields: &mut Fields) -> Result<Self, String> {
        let read = extractions.iter().map(|extraction| {
            let key = extraction.path.trim().trim_matches('"');
            let is_key =
                !key.is_empty() && !key.contains(|c: char| c <= ' ' || matches!(c, '=' | '"' | '[' | ']'));
            let name = if is_key { fields.names.of_key(key) } else { None };
            let name = name.ok_or_else(|| format!("cannot parse expression [{}]", extraction.path))?;
            Ok((fields.names.id(&extraction.label), name))
        });
        Ok(Self {
            fields: read.collect::<Result<_, String>>()?,
            strict,
            buffer: String::new(),
        })
    }

    pub(super) fn parse(&mut self, line: &str, fields: &mut Fields) {
        if fields.needs_nothing() {
            return;
        }
        for (label, _) in &self.fields {
            if fields.get(*label).is_none() {
                fields.set(Category::Parsed, *label, "");
            }
        }
        let mut pairs = Pairs::new(line);
        while let Some(found) = pairs.next() {
            let Found::Pair(key, text) = found else {
                if self.strict {
                    break;
                }
                continue;
            };
            let Some(name) = fields.names.of_key(key) else {
                continue;
            };
            let value = text.value(&mut self.buffer).unwrap_or_default();
            for (label, _) in self.fields.iter().filter(|(_, key)| *key == name) {
                fields.extract_again(*label, value);
            }
        }
        if self.strict {
            tell(&pairs, fields);
        }
    }
}
