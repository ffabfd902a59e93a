//! From gathered columns to pages in a segment.

use pack::bytes::{put_signed, put_varint};
use pack::{Effort, Part, integers};

use super::dictionary::Dictionary;
use super::number::{Hex, NumberStyle, Numbers};
use super::{Form, filter};
use crate::limits::{FILTER_ROWS_MIN, NUMBERS_IN_DICTIONARY_MAX, PAGE_ROWS, TEXT_PAGE_BYTES};
use crate::segment::writer::{PartSink, WriteFault};

/// How a column lies in its segment.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ColumnMeta {
    /// The same word in every row.
    Constant(Box<[u8]>),
    /// Numbers written in one way.
    Numbers {
        /// The way.
        style: NumberStyle,
        /// The pages.
        pages: Vec<NumberPage>,
    },
    /// So many bytes a row, written as hexadecimal digits.
    Hex {
        /// Bytes a row.
        width: usize,
        /// The pages.
        pages: Vec<Part>,
        /// Tells which numbers are surely not there.
        filter: Option<Part>,
    },
    /// Numbers of words, which stand in a part of their own.
    Dictionary {
        /// How many words.
        count: usize,
        /// Bytes of the longest.
        longest: usize,
        /// The words.
        words: Part,
        /// The pages.
        pages: Vec<Part>,
    },
    /// Texts as they are.
    Text {
        /// The pages.
        pages: Vec<TextPage>,
    },
}

/// A page of numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct NumberPage {
    pub(crate) part: Part,
    /// The least one.
    pub(crate) min: i64,
    /// The largest one.
    pub(crate) max: i64,
}

/// A page of texts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct TextPage {
    pub(crate) part: Part,
    pub(crate) rows: usize,
    /// Bytes before compression.
    pub(crate) bytes: usize,
    /// Bytes of the longest text.
    pub(crate) longest: usize,
}

impl ColumnMeta {
    /// About how many bytes of memory it takes.
    pub(crate) fn weight_bytes(&self) -> usize {
        let pages = match self {
            Self::Constant(word) => word.len(),
            Self::Numbers { style, pages } => {
                style.prefix.len() + style.suffix.len() + size_of_val(pages.as_slice())
            }
            Self::Hex { pages, .. } | Self::Dictionary { pages, .. } => size_of_val(pages.as_slice()),
            Self::Text { pages } => size_of_val(pages.as_slice()),
        };
        size_of::<Self>() + pages
    }
}

/// Texts are compressed at this level of zstd.
const ZSTD_LEVEL: i32 = 3;
/// Fewer bytes are not compressed.
const ZSTD_BYTES_MIN: usize = 64;

/// Writes a column and tells how it lies.
pub(crate) fn encode(form: Form, sink: &mut PartSink<'_>) -> Result<ColumnMeta, WriteFault> {
    match form {
        Form::Empty => Ok(ColumnMeta::Constant(Box::default())),
        Form::Constant(word) => Ok(ColumnMeta::Constant(word)),
        Form::Numbers(numbers) => encode_numbers(&numbers, sink),
        Form::Hex(hex) => encode_hex(&hex, sink),
        Form::Words(words) if words.len() * 2 > words.codes.len() => {
            encode_texts(words.codes.iter().map(|code| words.word(*code)), sink)
        }
        Form::Words(words) => encode_dictionary(&words, sink),
    }
}

fn encode_numbers(numbers: &Numbers, sink: &mut PartSink<'_>) -> Result<ColumnMeta, WriteFault> {
    let style = numbers.style();
    if let Some(words) = few_distinct(numbers, &style) {
        return encode_dictionary(&words, sink);
    }
    let mut pages = Vec::new();
    for values in numbers.values.chunks(PAGE_ROWS) {
        let part = sink.put(|out| integers::encode(values.to_vec(), Effort::Fast, out))?;
        pages.push(NumberPage {
            part,
            min: values.iter().copied().min().unwrap_or_default(),
            max: values.iter().copied().max().unwrap_or_default(),
        });
    }
    Ok(ColumnMeta::Numbers { style, pages })
}

/// The numbers as words, where there are few that lie far apart: the coder of integers knows neighbours only.
fn few_distinct(numbers: &Numbers, style: &NumberStyle) -> Option<Dictionary> {
    let mut distinct: Vec<i64> = Vec::new();
    for value in &numbers.values {
        if let Err(place) = distinct.binary_search(value) {
            if distinct.len() == NUMBERS_IN_DICTIONARY_MAX {
                return None;
            }
            distinct.insert(place, *value);
        }
    }
    let span = distinct.last()?.checked_sub(*distinct.first()?)?;
    if span < NUMBERS_IN_DICTIONARY_MAX as i64 {
        return None;
    }
    let mut words = Dictionary::default();
    let mut word = Vec::new();
    for value in &numbers.values {
        word.clear();
        style.write(*value, &mut word);
        words.push(&word);
    }
    Some(words)
}

fn encode_hex(hex: &Hex, sink: &mut PartSink<'_>) -> Result<ColumnMeta, WriteFault> {
    let width = hex.width();
    let pages = hex
        .bytes
        .chunks(PAGE_ROWS * width)
        .map(|bytes| sink.put(|out| out.extend_from_slice(bytes)))
        .collect::<Result<_, _>>()?;
    let filter = (hex.bytes.len() >= FILTER_ROWS_MIN * width)
        .then(|| filter::encode(&hex.bytes, width))
        .flatten()
        .map(|filter| sink.put(|out| out.extend_from_slice(&filter)))
        .transpose()?;
    Ok(ColumnMeta::Hex { width, pages, filter })
}

fn encode_dictionary(words: &Dictionary, sink: &mut PartSink<'_>) -> Result<ColumnMeta, WriteFault> {
    // The most frequent words get the smallest numbers.
    let mut counts: Vec<(u32, u32)> = (0..words.len() as u32).map(|code| (0, code)).collect();
    for code in &words.codes {
        if let Some((count, _)) = counts.get_mut(*code as usize) {
            *count += 1;
        }
    }
    counts.sort_by_key(|(count, code)| (std::cmp::Reverse(*count), *code));
    let mut ranks = vec![0_i64; words.len()];
    for (rank, (_, code)) in counts.iter().enumerate() {
        if let Some(place) = ranks.get_mut(*code as usize) {
            *place = rank as i64;
        }
    }
    let ordered = counts.iter().map(|(_, code)| words.word(*code));
    let part = sink.put(|out| put_texts(ordered, out))?;
    let pages = words
        .codes
        .chunks(PAGE_ROWS)
        .map(|codes| {
            let codes = codes
                .iter()
                .map(|code| ranks.get(*code as usize).copied().unwrap_or_default());
            sink.put(|out| integers::encode(codes.collect(), Effort::Fast, out))
        })
        .collect::<Result<_, _>>()?;
    Ok(ColumnMeta::Dictionary {
        count: words.len(),
        longest: (0..words.len() as u32)
            .map(|code| words.word(code).len())
            .max()
            .unwrap_or_default(),
        words: part,
        pages,
    })
}

/// Writes texts page by page.
pub(crate) fn encode_texts<'t>(
    texts: impl Iterator<Item = &'t [u8]>,
    sink: &mut PartSink<'_>,
) -> Result<ColumnMeta, WriteFault> {
    let mut pages = Vec::new();
    let mut page: Vec<&[u8]> = Vec::new();
    let mut bytes = 0;
    for text in texts {
        page.push(text);
        bytes += text.len();
        if bytes >= TEXT_PAGE_BYTES || page.len() == PAGE_ROWS {
            pages.push(encode_text_page(&page, bytes, sink)?);
            page.clear();
            bytes = 0;
        }
    }
    if !page.is_empty() {
        pages.push(encode_text_page(&page, bytes, sink)?);
    }
    Ok(ColumnMeta::Text { pages })
}

fn encode_text_page(texts: &[&[u8]], bytes: usize, sink: &mut PartSink<'_>) -> Result<TextPage, WriteFault> {
    let part = sink.put(|out| put_texts(texts.iter().copied(), out))?;
    Ok(TextPage {
        part,
        rows: texts.len(),
        bytes,
        longest: texts.iter().map(|text| text.len()).max().unwrap_or_default(),
    })
}

/// Appends the lengths of texts and the texts, compressed where that helps.
fn put_texts<'t>(texts: impl Iterator<Item = &'t [u8]> + Clone, out: &mut Vec<u8>) {
    let lengths: Vec<i64> = texts.clone().map(|text| text.len() as i64).collect();
    let bytes: Vec<u8> = texts.flatten().copied().collect();
    put_varint(out, bytes.len() as u64);
    if !lengths.is_empty() {
        integers::encode(lengths, Effort::Fast, out);
    }
    let packed = (bytes.len() >= ZSTD_BYTES_MIN)
        .then(|| zstd::bulk::compress(&bytes, ZSTD_LEVEL).ok())
        .flatten()
        .filter(|packed| packed.len() < bytes.len());
    out.push(u8::from(packed.is_some()));
    out.extend_from_slice(packed.as_deref().unwrap_or(&bytes));
}

impl ColumnMeta {
    /// Appends it to the contents of a segment.
    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Constant(word) => {
                out.push(0);
                put_bytes(out, word);
            }
            Self::Numbers { style, pages } => {
                out.push(1);
                put_bytes(out, &style.prefix);
                put_bytes(out, &style.suffix);
                out.push(style.digits);
                put_varint(out, pages.len() as u64);
                for page in pages {
                    page.part.put(out);
                    put_signed(out, page.min);
                    put_signed(out, page.max);
                }
            }
            Self::Hex { width, pages, filter } => {
                out.push(2);
                put_varint(out, *width as u64);
                put_parts(out, pages);
                put_parts(out, filter.as_slice());
            }
            Self::Dictionary {
                count,
                longest,
                words,
                pages,
            } => {
                out.push(3);
                put_varint(out, *count as u64);
                put_varint(out, *longest as u64);
                words.put(out);
                put_parts(out, pages);
            }
            Self::Text { pages } => {
                out.push(4);
                put_varint(out, pages.len() as u64);
                for page in pages {
                    page.part.put(out);
                    for number in [page.rows, page.bytes, page.longest] {
                        put_varint(out, number as u64);
                    }
                }
            }
        }
    }
}

/// Appends bytes with their length.
pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Appends parts with their number.
pub(crate) fn put_parts(out: &mut Vec<u8>, parts: &[Part]) {
    put_varint(out, parts.len() as u64);
    for part in parts {
        part.put(out);
    }
}
