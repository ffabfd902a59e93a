//! A line on its way through the stages.

use std::borrow::Cow;

use model::{Labels, LabelsBuilder};

use crate::limits::PIPELINE_FIELDS_MAX;

/// A line with all that is known of it. What no stage changes is borrowed from the batch it came in.
#[derive(Debug, Clone)]
pub struct Entry<'r> {
    stream: &'r Labels,
    /// The labels, once a stage changed one.
    changed: Option<LabelsBuilder>,
    /// When the line was written, in nanoseconds since the Unix epoch.
    pub at_ns: i64,
    /// The line.
    pub line: Cow<'r, str>,
    /// Pairs that are stored beside the line.
    pub metadata: Vec<(Cow<'r, str>, Cow<'r, str>)>,
    /// What stages took out of the line. Not stored, unless a stage makes labels or metadata of it.
    fields: Vec<(Cow<'static, str>, String)>,
}

impl<'r> Entry<'r> {
    /// A line as it came.
    pub fn new(
        stream: &'r Labels,
        at_ns: i64,
        line: &'r str,
        metadata: impl IntoIterator<Item = (&'r str, &'r str)>,
    ) -> Self {
        let borrowed = |(name, value)| (Cow::Borrowed(name), Cow::Borrowed(value));
        Self {
            stream,
            changed: None,
            at_ns,
            line: Cow::Borrowed(line),
            metadata: metadata.into_iter().map(borrowed).collect(),
            fields: Vec::new(),
        }
    }

    /// What a name stands for: a field, else a pair of metadata, else a label.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.field(name)
            .or_else(|| self.metadata(name))
            .or_else(|| self.label(name))
    }

    /// What a stage reads: the value of a name, or the line where none is given.
    pub fn text_of(&self, source: Option<&str>) -> Option<&str> {
        match source {
            Some(name) => self.value(name),
            None => Some(&self.line),
        }
    }

    /// A field.
    pub fn field(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// All fields, in the order they were found.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields
            .iter()
            .map(|(name, value)| (name.as_ref(), value.as_str()))
    }

    /// Sets a field. Beyond [`PIPELINE_FIELDS_MAX`] new ones are left out; tells whether it was set.
    pub fn set_field(&mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) -> bool {
        let name = name.into();
        if let Some((_, known)) = self.fields.iter_mut().find(|(known, _)| *known == name) {
            *known = value.into();
            return true;
        }
        let fits = self.fields.len() < PIPELINE_FIELDS_MAX;
        if fits {
            self.fields.push((name, value.into()));
        }
        fits
    }

    /// Sets fields one by one, no more than a line may have; tells whether there was room for all.
    pub(super) fn set_fields<N: Into<Cow<'static, str>>>(
        &mut self,
        fields: impl IntoIterator<Item = (N, String)>,
    ) -> super::Flow {
        let mut flow = super::Flow::On;
        for (place, (name, value)) in fields.into_iter().enumerate() {
            if place >= PIPELINE_FIELDS_MAX {
                return super::Flow::Missed("too many fields");
            }
            if !self.set_field(name, value) {
                flow = super::Flow::Missed("too many fields");
            }
        }
        flow
    }

    /// A pair of metadata.
    pub fn metadata(&self, name: &str) -> Option<&str> {
        let found = self.metadata.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_ref())
    }

    /// Sets a pair of metadata.
    pub fn set_metadata(&mut self, name: &str, value: impl Into<String>) {
        let value = Cow::Owned(value.into());
        match self.metadata.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => *known = value,
            None => self.metadata.push((Cow::Owned(name.to_owned()), value)),
        }
    }

    /// A label.
    pub fn label(&self, name: &str) -> Option<&str> {
        match &self.changed {
            Some(labels) => labels.get(name),
            None => self.stream.get(name),
        }
    }

    /// Sets a label; an empty value removes it.
    pub fn set_label(&mut self, name: &str, value: &str) {
        if self.label(name).unwrap_or_default() != value {
            let stream = self.stream;
            self.changed
                .get_or_insert_with(|| stream.to_builder())
                .set(name, value);
        }
    }

    /// Changes texts wherever they stand: the line (whose name is empty), fields, metadata, labels. `change` gets name, text,
    /// and whether it is stored as it stands (fields are not), and gives back the new text where there is one.
    pub(super) fn change_texts(&mut self, change: impl Fn(&str, &str, bool) -> Option<String>) {
        if let Some(line) = change("", &self.line, true) {
            self.line = Cow::Owned(line);
        }
        for (name, value) in &mut self.fields {
            if let Some(text) = change(name, value, false) {
                *value = text;
            }
        }
        for (name, value) in &mut self.metadata {
            if let Some(text) = change(name, value, true) {
                *value = Cow::Owned(text);
            }
        }
        let labels: Vec<(String, String)> = match &self.changed {
            Some(labels) => changed_texts(labels.iter(), &change),
            None => changed_texts(self.stream.iter(), &change),
        };
        for (name, value) in labels {
            self.set_label(&name, &value);
        }
    }

    /// The stream the line belongs to now; `None` where it is still the one it came in.
    pub fn changed_stream(&self) -> Option<Labels> {
        self.changed.clone().map(LabelsBuilder::build)
    }

    /// The stream it came in.
    pub fn came_in(&self) -> &'r Labels {
        self.stream
    }
}

fn changed_texts<'t>(
    pairs: impl Iterator<Item = (&'t str, &'t str)>,
    change: impl Fn(&str, &str, bool) -> Option<String>,
) -> Vec<(String, String)> {
    let changed = pairs.filter_map(|(name, value)| Some((name.to_owned(), change(name, value, true)?)));
    changed.collect()
}
