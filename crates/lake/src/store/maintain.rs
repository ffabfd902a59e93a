//! From memory to segments, and what follows: the log's end, merging, retention.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use model::{Labels, ReadError, TenantId};
use ulid::Ulid;

use super::{Inner, log_number, sort_segments};
use crate::buffer::{Buffer, Piece, sorted_rows};
use crate::error::LakeError;
use crate::limits::BATCH_MEMORY_MS;
use crate::segment::{Segment, SegmentBuilder};
use crate::stream_order::Ordered;

impl Inner {
    pub(super) fn maintain(&self, now_ms: i64) -> Result<(), LakeError> {
        let _turn = self.maintaining.lock();
        let result = self.maintain_in_turn(now_ms, false);
        if result.is_err() {
            self.telemetry.maintenance_failures.inc();
        }
        self.tell();
        result
    }

    pub(super) fn flush(&self, now_ms: i64) -> Result<(), LakeError> {
        let _turn = self.maintaining.lock();
        let result = self.maintain_in_turn(now_ms, true);
        self.tell();
        result
    }

    fn maintain_in_turn(&self, now_ms: i64, seals_all: bool) -> Result<(), LakeError> {
        // What only gives space back comes first: a full disk may be why the rest failed before.
        self.expire(now_ms);
        if seals_all || self.is_time_to_seal(now_ms) {
            self.seal(now_ms)?;
        }
        // One at a time, unless somebody waits for all: sealing must not wait for long.
        while self.merge(now_ms)? && seals_all {}
        Ok(())
    }

    fn is_time_to_seal(&self, now_ms: i64) -> bool {
        let held = self.held.read();
        let age_ms = held
            .buffers
            .since_ms()
            .map(|since_ms| now_ms.saturating_sub(since_ms));
        held.buffers.bytes() >= self.config.seal_bytes
            || age_ms.is_some_and(|age_ms| age_ms >= self.config.seal_after.as_millis_i64())
    }

    /// Seals what lies in memory now, tenant by tenant.
    fn seal(&self, now_ms: i64) -> Result<(), LakeError> {
        if self.held.read().buffers.bytes() == 0 {
            return Ok(());
        }
        let log_before = self.wal.rotate();
        let tenants = self.held.read().buffers.before(log_before);
        let mut result = Ok(());
        for (tenant, buffers) in tenants {
            let segment = match self.write_buffers(tenant, &buffers, log_before, now_ms) {
                Ok(segment) => segment,
                // What is wrong with the lines of one tenant does not keep those of others in memory.
                Err(error) => {
                    result = result.and(Err(error));
                    continue;
                }
            };
            let mut held = self.held.write();
            held.buffers.forget_before(log_before, tenant);
            let mut segments = held.segments.to_vec();
            segments.push(Arc::new(segment));
            sort_segments(&mut segments);
            held.segments = Arc::new(segments);
            drop(held);
            drop(self.keys.lock());
            self.room.notify_all();
        }
        result?;
        log_number::keep(&*self.storage, &self.config.dir, log_before)
            .map_err(|source| LakeError::Log { source })?;
        let oldest = self.held.read().buffers.oldest_log_segment();
        let oldest = oldest.unwrap_or(log_before);
        self.wal
            .remove_oldest(|segment| segment < oldest)
            .map_err(|source| LakeError::Log { source })?;
        Ok(())
    }

    fn write_buffers(
        &self,
        tenant: TenantId,
        buffers: &[Arc<Buffer>],
        log_before: u64,
        now_ms: i64,
    ) -> Result<Segment, LakeError> {
        let mut streams: HashMap<&Labels, Vec<&Piece>> = HashMap::new();
        let mut keys = Vec::new();
        for buffer in buffers {
            keys.extend(&buffer.keys);
            for (labels, pieces) in &buffer.streams {
                streams.entry(labels).or_default().extend(pieces);
            }
        }
        keys.retain(|(_, came_ms)| *came_ms >= now_ms.saturating_sub(BATCH_MEMORY_MS));
        let streams: BTreeMap<Ordered<'_>, Vec<&Piece>> = streams
            .into_iter()
            .map(|(labels, pieces)| (Ordered(labels), pieces))
            .collect();
        let mut builder = SegmentBuilder::new(tenant, keys);
        builder.log_before(log_before);
        for (Ordered(labels), pieces) in streams {
            builder.begin_stream(labels.clone());
            let pieces: Vec<Piece> = pieces.into_iter().cloned().collect();
            for (at_ns, rows, place) in sorted_rows(&pieces, i64::MIN, i64::MAX) {
                let row = rows.row(place);
                builder.push(at_ns, row.line().as_bytes(), row.metadata());
            }
        }
        self.publish(builder)
    }

    /// Writes a segment and opens it; it does not answer yet.
    pub(super) fn publish(&self, builder: SegmentBuilder) -> Result<Segment, LakeError> {
        let path = self
            .segment_dir()
            .join(format!("{}.{}", Ulid::generate(), Segment::ENDING));
        let written = disk::publish(&*self.storage, &path, |file| builder.write(file));
        let opened = written
            .map_err(|source| LakeError::WriteSegment {
                path: path.clone(),
                source,
            })
            .and_then(|_| {
                Segment::open(&self.storage, &path, &self.telemetry.bytes_read)
                    .map_err(|source: ReadError| LakeError::ReadSegment { source })
            });
        if opened.is_ok() {
            self.telemetry.segments_written.inc();
        } else {
            // It may have its name already; its lines will be written again, and must not be there twice.
            let _ = self.storage.remove(&path);
        }
        opened
    }

    /// Gives up segments whose time is over, and the oldest ones where all take too much space.
    fn expire(&self, now_ms: i64) {
        let oldest_ms = now_ms.saturating_sub(self.config.retention.as_millis_i64());
        let oldest_ns = oldest_ms.saturating_mul(1_000_000);
        let mut held = self.held.write();
        let mut bytes: u64 = held.segments.iter().map(|segment| segment.bytes()).sum();
        bytes += self.wal.disk_bytes();
        let limit = self.config.retention_bytes.unwrap_or(u64::MAX);
        let (gone, kept): (Vec<_>, Vec<_>) = held.segments.iter().cloned().partition(|segment| {
            let is_over = segment.contents().max_ns < oldest_ns || bytes > limit;
            if is_over {
                bytes = bytes.saturating_sub(segment.bytes());
            }
            is_over
        });
        if gone.is_empty() {
            return;
        }
        held.segments = Arc::new(kept);
        drop(held);
        for segment in gone {
            segment.remove();
            self.telemetry.segments_expired.inc();
        }
    }
}
