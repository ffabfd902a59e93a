//! A segment's table of contents: what it holds and where its parts lie.
//!
//! Fuzz: lake_segment

use model::{Labels, TenantId};
use pack::Part;
use pack::bytes::{Malformed, Reader, put_signed, put_text, put_varint};
use ulid::Ulid;

use crate::column::decode::{take_bytes, take_many, take_part};
use crate::column::encode::{ColumnMeta, put_bytes, put_parts};
use crate::limits::{PAGE_ROWS, PART_BYTES_MAX, ROWS_PER_SEGMENT_MAX, TABLES_MAX, WORDS_PER_LINE_MAX};
use crate::words::WORD;

/// The version of the form that is written.
pub(crate) const VERSION: u8 = 1;
pub(crate) const HEADER_BYTES: usize = 8;
/// The first bytes of a segment.
pub(crate) const HEADER: [u8; HEADER_BYTES] = *b"WKLAKE\0\x01";
pub(crate) const TRAILER_BYTES: usize = 24;
const TRAILER_MAGIC: [u8; 8] = *b"WKLKEEND";
const ZSTD_LEVEL: i32 = 3;

/// What a segment says of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Contents {
    /// Whose lines.
    pub tenant: TenantId,
    /// The time of the earliest line, in nanoseconds since the Unix epoch.
    pub min_ns: i64,
    /// The time of the latest line.
    pub max_ns: i64,
    /// How many lines.
    pub rows: usize,
    /// How many bytes of lines.
    pub line_bytes: u64,
    /// Keys of batches in it, and when each came, in milliseconds since the Unix epoch.
    pub(crate) keys: Vec<(u128, i64)>,
    /// The tenant's lines in segments of the log before this one are sealed.
    pub(crate) log_before: u64,
    /// The segments that it was merged from and stands for.
    pub(crate) sources: Vec<Ulid>,
    pub(crate) streams: Vec<StreamMeta>,
    pub(crate) times: Vec<Part>,
    pub(crate) lines: TablesMeta,
    /// Pairs of the lines, where any has some.
    pub(crate) pairs: Option<TablesMeta>,
}

/// A stream of a segment; its rows follow those of the one before.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StreamMeta {
    pub(crate) labels: Labels,
    pub(crate) rows_end: usize,
    pub(crate) min_ns: i64,
    pub(crate) max_ns: i64,
    pub(crate) line_bytes: u64,
}

/// Which row is in which table.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct TablesMeta {
    pub(crate) tables: Vec<TableMeta>,
    pub(crate) ids: Vec<Part>,
    /// Of every page of rows the tables in it, and how many rows each had before it.
    pub(crate) bases: Vec<Vec<(u16, u32)>>,
}

/// A table of a segment.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TableMeta {
    /// The shape of lines, or the names of pairs; of the first table nothing.
    pub(crate) key: Box<[u8]>,
    pub(crate) rows: usize,
    pub(crate) columns: Vec<ColumnMeta>,
}

impl TablesMeta {
    /// The bases of pages in which the tables have these rows.
    pub(crate) fn bases_of(ids: &[u16], table_count: usize) -> Vec<Vec<(u16, u32)>> {
        let mut counts = vec![0_u32; table_count];
        ids.chunks(PAGE_ROWS)
            .map(|page| {
                let mut present = page.to_vec();
                present.sort_unstable();
                present.dedup();
                let count = |table: u16| counts.get(usize::from(table)).copied().unwrap_or_default();
                let bases = present.into_iter().map(|table| (table, count(table))).collect();
                for table in page {
                    if let Some(count) = counts.get_mut(usize::from(*table)) {
                        *count += 1;
                    }
                }
                bases
            })
            .collect()
    }

    /// About how many bytes of memory it takes.
    fn weight_bytes(&self) -> usize {
        let tables: usize = (self.tables.iter())
            .map(|table| {
                let columns: usize = table.columns.iter().map(ColumnMeta::weight_bytes).sum();
                size_of::<TableMeta>() + table.key.len() + columns
            })
            .sum();
        let bases: usize = (self.bases.iter())
            .map(|bases| size_of_val(bases) + size_of_val(bases.as_slice()))
            .sum();
        tables + bases + size_of_val(self.ids.as_slice())
    }

    fn put(&self, out: &mut Vec<u8>) {
        put_varint(out, self.tables.len() as u64);
        for table in &self.tables {
            put_bytes(out, &table.key);
            put_varint(out, table.rows as u64);
            put_varint(out, table.columns.len() as u64);
            table.columns.iter().for_each(|column| column.put(out));
        }
        put_parts(out, &self.ids);
        let mut last = vec![0; self.tables.len()];
        for bases in &self.bases {
            put_varint(out, bases.len() as u64);
            let mut before = 0;
            for (table, base) in bases {
                put_varint(out, u64::from(*table - before));
                before = *table;
                if let Some(last) = last.get_mut(usize::from(*table)) {
                    put_varint(out, u64::from(base - *last));
                    *last = *base;
                }
            }
        }
    }

    fn take(reader: &mut Reader<'_>, rows: usize, end: u64, is_lines: bool) -> Result<Self, Malformed> {
        let tables = take_many(reader, TABLES_MAX, |reader| {
            let key: Box<[u8]> = take_bytes(reader)?.into();
            let rows = reader.count(rows)?;
            let columns = take_many(reader, PART_BYTES_MAX, |reader| {
                ColumnMeta::take(reader, rows, end)
            })?;
            Ok(TableMeta { key, rows, columns })
        })?;
        let tables_fit = tables.iter().enumerate().all(|(place, table)| {
            let words = memchr::memchr_iter(WORD, &table.key).count();
            let columns = table.columns.len();
            match (place, is_lines) {
                (0, _) => columns == 1,
                (_, true) => columns == words && columns <= WORDS_PER_LINE_MAX,
                (_, false) => names_of(&table.key).is_ok_and(|names| names.len() == columns),
            }
        });
        if !tables_fit || tables.iter().map(|table| table.rows).sum::<usize>() != rows {
            return Err(Malformed("tables of a segment"));
        }
        let pages = rows.div_ceil(PAGE_ROWS);
        let ids = take_many(reader, pages, |reader| take_part(reader, end))?;
        if ids.len() != pages {
            return Err(Malformed("pages of a segment"));
        }
        let mut last = vec![0_u32; tables.len()];
        let mut bases = Vec::with_capacity(pages);
        for _ in 0..pages {
            let mut table = 0_u16;
            bases.push(take_many(reader, tables.len(), |reader| {
                table = table.saturating_add(reader.count(TABLES_MAX)? as u16);
                let step = reader.count(rows)? as u32;
                let last = last
                    .get_mut(usize::from(table))
                    .ok_or(Malformed("number of a table"))?;
                *last = last.saturating_add(step);
                Ok((table, *last))
            })?);
        }
        Ok(Self { tables, ids, bases })
    }
}

/// The names in the key of a table of pairs.
pub(crate) fn names_of(key: &[u8]) -> Result<Vec<&str>, Malformed> {
    let mut reader = Reader::new(key);
    let mut names = Vec::new();
    while reader.remaining() > 0 {
        names.push(reader.text()?);
    }
    Ok(names)
}

impl Contents {
    /// Which rows a stream has.
    pub(crate) fn rows_of(&self, stream: usize) -> std::ops::Range<usize> {
        let end = |stream: usize| self.streams.get(stream).map_or(0, |stream| stream.rows_end);
        stream.checked_sub(1).map_or(0, end)..end(stream)
    }

    /// The table's bytes, compressed. `None`: nobody could read so many.
    pub(crate) fn encode(&self) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        put_varint(&mut out, u64::from(self.tenant.0));
        put_varint(&mut out, self.rows as u64);
        put_varint(&mut out, self.line_bytes);
        put_signed(&mut out, self.min_ns);
        put_signed(&mut out, self.max_ns);
        put_varint(&mut out, self.keys.len() as u64);
        for (key, at_ms) in &self.keys {
            out.extend_from_slice(&key.to_le_bytes());
            put_signed(&mut out, *at_ms);
        }
        put_varint(&mut out, self.log_before);
        put_varint(&mut out, self.sources.len() as u64);
        for source in &self.sources {
            out.extend_from_slice(&source.to_bytes());
        }
        put_varint(&mut out, self.streams.len() as u64);
        for stream in &self.streams {
            put_varint(&mut out, stream.labels.len() as u64);
            for (name, value) in &stream.labels {
                put_text(&mut out, name);
                put_text(&mut out, value);
            }
            put_varint(&mut out, stream.rows_end as u64);
            put_signed(&mut out, stream.min_ns.wrapping_sub(self.min_ns));
            put_signed(&mut out, stream.max_ns.wrapping_sub(self.min_ns));
            put_varint(&mut out, stream.line_bytes);
        }
        put_parts(&mut out, &self.times);
        self.lines.put(&mut out);
        out.push(u8::from(self.pairs.is_some()));
        if let Some(pairs) = &self.pairs {
            pairs.put(&mut out);
        }
        let mut packed = Vec::new();
        put_varint(&mut packed, out.len() as u64);
        packed.extend(zstd::bulk::compress(&out, ZSTD_LEVEL).ok()?);
        (out.len() <= PART_BYTES_MAX).then_some(packed)
    }

    /// Reads the table; all parts must lie before `end`.
    pub fn decode(bytes: &[u8], end: u64) -> Result<Self, Malformed> {
        Self::decode_unpacked(&unpack(bytes)?, end)
    }

    /// Reads the streams alone.
    pub(crate) fn decode_streams(bytes: &[u8]) -> Result<Vec<StreamMeta>, Malformed> {
        Ok(take_head(&mut Reader::new(&unpack(bytes)?))?.streams)
    }

    /// Reads the table as it was before it was compressed.
    pub fn decode_unpacked(bytes: &[u8], end: u64) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        let reader = &mut reader;
        let head = take_head(reader)?;
        let rows = head.rows;
        let pages = rows.div_ceil(PAGE_ROWS);
        let times = take_many(reader, pages, |reader| take_part(reader, end))?;
        let lines = TablesMeta::take(reader, rows, end, true)?;
        let pairs = (reader.byte()? != 0)
            .then(|| TablesMeta::take(reader, rows, end, false))
            .transpose()?;
        reader.end()?;
        if times.len() != pages {
            return Err(Malformed("pages of times"));
        }
        Ok(Self {
            times,
            lines,
            pairs,
            ..head
        })
    }

    /// About how many bytes of memory it takes.
    pub(crate) fn weight_bytes(&self) -> usize {
        const STREAM_BYTES: usize = size_of::<StreamMeta>();
        let streams: usize = (self.streams.iter())
            .map(|stream| STREAM_BYTES + stream.labels.heap_bytes())
            .sum();
        let pairs = self.pairs.as_ref().map_or(0, TablesMeta::weight_bytes);
        streams
            + self.lines.weight_bytes()
            + pairs
            + size_of_val(self.keys.as_slice())
            + size_of_val(self.sources.as_slice())
            + size_of_val(self.times.as_slice())
    }
}

/// The bytes of a table of contents as they were before compression.
fn unpack(bytes: &[u8]) -> Result<Vec<u8>, Malformed> {
    let mut reader = Reader::new(bytes);
    let length = reader.count(PART_BYTES_MAX)?;
    let packed = reader.take(reader.remaining())?;
    zstd::bulk::decompress(packed, length).map_err(|_| Malformed("compressed contents"))
}

/// What stands before the parts of the rows; the parts are left empty.
fn take_head(reader: &mut Reader<'_>) -> Result<Contents, Malformed> {
    let tenant = TenantId(u32::try_from(reader.varint()?).map_err(|_| Malformed("tenant"))?);
    let rows = reader.count(ROWS_PER_SEGMENT_MAX)?;
    let line_bytes = reader.varint()?;
    let (min_ns, max_ns) = (reader.signed()?, reader.signed()?);
    let keys = take_many(reader, PART_BYTES_MAX, |reader| {
        Ok((u128::from_le_bytes(reader.array()?), reader.signed()?))
    })?;
    let log_before = reader.varint()?;
    let sources = take_many(reader, PART_BYTES_MAX, |reader| {
        Ok(Ulid::from_bytes(reader.array()?))
    })?;
    let streams = take_streams(reader, rows, min_ns)?;
    Ok(Contents {
        tenant,
        min_ns,
        max_ns,
        rows,
        line_bytes,
        keys,
        log_before,
        sources,
        streams,
        times: Vec::new(),
        lines: TablesMeta::default(),
        pairs: None,
    })
}

fn take_streams(reader: &mut Reader<'_>, rows: usize, min_ns: i64) -> Result<Vec<StreamMeta>, Malformed> {
    let mut before = 0;
    let streams = take_many(reader, PART_BYTES_MAX, |reader| {
        let pairs = take_many(reader, PART_BYTES_MAX, |reader| {
            Ok((reader.text()?, reader.text()?))
        })?;
        let rows_end = reader.count(rows)?;
        if rows_end < before {
            return Err(Malformed("rows of a stream"));
        }
        before = rows_end;
        Ok(StreamMeta {
            labels: Labels::from_pairs(pairs),
            rows_end,
            min_ns: min_ns.wrapping_add(reader.signed()?),
            max_ns: min_ns.wrapping_add(reader.signed()?),
            line_bytes: reader.varint()?,
        })
    })?;
    if before == rows {
        Ok(streams)
    } else {
        Err(Malformed("rows of a segment"))
    }
}

/// The version that the first bytes of a segment name.
pub(crate) fn decode_header(bytes: &[u8; HEADER_BYTES]) -> Result<u8, Malformed> {
    let (magic, version) = bytes.split_at(HEADER_BYTES - 1);
    match version {
        [version] if HEADER.starts_with(magic) => Ok(*version),
        _ => Err(Malformed("the first bytes, which are none of a segment")),
    }
}

/// The last bytes of a segment: where its contents lie.
pub(crate) fn encode_trailer(contents: Part) -> [u8; TRAILER_BYTES] {
    let mut out = [0; TRAILER_BYTES];
    out[..8].copy_from_slice(&contents.offset.to_le_bytes());
    out[8..12].copy_from_slice(&contents.length.to_le_bytes());
    out[12..16].copy_from_slice(&contents.crc.to_le_bytes());
    out[16..].copy_from_slice(&TRAILER_MAGIC);
    out
}

/// Where the contents of a segment of so many bytes lie.
pub(crate) fn decode_trailer(bytes: &[u8; TRAILER_BYTES], file_bytes: u64) -> Result<Part, Malformed> {
    let mut reader = Reader::new(bytes);
    let part = Part {
        offset: reader.long()?,
        length: reader.word()?,
        crc: reader.word()?,
    };
    let is_last = part.end() == file_bytes.checked_sub(TRAILER_BYTES as u64);
    if reader.array()? == TRAILER_MAGIC && is_last && part.offset >= HEADER.len() as u64 {
        Ok(part)
    } else {
        Err(Malformed("the end of the file, which is cut off or overwritten"))
    }
}
