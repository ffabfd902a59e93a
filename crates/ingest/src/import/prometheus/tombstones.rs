//! What was deleted of a block but not yet removed (tsdb/docs/format/tombstones.md).
//!
//! Fuzz: prometheus_index

use std::collections::HashMap;

use model::{SampleColumns, TimeRange};

use super::chunk::Decoded;
use super::file::{crc32c, take_bytes, take_u32, take_uvarint, take_varint};

const MAGIC: u32 = 0x0130_ba30;
const VERSION: u8 = 1;

/// Deleted spans of time by the reference of their series.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tombstones {
    by_series: HashMap<u64, Vec<TimeRange>>,
}

impl Tombstones {
    /// Reads the file; the error says what is wrong.
    pub fn read(bytes: &[u8]) -> Result<Self, &'static str> {
        let (mut body, sum) = bytes
            .split_last_chunk::<4>()
            .ok_or("the file of tombstones is too short")?;
        let body = &mut body;
        if take_u32(body) != Some(MAGIC) || take_bytes(body, 1) != Some(&[VERSION]) {
            return Err("this is no file of tombstones of version 1");
        }
        if *sum != crc32c(&[body]).to_be_bytes() {
            return Err("the tombstones do not fit their checksum");
        }
        let mut tombstones = Self::default();
        while !body.is_empty() {
            let stone = || -> Option<(u64, i64, i64)> {
                Some((take_uvarint(body)?, take_varint(body)?, take_varint(body)?))
            }();
            let (series, from_ms, to_ms) = stone.ok_or("a tombstone is cut off")?;
            let range = TimeRange::new(from_ms, to_ms).map_err(|_| "a tombstone ends before it starts")?;
            tombstones.by_series.entry(series).or_default().push(range);
        }
        Ok(tombstones)
    }

    /// Removes what was deleted of a series; says how many samples those were.
    pub(super) fn apply(&self, series: u64, decoded: &mut Decoded) -> u64 {
        let Some(deleted) = self.by_series.get(&series) else {
            return 0;
        };
        let is_deleted = |at_ms: i64| deleted.iter().any(|range| range.contains(at_ms));
        let before = decoded.floats.len() + decoded.histograms.len();
        let mut kept = SampleColumns::default();
        for sample in decoded.floats.iter().filter(|sample| !is_deleted(sample.at_ms)) {
            kept.push(sample.at_ms, sample.value);
        }
        decoded.floats = kept;
        decoded.histograms.retain(|sample| !is_deleted(sample.at_ms));
        (before - decoded.floats.len() - decoded.histograms.len()) as u64
    }
}
