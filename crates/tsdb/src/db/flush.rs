//! From memory to blocks, and what follows: the checkpoint, the log's end, retention.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use model::{SampleColumns, TenantId, TimeRange};

use super::Inner;
use crate::block::{Block, BlockWriter};
use crate::checkpoint::Flushed;
use crate::columns::settle;
use crate::error::TsdbError;
use crate::head::MemSeries;
use crate::head::series::HeadChunk;
use crate::limits::{BATCH_MEMORY_MS, BLOCK_SPAN_MS, LATE_FLUSH_MS, LOG_SEGMENT_MS_MAX};

/// The series of one tenant that are being flushed, in the order of a block.
type Flushing = Vec<(Arc<MemSeries>, Vec<HeadChunk>)>;

impl Inner {
    pub(super) fn maintain(&self, now_ms: i64) -> Result<(), TsdbError> {
        let window_ms = self.config.out_of_order_window.as_millis_i64();
        let before_ms = window_start(now_ms.saturating_sub(window_ms));
        let result = if self.is_time_to_flush(before_ms, now_ms) && self.wants_flush(before_ms) {
            let flushed = self.flush_before(before_ms, now_ms);
            if flushed.is_ok() {
                *self.last_flush.lock() = Some((before_ms, now_ms));
            }
            flushed
        } else {
            self.turn_old_segment(now_ms);
            Ok(())
        };
        // What only gives space back is done whatever happened before: a full disk may be why it failed.
        self.clean_up(now_ms)?;
        result
    }

    pub(super) fn flush_all(&self, now_ms: i64) -> Result<(), TsdbError> {
        self.flush_before(i64::MAX, now_ms)?;
        self.clean_up(now_ms)
    }

    fn clean_up(&self, now_ms: i64) -> Result<(), TsdbError> {
        let window_ms = self.config.out_of_order_window.as_millis_i64();
        // As long as a late sample could still come, the newest one must be known.
        let idle_before_ms = now_ms.saturating_sub(window_ms.max(BLOCK_SPAN_MS));
        self.head
            .retire_idle(|newest_ms| newest_ms.is_none_or(|newest_ms| newest_ms < idle_before_ms));
        let expired_before_ms = now_ms.saturating_sub(self.config.retention.as_millis_i64());
        self.blocks.expire(
            expired_before_ms,
            self.config.retention_bytes,
            self.wal.disk_bytes(),
        );
        self.save_checkpoint()?;
        self.shorten_log(now_ms)
    }

    /// Whether a span of time has ended since the last flush. Samples that come late to a span already flushed gather for
    /// a while, so that a source with old time stamps does not make a block a minute; the log keeps them meanwhile.
    fn is_time_to_flush(&self, before_ms: i64, now_ms: i64) -> bool {
        self.last_flush.lock().is_none_or(|(last_before_ms, last_at_ms)| {
            before_ms > last_before_ms || now_ms.saturating_sub(last_at_ms) >= LATE_FLUSH_MS
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
    fn flush_before(&self, before_ms: i64, now_ms: i64) -> Result<(), TsdbError> {
        // Everything in the segments before this one is in memory now.
        let segment = self.wal.rotate();
        let mut tenants: BTreeMap<TenantId, Flushing> = BTreeMap::new();
        self.head.for_each(|series| {
            let chunks = series.begin_flush(before_ms);
            if !chunks.is_empty() {
                tenants
                    .entry(series.tenant())
                    .or_default()
                    .push((Arc::clone(series), chunks));
            }
        });
        let mut written = Vec::new();
        let mut result = Ok(());
        for (&tenant, series) in &mut tenants {
            series.sort_by(|(a, _), (b, _)| {
                let (a, b) = (a.series().labels(), b.series().labels());
                (a.metric_name(), a).cmp(&(b.metric_name(), b))
            });
            result = self.write_blocks(tenant, series, now_ms, &mut written);
            if result.is_err() {
                break;
            }
        }
        let published = result.is_ok();
        for block in written {
            if published {
                self.blocks.add(block);
            } else {
                block.doom();
            }
        }
        // Blocks answer before memory forgets: a reader looks at memory first.
        tenants
            .values()
            .flatten()
            .for_each(|(series, _)| series.end_flush(published));
        result?;
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
        series: &Flushing,
        now_ms: i64,
        written: &mut Vec<Block>,
    ) -> Result<(), TsdbError> {
        let mut last_path = None;
        for start_ms in windows(series) {
            let mut path = self.blocks.new_path(now_ms);
            // Several blocks of one flush come in order of their time.
            while last_path.as_ref().is_some_and(|last| path <= *last) {
                path = self.blocks.new_path(now_ms);
            }
            last_path = Some(path.clone());
            written.push(self.write_block(&path, tenant, series, start_ms)?);
        }
        Ok(())
    }

    fn write_block(
        &self,
        path: &Path,
        tenant: TenantId,
        series: &Flushing,
        start_ms: i64,
    ) -> Result<Block, TsdbError> {
        let name = || {
            path.file_name()
                .map(|name| name.to_string_lossy().into_owned())
                .unwrap_or_default()
        };
        let range = window(start_ms);
        disk::publish(&*self.storage, path, |file| {
            let mut writer = BlockWriter::new(file, tenant);
            let mut columns = SampleColumns::default();
            for (series, chunks) in series {
                columns.clear();
                let inside =
                    |chunk: &&HeadChunk| chunk.min_ms <= range.to_ms() && chunk.max_ms >= range.from_ms();
                chunks
                    .iter()
                    .filter(inside)
                    .for_each(|chunk| chunk.decode(&mut columns));
                settle(&mut columns, 0, range);
                writer.add(series.series().labels(), &columns)?;
            }
            writer.finish()
        })
        .map_err(|source| TsdbError::WriteBlock { name: name(), source })?;
        Block::open(&self.storage, path).map_err(|error| TsdbError::WriteBlock {
            name: name(),
            source: disk::DiskError::io("read back", path)(std::io::Error::other(error)),
        })
    }

    fn save_checkpoint(&self) -> Result<(), TsdbError> {
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
                        && facts.last_now_ms < now_ms.saturating_sub(BATCH_MEMORY_MS)
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

fn window(start_ms: i64) -> TimeRange {
    let end_ms = start_ms.saturating_add(BLOCK_SPAN_MS - 1);
    TimeRange::at(start_ms).union(&TimeRange::at(end_ms))
}

/// The spans that have samples.
fn windows(series: &Flushing) -> BTreeSet<i64> {
    let mut starts = BTreeSet::new();
    let mut columns = SampleColumns::default();
    for chunk in series.iter().flat_map(|(_, chunks)| chunks) {
        let (first, last) = (window_start(chunk.min_ms), window_start(chunk.max_ms));
        starts.extend([first, last]);
        if last.saturating_sub(first) > BLOCK_SPAN_MS {
            columns.clear();
            chunk.decode(&mut columns);
            starts.extend(columns.at_ms.iter().map(|&at_ms| window_start(at_ms)));
        }
    }
    starts
}
