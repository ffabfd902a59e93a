//! From the columns of a segment back to its rows.

use std::collections::HashMap;
use std::sync::Arc;

use model::ReadError;

use super::contents::{TableMeta, TablesMeta, names_of};
use super::json;
use super::reader::PartReader;
use crate::column::decode::{Page, Style, Texts};
use crate::column::encode::ColumnMeta;
use crate::limits::PAGE_ROWS;
use crate::table::WHOLE;
use crate::words::WORD;

/// A page of row numbers: of every row its table, and which row of the table it is.
#[derive(Debug)]
pub(crate) struct PlacePage {
    pub(crate) tables: Vec<u16>,
    pub(crate) locals: Vec<u32>,
}

/// Reads rows of the tables of a segment, keeping what it decoded.
#[derive(Debug)]
pub(crate) struct RowReader<'s> {
    segment: PartReader<'s>,
    meta: &'s TablesMeta,
    places: HashMap<usize, Arc<PlacePage>>,
    tables: Vec<Option<TableReader<'s>>>,
    /// Names of pairs that are looked at; `None`: all.
    names: Option<Vec<String>>,
    /// Fields of lines that are objects; `None`: lines are whole.
    fields: Option<Arc<[String]>>,
}

/// A table and the pages of it that were asked for last.
#[derive(Debug)]
pub(crate) struct TableReader<'s> {
    segment: PartReader<'s>,
    meta: &'s TableMeta,
    /// What does not change from row to row, and the columns that do.
    pub(crate) pieces: Vec<Piece>,
    /// Fields that are looked at, where lines need not be whole.
    fields: Option<Arc<[String]>>,
    /// The pieces of what is written of lines that are not whole.
    written: Option<Vec<Piece>>,
    columns: Vec<ColumnReader<'s>>,
    /// Of a table of pairs the columns that are looked at, and their names.
    names: Vec<(usize, &'s str)>,
}

/// A part of every line of a table.
#[derive(Debug, PartialEq)]
pub(crate) enum Piece {
    /// The same in all rows.
    Fixed(Vec<u8>),
    /// The word of a column.
    Column(usize),
}

#[derive(Debug)]
struct ColumnReader<'s> {
    style: Style<'s>,
    /// The page that was asked for last, and which rows of the table it has.
    page: Option<(std::ops::Range<usize>, Page)>,
}

/// Pairs of names and values, one behind the other.
#[derive(Debug, Default)]
pub(crate) struct Pairs {
    text: Vec<u8>,
    /// Where a name begins, where it ends and its value begins, and where that ends.
    spans: Vec<(usize, usize, usize)>,
}

/// Reads times of a segment.
#[derive(Debug)]
pub(crate) struct TimeReader<'s> {
    segment: PartReader<'s>,
    pages: HashMap<usize, Arc<Vec<i64>>>,
}

impl<'s> TimeReader<'s> {
    pub(crate) fn new(segment: PartReader<'s>) -> Self {
        Self {
            segment,
            pages: HashMap::new(),
        }
    }

    /// The times of a page of rows.
    pub(crate) fn page(&mut self, page: usize) -> Result<Arc<Vec<i64>>, ReadError> {
        if let Some(known) = self.pages.get(&page) {
            return Ok(Arc::clone(known));
        }
        let contents = self.segment.contents();
        let part = part_of(&contents.times, page, self.segment)?;
        let rows = rows_in_page(contents.rows, page);
        let times = self
            .segment
            .read(part, "times", |bytes| Page::decode_integers(bytes, rows))?;
        let times = Arc::new(times);
        self.pages.insert(page, Arc::clone(&times));
        Ok(times)
    }

    /// The times of a range of rows, appended to `out`.
    pub(crate) fn read(&mut self, rows: std::ops::Range<usize>, out: &mut Vec<i64>) -> Result<(), ReadError> {
        for page in rows.start / PAGE_ROWS..rows.end.div_ceil(PAGE_ROWS) {
            let times = self.page(page)?;
            let places = crate::column::decode::rows_of_page(page, &rows);
            out.extend_from_slice(times.get(places).unwrap_or_default());
        }
        Ok(())
    }

    /// The first row of a range, sorted by time, that is at `at_ns` or later.
    pub(crate) fn first_at(&mut self, rows: std::ops::Range<usize>, at_ns: i64) -> Result<usize, ReadError> {
        let (mut low, mut high) = (rows.start, rows.end);
        // Whole pages first: each that is looked at is decoded.
        while low < high {
            let middle = low + (high - low) / 2;
            let times = self.page(middle / PAGE_ROWS)?;
            if times.get(middle % PAGE_ROWS).is_some_and(|time| *time < at_ns) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }
}

/// How many rows a page has.
fn rows_in_page(rows: usize, page: usize) -> usize {
    (rows - (page * PAGE_ROWS).min(rows)).min(PAGE_ROWS)
}

fn part_of(parts: &[pack::Part], page: usize, segment: PartReader<'_>) -> Result<pack::Part, ReadError> {
    parts.get(page).copied().ok_or_else(|| missing(segment))
}

fn missing(segment: PartReader<'_>) -> ReadError {
    ReadError::Damaged {
        place: segment.place().to_owned(),
        reason: "a row or a page that the contents name is not there".to_owned(),
    }
}

impl<'s> RowReader<'s> {
    pub(crate) fn new(segment: PartReader<'s>, meta: &'s TablesMeta) -> Self {
        Self {
            segment,
            meta,
            places: HashMap::new(),
            tables: meta.tables.iter().map(|_| None).collect(),
            names: None,
            fields: None,
        }
    }

    /// Of lines that are JSON objects only these fields are looked at, where that is known to be enough. `None`: lines are whole.
    pub(crate) fn keep_fields(&mut self, fields: Option<&[String]>) {
        self.fields = fields.map(Arc::from);
    }

    /// Looks at pairs with these names only; tells whether there are any. `None`: all.
    pub(crate) fn keep_names(&mut self, names: Option<&[String]>) -> bool {
        self.names = names.map(<[String]>::to_vec);
        let Some(names) = names else { return true };
        let has_some = |table: &TableMeta| {
            let known = names_of(&table.key).unwrap_or_default();
            known.iter().any(|known| names.iter().any(|name| name == known))
        };
        let tables = self.meta.tables.iter().enumerate();
        let mut filled = tables.filter(|(_, table)| table.rows > 0);
        // What is kept as a whole is not known before it is read.
        filled.any(|(id, table)| id == usize::from(WHOLE) || has_some(table))
    }

    /// Where the rows of a page are.
    pub(crate) fn places(&mut self, page: usize) -> Result<Arc<PlacePage>, ReadError> {
        if let Some(known) = self.places.get(&page) {
            return Ok(Arc::clone(known));
        }
        let part = part_of(&self.meta.ids, page, self.segment)?;
        let rows = rows_in_page(self.segment.contents().rows, page);
        let ids = self
            .segment
            .read(part, "tables of rows", |bytes| Page::decode_integers(bytes, rows))?;
        let mut next = vec![0_u32; self.meta.tables.len()];
        for (table, base) in self.meta.bases.get(page).map_or(&[][..], Vec::as_slice) {
            if let Some(next) = next.get_mut(usize::from(*table)) {
                *next = *base;
            }
        }
        let (mut tables, mut locals) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
        for id in ids {
            let next = usize::try_from(id).ok().and_then(|id| next.get_mut(id));
            let next = next.ok_or_else(|| missing(self.segment))?;
            tables.push(id as u16);
            locals.push(*next);
            *next += 1;
        }
        let places = Arc::new(PlacePage { tables, locals });
        self.places.insert(page, Arc::clone(&places));
        Ok(places)
    }

    /// A table.
    pub(crate) fn table(&mut self, id: u16) -> Result<&mut TableReader<'s>, ReadError> {
        let (segment, meta) = (self.segment, self.meta.tables.get(usize::from(id)));
        let place = self.tables.get_mut(usize::from(id));
        let (Some(meta), Some(place)) = (meta, place) else {
            return Err(missing(segment));
        };
        if place.is_none() {
            let mut reader = TableReader::new(segment, meta, id, self.names.as_deref());
            reader.fields.clone_from(&self.fields);
            *place = Some(reader);
        }
        place.as_mut().ok_or_else(|| missing(segment))
    }

    /// Appends the line of a row of a table.
    #[inline]
    pub(crate) fn write_line(
        &mut self,
        table: u16,
        local: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), ReadError> {
        self.table(table)?.write_line(local, out)
    }

    /// Appends the pairs of a row of a table, names and values.
    pub(crate) fn write_pairs(&mut self, table: u16, local: usize, out: &mut Pairs) -> Result<(), ReadError> {
        self.table(table)?.write_pairs(local, table == WHOLE, out)
    }
}

impl<'s> TableReader<'s> {
    fn new(segment: PartReader<'s>, meta: &'s TableMeta, id: u16, kept: Option<&[String]>) -> Self {
        let columns = meta.columns.iter().map(|column| ColumnReader {
            style: match column {
                ColumnMeta::Numbers { style, .. } => Style::Number(style),
                ColumnMeta::Hex { width, .. } => Style::Hex(*width),
                ColumnMeta::Dictionary { .. } => Style::Words(None),
                ColumnMeta::Constant(_) | ColumnMeta::Text { .. } => Style::Text,
            },
            page: None,
        });
        // The key of a table of lines is no list of names, and nobody asks it for pairs.
        let names = names_of(&meta.key).unwrap_or_default();
        let is_kept = |name: &str| kept.is_none_or(|kept| kept.iter().any(|known| known == name));
        let names = names
            .into_iter()
            .enumerate()
            .filter(|(_, name)| is_kept(name))
            .collect();
        Self {
            segment,
            meta,
            pieces: pieces(meta, id),
            fields: None,
            written: None,
            columns: columns.collect(),
            names,
        }
    }

    /// The bytes of a part, decoded.
    pub(crate) fn read<T>(
        &self,
        part: pack::Part,
        what: &str,
        decode: impl FnOnce(&[u8]) -> Result<T, pack::Malformed>,
    ) -> Result<T, ReadError> {
        self.segment.read(part, what, decode)
    }

    /// What the contents say of it.
    pub(crate) fn meta(&self) -> &'s TableMeta {
        self.meta
    }

    /// Appends the line of a row.
    #[inline]
    pub(crate) fn write_line(&mut self, local: usize, out: &mut Vec<u8>) -> Result<(), ReadError> {
        if let Some(fields) = self.fields.take() {
            self.written = json::with_fields(self, &fields)?;
        }
        for piece in self.written.as_ref().unwrap_or(&self.pieces) {
            match piece {
                Piece::Fixed(bytes) => out.extend_from_slice(bytes),
                Piece::Column(column) => {
                    let meta = self.meta.columns.get(*column);
                    if let (Some(meta), Some(reader)) = (meta, self.columns.get_mut(*column)) {
                        reader.write(self.segment, meta, self.meta.rows, local, out)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Appends the word of a row in a column.
    pub(crate) fn write_word(
        &mut self,
        column: usize,
        local: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), ReadError> {
        match (self.meta.columns.get(column), self.columns.get_mut(column)) {
            (Some(ColumnMeta::Constant(word)), _) => out.extend_from_slice(word),
            (Some(meta), Some(reader)) => reader.write(self.segment, meta, self.meta.rows, local, out)?,
            _ => {}
        }
        Ok(())
    }

    /// The words of a dictionary column.
    pub(crate) fn words(&mut self, column: usize) -> Result<Option<Arc<Texts>>, ReadError> {
        match (self.meta.columns.get(column), self.columns.get_mut(column)) {
            (Some(meta), Some(reader)) => reader.words(self.segment, meta),
            _ => Ok(None),
        }
    }

    /// The page of a column that has a row, and which rows it has.
    pub(crate) fn page(
        &mut self,
        column: usize,
        local: usize,
    ) -> Result<Option<&(std::ops::Range<usize>, Page)>, ReadError> {
        match (self.meta.columns.get(column), self.columns.get_mut(column)) {
            (Some(meta), Some(reader)) => reader.page(self.segment, meta, self.meta.rows, local),
            _ => Ok(None),
        }
    }

    fn write_pairs(&mut self, local: usize, is_whole: bool, out: &mut Pairs) -> Result<(), ReadError> {
        if is_whole {
            let mut whole = Vec::new();
            self.write_word(0, local, &mut whole)?;
            return out.push_whole(&whole).map_err(|error| ReadError::Damaged {
                place: format!("{}, pairs of lines", self.segment.place()),
                reason: error.to_string(),
            });
        }
        for place in 0..self.names.len() {
            if let Some((column, name)) = self.names.get(place).copied() {
                out.push(name, |value| self.write_word(column, local, value))?;
            }
        }
        Ok(())
    }
}

impl Pairs {
    /// Forgets all.
    pub(crate) fn clear(&mut self) {
        self.text.clear();
        self.spans.clear();
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.spans.len()
    }

    /// Bytes of all.
    pub(crate) fn bytes(&self) -> usize {
        self.text.len()
    }

    /// Bytes of memory for texts, whether they are in use or not.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.text.capacity()
    }

    /// Adds a pair, whose value `write` appends.
    fn push(
        &mut self,
        name: &str,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        let start = self.text.len();
        self.text.extend_from_slice(name.as_bytes());
        let middle = self.text.len();
        write(&mut self.text)?;
        self.spans.push((start, middle, self.text.len()));
        Ok(())
    }

    /// Adds pairs that lie elsewhere.
    pub(crate) fn extend<'p>(&mut self, pairs: impl Iterator<Item = (&'p str, &'p str)>) {
        for (name, value) in pairs {
            let start = self.text.len();
            self.text.extend_from_slice(name.as_bytes());
            let middle = self.text.len();
            self.text.extend_from_slice(value.as_bytes());
            self.spans.push((start, middle, self.text.len()));
        }
    }

    /// Adds pairs that were kept as one text.
    fn push_whole(&mut self, whole: &[u8]) -> Result<(), pack::Malformed> {
        let mut reader = pack::Reader::new(whole);
        let names = reader.count(reader.remaining())?;
        for name in names_of(reader.take(names)?)? {
            let value = reader.text()?;
            self.extend(std::iter::once((name, value)));
        }
        Ok(())
    }

    /// The pairs, unless they are no text.
    pub(crate) fn texts(&self) -> Result<Vec<(&str, &str)>, std::str::Utf8Error> {
        let text = std::str::from_utf8(&self.text)?;
        let pair = |(start, middle, end): &(usize, usize, usize)| {
            let name = text.get(*start..*middle).unwrap_or_default();
            (name, text.get(*middle..*end).unwrap_or_default())
        };
        Ok(self.spans.iter().map(pair).collect())
    }
}

impl ColumnReader<'_> {
    #[inline]
    fn write(
        &mut self,
        segment: PartReader<'_>,
        meta: &ColumnMeta,
        rows: usize,
        local: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), ReadError> {
        let is_at_hand = self.page.as_ref().is_some_and(|(rows, _)| rows.contains(&local));
        if !is_at_hand {
            self.page(segment, meta, rows, local)?;
        }
        if let Some((rows, page)) = &self.page {
            page.write(&self.style, local.saturating_sub(rows.start), out);
        }
        Ok(())
    }

    fn page(
        &mut self,
        segment: PartReader<'_>,
        meta: &ColumnMeta,
        rows: usize,
        local: usize,
    ) -> Result<Option<&(std::ops::Range<usize>, Page)>, ReadError> {
        if self.page.as_ref().is_none_or(|(rows, _)| !rows.contains(&local)) {
            self.page = read_page(segment, meta, rows, local)?;
            self.words(segment, meta)?;
        }
        Ok(self.page.as_ref())
    }

    /// The words of a dictionary, read when they are asked for first.
    fn words(&mut self, segment: PartReader<'_>, meta: &ColumnMeta) -> Result<Option<Arc<Texts>>, ReadError> {
        let (Style::Words(known), ColumnMeta::Dictionary { count, words, .. }) = (&mut self.style, meta)
        else {
            return Ok(None);
        };
        if known.is_none() {
            let read = segment.read(*words, "words", |bytes| Texts::decode(bytes, *count))?;
            *known = Some(Arc::new(read));
        }
        Ok(known.clone())
    }
}

/// Reads the page that has a row.
fn read_page(
    segment: PartReader<'_>,
    meta: &ColumnMeta,
    rows: usize,
    local: usize,
) -> Result<Option<(std::ops::Range<usize>, Page)>, ReadError> {
    let page = local / PAGE_ROWS;
    let start = page * PAGE_ROWS;
    let count = rows_in_page(rows, page);
    let read = match meta {
        ColumnMeta::Constant(_) => return Ok(None),
        ColumnMeta::Numbers { pages, .. } => {
            let part = pages.get(page).ok_or_else(|| missing(segment))?.part;
            Page::Numbers(segment.read(part, "numbers", |bytes| Page::decode_integers(bytes, count))?)
        }
        ColumnMeta::Hex { pages, .. } => {
            let part = part_of(pages, page, segment)?;
            Page::Hex(segment.read(part, "hexadecimal numbers", |bytes| Ok(bytes.to_vec()))?)
        }
        ColumnMeta::Dictionary { pages, .. } => {
            let part = part_of(pages, page, segment)?;
            Page::Codes(segment.read(part, "words of rows", |bytes| Page::decode_integers(bytes, count))?)
        }
        ColumnMeta::Text { pages } => {
            let mut start = 0;
            for page in pages {
                let end = start + page.rows;
                if local < end {
                    let texts = segment.read(page.part, "texts", |bytes| Texts::decode(bytes, page.rows))?;
                    return Ok(Some((start..end, Page::Texts(texts))));
                }
                start = end;
            }
            return Err(missing(segment));
        }
    };
    Ok(Some((start..start + count, read)))
}

/// The pieces of a line of a table.
fn pieces(meta: &TableMeta, id: u16) -> Vec<Piece> {
    if id == WHOLE {
        return match meta.columns.first() {
            Some(ColumnMeta::Constant(line)) => vec![Piece::Fixed(line.to_vec())],
            _ => vec![Piece::Column(0)],
        };
    }
    let mut pieces = Vec::new();
    let mut fixed = Vec::new();
    let mut columns = meta.columns.iter().enumerate();
    for byte in &meta.key {
        if *byte != WORD {
            fixed.push(*byte);
            continue;
        }
        match columns.next() {
            Some((_, ColumnMeta::Constant(word))) => fixed.extend_from_slice(word),
            Some((column, _)) => {
                if !fixed.is_empty() {
                    pieces.push(Piece::Fixed(std::mem::take(&mut fixed)));
                }
                pieces.push(Piece::Column(column));
            }
            None => {}
        }
    }
    if !fixed.is_empty() {
        pieces.push(Piece::Fixed(fixed));
    }
    pieces
}
