//! From memory to segments, and what follows: the log's end, merging, retention.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use model::{Labels, ReadError, TenantId};
use stdx::Backoff;
use ulid::Ulid;

use super::{Change, Failing, Inner, log_number};
use crate::buffer::{Buffer, Piece, sorted_rows};
use crate::error::LakeError;
use crate::limits::{COMMIT_SEGMENTS_MAX, RETRY_FIRST_MS, RETRY_MS_MAX, SEGMENT_LABEL_BYTES_MAX};
use crate::segment::{Known, SegmentBuilder};
use crate::stream_order::Ordered;

/// When maintenance that failed is tried again.
const RETRY: Backoff = Backoff {
    first: Duration::from_millis(RETRY_FIRST_MS),
    ceiling: Duration::from_millis(RETRY_MS_MAX),
};

impl Failing {
    /// Whether it is too early to try again. A clock that was set back does not make it wait for longer.
    fn waits(&self, now_ms: i64) -> bool {
        let ceiling_ms = i64::try_from(RETRY_MS_MAX).unwrap_or(i64::MAX);
        (now_ms..now_ms.saturating_add(ceiling_ms)).contains(&self.again_ms) && now_ms < self.again_ms
    }
}

/// Lines of a tenant in memory that become a segment.
type Tenant = (TenantId, Vec<Arc<Buffer>>);

impl Inner {
    pub(super) fn maintain(&self, now_ms: i64) -> Result<(), LakeError> {
        let _turn = self.maintaining.lock();
        if (self.failing.lock().as_ref()).is_some_and(|failing| failing.waits(now_ms)) {
            return Ok(());
        }
        let result = self.maintain_in_turn(now_ms, false);
        self.note(&result, now_ms);
        self.tell();
        result
    }

    /// Remembers how maintenance ended.
    fn note(&self, result: &Result<(), LakeError>, now_ms: i64) {
        let mut failing = self.failing.lock();
        let Err(error) = result else {
            if let Some(failed) = failing.take() {
                tracing::warn!(
                    times = failed.times,
                    "maintenance of the store of logs succeeds again"
                );
            }
            return;
        };
        self.telemetry.maintenance_failures.inc();
        let times = failing
            .as_ref()
            .map_or(0, |failed| failed.times)
            .saturating_add(1);
        let wait = RETRY.wait(times - 1, 0);
        *failing = Some(Failing {
            times,
            again_ms: now_ms.saturating_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)),
            reason: error.full_text(),
        });
    }

    pub(super) fn flush(&self, now_ms: i64) -> Result<(), LakeError> {
        let _turn = self.maintaining.lock();
        let result = self.maintain_in_turn(now_ms, true);
        self.note(&result, now_ms);
        self.tell();
        result
    }

    fn maintain_in_turn(&self, now_ms: i64, seals_all: bool) -> Result<(), LakeError> {
        self.now_ms.store(now_ms, Ordering::Relaxed);
        self.settle()?;
        self.set_broken_aside()?;
        // What only gives space back comes first: a full disk may be why the rest failed before.
        let expired = self.expire(now_ms);
        if expired.as_ref().is_err_and(LakeError::is_of_catalog) {
            return expired;
        }
        self.remove_leftovers();
        if seals_all || self.is_time_to_seal(now_ms) {
            self.seal(now_ms)?;
        }
        // One at a time, unless somebody waits for all: sealing must not wait for long.
        while self.rewrite_one(now_ms)? && seals_all {}
        while self.merge(now_ms)? && seals_all {}
        self.remove_leftovers();
        self.catch_up()?;
        expired
    }

    /// Moves segments that lie on this machine alone to where segments belong.
    fn catch_up(&self) -> Result<(), LakeError> {
        if self.files.is_near() {
            return Ok(());
        }
        let ids: Vec<Ulid> = (self.held.read().segments.iter()).map(|known| known.id).collect();
        self.files.catch_up(&ids).map_err(|source| LakeError::Files {
            place: self.files.all(),
            source,
        })
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
    pub(super) fn seal(&self, now_ms: i64) -> Result<(), LakeError> {
        if self.held.read().buffers.bytes() == 0 {
            return Ok(());
        }
        let log_before = self.wal.rotate();
        let tenants: Vec<Tenant> = (self.held.read().buffers.before(log_before))
            .into_iter()
            .collect();
        let mut result = Ok(());
        for tenants in tenants.chunks(COMMIT_SEGMENTS_MAX) {
            // What is wrong with the lines of some does not keep those of others in memory.
            let sealed = self.seal_tenants(tenants, log_before, now_ms);
            let is_stopped = sealed.as_ref().is_err_and(LakeError::is_of_catalog);
            result = result.and(sealed);
            if is_stopped {
                // Nothing else becomes durable either; and what was not settled must not be written twice.
                break;
            }
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

    fn seal_tenants(&self, tenants: &[Tenant], log_before: u64, now_ms: i64) -> Result<(), LakeError> {
        let ids = self.announce(tenants.len(), now_ms)?;
        let mut change = Change::default();
        let mut result = Ok(());
        for ((tenant, buffers), id) in tenants.iter().zip(ids) {
            match self.write_buffers(*tenant, buffers, (id, log_before), now_ms) {
                Ok(segments) => {
                    change.added.extend(segments);
                    change.sealed.push((*tenant, log_before));
                }
                Err(error) => result = result.and(Err(error)),
            }
        }
        if !change.added.is_empty() {
            self.commit(change)?;
        }
        result
    }

    /// Writes the lines of a tenant as a segment, or as several where their labels alone would fill one.
    fn write_buffers(
        &self,
        tenant: TenantId,
        buffers: &[Arc<Buffer>],
        (id, log_before): (Ulid, u64),
        now_ms: i64,
    ) -> Result<Vec<Arc<Known>>, LakeError> {
        let mut streams: HashMap<&Labels, Vec<&Piece>> = HashMap::new();
        let mut keys = Vec::new();
        for buffer in buffers {
            keys.extend(&buffer.keys);
            for (labels, pieces) in &buffer.streams {
                streams.entry(labels).or_default().extend(pieces);
            }
        }
        self.keep_known_keys(tenant, &mut keys, now_ms);
        let streams: BTreeMap<Ordered<'_>, Vec<&Piece>> = streams
            .into_iter()
            .map(|(labels, pieces)| (Ordered(labels), pieces))
            .collect();
        let mut written = Vec::new();
        let result = self.write_streams((tenant, keys), &streams, (id, log_before), now_ms, &mut written);
        if let Err(error) = result {
            // All of them or none: the lines stay in memory and are written again.
            for known in written {
                self.leave_over(known.id, None);
            }
            return Err(error);
        }
        Ok(written)
    }

    /// Writes streams of a tenant, the last segment under a name that is announced already.
    fn write_streams(
        &self,
        (tenant, keys): (TenantId, Vec<(u128, i64)>),
        streams: &BTreeMap<Ordered<'_>, Vec<&Piece>>,
        (id, log_before): (Ulid, u64),
        now_ms: i64,
        written: &mut Vec<Arc<Known>>,
    ) -> Result<(), LakeError> {
        let begin = || {
            let mut builder = SegmentBuilder::new(tenant, keys.clone());
            builder.log_before(log_before);
            builder
        };
        let mut builder = begin();
        let mut label_bytes = 0;
        for (Ordered(labels), pieces) in streams {
            label_bytes += labels.heap_bytes();
            if label_bytes > SEGMENT_LABEL_BYTES_MAX {
                let full = std::mem::replace(&mut builder, begin());
                label_bytes = labels.heap_bytes();
                written.push(self.announce_and_publish(full, now_ms)?);
            }
            builder.begin_stream((*labels).clone());
            let pieces: Vec<Piece> = pieces.iter().copied().cloned().collect();
            for (at_ns, rows, place) in sorted_rows(&pieces, i64::MIN, i64::MAX) {
                let row = rows.row(place);
                builder.push(at_ns, row.line().as_bytes(), row.metadata());
            }
        }
        written.push(self.publish(id, builder)?);
        Ok(())
    }

    /// Leaves those keys that are still looked for.
    pub(super) fn keep_known_keys(&self, tenant: TenantId, keys: &mut Vec<(u128, i64)>, now_ms: i64) {
        let known = self.keys.lock();
        keys.retain(|(key, _)| known.knows(tenant, *key, now_ms));
    }

    /// Gives up segments whose time is over, and the oldest ones where all take too much space.
    fn expire(&self, now_ms: i64) -> Result<(), LakeError> {
        let segments = Arc::clone(&self.held.read().segments);
        let mut bytes: u64 = segments.iter().map(|known| known.bytes).sum();
        bytes += self.wal.disk_bytes();
        let limit = self.config.retention_bytes.unwrap_or(u64::MAX);
        let mut gone = Vec::new();
        for known in segments.iter() {
            if known.max_ns < self.oldest_ns(known, now_ms) || bytes > limit {
                bytes = bytes.saturating_sub(known.bytes);
                gone.push(Arc::clone(known));
            }
        }
        drop(segments);
        if gone.is_empty() {
            return Ok(());
        }
        let Some(lease) = self.lease(now_ms)? else {
            return Ok(());
        };
        let count = gone.len() as u64;
        self.commit(Change {
            gone,
            lease: Some(lease),
            ..Change::default()
        })?;
        self.telemetry.segments_expired.inc_by(count);
        Ok(())
    }

    /// Before which time no line of a segment is kept any more.
    fn oldest_ns(&self, known: &Known, now_ms: i64) -> i64 {
        let rules = self.config.stream_retention.iter();
        let may_hold = rules.filter(|rule| known.labels.may_meet(&rule.matchers));
        let longest_ms = may_hold
            .map(|rule| rule.keep.as_millis_i64())
            .fold(self.config.retention.as_millis_i64(), i64::max);
        now_ms.saturating_sub(longest_ms).saturating_mul(1_000_000)
    }

    /// Sets segments aside whose contents cannot be read.
    fn set_broken_aside(&self) -> Result<(), LakeError> {
        let mut broken = std::mem::take(&mut *self.broken.lock());
        broken.sort_by_key(|known| known.id);
        broken.dedup_by_key(|known| known.id);
        for known in broken {
            let read = self.segments.open_once(&known);
            if let Err(error @ ReadError::Damaged { .. }) = read {
                self.set_aside(known, &error)?;
            }
        }
        Ok(())
    }

    /// Sets a damaged segment aside: it does not answer any more.
    pub(super) fn set_aside(&self, known: Arc<Known>, error: &ReadError) -> Result<(), LakeError> {
        let is_held = (self.held.read().segments.iter()).any(|held| held.id == known.id);
        if !is_held {
            return Ok(());
        }
        if self.files.drop_copy(known.id) {
            // The next who asks reads the segment itself.
            self.segments.forget(known.id);
            tracing::warn!(%error, "copy of a segment was damaged and is dropped");
            return Ok(());
        }
        // First: what is left over is removed.
        let aside = self.files.set_aside(known.id);
        let is_aside = aside.is_ok();
        let aside = aside.unwrap_or_else(|fault| fault);
        self.name_damage(format!("{error}; {aside}; all other segments answer"));
        if !is_aside {
            return Ok(());
        }
        self.commit(Change {
            gone: vec![known],
            ..Change::default()
        })
    }
}
