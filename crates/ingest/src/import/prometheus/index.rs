//! The index of a block: symbols, and series with the places of their chunks (tsdb/docs/format/index.md, version 2).
//!
//! Fuzz: prometheus_index

use std::path::Path;

use model::Labels;

use super::file::{Source, crc32c, take_bytes, take_u32, take_uvarint, take_varint};
use crate::limits::IMPORT_SECTION_BYTES_MAX;

const MAGIC: u32 = 0xbaaa_d700;
const VERSION: u8 = 2;
/// Six references and a checksum.
const TOC_BYTES: u64 = 6 * 8 + 4;
/// Series start at multiples of this.
const SERIES_ALIGNMENT: u64 = 16;
/// So much of the index is read at a time.
const WINDOW_BYTES: usize = 1 << 20;

/// The open index of a block.
#[derive(Debug)]
pub(super) struct Index {
    source: Source,
    symbols: Symbols,
    /// Every series, as its offset divided by 16.
    series: Vec<u32>,
}

/// One series of the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexSeries {
    /// The labels.
    pub labels: Labels,
    /// Its chunks, in order of time.
    pub chunks: Vec<ChunkRef>,
}

/// Where a chunk lies, and its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkRef {
    /// The first sample's time.
    pub min_ms: i64,
    /// The last sample's time.
    pub max_ms: i64,
    /// The segment file's place in the upper half, the offset in it in the lower.
    pub place: u64,
}

/// The texts of labels: all in one, and where each ends.
#[derive(Debug, Default)]
pub struct Symbols {
    text: String,
    ends: Vec<usize>,
}

/// What is wrong, and at which offset of the file.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) offset: u64,
    pub(super) reason: String,
}

// === impl Index ===

impl Index {
    pub(super) fn open(path: &Path) -> Result<Self, Fault> {
        let io = |offset: u64| move |error: std::io::Error| fault(offset, error.to_string());
        let mut source = Source::open(path, WINDOW_BYTES).map_err(io(0))?;
        let mut head = source.at(0, 5).map_err(io(0))?;
        if take_u32(&mut head) != Some(MAGIC) {
            return Err(fault(0, "this is no index of a Prometheus block"));
        }
        if head != [VERSION] {
            return Err(fault(
                4,
                format!(
                    "the index has version {}, only {VERSION} is read; a newer or older Prometheus wrote it",
                    head.first().copied().unwrap_or_default()
                ),
            ));
        }
        let toc_offset = source.len().saturating_sub(TOC_BYTES);
        let toc = source
            .at(toc_offset, TOC_BYTES as usize)
            .map_err(io(toc_offset))?;
        let (refs, sum) = toc.split_at_checked(48).unwrap_or_default();
        if sum != crc32c(&[refs]).to_be_bytes() {
            return Err(fault(
                toc_offset,
                "the table of contents does not fit its checksum",
            ));
        }
        let reference = |place: usize| {
            let bytes = refs.get(place * 8..).and_then(|rest| rest.first_chunk::<8>());
            bytes.map_or(0, |bytes| u64::from_be_bytes(*bytes))
        };
        let (symbols_offset, table_offset) = (reference(0), reference(5));
        let symbols = section(&mut source, symbols_offset)?;
        let symbols = Symbols::read(&symbols)
            .ok_or_else(|| fault(symbols_offset, "the symbol table cannot be read"))?;
        let series = all_series(&mut source, table_offset)?;
        Ok(Self {
            source,
            symbols,
            series,
        })
    }

    pub(super) fn series_count(&self) -> usize {
        self.series.len()
    }

    /// The reference of a series by its number, which is also what tombstones name it by.
    pub(super) fn reference(&self, number: usize) -> u64 {
        self.series.get(number).copied().map_or(0, u64::from)
    }

    /// A series by its reference.
    pub(super) fn series(&mut self, reference: u64) -> Result<IndexSeries, Fault> {
        let offset = reference.saturating_mul(SERIES_ALIGNMENT);
        let io = |error: std::io::Error| fault(offset, error.to_string());
        let mut head = self.source.up_to(offset, 10).map_err(io)?;
        let before = head.len();
        let length = take_uvarint(&mut head).filter(|length| *length <= IMPORT_SECTION_BYTES_MAX);
        let length = length.ok_or_else(|| fault(offset, "the series has no length"))?;
        let head_bytes = before.saturating_sub(head.len());
        let whole = head_bytes + length as usize + 4;
        if offset.saturating_add(whole as u64) > self.source.len() {
            return Err(fault(offset, "the series ends beyond the file"));
        }
        let entry = self.source.at(offset, whole).map_err(io)?;
        let (body, sum) = entry
            .get(head_bytes..)
            .and_then(|rest| rest.split_last_chunk::<4>())
            .unwrap_or((&[], &[0; 4]));
        if *sum != crc32c(&[body]).to_be_bytes() {
            return Err(fault(offset, "the series does not fit its checksum"));
        }
        decode_series(body, &self.symbols).ok_or_else(|| fault(offset, "the series cannot be read"))
    }
}

/// A section's contents, which its length and its checksum surround.
fn section(source: &mut Source, offset: u64) -> Result<Vec<u8>, Fault> {
    let io = |error: std::io::Error| fault(offset, error.to_string());
    let mut head = source.at(offset, 4).map_err(io)?;
    let length = u64::from(take_u32(&mut head).unwrap_or_default());
    let end = offset.saturating_add(length).saturating_add(8);
    if length > IMPORT_SECTION_BYTES_MAX || end > source.len() {
        return Err(fault(offset, "the section ends beyond the file"));
    }
    let body = source
        .at(offset.saturating_add(4), length as usize + 4)
        .map_err(io)?;
    let (body, sum) = body.split_last_chunk::<4>().unwrap_or((&[], &[0; 4]));
    if *sum == crc32c(&[body]).to_be_bytes() {
        Ok(body.to_vec())
    } else {
        Err(fault(offset, "the section does not fit its checksum"))
    }
}

/// The list of all series: the postings of the empty label pair, which is the first of the offset table.
fn all_series(source: &mut Source, table_offset: u64) -> Result<Vec<u32>, Fault> {
    let io = |error: std::io::Error| fault(table_offset, error.to_string());
    let mut table = source.up_to(table_offset, 32).map_err(io)?;
    let first = || -> Option<u64> {
        let _length = take_u32(&mut table)?;
        if take_u32(&mut table)? == 0 {
            return Some(0);
        }
        // Two texts, both empty.
        (take_bytes(&mut table, 3)? == [2, 0, 0]).then_some(())?;
        take_uvarint(&mut table)
    }();
    let Some(offset) = first else {
        return Err(fault(
            table_offset,
            "the offset table does not begin with the list of all series",
        ));
    };
    if offset == 0 {
        return Ok(Vec::new());
    }
    let postings = section(source, offset)?;
    let mut rest = postings.as_slice();
    let count = take_u32(&mut rest).unwrap_or_default() as usize;
    let (references, _) = rest.as_chunks::<4>();
    if references.len() != count {
        return Err(fault(
            offset,
            "the list of all series has another length than it says",
        ));
    }
    Ok(references
        .iter()
        .map(|bytes| u32::from_be_bytes(*bytes))
        .collect())
}

/// Reads one series.
pub fn decode_series(mut body: &[u8], symbols: &Symbols) -> Option<IndexSeries> {
    let body = &mut body;
    let mut pairs = Vec::new();
    for _ in 0..take_uvarint(body)? {
        let (name, value) = (take_uvarint(body)?, take_uvarint(body)?);
        pairs.push((symbols.get(name)?, symbols.get(value)?));
    }
    let mut chunks: Vec<ChunkRef> = Vec::new();
    for _ in 0..take_uvarint(body)? {
        let (min_ms, span_ms, place) = match chunks.last() {
            None => (take_varint(body)?, take_uvarint(body)?, take_uvarint(body)?),
            Some(before) => {
                let gap_ms = take_uvarint(body)? as i64;
                (
                    before.max_ms.wrapping_add(gap_ms),
                    take_uvarint(body)?,
                    before.place.wrapping_add(take_varint(body)? as u64),
                )
            }
        };
        let max_ms = min_ms.wrapping_add(span_ms as i64);
        chunks.push(ChunkRef {
            min_ms,
            max_ms,
            place,
        });
    }
    Some(IndexSeries {
        labels: Labels::from_pairs(pairs),
        chunks,
    })
}

// === impl Symbols ===

impl Symbols {
    /// Reads the contents of the symbol table.
    pub fn read(mut body: &[u8]) -> Option<Self> {
        let count = take_u32(&mut body)?;
        let mut symbols = Self::default();
        for _ in 0..count {
            let length = take_uvarint(&mut body)?;
            let text = std::str::from_utf8(take_bytes(&mut body, length)?).ok()?;
            symbols.text.push_str(text);
            symbols.ends.push(symbols.text.len());
        }
        Some(symbols)
    }

    fn get(&self, number: u64) -> Option<&str> {
        let number = usize::try_from(number).ok()?;
        let end = *self.ends.get(number)?;
        let start = match number.checked_sub(1) {
            Some(before) => *self.ends.get(before)?,
            None => 0,
        };
        self.text.get(start..end)
    }
}

pub(super) fn fault(offset: u64, reason: impl Into<String>) -> Fault {
    Fault {
        offset,
        reason: reason.into(),
    }
}
