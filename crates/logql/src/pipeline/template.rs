//! `| line_format` and `| label_format`: what templates make of a line.

use std::collections::BTreeMap;
use std::sync::Arc;

use gotemplate::{Host, Room, Template, Value};
use model::Regexes;

use super::errors;
use super::fields::{Category, Fields};
use super::functions;
use super::names::NameId;
use crate::ast::{FormatSource, LabelFormat};

/// What templates see of a line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen<'a> {
    pub(super) line: &'a str,
    pub(super) at_ns: i64,
    /// What `now` gives.
    pub(super) now_ns: i64,
}

struct LineHost<'a> {
    seen: Seen<'a>,
    fields: &'a Fields,
    regexes: &'a mut Regexes,
}

impl Host for LineHost<'_> {
    fn field(&self, name: &str) -> Option<Value> {
        let id = self.fields.names.find(name);
        Some(Value::text(id.map_or("", |id| self.fields.text(id))))
    }

    fn data(&self) -> Value {
        let names = &self.fields.names;
        let labels = self.fields.iter().map(|(name, value, _)| (name, value));
        let pair = |(name, value): (NameId, &str)| (names.name(name).to_string(), Value::text(value));
        let map: BTreeMap<String, Value> = labels.chain(self.fields.errors()).map(pair).collect();
        Value::Map(Arc::new(map))
    }

    fn call(&mut self, name: &str, arguments: &[Value], room: Room) -> Result<Value, String> {
        match name {
            "__line__" => Ok(Value::text(self.seen.line)),
            "__timestamp__" => functions::time(self.seen.at_ns),
            "now" => functions::time(self.seen.now_ns),
            _ => functions::call(name, arguments, room, self.regexes),
        }
    }
}

/// A template; one that only joins texts and labels is not walked over.
#[derive(Debug)]
pub(super) struct Format {
    template: Template,
    pieces: Option<Vec<Piece>>,
}

#[derive(Debug)]
enum Piece {
    Text(String),
    Label(NameId),
}

impl Format {
    pub(super) fn new(text: &str, fields: &mut Fields) -> Result<Self, String> {
        let template = Template::parse(text, functions::SIGNATURES).map_err(|error| error.to_string())?;
        let pieces = pieces(text, fields);
        Ok(Self { template, pieces })
    }

    /// Expands the template behind what `out` holds. Where it fails the line gets an error, and nothing is made.
    pub(super) fn expand(
        &self,
        seen: Seen<'_>,
        regexes: &mut Regexes,
        fields: &mut Fields,
        out: &mut String,
    ) -> bool {
        if let Some(pieces) = &self.pieces {
            for piece in pieces {
                match piece {
                    Piece::Text(text) => out.push_str(text),
                    Piece::Label(name) => out.push_str(fields.text(*name)),
                }
            }
            return true;
        }
        regexes.start_expansion();
        let mut host = LineHost {
            seen,
            fields,
            regexes,
        };
        match self.template.expand(&mut host, out) {
            Ok(()) => true,
            Err(error) => {
                fields.set_error(errors::TEMPLATE, &error.to_string());
                false
            }
        }
    }
}

/// The pieces of a template that has nothing but texts and `{{.label}}`.
fn pieces(text: &str, fields: &mut Fields) -> Option<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, action)) = rest.split_once("{{") {
        let (action, behind) = action.split_once("}}")?;
        let name = action.trim().strip_prefix('.')?;
        let is_name = !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !is_name {
            return None;
        }
        pieces.push(Piece::Text(before.to_owned()));
        pieces.push(Piece::Label(fields.names.id(name)));
        rest = behind;
    }
    pieces.push(Piece::Text(rest.to_owned()));
    Some(pieces)
}

/// The changes of one `label_format`.
#[derive(Debug)]
pub(super) struct LabelFormats {
    formats: Vec<(NameId, Source)>,
    made: String,
    /// Where the texts of templates end in `made`; none for what was renamed or failed.
    ends: Vec<Option<usize>>,
}

#[derive(Debug)]
enum Source {
    Rename(NameId),
    Template(Format),
}

impl LabelFormats {
    pub(super) fn new(formats: &[LabelFormat], fields: &mut Fields) -> Result<Self, String> {
        let mut read: Vec<(NameId, Source)> = Vec::new();
        for format in formats {
            let label = &format.label;
            if label == "__error__" {
                return Err(format!("{label} cannot be formatted"));
            }
            let name = fields.names.id(label);
            if read.iter().any(|(known, _)| *known == name) {
                return Err(format!(
                    "multiple label name '{label}' not allowed in a single format operation"
                ));
            }
            let source = match &format.source {
                FormatSource::Rename(source) => Source::Rename(fields.names.id(source)),
                FormatSource::Template(text) => Source::Template(
                    Format::new(text, fields)
                        .map_err(|reason| format!("invalid template for label '{label}': {reason}"))?,
                ),
            };
            read.push((name, source));
        }
        Ok(Self {
            formats: read,
            made: String::new(),
            ends: Vec::new(),
        })
    }

    /// Templates see the labels as they were before the first of them; what comes before it is renamed already.
    pub(super) fn apply(&mut self, seen: Seen<'_>, regexes: &mut Regexes, fields: &mut Fields) {
        let is_rename = |(_, source): &&(NameId, Source)| matches!(source, Source::Rename(_));
        let first = self.formats.iter().take_while(is_rename).count();
        for (name, source) in self.formats.iter().take(first) {
            rename(*name, source, fields);
        }
        self.made.clear();
        self.ends.clear();
        for (_, source) in self.formats.iter().skip(first) {
            let end = match source {
                Source::Template(format) => {
                    let start = self.made.len();
                    let is_made = format.expand(seen, regexes, fields, &mut self.made);
                    if !is_made {
                        self.made.truncate(start);
                    }
                    is_made.then_some(self.made.len())
                }
                Source::Rename(_) => None,
            };
            self.ends.push(end);
        }
        let mut start = 0;
        for ((name, source), end) in self.formats.iter().skip(first).zip(&self.ends) {
            if let Some(end) = end {
                fields.set(
                    Category::Parsed,
                    *name,
                    self.made.get(start..*end).unwrap_or_default(),
                );
                start = *end;
            } else {
                rename(*name, source, fields);
            }
        }
    }
}

fn rename(name: NameId, source: &Source, fields: &mut Fields) {
    let Source::Rename(source) = source else { return };
    let Some((value, _)) = fields.get(*source) else {
        return;
    };
    let value = value.to_owned();
    fields.set(Category::Parsed, name, &value);
    fields.delete(*source);
}

/// The labels that a template looks at; nothing where that cannot be told.
pub(crate) fn labels(text: &str) -> Option<Vec<String>> {
    let template = Template::parse(text, functions::SIGNATURES).ok()?;
    let fields = template.fields()?;
    Some(fields.into_iter().map(str::to_owned).collect())
}
