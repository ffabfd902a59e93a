//! Which series a line belongs to: its labels, grouped, as a number.

use std::hash::BuildHasher;

use hashbrown::HashTable;
use rustc_hash::FxBuildHasher;

use super::memory::{allocated, through_growth};
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

/// The series that were met, numbered from zero. Only their keys are kept, which are less than half as large as sets of labels.
#[derive(Debug)]
pub(super) struct SeriesTable {
    kept: Kept,
    /// Numbers of series by their keys.
    places: HashTable<usize>,
    /// Of every label its name's number and the length of its value, four bytes each, and the value.
    keys: Vec<Box<[u8]>>,
    key_bytes: usize,
    key: Vec<u8>,
    /// The labels of the line: name, and where the value is in `values`.
    found: Vec<(NameId, usize, usize)>,
    values: Vec<u8>,
    /// The series of the line before, and its key.
    last: Option<(Vec<u8>, usize)>,
    /// The series of lines that have the labels of their stream.
    of_stream: Option<usize>,
}

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
            places: HashTable::new(),
            keys: Vec::new(),
            key_bytes: 0,
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
            _ => self.search(),
        };
        if is_stream {
            self.of_stream = Some(place);
        }
        place
    }

    fn search(&mut self) -> usize {
        let keys = &self.keys;
        let is_same = |place: &usize| keys.get(*place).is_some_and(|known| **known == *self.key);
        let place = match self.places.find(hash(&self.key), is_same) {
            Some(place) => *place,
            None => self.insert(),
        };
        let (mut key, _) = self.last.take().unwrap_or_default();
        key.clone_from(&self.key);
        self.last = Some((key, place));
        place
    }

    fn insert(&mut self) -> usize {
        let place = self.keys.len();
        self.keys.push(Box::from(self.key.as_slice()));
        self.key_bytes += allocated(self.key.len());
        let keys = &self.keys;
        let hash_of = |place: &usize| keys.get(*place).map_or(0, |key| hash(key));
        self.places.insert_unique(hash(&self.key), place, hash_of);
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

    /// How many series there are.
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    /// The labels of a series.
    pub(super) fn labels(&self, series: usize, fields: &Fields) -> LabelSet {
        let key = self.keys.get(series).map(|key| &**key);
        fields.label_set(Pairs(key.unwrap_or_default()))
    }

    /// Bytes that are held.
    pub(super) fn held_bytes(&self) -> usize {
        self.key_bytes
            + through_growth(self.keys.capacity() * size_of::<Box<[u8]>>() + self.places.allocation_size())
    }
}

fn hash(key: &[u8]) -> u64 {
    FxBuildHasher.hash_one(key)
}

/// The labels of a key.
struct Pairs<'a>(&'a [u8]);

impl<'a> Iterator for Pairs<'a> {
    type Item = (NameId, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, rest) = self.0.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let (value, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        self.0 = rest;
        Some((NameId::from_le_bytes(*name), std::str::from_utf8(value).ok()?))
    }
}

/// All labels of a line, errors included.
pub(super) fn all_labels(fields: &Fields) -> LabelSet {
    let labels = fields.iter().map(|(name, value, _)| (name, value));
    fields.label_set(labels.chain(fields.errors()))
}
