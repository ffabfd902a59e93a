//! Rollups in a block: one chunk a statistic, so that a question reads no other than it needs.
//!
//! Fuzz: tsdb_block

use std::io;

use model::{ReadError, Rollups, SampleColumns, Statistic, TimeRange};

use super::writer::BlockWriter;
use super::{Block, RollupMeta};
use crate::chunk::{self, Effort};
use crate::limits::{ROLLUPS_PER_CHUNK, SAMPLES_PER_CHUNK_MAX};
use pack::Part;
use pack::bytes::{Malformed, Reader, put_signed, put_varint};

impl Block {
    /// Appends the wanted columns of a chunk of rollups to `out`; nothing where one of them is damaged, so that all stay equally long.
    pub(crate) fn read_rollups(&self, meta: &RollupMeta, out: &mut Rollups) -> Result<(), ReadError> {
        let wanted: Vec<Statistic> = out.columns.iter().map(|(statistic, _)| *statistic).collect();
        let parts = meta.parts_of(&wanted);
        let read = parts
            .map(|part| Ok((part, self.read_statistic(part, meta.count)?)))
            .collect::<Result<Vec<_>, ReadError>>()?;
        for (part, written) in &read {
            for (statistic, column) in &mut out.columns {
                if meta.part_of(*statistic) != Some(*part) {
                    continue;
                }
                let start = column.len();
                column.extend_from_slice(&written.values);
                if *statistic == Statistic::Lost && meta.written(*statistic).is_none() {
                    column.iter_mut().skip(start).for_each(|lost| *lost = 0.0);
                }
            }
        }
        if let Some((_, written)) = read.first() {
            out.at_ms.extend_from_slice(&written.at_ms);
        }
        Ok(())
    }

    fn read_statistic(&self, part: Part, count: u32) -> Result<SampleColumns, ReadError> {
        let bytes = self.read_part(part, "chunk of rollups")?;
        let mut columns = SampleColumns::default();
        chunk::decode(&bytes, &mut columns)
            .and_then(|()| {
                let whole = columns.len() == count as usize;
                whole.then_some(()).ok_or(Malformed("number of rollups"))
            })
            .map_err(|error| self.damaged(part, "chunk of rollups", error))?;
        Ok(columns)
    }
}

impl RollupMeta {
    fn written(&self, statistic: Statistic) -> Option<Part> {
        self.parts.get(statistic as usize).copied().flatten()
    }

    /// What is read for a statistic: one that is not written follows from the last samples, which the reader of series pages lets no
    /// chunk go without.
    fn part_of(&self, statistic: Statistic) -> Option<Part> {
        self.written(statistic).or_else(|| self.written(Statistic::Last))
    }

    /// What is read for all of these statistics, each part once.
    pub(super) fn parts_of(&self, statistics: &[Statistic]) -> impl Iterator<Item = Part> {
        let parts = self.parts.into_iter().flatten();
        parts.filter(|part| {
            statistics
                .iter()
                .any(|&wanted| self.part_of(wanted) == Some(*part))
        })
    }
}

impl BlockWriter<'_> {
    /// Writes rollups that have all columns.
    pub(super) fn put_rollups(&mut self, rollups: &Rollups) -> io::Result<Vec<RollupMeta>> {
        let mut written = Vec::new();
        let count = rollups.len().div_ceil(ROLLUPS_PER_CHUNK).max(1);
        let size = rollups.len().div_ceil(count).max(1);
        for (place, times) in rollups.at_ms.chunks(size).enumerate() {
            let (Some(&first), Some(&last)) = (times.first(), times.last()) else {
                continue;
            };
            let column = |statistic: Statistic| {
                let whole = rollups.column(statistic);
                whole
                    .get(place * size..place * size + times.len())
                    .unwrap_or_default()
            };
            let mut parts = [None; Statistic::ALL.len()];
            for (statistic, part) in Statistic::ALL.into_iter().zip(&mut parts) {
                let values = column(statistic);
                if !follows(statistic, values, column(Statistic::Last)) {
                    *part = Some(self.put(&chunk::encode(times, values, &[], Effort::Small))?);
                }
            }
            written.push(RollupMeta {
                parts,
                range: TimeRange::at(first).union(&TimeRange::at(last)),
                count: times.len() as u32,
            });
        }
        Ok(written)
    }
}

/// Whether a column need not be written: nothing was lost, or it says what the last samples say.
fn follows(statistic: Statistic, values: &[f64], last: &[f64]) -> bool {
    match statistic {
        Statistic::Last => false,
        Statistic::Lost => values.iter().all(|&lost| lost.to_bits() == 0),
        _ => values.iter().zip(last).all(|(a, b)| a.to_bits() == b.to_bits()),
    }
}

/// Describes chunks of rollups on a series page.
pub(super) fn put_metas(page: &mut Vec<u8>, rollups: &[RollupMeta]) {
    put_varint(page, rollups.len() as u64);
    for meta in rollups {
        put_signed(page, meta.range.from_ms());
        let length_ms = meta.range.to_ms().wrapping_sub(meta.range.from_ms());
        put_varint(page, length_ms as u64);
        put_varint(page, u64::from(meta.count));
        let written = meta.parts.iter().enumerate();
        page.push(written.fold(0, |mask, (place, part)| mask | u8::from(part.is_some()) << place));
        // They lie one behind the other.
        let first = meta.parts.iter().flatten().next();
        put_varint(page, first.map_or(0, |part| part.offset));
        for part in meta.parts.iter().flatten() {
            put_varint(page, u64::from(part.length));
            page.extend_from_slice(&part.crc.to_le_bytes());
        }
    }
}

/// Reads what [`put_metas`] wrote.
pub(super) fn take_metas(reader: &mut Reader<'_>) -> Result<Vec<RollupMeta>, Malformed> {
    let mut rollups = Vec::new();
    for _ in 0..reader.count(reader.remaining())? {
        let (from_ms, length_ms) = (reader.signed()?, reader.varint()?);
        let range = from_ms
            .checked_add_unsigned(length_ms)
            .and_then(|to_ms| TimeRange::new(from_ms, to_ms).ok())
            .ok_or(Malformed("time of rollups"))?;
        let count = reader.count(SAMPLES_PER_CHUNK_MAX)? as u32;
        let mask = reader.byte()?;
        if mask & 1 << Statistic::Last as u8 == 0 || mask >> Statistic::ALL.len() != 0 {
            return Err(Malformed("statistics of rollups"));
        }
        let mut parts: [Option<Part>; Statistic::ALL.len()] = [None; Statistic::ALL.len()];
        let mut offset = reader.varint()?;
        for (place, part) in parts.iter_mut().enumerate() {
            if mask & 1 << place != 0 {
                let length = u32::try_from(reader.varint()?).map_err(|_| Malformed("length of a part"))?;
                let crc = reader.word()?;
                *part = Some(Part { offset, length, crc });
                offset = offset.saturating_add(u64::from(length));
            }
        }
        rollups.push(RollupMeta { parts, range, count });
    }
    Ok(rollups)
}
