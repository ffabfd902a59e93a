//! Samples of one series in few bytes: columns of times and values, each coded by the cheapest of several ways.
//!
//! In: sorted samples.  Out: bytes, and the same samples, bit for bit.
//! Owns: the form described in docs/formats/chunk.md, versions 1 and 2.
//! Invariants: every float reads back with the same bits (`tests::every_float_reads_back`); no bytes make the decoder
//! panic or allocate beyond the limit (`tests::any_bytes_decode_or_fail`).
//! Not here: where chunks lie on disk (`block`) or in memory (`head`).
//! Start at: [`encode`].

use model::{NO_START, SampleColumns, Starts};

use crate::limits::SAMPLES_PER_CHUNK_MAX;
use pack::bytes::{Malformed, Reader, put_varint};
use pack::integers;

mod decimal;
pub mod histograms;
mod narrow;
mod ready;
#[cfg(test)]
mod tests;
mod xor;

pub use pack::Effort;
pub use ready::ReadyChunk;

/// The version of the form, its first byte.
pub const VERSION: u8 = 1;
/// The version of chunks whose samples have starts.
pub const VERSION_STARTED: u8 = 2;

/// How the column of values is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Values {
    /// Decimals as integers, with exceptions for what is none.
    Decimal = 0,
    /// Exclusive-or with the value before (Gorilla, VLDB 2015, section 4.1.2).
    Xor = 1,
    /// The floats' bits as integers.
    Bits = 2,
    /// Eight bytes each.
    Raw = 3,
}

/// Writes samples as a chunk. Times and values are equally many, at most [`SAMPLES_PER_CHUNK_MAX`]; the `starts` that are told
/// are those of the first ones.
pub fn encode(at_ms: &[i64], values: &[f64], starts: &[i64], effort: Effort) -> Vec<u8> {
    assert!(
        at_ms.len() == values.len() && at_ms.len() <= SAMPLES_PER_CHUNK_MAX,
        "columns of a chunk"
    );
    let started = starts.iter().any(|start_ms| *start_ms != NO_START);
    let mut out = Vec::with_capacity(16 + values.len() * 2);
    out.push(if started { VERSION_STARTED } else { VERSION });
    put_varint(&mut out, values.len() as u64);
    if !values.is_empty() {
        integers::encode(at_ms.to_vec(), effort, &mut out);
        encode_values(values, effort, &mut out);
        if started {
            let mut starts = starts.to_vec();
            starts.resize(values.len(), NO_START);
            integers::encode(starts, effort, &mut out);
        }
    }
    out.shrink_to_fit();
    out
}

/// Writes values that stand at the same times as `base`, with the same starts, as their distances from it; `None` where a
/// distance does not give the value back bit for bit.
pub fn encode_beside(base: &[f64], values: &[f64]) -> Option<Vec<u8>> {
    let distances: Option<Vec<f64>> = values
        .iter()
        .zip(base)
        .map(|(value, base)| {
            let distance = value - base;
            ((base + distance).to_bits() == value.to_bits()).then_some(distance)
        })
        .collect();
    let distances = distances.filter(|distances| distances.len() == values.len() && !values.is_empty())?;
    let mut out = Vec::with_capacity(16 + values.len());
    out.push(VERSION);
    put_varint(&mut out, values.len() as u64);
    encode_values(&distances, Effort::Small, &mut out);
    Some(out)
}

/// Reads what [`encode_beside`] wrote beside the same `base` and appends its samples to `out`.
pub fn decode_beside(bytes: &[u8], base: &SampleColumns, out: &mut SampleColumns) -> Result<(), Malformed> {
    let Opened {
        mut reader,
        count,
        started,
    } = open(bytes)?;
    if started {
        return Err(Malformed("starts beside another chunk"));
    }
    if count != base.len() {
        return Err(Malformed("number of samples beside another chunk"));
    }
    let mut distances = Vec::with_capacity(count);
    decode_values(&mut reader, count, &mut distances)?;
    reader.end()?;
    out.starts.extend(out.at_ms.len(), base.starts.as_slice(), count);
    out.at_ms.extend_from_slice(&base.at_ms);
    out.values.extend(
        base.values
            .iter()
            .zip(distances)
            .map(|(base, distance)| base + distance),
    );
    Ok(())
}

/// Reads a chunk and appends its samples to `out`.
pub fn decode(bytes: &[u8], out: &mut SampleColumns) -> Result<(), Malformed> {
    let Opened {
        mut reader,
        count,
        started,
    } = open(bytes)?;
    if count == 0 {
        return reader.end();
    }
    let before = out.len();
    let result = integers::decode(&mut reader, count, &mut out.at_ms)
        .and_then(|()| decode_values(&mut reader, count, &mut out.values))
        .and_then(|()| decode_starts(&mut reader, count, started))
        .and_then(|starts| reader.end().map(|()| starts));
    match result {
        Ok(starts) => {
            out.starts.extend(before, starts.as_slice(), count);
            Ok(())
        }
        Err(error) => {
            out.truncate(before);
            Err(error)
        }
    }
}

/// The column of starts, where there is one.
fn decode_starts(reader: &mut Reader<'_>, count: usize, started: bool) -> Result<Starts, Malformed> {
    let mut starts = Starts::default();
    if started {
        let mut column = Vec::new();
        integers::decode(reader, count, &mut column)?;
        starts.extend(0, &column, count);
    }
    Ok(starts)
}

/// A chunk, its head read.
struct Opened<'a> {
    /// The columns.
    reader: Reader<'a>,
    /// How many samples there are.
    count: usize,
    /// Whether there is a column of starts.
    started: bool,
}

fn open(bytes: &[u8]) -> Result<Opened<'_>, Malformed> {
    let mut reader = Reader::new(bytes);
    let started = match reader.byte()? {
        VERSION => false,
        VERSION_STARTED => true,
        _ => return Err(Malformed("unknown version of chunk")),
    };
    Ok(Opened {
        count: reader.count(SAMPLES_PER_CHUNK_MAX)?,
        reader,
        started,
    })
}

fn encode_values(values: &[f64], effort: Effort, out: &mut Vec<u8>) {
    let start = out.len();
    if decimal::encode(values, effort, out, Values::Decimal as u8) && out.len() - start <= values.len() * 3 {
        return;
    }
    let mut best = out.split_off(start);
    let bits: Vec<i64> = values.iter().map(|value| value.to_bits() as i64).collect();
    let mut trial = vec![Values::Xor as u8];
    xor::encode(values, &mut trial);
    keep_shorter(&mut best, trial);
    let mut trial = vec![Values::Bits as u8];
    integers::encode(bits, effort, &mut trial);
    keep_shorter(&mut best, trial);
    if best.len() > 1 + 8 * values.len() {
        best.clear();
        best.push(Values::Raw as u8);
        best.extend(values.iter().flat_map(|value| value.to_bits().to_le_bytes()));
    }
    out.append(&mut best);
}

fn keep_shorter(best: &mut Vec<u8>, trial: Vec<u8>) {
    if best.is_empty() || trial.len() < best.len() {
        *best = trial;
    }
}

fn decode_values(reader: &mut Reader<'_>, count: usize, out: &mut Vec<f64>) -> Result<(), Malformed> {
    match reader.byte()? {
        mode if mode == Values::Decimal as u8 => decimal::decode(reader, count, out),
        mode if mode == Values::Xor as u8 => xor::decode(reader, count, out),
        mode if mode == Values::Bits as u8 => {
            let mut bits = Vec::new();
            integers::decode(reader, count, &mut bits)?;
            out.extend(bits.iter().map(|&bits| f64::from_bits(bits as u64)));
            Ok(())
        }
        mode if mode == Values::Raw as u8 => {
            for _ in 0..count {
                out.push(f64::from_bits(reader.long()?));
            }
            Ok(())
        }
        _ => Err(Malformed("unknown coding of values")),
    }
}
