//! The labels of the line that is being judged: those of its stream, its metadata, and what stages made of it.

use std::sync::Arc;

use model::Labels;

use super::names::{ERROR, ERROR_DETAILS, NameId, Names};
use crate::label_set::LabelSet;

/// Where a label comes from. Of one name the base goes to the stream, then to the metadata, then to what was parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Category {
    Stream,
    Metadata,
    Parsed,
}

/// Which fields parsers need extract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wanted {
    All,
    /// Only these; none at all where it is empty.
    Only(Vec<NameId>),
}

/// The labels of one line after the other; nothing is allocated once the first lines are through.
#[derive(Debug)]
pub(crate) struct Fields {
    pub(crate) names: Names,
    pub(crate) wanted: Wanted,
    base: Vec<Entry>,
    base_text: String,
    added: Vec<Entry>,
    text: String,
    /// By name.
    marks: Vec<Mark>,
    /// The number of the line, by which marks of lines before are known.
    line: u64,
    /// How many of the wanted fields this line has given.
    wanted_found: usize,
    error: Option<&'static str>,
    details: String,
    /// Whether the line has other labels than its stream.
    is_touched: bool,
    /// The names of the metadata of a line before, which are often those of the next.
    metadata: Vec<NameId>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    name: NameId,
    category: Category,
    start: u32,
    end: u32,
    is_deleted: bool,
}

/// What is known of a name on the line with that number.
#[derive(Debug, Clone, Copy, Default)]
struct Mark {
    line: u64,
    /// Its place among what was added, counted from 1.
    added: u32,
    /// Its place among the stream's labels, counted from 1; holds for all lines of the stream.
    base: u32,
    is_deleted: bool,
    is_extracted: bool,
}

impl Fields {
    pub(crate) fn new() -> Self {
        Self {
            names: Names::new(),
            wanted: Wanted::All,
            base: Vec::new(),
            base_text: String::new(),
            added: Vec::new(),
            text: String::new(),
            marks: Vec::new(),
            line: 0,
            wanted_found: 0,
            error: None,
            details: String::new(),
            is_touched: false,
            metadata: Vec::new(),
        }
    }

    /// Goes on with another stream.
    pub(crate) fn start_stream(&mut self, stream: &Labels) {
        for entry in std::mem::take(&mut self.base) {
            self.mark(entry.name).base = 0;
        }
        self.base_text.clear();
        for (name, value) in stream {
            let name = self.names.id(name);
            let start = self.base_text.len() as u32;
            self.base_text.push_str(value);
            self.base.push(Entry {
                name,
                category: Category::Stream,
                start,
                end: self.base_text.len() as u32,
                is_deleted: false,
            });
            self.mark(name).base = self.base.len() as u32;
        }
    }

    /// Goes on with another line of the stream.
    pub(crate) fn start_line(&mut self, metadata: &[(&str, &str)]) {
        self.line += 1;
        self.added.clear();
        self.text.clear();
        self.wanted_found = 0;
        self.error = None;
        self.details.clear();
        self.is_touched = false;
        for (place, (name, value)) in metadata.iter().enumerate() {
            let mut name = self.metadata_name(place, name);
            if self.mark(name).base != 0 {
                name = self.names.extracted(name);
            }
            self.set(Category::Metadata, name, value);
        }
    }

    /// The names of the fields that are wanted; `None`: all are.
    pub(crate) fn wanted_names(&self) -> Option<Vec<String>> {
        match &self.wanted {
            Wanted::All => None,
            Wanted::Only(ids) => Some(ids.iter().map(|id| self.names.name(*id).to_string()).collect()),
        }
    }

    fn metadata_name(&mut self, place: usize, name: &str) -> NameId {
        let before = self.metadata.get(place).copied();
        if let Some(id) = before.filter(|id| **self.names.name(*id) == *name) {
            return id;
        }
        let id = self.names.id(name);
        self.metadata.truncate(place);
        self.metadata.push(id);
        id
    }

    /// What is known of a name on this line.
    fn mark(&mut self, name: NameId) -> &mut Mark {
        let place = name as usize;
        if place >= self.marks.len() {
            self.marks
                .resize(self.names.len().max(place + 1), Mark::default());
        }
        let line = self.line;
        let mark = self.marks.get_mut(place);
        // The list was made long enough.
        let Some(mark) = mark else {
            unreachable!("a mark for every name")
        };
        if mark.line != line {
            *mark = Mark {
                line,
                base: mark.base,
                ..Mark::default()
            };
        }
        mark
    }

    fn known(&self, name: NameId) -> Mark {
        match self.marks.get(name as usize) {
            Some(mark) if mark.line == self.line => *mark,
            Some(mark) => Mark {
                base: mark.base,
                ..Mark::default()
            },
            None => Mark::default(),
        }
    }

    /// The value of a label, and where it comes from.
    pub(crate) fn get(&self, name: NameId) -> Option<(&str, Category)> {
        let mark = self.known(name);
        if let Some(entry) = place(&self.added, mark.added) {
            return Some((span(&self.text, entry), entry.category));
        }
        if mark.is_deleted {
            return None;
        }
        let entry = place(&self.base, mark.base)?;
        Some((span(&self.base_text, entry), Category::Stream))
    }

    /// The value of a label, errors included; empty where there is none.
    pub(crate) fn text(&self, name: NameId) -> &str {
        match name {
            ERROR => self.error.unwrap_or_default(),
            ERROR_DETAILS => &self.details,
            _ => self.get(name).map_or("", |(value, _)| value),
        }
    }

    /// Sets a label.
    pub(crate) fn set(&mut self, category: Category, name: NameId, value: &str) {
        self.is_touched = true;
        let start = self.text.len() as u32;
        self.text.push_str(value);
        let entry = Entry {
            name,
            category,
            start,
            end: self.text.len() as u32,
            is_deleted: false,
        };
        let next = self.added.len() as u32 + 1;
        let mark = self.mark(name);
        if category == Category::Parsed {
            mark.is_extracted = true;
        }
        if mark.added == 0 {
            mark.added = next;
            self.added.push(entry);
        } else {
            let at = mark.added as usize - 1;
            if let Some(known) = self.added.get_mut(at) {
                *known = entry;
            }
        }
    }

    /// Takes a label away.
    pub(crate) fn delete(&mut self, name: NameId) {
        self.is_touched = true;
        let mark = self.mark(name);
        mark.is_deleted = true;
        let added = std::mem::take(&mut mark.added);
        if added != 0
            && let Some(entry) = self.added.get_mut(added as usize - 1)
        {
            entry.is_deleted = true;
        }
    }

    /// Sets a label to what a parser found; the first that is found of a name stays. Where the stream or the metadata has the
    /// name already the label is called `…_extracted`.
    pub(crate) fn extract(&mut self, name: NameId, value: &str) {
        let Some(name) = self.free_name(name) else { return };
        if let Wanted::Only(wanted) = &self.wanted {
            if !wanted.contains(&name) {
                return;
            }
            self.wanted_found += 1;
        }
        self.set(Category::Parsed, name, value);
    }

    /// The same, whether the field is wanted or was found before.
    pub(crate) fn extract_again(&mut self, name: NameId, value: &str) {
        let name = self.unclaimed(name);
        self.set(Category::Parsed, name, value);
    }

    fn unclaimed(&mut self, name: NameId) -> NameId {
        let mark = *self.mark(name);
        let is_metadata =
            place(&self.added, mark.added).is_some_and(|entry| entry.category == Category::Metadata);
        if mark.base != 0 || is_metadata {
            self.names.extracted(name)
        } else {
            name
        }
    }

    fn free_name(&mut self, name: NameId) -> Option<NameId> {
        let name = self.unclaimed(name);
        (!self.mark(name).is_extracted).then_some(name)
    }

    /// Whether parsers have nothing to do: nothing of what they find is needed, or no more.
    pub(crate) fn needs_nothing(&self) -> bool {
        match &self.wanted {
            Wanted::All => false,
            Wanted::Only(wanted) => self.wanted_found >= wanted.len(),
        }
    }

    /// Whether a field whose name begins so may be needed.
    pub(crate) fn may_need(&self, prefix: &str) -> bool {
        match &self.wanted {
            Wanted::All => true,
            Wanted::Only(wanted) => wanted
                .iter()
                .any(|name| self.names.name(*name).starts_with(prefix)),
        }
    }

    // === errors ===

    pub(crate) fn error(&self) -> Option<&'static str> {
        self.error
    }

    pub(crate) fn set_error(&mut self, error: &'static str, details: &str) {
        self.error = Some(error);
        self.details.clear();
        self.details.push_str(details);
    }

    pub(crate) fn clear_error(&mut self) {
        self.error = None;
    }

    pub(crate) fn clear_error_details(&mut self) {
        self.details.clear();
    }

    // === all labels ===

    /// All labels, errors excluded, in no particular order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (NameId, &str, Category)> {
        let base = self.base.iter().filter(|entry| {
            let mark = self.known(entry.name);
            !mark.is_deleted && mark.added == 0
        });
        let base = base.map(|entry| (entry.name, span(&self.base_text, entry), Category::Stream));
        let added = self.added.iter().filter(|entry| !entry.is_deleted);
        base.chain(added.map(|entry| (entry.name, span(&self.text, entry), entry.category)))
    }

    /// Those of the errors that are set.
    pub(crate) fn errors(&self) -> impl Iterator<Item = (NameId, &str)> {
        let details = (!self.details.is_empty()).then_some((ERROR_DETAILS, self.details.as_str()));
        self.error.map(|error| (ERROR, error)).into_iter().chain(details)
    }

    /// A set of these labels.
    pub(crate) fn label_set<'a>(&self, pairs: impl Iterator<Item = (NameId, &'a str)>) -> LabelSet {
        LabelSet::from_pairs(pairs.map(|(name, value)| (Arc::clone(self.names.name(name)), value)))
    }

    /// Whether the labels are those of the stream and nothing else.
    pub(crate) fn is_stream(&self) -> bool {
        !self.is_touched && self.error.is_none()
    }
}

fn place(entries: &[Entry], counted: u32) -> Option<&Entry> {
    entries.get((counted as usize).checked_sub(1)?)
}

fn span<'t>(text: &'t str, entry: &Entry) -> &'t str {
    text.get(entry.start as usize..entry.end as usize)
        .unwrap_or_default()
}
