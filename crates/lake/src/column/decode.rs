//! From pages in a segment back to words.

use std::cell::RefCell;
use std::ops::Range;
use std::sync::Arc;

use pack::bytes::{Malformed, Reader};
use pack::{Part, integers};
use zstd::bulk::Decompressor;

use super::encode::{ColumnMeta, NumberPage, TextPage};
use super::number::{NumberStyle, write_hex};
use crate::limits::{PAGE_ROWS, PART_BYTES_MAX};

thread_local! {
    /// Making one takes longer than what it is used for here.
    static DECOMPRESSOR: RefCell<Decompressor<'static>> = RefCell::default();
}

/// Words one behind the other.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    bytes: Vec<u8>,
    ends: Vec<u32>,
}

/// A page of a column, ready to be read row by row.
#[derive(Debug)]
pub(crate) enum Page {
    /// Numbers.
    Numbers(Vec<i64>),
    /// So many bytes a row.
    Hex(Vec<u8>),
    /// Numbers of words.
    Codes(Vec<i64>),
    /// Texts.
    Texts(Texts),
}

/// What a page is read with.
#[derive(Debug, Clone)]
pub(crate) enum Style<'s> {
    /// The way numbers are written.
    Number(&'s NumberStyle),
    /// Bytes a row.
    Hex(usize),
    /// The words of a dictionary, once they were read.
    Words(Option<Arc<Texts>>),
    /// Texts are what they are.
    Text,
}

impl Texts {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The text at a place.
    #[inline]
    pub(crate) fn get(&self, place: usize) -> &[u8] {
        let end = |place: usize| self.ends.get(place).copied().unwrap_or_default() as usize;
        let start = place.checked_sub(1).map_or(0, end);
        self.bytes.get(start..end(place)).unwrap_or_default()
    }

    /// `count` texts of a part.
    pub(crate) fn decode(bytes: &[u8], count: usize) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        let total = reader.count(PART_BYTES_MAX)?;
        let mut lengths = Vec::new();
        if count > 0 {
            integers::decode(&mut reader, count, &mut lengths)?;
        }
        let is_packed = reader.byte()? != 0;
        let rest = reader.take(reader.remaining())?;
        let bytes = if is_packed {
            DECOMPRESSOR
                .with_borrow_mut(|zstd| zstd.decompress(rest, total))
                .map_err(|_| Malformed("compressed texts"))?
        } else {
            rest.to_vec()
        };
        let mut end = 0_u32;
        let mut ends = Vec::with_capacity(lengths.len());
        for length in lengths {
            let length = u32::try_from(length).map_err(|_| Malformed("length of a text"))?;
            end = end.checked_add(length).ok_or(Malformed("length of a text"))?;
            ends.push(end);
        }
        if bytes.len() != total || end as usize != total {
            return Err(Malformed("texts of another length"));
        }
        Ok(Self { bytes, ends })
    }
}

impl Page {
    /// Appends the word of a row of the page.
    #[inline]
    pub(crate) fn write(&self, style: &Style<'_>, row: usize, out: &mut Vec<u8>) {
        match (self, style) {
            (Self::Numbers(values), Style::Number(style)) => {
                style.write(values.get(row).copied().unwrap_or_default(), out);
            }
            (Self::Hex(bytes), Style::Hex(width)) => {
                write_hex(bytes.get(row * width..(row + 1) * width).unwrap_or_default(), out);
            }
            (Self::Codes(codes), Style::Words(Some(words))) => {
                let code = codes.get(row).copied().unwrap_or_default();
                out.extend_from_slice(words.get(code as usize));
            }
            (Self::Texts(texts), _) => out.extend_from_slice(texts.get(row)),
            _ => {}
        }
    }

    /// Integers of `rows` rows.
    pub(crate) fn decode_integers(bytes: &[u8], rows: usize) -> Result<Vec<i64>, Malformed> {
        let mut values = Vec::with_capacity(rows);
        let mut reader = Reader::new(bytes);
        integers::decode(&mut reader, rows, &mut values)?;
        reader.end()?;
        Ok(values)
    }
}

impl ColumnMeta {
    /// What [`put`](Self::put) wrote, of a table with so many rows; all parts must lie before `end`.
    pub(crate) fn take(reader: &mut Reader<'_>, rows: usize, end: u64) -> Result<Self, Malformed> {
        let page_count = rows.div_ceil(PAGE_ROWS);
        let meta = match reader.byte()? {
            0 => Self::Constant(take_bytes(reader)?.into()),
            1 => Self::Numbers {
                style: NumberStyle {
                    prefix: take_bytes(reader)?.into(),
                    suffix: take_bytes(reader)?.into(),
                    digits: reader.byte()?,
                },
                pages: take_many(reader, page_count, |reader| {
                    Ok(NumberPage {
                        part: take_part(reader, end)?,
                        min: reader.signed()?,
                        max: reader.signed()?,
                    })
                })?,
            },
            2 => Self::Hex {
                width: reader.count(PART_BYTES_MAX)?,
                pages: take_many(reader, page_count, |reader| take_part(reader, end))?,
                filter: take_many(reader, 1, |reader| take_part(reader, end))?.pop(),
            },
            3 => Self::Dictionary {
                count: reader.count(rows)?,
                longest: reader.count(PART_BYTES_MAX)?,
                words: take_part(reader, end)?,
                pages: take_many(reader, page_count, |reader| take_part(reader, end))?,
            },
            4 => Self::Text {
                pages: take_text_pages(reader, rows, end)?,
            },
            _ => return Err(Malformed("unknown form of a column")),
        };
        let pages = match &meta {
            Self::Numbers { pages, .. } => pages.len(),
            Self::Hex { pages, .. } | Self::Dictionary { pages, .. } => pages.len(),
            Self::Constant(_) | Self::Text { .. } => page_count,
        };
        if pages == page_count {
            Ok(meta)
        } else {
            Err(Malformed("pages of a column"))
        }
    }
}

fn take_text_pages(reader: &mut Reader<'_>, rows: usize, end: u64) -> Result<Vec<TextPage>, Malformed> {
    let pages = take_many(reader, rows, |reader| {
        Ok(TextPage {
            part: take_part(reader, end)?,
            rows: reader.count(rows)?,
            bytes: reader.count(PART_BYTES_MAX)?,
            longest: reader.count(PART_BYTES_MAX)?,
        })
    })?;
    if pages.iter().map(|page| page.rows).sum::<usize>() == rows {
        Ok(pages)
    } else {
        Err(Malformed("rows of a column"))
    }
}

/// Bytes with their length.
pub(crate) fn take_bytes<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], Malformed> {
    let length = reader.count(reader.remaining())?;
    reader.take(length)
}

/// At most `max` things with their number.
pub(crate) fn take_many<'a, T>(
    reader: &mut Reader<'a>,
    max: usize,
    mut take: impl FnMut(&mut Reader<'a>) -> Result<T, Malformed>,
) -> Result<Vec<T>, Malformed> {
    let count = reader.count(max.min(reader.remaining()))?;
    (0..count).map(|_| take(reader)).collect()
}

/// A part that lies before `end`.
pub(crate) fn take_part(reader: &mut Reader<'_>, end: u64) -> Result<Part, Malformed> {
    let part = Part::take(reader)?;
    match part.end() {
        Some(last) if last <= end => Ok(part),
        _ => Err(Malformed("a part outside of the file")),
    }
}

/// The page of a row in a column with pages of equal length, and the rows of it that are in a range.
pub(crate) fn rows_of_page(page: usize, rows: &Range<usize>) -> Range<usize> {
    let start = page * PAGE_ROWS;
    rows.start.max(start) - start..rows.end.min(start + PAGE_ROWS).saturating_sub(start)
}
