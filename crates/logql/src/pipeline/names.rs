//! Names of labels as small numbers, so that a line's labels are found without comparing texts.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::limits;

/// The number of a name within one query.
pub(crate) type NameId = u32;

/// The label that says what went wrong with a line.
pub(crate) const ERROR: NameId = 0;
/// The label that says how it went wrong.
pub(crate) const ERROR_DETAILS: NameId = 1;

/// What a field's name gets where a label has it already.
const EXTRACTED: &str = "_extracted";

/// The names a query has met.
#[derive(Debug)]
pub(crate) struct Names {
    ids: FxHashMap<Arc<str>, NameId>,
    /// By the key as it stands in lines; none where nothing of it can stand in a name.
    keys: FxHashMap<Box<str>, Option<NameId>>,
    by_id: Vec<Arc<str>>,
    /// The name with [`EXTRACTED`] behind it, where it was asked for.
    extracted: Vec<Option<NameId>>,
    /// Of names and keys.
    bytes: usize,
    overflowed: bool,
}

impl Names {
    pub(crate) fn new() -> Self {
        let mut names = Self {
            ids: FxHashMap::default(),
            keys: FxHashMap::default(),
            by_id: Vec::new(),
            extracted: Vec::new(),
            bytes: 0,
            overflowed: false,
        };
        names.id("__error__");
        names.id("__error_details__");
        names
    }

    /// The number of a name. Where there are too many, one for all.
    pub(crate) fn id(&mut self, name: &str) -> NameId {
        if let Some(id) = self.ids.get(name) {
            return *id;
        }
        if self.by_id.len() >= limits::LABEL_NAMES_MAX || !self.take_bytes(name.len()) {
            self.overflowed = true;
            return ERROR;
        }
        let (id, name) = (self.by_id.len() as NameId, Arc::<str>::from(name));
        self.by_id.push(Arc::clone(&name));
        self.extracted.push(None);
        self.ids.insert(name, id);
        id
    }

    /// Whether there is room for so many bytes more, which then are taken.
    fn take_bytes(&mut self, bytes: usize) -> bool {
        let fits = self.bytes + bytes <= limits::LABEL_NAMES_BYTES_MAX;
        self.bytes += if fits { bytes } else { 0 };
        fits
    }

    /// The number of a name that was met before.
    pub(crate) fn find(&self, name: &str) -> Option<NameId> {
        self.ids.get(name).copied()
    }

    /// The name of the label that a key makes: what cannot stand in a name becomes `_`.
    pub(crate) fn of_key(&mut self, key: &str) -> Option<NameId> {
        if let Some(id) = self.keys.get(key) {
            return *id;
        }
        let mut name = String::with_capacity(key.len());
        sanitize(key, &mut name);
        let id = (!name.is_empty()).then(|| self.id(&name));
        if self.keys.len() < limits::LABEL_NAMES_MAX && self.take_bytes(key.len()) {
            self.keys.insert(Box::from(key), id);
        }
        id
    }

    /// The name that a field gets where a label has its own already.
    pub(crate) fn extracted(&mut self, id: NameId) -> NameId {
        if let Some(Some(extracted)) = self.extracted.get(id as usize) {
            return *extracted;
        }
        let name = format!("{}{EXTRACTED}", self.name(id));
        let extracted = self.id(&name);
        if let Some(place) = self.extracted.get_mut(id as usize) {
            *place = Some(extracted);
        }
        extracted
    }

    pub(crate) fn name(&self, id: NameId) -> &Arc<str> {
        static NONE: std::sync::LazyLock<Arc<str>> = std::sync::LazyLock::new(|| Arc::from(""));
        self.by_id.get(id as usize).unwrap_or(&NONE)
    }

    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether there were more names than there may be.
    pub(crate) fn overflowed(&self) -> bool {
        self.overflowed
    }
}

/// Appends a key as a part of a name.
pub(crate) fn sanitize(key: &str, name: &mut String) {
    let key = key.trim();
    if name.is_empty() && key.starts_with(|c: char| c.is_ascii_digit()) {
        name.push('_');
    }
    name.extend(
        key.chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }),
    );
}

/// A name without [`EXTRACTED`], if it ends so.
pub(crate) fn without_extracted(name: &str) -> Option<&str> {
    name.strip_suffix(EXTRACTED)
}
