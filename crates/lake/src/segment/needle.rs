//! Which rows of a table may hold a text, found in its columns without putting lines together.
//!
//! A text is taken apart as lines are. What lies between its words must stand in the shape of the table; its words must stand in
//! the columns there, the inner ones whole, the first and the last perhaps as the end and the beginning of longer ones.

use memchr::memmem::Finder;
use model::ReadError;

use super::rows::{Piece, TableReader};
use crate::column::decode::Page;
use crate::column::encode::ColumnMeta;
use crate::column::filter::may_hold as may_hold_number;
use crate::column::number::{pack_hex, write_hex};
use crate::words::{WORD, Words};

/// Rows of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Hits {
    /// None of them.
    None,
    /// These, in ascending order.
    Rows(Vec<u32>),
    /// All of them.
    All,
}

/// A text that is looked for.
#[derive(Debug)]
pub(crate) struct Needle<'t> {
    text: &'t [u8],
    finder: Finder<'t>,
    /// What lies before the first word, between words, and behind the last one.
    gaps: Vec<&'t [u8]>,
    words: Vec<&'t [u8]>,
}

/// How a word of the text lies in a word of the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fit {
    Whole,
    AtEnd,
    AtStart,
    Anywhere,
}

/// Fewer digits stand in so many numbers that each is looked at.
const HEX_INNER_DIGITS_MIN: usize = 6;

impl Hits {
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::None, _) | (_, Self::None) => Self::None,
            (Self::All, hits) | (hits, Self::All) => hits,
            (Self::Rows(left), Self::Rows(right)) => {
                let mut right = right.into_iter().peekable();
                let both = left.into_iter().filter(|row| {
                    while right.next_if(|other| other < row).is_some() {}
                    right.peek() == Some(row)
                });
                Self::of(both.collect())
            }
        }
    }

    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::All, _) | (_, Self::All) => Self::All,
            (Self::None, hits) | (hits, Self::None) => hits,
            (Self::Rows(mut left), Self::Rows(right)) => {
                left.extend(right);
                left.sort_unstable();
                left.dedup();
                Self::Rows(left)
            }
        }
    }

    fn of(rows: Vec<u32>) -> Self {
        if rows.is_empty() {
            Self::None
        } else {
            Self::Rows(rows)
        }
    }
}

/// The rows of a table whose lines may hold a text of every group.
pub(crate) fn rows_holding(
    table: &mut TableReader<'_>,
    groups: &[Vec<Needle<'_>>],
    is_whole: bool,
) -> Result<Hits, ReadError> {
    let mut all = Hits::All;
    for group in groups {
        let mut any = Hits::None;
        for needle in group {
            any = any.or(needle.rows_in(table, is_whole)?);
            if any == Hits::All {
                break;
            }
        }
        all = all.and(any);
        if all == Hits::None {
            break;
        }
    }
    Ok(all)
}

impl<'t> Needle<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        let text = text.as_bytes();
        let mut split = Words::default();
        split.split(text);
        let mut gaps = Vec::new();
        let mut words = Vec::new();
        let mut at = 0;
        for (start, end) in &split.spans {
            gaps.push(text.get(at..*start as usize).unwrap_or_default());
            words.push(text.get(*start as usize..*end as usize).unwrap_or_default());
            at = *end as usize;
        }
        gaps.push(text.get(at..).unwrap_or_default());
        Self {
            text,
            finder: Finder::new(text),
            gaps,
            words,
        }
    }

    fn rows_in(&self, table: &mut TableReader<'_>, is_whole: bool) -> Result<Hits, ReadError> {
        let is_fixed = table
            .pieces
            .iter()
            .any(|piece| matches!(piece, Piece::Fixed(bytes) if self.finder.find(bytes).is_some()));
        if is_fixed || self.text.is_empty() {
            return Ok(Hits::All);
        }
        if is_whole {
            return rows_of_column(table, 0, self.text, Fit::Anywhere);
        }
        let gaps: Vec<&[u8]> = table.meta().key.split(|byte| *byte == WORD).collect();
        let mut found = Hits::None;
        if self.words.is_empty() {
            return Ok(found);
        }
        for (first, window) in gaps.windows(self.gaps.len()).enumerate() {
            if self.gaps_fit(window) {
                found = found.or(self.rows_at(table, first)?);
            }
            if found == Hits::All {
                break;
            }
        }
        Ok(found)
    }

    /// Whether what lies between the words of the text lies between some words of the shape.
    fn gaps_fit(&self, window: &[&[u8]]) -> bool {
        let last = self.gaps.len() - 1;
        self.gaps
            .iter()
            .zip(window)
            .enumerate()
            .all(|(place, (gap, there))| {
                if place == 0 {
                    there.ends_with(gap)
                } else if place == last {
                    there.starts_with(gap)
                } else {
                    gap == there
                }
            })
    }

    /// The rows in which the words of the text stand in the columns from `first` on.
    fn rows_at(&self, table: &mut TableReader<'_>, first: usize) -> Result<Hits, ReadError> {
        let last = self.words.len() - 1;
        let is_open = |gap: Option<&&[u8]>| gap.is_none_or(|gap| gap.is_empty());
        let (opens, closes) = (is_open(self.gaps.first()), is_open(self.gaps.last()));
        let fit = |place: usize| match (place == 0 && opens, place == last && closes) {
            (true, true) => Fit::Anywhere,
            (true, false) => Fit::AtEnd,
            (false, true) => Fit::AtStart,
            (false, false) => Fit::Whole,
        };
        // What costs nothing to know first.
        for (place, word) in self.words.iter().enumerate() {
            if !may_hold(table, first + place, word, fit(place))? {
                return Ok(Hits::None);
            }
        }
        let mut all = Hits::All;
        for (place, word) in self.words.iter().enumerate() {
            let rows = rows_of_column(table, first + place, word, fit(place))?;
            all = all.and(rows);
            if all == Hits::None {
                break;
            }
        }
        Ok(all)
    }
}

impl Fit {
    #[inline]
    fn holds(self, word: &[u8], text: &[u8]) -> bool {
        match self {
            Self::Whole => word == text,
            Self::AtEnd => word.ends_with(text),
            Self::AtStart => word.starts_with(text),
            Self::Anywhere => memchr::memmem::find(word, text).is_some(),
        }
    }
}

/// The rows of a column in which a word stands.
fn rows_of_column(
    table: &mut TableReader<'_>,
    column: usize,
    word: &[u8],
    fit: Fit,
) -> Result<Hits, ReadError> {
    if !may_hold(table, column, word, fit)? {
        return Ok(Hits::None);
    }
    let meta = table.meta();
    match meta.columns.get(column) {
        Some(ColumnMeta::Constant(_)) => Ok(Hits::All),
        Some(ColumnMeta::Dictionary { .. }) => rows_of_words(table, column, word, fit),
        Some(ColumnMeta::Hex { width, filter, .. }) if word.len() == 2 * width => {
            let mut bytes = Vec::new();
            pack_hex(word, &mut bytes);
            if let Some(part) = filter
                && !table.read(*part, "filter", |filter| may_hold_number(filter, &bytes))?
            {
                return Ok(Hits::None);
            }
            rows_of_hex(table, column, &bytes)
        }
        Some(ColumnMeta::Hex { width, .. }) if word.len() >= HEX_INNER_DIGITS_MIN => {
            rows_of_inner_hex(table, column, *width, word, fit)
        }
        Some(ColumnMeta::Numbers { style, .. }) if fit == Fit::Whole => match style.read(word) {
            Some(value) => rows_of_number(table, column, value),
            None => Ok(Hits::None),
        },
        Some(ColumnMeta::Text { .. }) => rows_of_texts(table, column, word, fit),
        Some(_) => rows_one_by_one(table, column, word, fit),
        None => Ok(Hits::None),
    }
}

/// Whether a column may hold a word, by what is known without reading it.
fn may_hold(table: &mut TableReader<'_>, column: usize, word: &[u8], fit: Fit) -> Result<bool, ReadError> {
    Ok(match table.meta().columns.get(column) {
        Some(ColumnMeta::Constant(constant)) => fit.holds(constant, word),
        Some(ColumnMeta::Dictionary { longest, .. }) if word.len() > *longest => false,
        Some(ColumnMeta::Dictionary { .. }) => table
            .words(column)?
            .is_some_and(|words| (0..words.len()).any(|code| fit.holds(words.get(code), word))),
        Some(ColumnMeta::Hex { width, .. }) => {
            let fits = word.len() <= 2 * width && (fit != Fit::Whole || word.len() == 2 * width);
            fits && word
                .iter()
                .all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
        }
        Some(ColumnMeta::Numbers { style, pages }) => {
            let max = pages.iter().map(|page| page.max).max().unwrap_or_default();
            let digits =
                (max.unsigned_abs().checked_ilog10().unwrap_or_default() + 1).max(u32::from(style.digits));
            let longest = style.prefix.len() + style.suffix.len() + digits as usize;
            let letters = |byte: &u8| {
                byte.is_ascii_digit() || style.prefix.contains(byte) || style.suffix.contains(byte)
            };
            word.len() <= longest && word.iter().all(letters)
        }
        Some(ColumnMeta::Text { pages }) => pages.iter().any(|page| page.longest >= word.len()),
        None => false,
    })
}

/// Where every page of a column begins.
fn page_starts(table: &TableReader<'_>, column: usize) -> Vec<usize> {
    let meta = table.meta();
    match meta.columns.get(column) {
        Some(ColumnMeta::Text { pages }) => pages
            .iter()
            .scan(0, |start, page| {
                let at = *start;
                *start += page.rows;
                Some(at)
            })
            .collect(),
        _ => (0..meta.rows).step_by(crate::limits::PAGE_ROWS).collect(),
    }
}

/// The rows of which `find` appends those within a page.
fn rows_by_page(
    table: &mut TableReader<'_>,
    column: usize,
    mut find: impl FnMut(&Page, usize, &mut Vec<u32>),
) -> Result<Hits, ReadError> {
    let mut rows = Vec::new();
    for start in page_starts(table, column) {
        if let Some((places, page)) = table.page(column, start)? {
            find(page, places.start, &mut rows);
        }
    }
    Ok(Hits::of(rows))
}

fn rows_of_words(
    table: &mut TableReader<'_>,
    column: usize,
    word: &[u8],
    fit: Fit,
) -> Result<Hits, ReadError> {
    let Some(words) = table.words(column)? else {
        return Ok(Hits::None);
    };
    let fitting: Vec<bool> = (0..words.len())
        .map(|code| fit.holds(words.get(code), word))
        .collect();
    if fitting.iter().all(|fits| *fits) {
        return Ok(Hits::All);
    }
    rows_by_page(table, column, |page, start, rows| {
        if let Page::Codes(codes) = page {
            let fits = |code: &i64| fitting.get(*code as usize).copied().unwrap_or_default();
            let places = codes.iter().enumerate().filter(|(_, code)| fits(code));
            rows.extend(places.map(|(place, _)| (start + place) as u32));
        }
    })
}

fn rows_of_hex(table: &mut TableReader<'_>, column: usize, bytes: &[u8]) -> Result<Hits, ReadError> {
    rows_by_page(table, column, |page, start, rows| {
        if let Page::Hex(all) = page {
            let numbers = all.chunks_exact(bytes.len().max(1)).enumerate();
            let places = numbers.filter(|(_, number)| *number == bytes);
            rows.extend(places.map(|(place, _)| (start + place) as u32));
        }
    })
}

/// The rows of which a number holds digits that begin at a whole byte or in its middle: what is whole bytes of them is looked for
/// in all numbers at once, and the rest only where that is.
fn rows_of_inner_hex(
    table: &mut TableReader<'_>,
    column: usize,
    width: usize,
    word: &[u8],
    fit: Fit,
) -> Result<Hits, ReadError> {
    let whole_bytes = |digits: &[u8]| {
        let mut bytes = Vec::new();
        pack_hex(digits.get(..digits.len() / 2 * 2).unwrap_or_default(), &mut bytes);
        Finder::new(&bytes).into_owned()
    };
    let finders = [whole_bytes(word), whole_bytes(word.get(1..).unwrap_or_default())];
    let mut digits = Vec::new();
    rows_by_page(table, column, |page, start, rows| {
        let Page::Hex(all) = page else { return };
        let first = rows.len();
        for finder in &finders {
            let mut from = 0;
            while let Some(at) = all.get(from..).and_then(|rest| finder.find(rest)) {
                let place = (from + at) / width.max(1);
                let number = place * width..(place + 1) * width;
                digits.clear();
                write_hex(all.get(number.clone()).unwrap_or_default(), &mut digits);
                if fit.holds(&digits, word) {
                    rows.push((start + place) as u32);
                    from = number.end;
                } else {
                    // It may lie across two numbers, and begin again within the second one.
                    from += at + 1;
                }
            }
        }
        if let Some(found) = rows.get_mut(first..) {
            found.sort_unstable();
        }
        rows.dedup();
    })
}

fn rows_of_number(table: &mut TableReader<'_>, column: usize, value: i64) -> Result<Hits, ReadError> {
    let mut rows = Vec::new();
    for start in page_starts(table, column) {
        let place = start / crate::limits::PAGE_ROWS;
        let may_be_there = match table.meta().columns.get(column) {
            Some(ColumnMeta::Numbers { pages, .. }) => pages
                .get(place)
                .is_some_and(|page| (page.min..=page.max).contains(&value)),
            _ => false,
        };
        if may_be_there && let Some((places, Page::Numbers(values))) = table.page(column, start)? {
            let found = values.iter().enumerate().filter(|(_, known)| **known == value);
            rows.extend(found.map(|(place, _)| (places.start + place) as u32));
        }
    }
    Ok(Hits::of(rows))
}

fn rows_of_texts(
    table: &mut TableReader<'_>,
    column: usize,
    word: &[u8],
    fit: Fit,
) -> Result<Hits, ReadError> {
    rows_by_page(table, column, |page, start, rows| {
        if let Page::Texts(texts) = page {
            let places = (0..texts.len()).filter(|place| fit.holds(texts.get(*place), word));
            rows.extend(places.map(|place| (start + place) as u32));
        }
    })
}

fn rows_one_by_one(
    table: &mut TableReader<'_>,
    column: usize,
    word: &[u8],
    fit: Fit,
) -> Result<Hits, ReadError> {
    let mut rows = Vec::new();
    let mut there = Vec::new();
    for row in 0..table.meta().rows {
        there.clear();
        table.write_word(column, row, &mut there)?;
        if fit.holds(&there, word) {
            rows.push(row as u32);
        }
    }
    Ok(Hits::of(rows))
}
