//! What the log's records say (docs/formats/wal.md): batches of samples with the series they define, and metadata.

use std::sync::Arc;

use model::{Labels, MetricKind, MetricMetadata, NO_START, Refusal, SeriesId, Starts, TenantId};

use crate::limits::{DEFINITIONS_PACKED_MAX, LABELS_PER_SERIES_MAX, PART_BYTES_MAX};
use pack::bytes::{Malformed, Reader, put_signed, put_text, put_varint};

mod rare;
#[cfg(test)]
mod tests;

pub use rare::{RareBody, decode_rare, encode_rare};

/// The kind of a record with samples.
pub const KIND_SAMPLES: u8 = 1;
/// The kind of a record with metadata.
pub const KIND_METADATA: u8 = 2;
/// The kind of a record with native histograms and exemplars.
pub const KIND_RARE: u8 = 3;
/// The version of all, their first byte. It also fixes [`SeriesId::VERSION`].
pub const VERSION: u8 = 1;
/// The version of records whose samples have starts.
pub const VERSION_STARTED: u8 = 2;

const _: () = assert!(SeriesId::VERSION == 1);

/// Parts above this many bytes are tried with zstd.
const COMPRESS_BYTES_MIN: usize = 256;
/// So many of the eight bytes of each value, the highest ones, are packed.
const HIGH_PLANES: usize = 2;
/// A sample takes at least so many bytes of a record: its series, its time, the low bytes of its value.
const ROW_BYTES_MIN: usize = 1 + 1 + (8 - HIGH_PLANES);

/// The part of a samples record that does not depend on where in the log it lies.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BatchBody {
    /// Whose samples.
    pub tenant: TenantId,
    /// When they were taken in.
    pub now_ms: i64,
    /// The producer's key.
    pub key: Option<u128>,
    /// What was refused and what was known already, so that a repeated key gets the same answer.
    pub refused: Vec<(Refusal, u64)>,
    /// Samples that were known already with the same bits; they count as stored.
    pub known: u64,
    /// The samples.
    pub rows: Vec<Row>,
    /// Their starts.
    pub starts: Starts,
}

/// The bytes of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedBody {
    bytes: Vec<u8>,
    started: bool,
}

/// One sample of a record.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row {
    /// The series' number in the log.
    pub series: u32,
    /// Milliseconds since the epoch.
    pub at_ms: i64,
    /// The value.
    pub value: f64,
}

/// A series and its number in a log segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// The number.
    pub number: u32,
    /// Whose series.
    pub tenant: TenantId,
    /// Its labels.
    pub labels: Labels,
}

/// A samples record, read back.
#[derive(Debug, Clone, PartialEq)]
pub struct BatchRecord {
    /// The samples.
    pub body: BatchBody,
    /// Series and their numbers in the segment; those of the record before come again, so that losing one record
    /// loses no other.
    pub definitions: Vec<Definition>,
}

impl BatchBody {
    /// The body's bytes; `rows` are its samples and `starts` their starts, whatever `self` holds of them.
    pub fn encode(&self, rows: impl ExactSizeIterator<Item = Row> + Clone, starts: &Starts) -> EncodedBody {
        let count = rows.len();
        let mut out = Vec::with_capacity(64 + rows.len() * 12);
        put_varint(&mut out, u64::from(self.tenant.0));
        put_signed(&mut out, self.now_ms);
        out.push(u8::from(self.key.is_some()));
        out.extend(self.key.iter().flat_map(|key| key.to_le_bytes()));
        put_varint(&mut out, self.known);
        put_varint(&mut out, self.refused.len() as u64);
        for &(reason, count) in &self.refused {
            out.push(reason_code(reason));
            put_varint(&mut out, count);
        }
        put_varint(&mut out, rows.len() as u64);
        let mut last = 0;
        for row in rows.clone() {
            put_signed(&mut out, i64::from(row.series) - last);
            last = i64::from(row.series);
        }
        let mut last_ms = self.now_ms;
        for row in rows.clone() {
            put_signed(&mut out, row.at_ms.wrapping_sub(last_ms));
            last_ms = row.at_ms;
        }
        put_values(&mut out, rows.map(|row| row.value));
        let started = !starts.is_empty();
        if started {
            put_starts(&mut out, starts, count, self.now_ms);
        }
        EncodedBody { bytes: out, started }
    }

    fn decode(reader: &mut Reader<'_>, started: bool) -> Result<Self, Malformed> {
        let mut body = Self {
            tenant: TenantId(u32::try_from(reader.varint()?).map_err(|_| Malformed("tenant"))?),
            now_ms: reader.signed()?,
            ..Self::default()
        };
        if reader.byte()? == 1 {
            body.key = Some(u128::from_le_bytes(reader.array()?));
        }
        body.known = reader.varint()?;
        for _ in 0..reader.count(reader.remaining())? {
            let reason = reason_from(reader.byte()?).ok_or(Malformed("reason of refusal"))?;
            body.refused.push((reason, reader.varint()?));
        }
        let count = reader.count(reader.remaining() / ROW_BYTES_MIN)?;
        body.rows.reserve(count);
        let mut last = 0_i64;
        for _ in 0..count {
            last = last.wrapping_add(reader.signed()?);
            body.rows.push(Row {
                series: u32::try_from(last).map_err(|_| Malformed("number of a series"))?,
                at_ms: 0,
                value: 0.0,
            });
        }
        let mut last_ms = body.now_ms;
        for row in &mut body.rows {
            last_ms = last_ms.wrapping_add(reader.signed()?);
            row.at_ms = last_ms;
        }
        take_values(reader, &mut body.rows)?;
        if started {
            body.starts = take_starts(reader, count, body.now_ms)?;
        }
        Ok(body)
    }
}

/// Writes a whole samples record: the encoded body and the series defined.
pub fn encode_batch(body: &EncodedBody, definitions: &[Definition], out: &mut Vec<u8>) {
    out.push(if body.started { VERSION_STARTED } else { VERSION });
    put_varint(out, definitions.len() as u64);
    let mut part = Vec::new();
    for definition in definitions {
        put_varint(&mut part, u64::from(definition.number));
        put_varint(&mut part, u64::from(definition.tenant.0));
        put_labels(&mut part, &definition.labels);
    }
    if definitions.len() <= DEFINITIONS_PACKED_MAX {
        put_part(out, &part);
    } else {
        put_plain_part(out, &part);
    }
    out.extend_from_slice(&body.bytes);
}

/// Reads a samples record.
pub fn decode_batch(bytes: &[u8]) -> Result<BatchRecord, Malformed> {
    let mut reader = Reader::new(bytes);
    let started = match reader.byte()? {
        VERSION => false,
        VERSION_STARTED => true,
        _ => return Err(UNKNOWN_VERSION),
    };
    let count = reader.varint()?;
    if is_packed(&reader)? && count > DEFINITIONS_PACKED_MAX as u64 {
        return Err(Malformed("more series than a packed part may define"));
    }
    let part = take_part(&mut reader)?;
    let mut defined = Reader::new(&part);
    let mut definitions = Vec::new();
    for _ in 0..count {
        definitions.push(Definition {
            number: u32::try_from(defined.varint()?).map_err(|_| Malformed("number of a series"))?,
            tenant: TenantId(u32::try_from(defined.varint()?).map_err(|_| Malformed("tenant"))?),
            labels: take_labels(&mut defined)?,
        });
    }
    defined.end()?;
    let body = BatchBody::decode(&mut reader, started)?;
    reader.end()?;
    Ok(BatchRecord { body, definitions })
}

/// For each sample whether it has a start, then the starts as distances from the one before. Most samples of a sender have
/// the same start, or the one that they had in the record before.
fn put_starts(out: &mut Vec<u8>, starts: &Starts, count: usize, now_ms: i64) {
    let told = |place: &usize| starts.get(*place) != NO_START;
    let mut part: Vec<u8> = (0..count).map(|place| u8::from(told(&place))).collect();
    let mut last_ms = now_ms;
    for place in (0..count).filter(told) {
        let start_ms = starts.get(place);
        put_signed(&mut part, start_ms.wrapping_sub(last_ms));
        last_ms = start_ms;
    }
    put_part(out, &part);
}

fn take_starts(reader: &mut Reader<'_>, count: usize, now_ms: i64) -> Result<Starts, Malformed> {
    let part = take_part(reader)?;
    let mut part = Reader::new(&part);
    let told = part.take(count)?;
    let mut starts = Starts::default();
    let mut last_ms = now_ms;
    for (place, _) in told.iter().enumerate().filter(|(_, told)| **told != 0) {
        last_ms = last_ms.wrapping_add(part.signed()?);
        starts.push(place, last_ms);
    }
    part.end()?;
    Ok(starts)
}

/// Values by planes: the high bytes of many values are alike and pack well, the low ones do not and stay as they are.
fn put_values(out: &mut Vec<u8>, values: impl ExactSizeIterator<Item = f64> + Clone) {
    let mut high = Vec::with_capacity(values.len() * HIGH_PLANES);
    for plane in (8 - HIGH_PLANES..8).rev() {
        high.extend(values.clone().map(|value| (value.to_bits() >> (8 * plane)) as u8));
    }
    put_part(out, &high);
    for value in values {
        let bytes = value.to_le_bytes();
        out.extend_from_slice(bytes.get(..8 - HIGH_PLANES).unwrap_or_default());
    }
}

fn take_values(reader: &mut Reader<'_>, rows: &mut [Row]) -> Result<(), Malformed> {
    let high = take_part(reader)?;
    if high.len() != rows.len() * HIGH_PLANES {
        return Err(Malformed("number of values"));
    }
    let planes: Vec<&[u8]> = high.chunks(rows.len().max(1)).collect();
    for (place, row) in rows.iter_mut().enumerate() {
        let mut bytes = [0; 8];
        let (low, upper) = bytes.split_at_mut(8 - HIGH_PLANES);
        low.copy_from_slice(reader.take(8 - HIGH_PLANES)?);
        for (byte, plane) in upper.iter_mut().rev().zip(&planes) {
            *byte = plane.get(place).copied().unwrap_or_default();
        }
        row.value = f64::from_le_bytes(bytes);
    }
    Ok(())
}

/// Writes a metadata record.
pub fn encode_metadata(tenant: TenantId, metadata: &[MetricMetadata], out: &mut Vec<u8>) {
    out.push(VERSION);
    put_varint(out, u64::from(tenant.0));
    put_varint(out, metadata.len() as u64);
    for entry in metadata {
        put_text(out, &entry.name);
        put_text(out, entry.kind.as_str());
        put_text(out, &entry.help);
        put_text(out, &entry.unit);
    }
}

/// Reads a metadata record.
pub fn decode_metadata(bytes: &[u8]) -> Result<(TenantId, Vec<MetricMetadata>), Malformed> {
    let mut reader = Reader::new(bytes);
    expect_version(&mut reader)?;
    let tenant = TenantId(u32::try_from(reader.varint()?).map_err(|_| Malformed("tenant"))?);
    let mut metadata = Vec::new();
    for _ in 0..reader.count(reader.remaining())? {
        metadata.push(MetricMetadata {
            name: Arc::from(reader.text()?),
            kind: MetricKind::parse(reader.text()?).ok_or(Malformed("kind of metric"))?,
            help: Arc::from(reader.text()?),
            unit: Arc::from(reader.text()?),
        });
    }
    reader.end()?;
    Ok((tenant, metadata))
}

const UNKNOWN_VERSION: Malformed = Malformed("unknown version of record");

fn expect_version(reader: &mut Reader<'_>) -> Result<(), Malformed> {
    if reader.byte()? == VERSION {
        Ok(())
    } else {
        Err(UNKNOWN_VERSION)
    }
}

fn put_labels(out: &mut Vec<u8>, labels: &Labels) {
    put_varint(out, labels.len() as u64);
    for (name, value) in labels {
        put_text(out, name);
        put_text(out, value);
    }
}

fn take_labels(reader: &mut Reader<'_>) -> Result<Labels, Malformed> {
    let mut pairs = Vec::new();
    for _ in 0..reader.count(LABELS_PER_SERIES_MAX)? {
        pairs.push((reader.text()?, reader.text()?));
    }
    Ok(Labels::from_sorted(pairs.into_iter()))
}

/// A length, twice as much as the bytes and odd where zstd made them fewer; then the bytes. A part that is too large to be unpacked
/// stays as it is, which makes the record too large for the log: it is refused rather than lost.
fn put_part(out: &mut Vec<u8>, part: &[u8]) {
    if (COMPRESS_BYTES_MIN..=PART_BYTES_MAX).contains(&part.len())
        && let Ok(compressed) = zstd::bulk::compress(part, 1)
        && compressed.len() + 8 < part.len()
    {
        put_varint(out, (compressed.len() as u64) << 1 | 1);
        put_varint(out, part.len() as u64);
        out.extend_from_slice(&compressed);
    } else {
        put_plain_part(out, part);
    }
}

fn put_plain_part(out: &mut Vec<u8>, part: &[u8]) {
    put_varint(out, (part.len() as u64) << 1);
    out.extend_from_slice(part);
}

/// Whether the part that comes next is compressed.
fn is_packed(reader: &Reader<'_>) -> Result<bool, Malformed> {
    Ok(reader.clone().varint()? & 1 == 1)
}

fn take_part(reader: &mut Reader<'_>) -> Result<Vec<u8>, Malformed> {
    let head = reader.varint()?;
    let length = usize::try_from(head >> 1).map_err(|_| Malformed("length of a part"))?;
    if head & 1 == 0 {
        return Ok(reader.take(length)?.to_vec());
    }
    let unpacked = reader.count(PART_BYTES_MAX)?;
    let part =
        zstd::bulk::decompress(reader.take(length)?, unpacked).map_err(|_| Malformed("compressed part"))?;
    if part.len() == unpacked {
        Ok(part)
    } else {
        Err(Malformed("length of a compressed part"))
    }
}

fn reason_code(reason: Refusal) -> u8 {
    match reason {
        Refusal::TooOld => 0,
        Refusal::TooFarInFuture => 1,
        Refusal::DuplicateTimestamp => 2,
        Refusal::TooManySeries => 3,
        Refusal::TooManySeriesOfMetric => 4,
        Refusal::TooManySeriesOfTenant => 5,
        Refusal::TooManyLabels => 6,
        Refusal::LabelsTooLong => 7,
        Refusal::TooManyBuckets => 8,
    }
}

fn reason_from(code: u8) -> Option<Refusal> {
    Some(match code {
        0 => Refusal::TooOld,
        1 => Refusal::TooFarInFuture,
        2 => Refusal::DuplicateTimestamp,
        3 => Refusal::TooManySeries,
        4 => Refusal::TooManySeriesOfMetric,
        5 => Refusal::TooManySeriesOfTenant,
        6 => Refusal::TooManyLabels,
        7 => Refusal::LabelsTooLong,
        8 => Refusal::TooManyBuckets,
        _ => return None,
    })
}
