//! Lines of one shape, their words in columns; and what else is known of lines, by the names it has.

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use pack::bytes::put_varint;
use xxhash_rust::xxh3::xxh3_64;

use crate::column::{Column, Form};
use crate::limits::{SPLIT_LINE_BYTES_MAX, TABLE_ROWS_MIN, TABLES_MAX, WORDS_PER_LINE_MAX};
use crate::words::{WORD, Words};

/// The table of lines that are kept as a whole.
pub(crate) const WHOLE: u16 = 0;

/// A table that is being gathered.
#[derive(Debug)]
pub(crate) struct Table {
    /// What all rows have in common: the shape of lines, or the names of pairs.
    pub(crate) key: Box<[u8]>,
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: u32,
}

/// Tables by what their rows have in common. The first one is there from the beginning and has one column for the
/// whole of its rows.
#[derive(Debug)]
pub(crate) struct Tables {
    all: Vec<Table>,
    by_key: HashTable<u16>,
    /// Of every row its table.
    pub(crate) ids: Vec<u16>,
}

/// Tables of lines.
#[derive(Debug, Default)]
pub(crate) struct LineTables {
    tables: Tables,
    words: Words,
}

/// Tables of the pairs of lines.
#[derive(Debug, Default)]
pub(crate) struct PairTables {
    tables: Tables,
    key: Vec<u8>,
    /// Rows without pairs that came before the first one with some.
    bare_rows: usize,
}

impl Default for Tables {
    fn default() -> Self {
        let whole = Table {
            key: Box::default(),
            columns: vec![Column::default()],
            rows: 0,
        };
        Self {
            all: vec![whole],
            by_key: HashTable::default(),
            ids: Vec::new(),
        }
    }
}

impl Tables {
    /// The table with a key; a new one with so many columns where there is none. [`WHOLE`] where there are too many.
    fn find(&mut self, key: &[u8], columns: usize) -> u16 {
        let tables = &mut self.all;
        let key_of = |tables: &Vec<Table>, id: u16| {
            xxh3_64(tables.get(usize::from(id)).map_or(&[], |table| &table.key))
        };
        let entry = self.by_key.entry(
            xxh3_64(key),
            |&id| {
                tables
                    .get(usize::from(id))
                    .is_some_and(|table| *table.key == *key)
            },
            |&id| key_of(tables, id),
        );
        match entry {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(_) if tables.len() >= TABLES_MAX => WHOLE,
            Entry::Vacant(place) => {
                let id = tables.len() as u16;
                place.insert(id);
                tables.push(Table {
                    key: key.into(),
                    columns: (0..columns).map(|_| Column::default()).collect(),
                    rows: 0,
                });
                id
            }
        }
    }

    /// Adds a row to a table, its words in the order of the columns.
    #[inline]
    fn push<'w>(&mut self, id: u16, words: impl Iterator<Item = &'w [u8]>) {
        self.ids.push(id);
        let Some(table) = self.all.get_mut(usize::from(id)) else {
            return;
        };
        table.rows += 1;
        for (column, word) in table.columns.iter_mut().zip(words) {
            column.push(word);
        }
    }

    /// What was gathered: the tables with many rows, with new numbers, and of every row its table.
    fn finish(self, write: impl Fn(&[u8], &mut dyn Iterator<Item = Vec<u8>>) -> Vec<u8>) -> FinishedTables {
        let is_kept = |id: usize, table: &Table| id == 0 || table.rows >= TABLE_ROWS_MIN;
        let mut kept = 0;
        let numbers: Vec<Option<u16>> = (self.all.iter().enumerate())
            .map(|(id, table)| {
                is_kept(id, table).then(|| {
                    kept += 1;
                    kept - 1
                })
            })
            .collect();
        let mut readers: Vec<_> = (self.all.iter().zip(&numbers))
            .map(|(table, number)| number.is_none().then(|| table.readers()))
            .collect();
        // The rows of the whole ones and of tables that are given up, in their order.
        let mut whole_rows = self.all.first().map(Table::readers).unwrap_or_default();
        let mut whole = Column::default();
        let mut ids = Vec::with_capacity(self.ids.len());
        for id in &self.ids {
            let place = usize::from(*id);
            if *id == WHOLE {
                whole.push(
                    &whole_rows
                        .first_mut()
                        .and_then(Iterator::next)
                        .unwrap_or_default(),
                );
            } else if let Some(Some(columns)) = readers.get_mut(place) {
                let key = self.all.get(place).map_or(&[][..], |table| &table.key);
                let mut words = columns.iter_mut().map(|column| column.next().unwrap_or_default());
                whole.push(&write(key, &mut words));
            }
            ids.push(numbers.get(place).copied().flatten().unwrap_or(WHOLE));
        }
        drop((readers, whole_rows));
        let mut tables: Vec<Table> = (self.all.into_iter().zip(numbers))
            .filter_map(|(table, number)| number.map(|_| table))
            .collect();
        if let Some(first) = tables.first_mut() {
            let (rows, form) = whole.finish();
            first.rows = rows;
            first.columns = vec![Column::of(rows, form)];
        }
        FinishedTables { tables, ids }
    }
}

/// Tables whose rows are all there.
#[derive(Debug)]
pub(crate) struct FinishedTables {
    pub(crate) tables: Vec<Table>,
    pub(crate) ids: Vec<u16>,
}

impl Table {
    fn readers(&self) -> Vec<Box<dyn Iterator<Item = Vec<u8>> + '_>> {
        self.columns.iter().map(Column::words).collect()
    }

    /// The columns in their forms.
    pub(crate) fn forms(self) -> impl Iterator<Item = Form> {
        self.columns.into_iter().map(|column| column.finish().1)
    }
}

impl LineTables {
    /// Adds a line.
    #[inline]
    pub(crate) fn push(&mut self, line: &[u8]) {
        if line.len() > SPLIT_LINE_BYTES_MAX {
            return self.tables.push(WHOLE, std::iter::once(line));
        }
        self.words.split(line);
        let words = &self.words;
        let is_long = words.spans.len() > WORDS_PER_LINE_MAX;
        let id = if is_long {
            WHOLE
        } else {
            self.tables.find(&words.shape, words.spans.len())
        };
        if id == WHOLE {
            self.tables.push(WHOLE, std::iter::once(line));
        } else {
            let words = words
                .spans
                .iter()
                .map(|(start, end)| line.get(*start as usize..*end as usize).unwrap_or_default());
            self.tables.push(id, words);
        }
    }

    pub(crate) fn finish(self) -> FinishedTables {
        self.tables.finish(|shape, words| {
            let mut line = Vec::new();
            for byte in shape {
                if *byte == WORD {
                    line.extend(words.next().unwrap_or_default());
                } else {
                    line.push(*byte);
                }
            }
            line
        })
    }
}

impl PairTables {
    /// Adds the pairs of a line.
    #[inline]
    pub(crate) fn push<'p>(&mut self, pairs: impl ExactSizeIterator<Item = (&'p str, &'p str)> + Clone) {
        if pairs.len() == 0 && self.tables.ids.is_empty() {
            self.bare_rows += 1;
            return;
        }
        for _ in 0..std::mem::take(&mut self.bare_rows) {
            let id = self.tables.find(&[], 0);
            self.tables.push(id, std::iter::empty());
        }
        self.key.clear();
        for (name, _) in pairs.clone() {
            put_varint(&mut self.key, name.len() as u64);
            self.key.extend_from_slice(name.as_bytes());
        }
        let id = self.tables.find(&self.key, pairs.len());
        if id == WHOLE {
            let whole = whole_pairs(&self.key, &mut pairs.map(|(_, value)| value.as_bytes()));
            self.tables.push(WHOLE, std::iter::once(whole.as_slice()));
        } else {
            self.tables.push(id, pairs.map(|(_, value)| value.as_bytes()));
        }
    }

    /// `None` where no line has any.
    pub(crate) fn finish(self) -> Option<FinishedTables> {
        if self.tables.ids.is_empty() {
            return None;
        }
        Some(self.tables.finish(|names, values| whole_pairs(names, values)))
    }
}

/// Pairs as one text: length and bytes of the names together, then of every value.
fn whole_pairs<V: AsRef<[u8]>>(names: &[u8], values: &mut dyn Iterator<Item = V>) -> Vec<u8> {
    let mut whole = Vec::new();
    put_varint(&mut whole, names.len() as u64);
    whole.extend_from_slice(names);
    for value in values {
        put_varint(&mut whole, value.as_ref().len() as u64);
        whole.extend_from_slice(value.as_ref());
    }
    whole
}
