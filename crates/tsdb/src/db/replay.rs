//! Reading the log back into memory.

use std::sync::Arc;

use disk::Record;
use hashbrown::HashMap;
use model::{Accepted, NumberedSample, Series, SeriesNumber, Starts, TenantId};
use rustc_hash::FxBuildHasher;

use super::{SegmentFacts, Segments};
use crate::blocks::Blocks;
use crate::checkpoint::Checkpoint;
use crate::exemplars::Exemplars;
use crate::head::{Head, SeriesLimits};
use crate::keys::Keys;
use crate::limits::BATCH_MEMORY_MS;
use crate::record::{KIND_METADATA, KIND_RARE, KIND_SAMPLES, decode_batch, decode_metadata, decode_rare};

/// Takes records in the order of the log.
pub(super) struct Replay<'a> {
    head: &'a Head,
    blocks: &'a Blocks,
    keys: &'a Keys,
    exemplars: &'a Exemplars,
    checkpoint: Checkpoint,
    now_ms: i64,
    segment: u64,
    /// The series that the segment defined so far.
    numbers: HashMap<u32, SeriesNumber, FxBuildHasher>,
    segments: Segments,
    samples: u64,
}

impl<'a> Replay<'a> {
    pub(super) fn new(
        (head, blocks, keys, exemplars): (&'a Head, &'a Blocks, &'a Keys, &'a Exemplars),
        checkpoint: Checkpoint,
        now_ms: i64,
    ) -> Self {
        Self {
            head,
            blocks,
            keys,
            exemplars,
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
            KIND_RARE => self.take_rare(record.payload),
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
            let number = self.number(definition.tenant, &series);
            if let Ok(number) = number {
                self.numbers.insert(definition.number, number);
            }
        }
        let body = record.body;
        let mut accepted = Accepted {
            stored: body.known,
            refused: body.refused,
            ..Accepted::default()
        };
        let mut unknown = 0_usize;
        let (mut rows, mut in_blocks) = (Vec::with_capacity(body.rows.len()), Vec::new());
        let mut starts = Starts::default();
        for (place, row) in body.rows.iter().enumerate() {
            let Some(&series) = self.numbers.get(&row.series) else {
                unknown += 1;
                continue;
            };
            accepted.stored += 1;
            let sample = NumberedSample {
                series,
                at_ms: row.at_ms,
                value: row.value,
            };
            if self.checkpoint.covers(self.segment, row.at_ms) {
                in_blocks.push(sample);
            } else {
                starts.push(rows.len(), body.starts.get(place));
                rows.push(sample);
            }
        }
        self.samples += rows.len() as u64;
        self.head.restore(&rows, &starts, &in_blocks);
        let max_ms = body.rows.iter().map(|row| row.at_ms).max();
        SegmentFacts::note(
            &mut self.segments,
            self.segment,
            max_ms,
            body.key.is_some(),
            body.now_ms,
        );
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

    fn number(&self, tenant: TenantId, series: &Series) -> Result<SeriesNumber, model::Refusal> {
        let limits = SeriesLimits {
            blocks_newest_ms: self.blocks.newest_ms(tenant),
            ..SeriesLimits::NONE
        };
        match self.head.known(tenant, series.id()) {
            Some(known) => Ok(known),
            None => self.head.number(tenant, series, limits, self.now_ms),
        }
    }

    fn take_rare(&mut self, payload: &[u8]) -> Result<(), String> {
        let body = decode_rare(payload).map_err(|error| error.to_string())?;
        let mut max_ms = None;
        for (labels, samples) in body.histograms {
            max_ms = samples.iter().map(|sample| sample.at_ms).max().max(max_ms);
            let series = self.number(body.tenant, &Series::new(labels));
            let Some(series) = series.ok().and_then(|number| self.head.by_number(number)) else {
                continue;
            };
            for sample in samples {
                self.head.touch(series.number(), sample.at_ms, self.now_ms);
                if !self.checkpoint.covers(self.segment, sample.at_ms) {
                    self.samples += 1;
                    self.head.take_histogram(&series, sample);
                }
            }
        }
        for (labels, exemplar) in body.exemplars {
            self.exemplars.push(body.tenant, &Series::new(labels), exemplar);
        }
        SegmentFacts::note(&mut self.segments, self.segment, max_ms, false, body.now_ms);
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
