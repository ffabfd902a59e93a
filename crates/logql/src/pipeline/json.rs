//! `| json` and `| unpack`: fields of JSON lines.

use super::errors;
use super::fields::{Category, Fields};
use super::json_path::JsonPath;
use super::json_scan::{Malformed, Scan, Value, unescape};
use super::names::{NameId, sanitize};
use crate::ast::Extraction;
use crate::limits;

/// All fields of a line: those of objects within get the names on the way with `_` between them; arrays and nulls are left out.
#[derive(Debug, Default)]
pub(super) struct Json {
    /// The names on the way to where the scan is.
    prefix: String,
    buffer: String,
}

impl Json {
    pub(super) fn parse(&mut self, line: &str, fields: &mut Fields) {
        if fields.needs_nothing() {
            return;
        }
        self.prefix.clear();
        if let Err(reason) = self.object(&mut Scan::new(line), fields, 0) {
            fields.set_error(errors::JSON, reason);
        }
    }

    fn object(&mut self, scan: &mut Scan<'_>, fields: &mut Fields, depth: usize) -> Result<(), Malformed> {
        scan.enter_object()?;
        let mut is_first = true;
        while let Some(key) = scan.next_key(is_first)? {
            is_first = false;
            if scan.is_object() {
                let outer = self.prefix.len();
                self.append(key);
                let is_near =
                    depth < limits::JSON_DEPTH_MAX && self.prefix.len() <= limits::JSON_PATH_BYTES_MAX;
                if is_near && fields.may_need(&self.prefix) {
                    self.object(scan, fields, depth + 1)?;
                } else {
                    scan.value()?;
                }
                self.prefix.truncate(outer);
            } else {
                let value = scan.value()?;
                self.field(key, value, fields);
            }
            if fields.needs_nothing() {
                return Ok(());
            }
        }
        Ok(())
    }

    fn append(&mut self, key: &str) {
        if !self.prefix.is_empty() {
            self.prefix.push('_');
        }
        sanitize(key, &mut self.prefix);
    }

    fn field(&mut self, key: &str, value: Value<'_>, fields: &mut Fields) {
        let text = match value {
            Value::Text(text) => unescape(text, &mut self.buffer),
            Value::Number(text) | Value::Bool(text) => text,
            Value::Null | Value::Object(_) | Value::Array(_) => return,
        };
        let name = if self.prefix.is_empty() {
            fields.names.of_key(key)
        } else {
            let outer = self.prefix.len();
            self.prefix.push('_');
            sanitize(key, &mut self.prefix);
            let name = fields.names.of_key(&self.prefix);
            self.prefix.truncate(outer);
            name
        };
        if let Some(name) = name {
            fields.extract(name, text);
        }
    }
}

/// Only those fields that are named.
#[derive(Debug)]
pub(super) struct JsonFields {
    fields: Vec<(NameId, JsonPath)>,
    buffer: String,
}

impl JsonFields {
    pub(super) fn new(extractions: &[Extraction], fields: &mut Fields) -> Result<Self, String> {
        let read = extractions.iter().map(|extraction| {
            let path = JsonPath::parse(&extraction.path)
                .map_err(|reason| format!("cannot parse expression [{}]: {reason}", extraction.path))?;
            Ok((fields.names.id(&extraction.label), path))
        });
        Ok(Self {
            fields: read.collect::<Result<_, String>>()?,
            buffer: String::new(),
        })
    }

    pub(super) fn parse(&mut self, line: &str, fields: &mut Fields) {
        if line.is_empty() || fields.needs_nothing() {
            return;
        }
        if !line.starts_with(['"', '{', '[']) {
            fields.set_error(errors::JSON, "");
            return;
        }
        for (name, path) in &self.fields {
            match path.find(line) {
                Some(Value::Text(text) | Value::Array(text)) => {
                    fields.extract_again(*name, unescape(text, &mut self.buffer));
                }
                Some(Value::Number(text) | Value::Bool(text) | Value::Object(text)) => {
                    fields.extract_again(*name, text);
                }
                Some(Value::Null) => fields.extract_again(*name, ""),
                // Whatever is asked for is there, if only empty.
                None if fields.get(*name).is_none() => fields.set(Category::Parsed, *name, ""),
                None => {}
            }
        }
    }
}

/// The texts of a line that was packed, and the line within it.
#[derive(Debug, Default)]
pub(super) struct Unpack {
    /// Names and values, the values one behind the other.
    found: Vec<(NameId, usize)>,
    values: String,
    buffer: String,
}

/// The key of the line within a packed line.
const ENTRY: &str = "_entry";

impl Unpack {
    /// The line within the line, where there is one.
    pub(super) fn parse(&mut self, line: &str, fields: &mut Fields) -> Option<String> {
        if line.is_empty() {
            return None;
        }
        // What was packed is looked for even if no label of it is needed: stages behind see that line.
        let is_needed = !fields.needs_nothing();
        match self.object(line, fields) {
            Ok(entry) => {
                // Without an entry the line was not packed.
                entry.as_ref()?;
                let mut start = 0;
                for (name, end) in &self.found {
                    fields.extract(*name, self.values.get(start..*end).unwrap_or_default());
                    start = *end;
                }
                entry
            }
            Err(reason) => {
                if is_needed {
                    fields.set_error(errors::JSON, reason);
                }
                None
            }
        }
    }

    fn object(&mut self, line: &str, fields: &mut Fields) -> Result<Option<String>, Malformed> {
        self.found.clear();
        self.values.clear();
        let mut scan = Scan::new(line);
        scan.enter_object()?;
        let mut entry = None;
        let mut is_first = true;
        while let Some(key) = scan.next_key(is_first)? {
            is_first = false;
            let Value::Text(text) = scan.value()? else {
                continue;
            };
            let text = unescape(text, &mut self.buffer);
            if key == ENTRY {
                entry = Some(text.to_owned());
            } else if let Some(name) = fields.names.of_key(key) {
                self.values.push_str(text);
                self.found.push((name, self.values.len()));
            }
        }
        Ok(entry)
    }
}
