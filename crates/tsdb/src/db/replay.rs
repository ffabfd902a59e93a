//! Reading the log back into memory.

use std::sync::Arc;

use disk::Record;
use hashbrown::HashMap;
use model::{Accepted, Series};
use rustc_hash::FxBuildHasher;

use super::{SegmentFacts, Segments, append::apply};
use crate::checkpoint::Checkpoint;
use crate::head::{Head, MemSeries};
use crate::keys::Keys;
use crate::limits::BATCH_MEMORY_MS;
use crate::record::{KIND_METADATA, KIND_SAMPLES, decode_batch, decode_metadata};

/// Takes records in the order of the log.
pub(super) struct Replay<'a> {
    head: &'a Head,
    keys: &'a Keys,
    checkpoint: Checkpoint,
    now_ms: i64,
    segment: u64,
    /// The series that the segment defined so far.
    numbers: HashMap<u32, Arc<MemSeries>, FxBuildHasher>,
    segments: Segments,
    samples: u64,
}

impl<'a> Replay<'a> {
    pub(super) fn new(head: &'a Head, keys: &'a Keys, checkpoint: Checkpoint, now_ms: i64) -> Self {
        Self {
            head,
            keys,
            checkpoint,
            now_ms,
            segment: 0,
            numbers: HashMap::default(),
            segments: Segments::new(),
            samples: 0,
        }
    }

    pub(super) fn take(&mut self, record: Record<'_>) -> Result<(), String> {
        if record.segment != self.segment {
            self.segment = record.segment;
            self.numbers = HashMap::default();
        }
        match record.kind {
            KIND_SAMPLES => self.take_batch(record.payload),
            KIND_METADATA => self.take_metadata(record.payload),
            kind => Err(format!(
                "the record has the unknown kind {kind}; a later version wrote it"
            )),
        }
    }

    pub(super) fn finish(self) -> (Checkpoint, Segments, u64) {
        (self.checkpoint, self.segments, self.samples)
    }

    fn take_batch(&mut self, payload: &[u8]) -> Result<(), String> {
        let record = decode_batch(payload).map_err(|error| error.to_string())?;
        for definition in record.definitions {
            let series = Series::new(definition.labels);
            if let Some(series) = self.head.get_or_create(definition.tenant, &series, u64::MAX) {
                self.numbers.insert(definition.number, series);
            }
        }
        let body = record.body;
        let mut accepted = Accepted {
            stored: body.known,
            refused: body.refused,
            ..Accepted::default()
        };
        let mut rest = body.samples.as_slice();
        let mut unknown = 0_usize;
        for (number, &count) in record.rows.iter().zip(&body.row_samples) {
            let (samples, later) = rest.split_at_checked(count).unwrap_or((rest, &[]));
            rest = later;
            let Some(series) = self.numbers.get(number) else {
                unknown += samples.len();
                continue;
            };
            for sample in samples {
                if self.checkpoint.covers(self.segment, sample.at_ms) {
                    series.note_newest(sample.at_ms);
                    accepted.stored += 1;
                } else {
                    self.samples += 1;
                    apply(series, std::slice::from_ref(sample), &mut accepted, |_| None);
                }
            }
        }
        let max_ms = body.samples.iter().map(|sample| sample.at_ms).max();
        SegmentFacts::note(&mut self.segments, self.segment, max_ms, body.now_ms);
        if let Some(key) = body.key
            && body.now_ms >= self.now_ms.saturating_sub(BATCH_MEMORY_MS)
        {
            self.keys.restore(body.tenant, key, body.now_ms, accepted);
        }
        if unknown > 0 {
            return Err(format!(
                "{unknown} samples are of series that lost records defined"
            ));
        }
        Ok(())
    }

    fn take_metadata(&mut self, payload: &[u8]) -> Result<(), String> {
        let (tenant, entries) = decode_metadata(payload).map_err(|error| error.to_string())?;
        for entry in entries {
            self.checkpoint
                .metadata
                .insert((tenant, Arc::clone(&entry.name)), entry);
        }
        Ok(())
    }
}
