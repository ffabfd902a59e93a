//! Which series a line belongs to: its labels, grouped, as a number.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::ast::Grouping;
use crate::label_set::LabelSet;
use crate::pipeline::{Fields, NameId};

/// Which of a line's labels make the series.
#[derive(Debug)]
enum Kept {
    /// All but one.
    AllBut(Option<NameId>),
    By(Vec<NameId>),
    Without(Vec<NameId>),
}

/// The series that were met, numbered from zero.
#[derive(Debug)]
pub(super) struct SeriesTable {
    kept: Kept,
    places: FxHashMap<Box<[u8]>, usize>,
    labels: Vec<LabelSet>,
    held: usize,
    key: Vec<u8>,
    /// The labels of the line: name, and where the value is in `values`.
    found: Vec<(NameId, usize, usize)>,
    values: Vec<u8>,
    /// The series of the line before, and its key.
    last: Option<(Vec<u8>, usize)>,
    /// The series of lines that have the labels of their stream.
    of_stream: Option<usize>,
}

/// What a series takes beside its labels and its key: places in the list and in the table, which are up to twice as large as they are
/// full, and what the allocator rounds up.
const SERIES_BYTES: usize = 160;

impl SeriesTable {
    /// `unwrapped` is the label that holds values, if there is one; it makes no series.
    pub(super) fn new(grouping: Option<&Grouping>, unwrapped: Option<NameId>, fields: &mut Fields) -> Self {
        let mut ids = |labels: &[String]| {
            let mut ids: Vec<NameId> = labels.iter().map(|label| fields.names.id(label)).collect();
            ids.sort_unstable();
            ids.dedup();
            ids
        };
        let kept = match grouping {
            None => Kept::AllBut(unwrapped),
            Some(grouping) if grouping.without => {
                let mut labels = ids(&grouping.labels);
                labels.extend(unwrapped);
                Kept::Without(labels)
            }
            Some(grouping) => Kept::By(ids(&grouping.labels)),
        };
        Self {
            kept,
            places: FxHashMap::default(),
            labels: Vec::new(),
            held: 0,
            key: Vec::new(),
            found: Vec::new(),
            values: Vec::new(),
            last: None,
            of_stream: None,
        }
    }

    /// Goes on with another stream.
    pub(super) fn start_stream(&mut self) {
        self.of_stream = None;
    }

    /// The number of the line's series.
    pub(super) fn find(&mut self, fields: &Fields) -> usize {
        let is_stream = fields.is_stream();
        if let Some(place) = self.of_stream.filter(|_| is_stream) {
            return place;
        }
        self.write_key(fields);
        let place = match &self.last {
            Some((key, place)) if *key == self.key => *place,
            _ => self.search(fields),
        };
        if is_stream {
            self.of_stream = Some(place);
        }
        place
    }

    fn search(&mut self, fields: &Fields) -> usize {
        let place = match self.places.get(self.key.as_slice()) {
            Some(place) => *place,
            None => self.insert(fields),
        };
        let (mut key, _) = self.last.take().unwrap_or_default();
        key.clone_from(&self.key);
        self.last = Some((key, place));
        place
    }

    fn insert(&mut self, fields: &Fields) -> usize {
        let pairs = self.found.iter().map(|(name, start, end)| {
            let value = self.values.get(*start..*end).unwrap_or_default();
            let value = std::str::from_utf8(value).unwrap_or_default();
            (Arc::clone(fields.names.name(*name)), Arc::<str>::from(value))
        });
        let labels = LabelSet::from_pairs(pairs);
        self.held += labels.heap_bytes() + self.key.len() + SERIES_BYTES;
        let place = self.labels.len();
        self.labels.push(labels);
        self.places.insert(Box::from(self.key.as_slice()), place);
        place
    }

    fn write_key(&mut self, fields: &Fields) {
        self.found.clear();
        self.values.clear();
        let values = &mut self.values;
        let mut keep = |name: NameId, value: &str| {
            let start = values.len();
            values.extend_from_slice(value.as_bytes());
            self.found.push((name, start, values.len()));
        };
        match &self.kept {
            Kept::By(names) => {
                for name in names {
                    if let Some((value, _)) = fields.get(*name) {
                        keep(*name, value);
                    }
                }
            }
            Kept::AllBut(left_out) => fields
                .iter()
                .filter(|(name, ..)| Some(*name) != *left_out)
                .for_each(|(name, value, _)| keep(name, value)),
            Kept::Without(names) => fields
                .iter()
                .filter(|(name, ..)| !names.contains(name))
                .for_each(|(name, value, _)| keep(name, value)),
        }
        if !self.found.is_sorted() {
            self.found.sort_unstable();
        }
        self.key.clear();
        for (name, start, end) in &self.found {
            self.key.extend_from_slice(&name.to_le_bytes());
            self.key.extend_from_slice(&((end - start) as u32).to_le_bytes());
            self.key
                .extend_from_slice(self.values.get(*start..*end).unwrap_or_default());
        }
    }

    pub(super) fn labels(&self) -> &[LabelSet] {
        &self.labels
    }

    /// Bytes that are held, roughly.
    pub(super) fn held_bytes(&self) -> usize {
        self.held
    }
}

/// All labels of a line, errors included.
pub(super) fn all_labels(fields: &Fields) -> LabelSet {
    let labels = fields.iter().map(|(name, value, _)| (name, value));
    let pairs = labels.chain(fields.errors());
    LabelSet::from_pairs(
        pairs.map(|(name, value)| (Arc::clone(fields.names.name(name)), Arc::<str>::from(value))),
    )
}
