//! From memory to blocks, and what follows: the checkpoint, the log's end, retention.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use model::{HistogramSample, RAW, SampleColumns, TenantId, TimeRange};

use super::Inner;
use super::compact::Merge;
use crate::block::{Added, Block, BlockWriter, Heading, block_order};
use crate::checkpoint::Flushed;
use crate::columns::settle;
use crate::error::TsdbError;
use crate::head::MemSeries;
use crate::limits::{
    BATCH_MEMORY_MS, BLOCK_SPAN_MS, CROWDED_FLUSH_MS, CROWDED_RETRY_MS, DAY_MS, HEAD_BYTES_MAX,
    HEAD_BYTES_PER_SERIES, IDLE_SERIES_MS, LATE_FLUSH_MS, LOG_SEGMENT_BYTES_PER_SERIES, LOG_SEGMENT_MS_MAX,
    ROLL_UP_GRACE_MS,
};
use crate::tiers::TierKeep;

/// The series of one tenant that are being flushed, in the order of a block.
type AllFlushing = Vec<Arc<MemSeries>>;

/// A flush under way. However it ends, by a panic too, memory forgets what is in published blocks and nothing else, and what it keeps
/// can be flushed again.
struct Flush<'a> {
    db: &'a Inner,
    before_ms: i64,
    tenants: BTreeMap<TenantId, AllFlushing>,
    /// Blocks that do not answer yet.
    written: Vec<Block>,
    published: bool,
}

impl<'a> Flush<'a> {
    /// Marks all samples before `before_ms`.
    fn begin(db: &'a Inner, before_ms: i64) -> Self {
        let mut flush = Self {
            db,
            before_ms,
            tenants: BTreeMap::new(),
            written: Vec::new(),
            published: false,
        };
        db.head.for_each(|series| {
            if series.begin_flush(before_ms) {
                let of_tenant = flush.tenants.entry(series.tenant()).or_default();
                of_tenant.push(Arc::clone(series));
            }
        });
        flush
    }

    fn write(&mut self, now_ms: i64) -> Result<(), TsdbError> {
        let (before_ms, written) = (self.before_ms, &mut self.written);
        for (&tenant, series) in &mut self.tenants {
            series.sort_by(|a, b| block_order(a.series().labels(), b.series().labels()));
            self.db.write_blocks(tenant, series, before_ms, now_ms, written)?;
        }
        Ok(())
    }

    /// Lets the blocks answer.
    fn publish(&mut self) {
        for block in self.written.drain(..) {
            self.db.blocks.add(block);
        }
        self.published = true;
    }
}

impl Drop for Flush<'_> {
    fn drop(&mut self) {
        self.written.iter().for_each(Block::doom);
        // Blocks answer before memory forgets: a reader looks at memory first.
        let series = self.tenants.values().flatten();
        let grown = series.map(|series| series.end_flush(self.published)).sum();
        self.db.head.note_sealed(grown);
    }
}

impl Inner {
    pub(super) fn maintain(&self, now_ms: i64) -> Result<(), TsdbError> {
        let needed = self
            .head
            .series_count()
            .saturating_mul(LOG_SEGMENT_BYTES_PER_SERIES);
        self.wal
            .set_segment_bytes(needed.max(disk::limits::SEGMENT_BYTES));
        let window_ms = self.config.out_of_order_window.as_millis_i64();
        let before_ms = window_start(now_ms.saturating_sub(window_ms));
        // A crowd is relieved whatever its age: what comes late to a block that is written is looked up there.
        let up_to_ms = if self.is_crowded() { i64::MAX } else { before_ms };
        let result = if self.is_time_to_flush(before_ms, now_ms) && self.wants_flush(up_to_ms) {
            let flushed = self.flush_before(up_to_ms, now_ms);
            match flushed {
                Ok(()) => *self.last_flush.lock() = Some((before_ms, now_ms)),
                Err(_) => self.flush_failed_ms.store(now_ms, Ordering::Relaxed),
            }
            flushed
        } else {
            self.turn_old_segment(now_ms);
            Ok(())
        };
        // Before what is too old goes: its rollups may be missing.
        let result = result.and_then(|()| self.roll_up(before_ms, false, now_ms));
        // What only gives space back is done whatever happened before: a full disk may be why it failed.
        self.clean_up(now_ms)?;
        result?;
        self.bury(now_ms)?;
        self.compact(Merge::Worthwhile { before_ms }, now_ms)?;
        self.save_checkpoint()
    }

    pub(super) fn flush_all(&self, now_ms: i64) -> Result<(), TsdbError> {
        self.flush_before(i64::MAX, now_ms)?;
        let result = self.roll_up(now_ms, true, now_ms);
        self.clean_up(now_ms)?;
        result?;
        self.bury(now_ms)?;
        self.compact(Merge::Everything, now_ms)?;
        self.save_checkpoint()
    }

    fn clean_up(&self, now_ms: i64) -> Result<(), TsdbError> {
        let window_ms = self.config.out_of_order_window.as_millis_i64();
        // As long as a late sample could still come, the newest one must be known.
        let idle_before_ms = now_ms.saturating_sub(window_ms.max(BLOCK_SPAN_MS));
        self.head
            .retire_idle(idle_before_ms, now_ms.saturating_sub(IDLE_SERIES_MS));
        self.expire(now_ms);
        self.save_checkpoint()?;
        self.shorten_log(now_ms)
    }

    fn expire(&self, now_ms: i64) {
        let keeps = self.config.tiers();
        // Samples stay until their rollups are there; not for ever, where those cannot be made.
        let gone_before_ms = now_ms
            .saturating_sub(self.config.retention.as_millis_i64())
            .saturating_sub(ROLL_UP_GRACE_MS);
        let may_go = |block: &Block| {
            let rolled_up = |keep: &TierKeep| {
                let kept = block.range().to_ms() >= now_ms.saturating_sub(keep.keep_ms);
                keep.resolution_ms == RAW || !kept || self.is_rolled_up(block, keep.resolution_ms)
            };
            block.resolution_ms() != RAW
                || block.range().to_ms() < gone_before_ms
                || keeps.iter().all(rolled_up)
        };
        let bytes = (self.config.retention_bytes, self.wal.disk_bytes());
        let expired = self.blocks.expire(&keeps, bytes, now_ms, may_go);
        if expired {
            self.changes.note_all();
        }
    }

    /// Whether memory holds so much that it should be flushed before its time.
    pub(super) fn is_crowded(&self) -> bool {
        let for_series = self.head.series_count().saturating_mul(HEAD_BYTES_PER_SERIES);
        self.head.sealed_bytes() > HEAD_BYTES_MAX.max(for_series)
    }

    /// Whether a span of time has ended since the last flush. Samples that come late to a span already flushed gather for
    /// a while, so that a source with old time stamps does not make a block a minute; the log keeps them meanwhile.
    fn is_time_to_flush(&self, before_ms: i64, now_ms: i64) -> bool {
        let failed_ms = self.flush_failed_ms.load(Ordering::Relaxed);
        if self.is_crowded() && now_ms.saturating_sub(failed_ms) < CROWDED_RETRY_MS {
            return false;
        }
        self.last_flush.lock().is_none_or(|(last_before_ms, last_at_ms)| {
            let since_ms = now_ms.saturating_sub(last_at_ms);
            before_ms > last_before_ms
                || since_ms >= LATE_FLUSH_MS
                || (self.is_crowded() && since_ms >= CROWDED_FLUSH_MS)
        })
    }

    /// Whether there is something to seal, in memory or only in the log.
    fn wants_flush(&self, before_ms: i64) -> bool {
        let Some(last_ms) = before_ms.checked_sub(1) else {
            return false;
        };
        let old = TimeRange::new(i64::MIN, last_ms).unwrap_or(TimeRange::at(last_ms));
        let mut found = false;
        self.head.for_each(|series| found = found || series.overlaps(old));
        let checkpoint = self.checkpoint.read();
        let oldest = self.wal.segments().first().copied();
        let facts = oldest.and_then(|segment| Some((segment, *self.segments.lock().get(&segment)?)));
        found
            || facts.is_some_and(|(segment, facts)| {
                facts.max_ms < before_ms
                    && !checkpoint.covers(segment, facts.max_ms)
                    && facts.max_ms > i64::MIN
            })
    }

    /// Seals all samples before `before_ms` into blocks.
    pub(super) fn flush_before(&self, before_ms: i64, now_ms: i64) -> Result<(), TsdbError> {
        // Everything in the segments before this one is in memory now.
        let segment = self.wal.rotate();
        let mut flush = Flush::begin(self, before_ms);
        flush.write(now_ms)?;
        flush.publish();
        drop(flush);
        self.head.note_flushed();
        let mut checkpoint = self.checkpoint.write();
        let oldest = self.wal.segments().first().copied().unwrap_or(segment);
        checkpoint.flushed.retain(|flushed| flushed.segment > oldest);
        checkpoint.flushed.push(Flushed { segment, before_ms });
        self.checkpoint_stale.store(true, Ordering::SeqCst);
        Ok(())
    }

    /// Writes one block for each span of time that has samples.
    fn write_blocks(
        &self,
        tenant: TenantId,
        series: &AllFlushing,
        before_ms: i64,
        now_ms: i64,
        written: &mut Vec<Block>,
    ) -> Result<(), TsdbError> {
        for range in spans(series, before_ms) {
            let heading = Heading {
                tenant,
                ..Heading::default()
            };
            let block = self.publish_block(heading, now_ms, |writer| {
                let mut columns = SampleColumns::default();
                let mut histograms = Vec::new();
                for series in series {
                    let flushing = series.flushing();
                    columns.clear();
                    flushing
                        .chunks
                        .iter()
                        .filter(|chunk| chunk.min_ms <= range.to_ms() && chunk.max_ms >= range.from_ms())
                        .for_each(|chunk| chunk.decode(&mut columns));
                    settle(&mut columns, 0, range);
                    histograms.clear();
                    let overlapping = flushing.histograms.iter();
                    overlapping
                        .filter(|chunk| chunk.range.overlaps(&range))
                        .for_each(|chunk| chunk.decode(&mut histograms));
                    let added = Added {
                        samples: Some(&columns),
                        histograms: of_range(&histograms, range),
                        rollups: None,
                    };
                    writer.add(series.series().labels(), added)?;
                }
                Ok(())
            })?;
            written.extend(block);
        }
        Ok(())
    }

    /// Writes a block and opens it; it does not answer yet. `None` where there was nothing to write.
    pub(super) fn publish_block(
        &self,
        heading: Heading,
        now_ms: i64,
        fill: impl FnOnce(&mut BlockWriter<'_>) -> std::io::Result<()>,
    ) -> Result<Option<Block>, TsdbError> {
        let path = self.blocks.new_path(now_ms);
        let name = || {
            path.file_name()
                .map(|name| name.to_string_lossy().into_owned())
                .unwrap_or_default()
        };
        let mut is_empty = false;
        let published = disk::publish(&*self.storage, &path, |file| {
            let mut writer = BlockWriter::new(file, heading);
            fill(&mut writer)?;
            is_empty = writer.is_empty();
            if is_empty {
                return Err(std::io::Error::other("nothing to write"));
            }
            writer.finish()
        });
        if is_empty {
            return Ok(None);
        }
        published.map_err(|source| TsdbError::WriteBlock { name: name(), source })?;
        let opened = self.blocks.open_block(&path);
        opened.map(Some).map_err(|error| TsdbError::WriteBlock {
            name: name(),
            source: disk::DiskError::io("read back", &path)(std::io::Error::other(error)),
        })
    }

    pub(super) fn save_checkpoint(&self) -> Result<(), TsdbError> {
        if !self.checkpoint_stale.swap(false, Ordering::SeqCst) {
            return Ok(());
        }
        let checkpoint = self.checkpoint.read().clone();
        checkpoint
            .save(&*self.storage, &self.config.dir)
            .map_err(|source| {
                self.checkpoint_stale.store(true, Ordering::SeqCst);
                TsdbError::Checkpoint {
                    path: self.checkpoint_path(),
                    source,
                }
            })
    }

    /// Removes the log's oldest segments, as far as blocks and the checkpoint hold what they say.
    fn shorten_log(&self, now_ms: i64) -> Result<(), TsdbError> {
        // Copies: the log takes its own lock first and these after it, when a record is written.
        let checkpoint = self.checkpoint.read().clone();
        let segments = self.segments.lock().clone();
        let removed = self.wal.remove_oldest(|segment| {
            segments.get(&segment).map_or_else(
                || checkpoint.flushed.iter().any(|flushed| segment < flushed.segment),
                |facts| {
                    checkpoint.covers(segment, facts.max_ms)
                        && facts.last_keyed_ms < now_ms.saturating_sub(BATCH_MEMORY_MS)
                },
            )
        });
        if let Some(first) = self.wal.segments().first() {
            self.segments.lock().retain(|segment, _| segment >= first);
        }
        removed.map(|_| ()).map_err(|source| TsdbError::Log { source })
    }

    /// Ends a segment that was begun long ago, so that it can go once its samples are sealed.
    fn turn_old_segment(&self, now_ms: i64) {
        let newest = self.segments.lock().last_key_value().map(|(_, facts)| *facts);
        if newest.is_some_and(|facts| now_ms.saturating_sub(facts.first_now_ms) > LOG_SEGMENT_MS_MAX) {
            self.wal.rotate();
        }
    }
}

/// The start of the block span that `at_ms` lies in.
fn window_start(at_ms: i64) -> i64 {
    at_ms.div_euclid(BLOCK_SPAN_MS).saturating_mul(BLOCK_SPAN_MS)
}

/// The span of the block that a sample goes to: a day where all of it is flushed, else a part of one.
fn span(at_ms: i64, before_ms: i64) -> TimeRange {
    let of_length = |length_ms: i64| {
        let start_ms = at_ms.div_euclid(length_ms).saturating_mul(length_ms);
        TimeRange::at(start_ms).union(&TimeRange::at(start_ms.saturating_add(length_ms - 1)))
    };
    let day = of_length(DAY_MS);
    if day.to_ms() < before_ms {
        day
    } else {
        of_length(BLOCK_SPAN_MS)
    }
}

/// The spans that have samples.
fn spans(series: &AllFlushing, before_ms: i64) -> Vec<TimeRange> {
    let mut spans: BTreeMap<i64, TimeRange> = BTreeMap::new();
    let mut note = |at_ms: i64| {
        let span = span(at_ms, before_ms);
        spans.insert(span.from_ms(), span);
        span
    };
    let mut columns = SampleColumns::default();
    let mut histograms = Vec::new();
    for flushing in series.iter().map(|series| series.flushing()) {
        for chunk in &flushing.histograms {
            let (first, last) = (note(chunk.range.from_ms()), note(chunk.range.to_ms()));
            if first.to_ms().saturating_add(1) < last.from_ms() {
                histograms.clear();
                chunk.decode(&mut histograms);
                for sample in &histograms {
                    note(sample.at_ms);
                }
            }
        }
        for chunk in &flushing.chunks {
            let (first, last) = (note(chunk.min_ms), note(chunk.max_ms));
            if first.to_ms().saturating_add(1) < last.from_ms() {
                columns.clear();
                chunk.decode(&mut columns);
                for &at_ms in &columns.at_ms {
                    note(at_ms);
                }
            }
        }
    }
    spans.into_values().collect()
}

/// Those of a range; they are in order of time.
pub(super) fn of_range(histograms: &[HistogramSample], range: TimeRange) -> &[HistogramSample] {
    let from = histograms.partition_point(|sample| sample.at_ms < range.from_ms());
    let to = histograms.partition_point(|sample| sample.at_ms <= range.to_ms());
    histograms.get(from..to).unwrap_or_default()
}
