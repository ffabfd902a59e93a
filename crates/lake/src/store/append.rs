//! Taking batches in: limits, log, memory.

use std::cell::Cell;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use disk::DiskError;
use disk::limits::RECORD_BYTES_MAX;
use model::{Labels, LogAccepted, LogRefusal, LogRows, LogWrite, WriteError};

use super::{Inner, Lake};
use crate::limits::{BUFFER_BYTES_MAX, ROOM_WAIT_MS};
use crate::record;

impl LogWrite for Lake {
    fn append(&self, rows: &LogRows, now_ns: i64) -> Result<LogAccepted, WriteError> {
        self.inner.append(rows, now_ns)
    }
}

impl Inner {
    fn append(&self, rows: &LogRows, now_ns: i64) -> Result<LogAccepted, WriteError> {
        let now_ms = now_ns.div_euclid(1_000_000);
        if let Some(key) = rows.key
            && self.keys.lock().knows(rows.tenant, key, now_ms)
        {
            return Ok(self.repeated(rows));
        }
        // What its lines alone are too large for need not be encoded first.
        if rows.line_bytes() > RECORD_BYTES_MAX {
            return Err(WriteError::TooLarge {
                got: rows.line_bytes(),
                max: RECORD_BYTES_MAX,
            });
        }
        self.wait_for_room()?;
        let mut accepted = LogAccepted::default();
        let kept = Arc::new(self.keep(rows, now_ns, &mut accepted));
        for (reason, count) in &accepted.refused {
            let label = vec![("reason".to_owned(), reason.as_str().to_owned())];
            self.telemetry.lines_refused.get_or_create(&label).inc_by(*count);
        }
        if kept.is_empty() {
            return Ok(accepted);
        }
        let log_segment = Cell::new(0);
        let encode = |segment: u64, out: &mut Vec<u8>| {
            log_segment.set(segment);
            record::encode_batch(&kept, now_ms, out);
        };
        self.wal.append(record::BATCH, encode, |written| {
            written.map_err(|error| {
                if !matches!(error, DiskError::RecordTooLarge { .. }) {
                    self.telemetry.append_failures.inc();
                }
                write_error(error)
            })?;
            // Of two requests with the same key that came together the second one finds it here; a replay does the same.
            let is_new = kept
                .key
                .is_none_or(|key| self.keys.lock().remember(kept.tenant, key, now_ms, now_ms));
            if !is_new {
                return Ok(self.repeated(rows));
            }
            self.held.write().buffers.add(log_segment.get(), &kept, now_ms);
            accepted.stored = kept.line_count() as u64;
            self.telemetry.lines_stored.inc_by(accepted.stored);
            self.telemetry.line_bytes_stored.inc_by(kept.line_bytes() as u64);
            Ok(accepted)
        })
    }

    /// Waits while there is too much in memory: whoever sends is slowed down to the pace of sealing.
    fn wait_for_room(&self) -> Result<(), WriteError> {
        let is_full = || self.held.read().buffers.bytes() > BUFFER_BYTES_MAX;
        if !is_full() {
            return Ok(());
        }
        let patience = Duration::from_millis(ROOM_WAIT_MS);
        // The lock is for the waiting alone: who makes room takes it before telling.
        let mut keys = self.keys.lock();
        let waited = self.room.wait_while_for(&mut keys, |_| is_full(), patience);
        if waited.timed_out() {
            self.telemetry.append_failures.inc();
            let why = self.failing.lock().as_ref().map(|failing| failing.reason.clone());
            return Err(WriteError::Log {
                reason: format!(
                    "{} of lines wait to be sealed, and none were within {} s{}",
                    stdx::HumanBytes(BUFFER_BYTES_MAX),
                    patience.as_secs(),
                    why.map(|why| format!(": {why}")).unwrap_or_default()
                ),
            });
        }
        Ok(())
    }

    fn repeated(&self, rows: &LogRows) -> LogAccepted {
        self.telemetry.batches_repeated.inc();
        LogAccepted {
            stored: rows.line_count() as u64,
            is_repeated: true,
            refused: Vec::new(),
        }
    }

    /// The lines of a batch that may be kept; what may not is told.
    fn keep(&self, rows: &LogRows, now_ns: i64, accepted: &mut LogAccepted) -> LogRows {
        let nanoseconds =
            |duration: stdx::HumanDuration| i64::try_from(duration.0.as_nanos()).unwrap_or(i64::MAX);
        let earliest_for = |stream: &Labels| now_ns.saturating_sub(nanoseconds(self.config.keep_for(stream)));
        let latest_ns = now_ns.saturating_add(nanoseconds(self.config.future_limit));
        let held = self.held.read();
        let room = self
            .config
            .streams_max
            .saturating_sub(held.buffers.stream_count(rows.tenant));
        let refusal = |earliest_ns: i64, at_ns: i64| {
            if at_ns < earliest_ns {
                Some(LogRefusal::TooOld)
            } else if at_ns > latest_ns {
                Some(LogRefusal::TooFarInFuture)
            } else {
                None
            }
        };
        let mut streams = Vec::new();
        let mut is_whole = true;
        let mut new = HashSet::new();
        for (labels, lines) in rows.streams() {
            let is_new = !new.contains(labels) && !held.buffers.has_stream(rows.tenant, labels);
            let is_full = is_new && new.len() >= room;
            if is_new && !is_full {
                new.insert(labels);
            }
            let earliest_ns = earliest_for(labels);
            let is_kept = |line: model::LogRow<'_>| refusal(earliest_ns, line.at_ns()).is_none();
            is_whole &= !is_full && lines.into_iter().all(is_kept);
            streams.push(is_full);
        }
        drop(held);
        if is_whole {
            return rows.clone();
        }
        let mut kept = LogRows::new(rows.tenant);
        kept.key = rows.key;
        for ((labels, lines), is_full) in rows.streams().zip(streams) {
            kept.begin_stream(labels.clone());
            let earliest_ns = earliest_for(labels);
            for line in lines {
                let reason = if is_full {
                    Some(LogRefusal::TooManyStreams)
                } else {
                    refusal(earliest_ns, line.at_ns())
                };
                match reason {
                    Some(reason) => accepted.refuse(reason, 1),
                    // What fitted into the batch fits into a part of it.
                    None => {
                        kept.push(line.at_ns(), line.line(), line.metadata());
                    }
                }
            }
        }
        kept
    }
}

fn write_error(error: DiskError) -> WriteError {
    match error {
        DiskError::Busy { waiting_max } => WriteError::Busy { waiting_max },
        DiskError::Closed => WriteError::Closed,
        DiskError::RecordTooLarge { got, max } => WriteError::TooLarge { got, max },
        other => WriteError::Log {
            reason: other.full_text(),
        },
    }
}
