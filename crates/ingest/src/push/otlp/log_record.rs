//! The messages of OTLP logs (opentelemetry-proto 1.x, `logs/v1/logs.proto`), as both encodings are read into.

use std::borrow::Cow;

use super::super::PushError;
use super::malformed;
use crate::limits::OTLP_ATTRIBUTE_PATH_BYTES_MAX;

/// An attribute, or an entry of one that is a map.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Flat<'a> {
    /// The key of the attribute.
    pub(super) root: Cow<'a, str>,
    /// Keys from the attribute to the entry, with underscores between them; none where the attribute is no map.
    pub(super) path: Option<String>,
    /// The value as text.
    pub(super) value: Cow<'a, str>,
}

/// The library that logged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct LogScope<'a> {
    /// Its name.
    pub(super) name: Cow<'a, str>,
    /// Its version.
    pub(super) version: Cow<'a, str>,
    /// Further facts.
    pub(super) attributes: Vec<Flat<'a>>,
    /// Facts that the sender left out.
    pub(super) dropped: u64,
}

/// A record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct LogRecord<'a> {
    /// When it happened, in nanoseconds since the Unix epoch; 0 where unknown.
    pub(super) time_ns: u64,
    /// When it was seen, in nanoseconds since the Unix epoch; 0 where unknown.
    pub(super) observed_ns: u64,
    /// How severe it is, 1 to 24; 0 where unknown.
    pub(super) severity_number: u64,
    /// The same in the words of its source.
    pub(super) severity_text: Cow<'a, str>,
    /// The line.
    pub(super) body: Cow<'a, str>,
    /// What else is known.
    pub(super) attributes: Vec<Flat<'a>>,
    /// Facts that the sender left out.
    pub(super) dropped: u64,
    /// `LogRecordFlags`.
    pub(super) flags: u64,
    /// The trace, or nothing.
    pub(super) trace_id: Cow<'a, [u8]>,
    /// The span, or nothing.
    pub(super) span_id: Cow<'a, [u8]>,
}

/// Where a walk over an attribute is. The keys on the way are written once, not anew for every entry.
#[derive(Debug)]
pub(super) struct Way<'a> {
    root: &'a str,
    /// None until a map is entered.
    path: Option<String>,
}

impl<'a> Way<'a> {
    /// At the attribute itself.
    pub(super) fn new(root: &'a str) -> Self {
        Self { root, path: None }
    }

    /// Goes to an entry of the map; gives back what [`Self::leave`] asks for.
    pub(super) fn enter(&mut self, key: &str) -> Result<usize, PushError> {
        let path = self.path.get_or_insert_with(|| self.root.to_owned());
        let outer = path.len();
        path.push('_');
        path.push_str(key);
        if path.len() > OTLP_ATTRIBUTE_PATH_BYTES_MAX {
            return Err(malformed(format!(
                "the name of an attribute and the keys of the maps in it have more than {OTLP_ATTRIBUTE_PATH_BYTES_MAX} bytes; \
                 shorten them"
            )));
        }
        Ok(outer)
    }

    /// Goes back to the map.
    pub(super) fn leave(&mut self, outer: usize) {
        if let Some(path) = &mut self.path {
            path.truncate(outer);
        }
    }

    /// The key of the attribute.
    pub(super) fn root(&self) -> &'a str {
        self.root
    }

    /// Keys from the attribute to the entry; none at the attribute itself.
    pub(super) fn path(&self) -> Option<String> {
        self.path.clone()
    }
}

impl Flat<'_> {
    /// What the pair is called before it is made a label's name.
    pub(super) fn name(&self) -> &str {
        self.path.as_deref().unwrap_or(&self.root)
    }
}
