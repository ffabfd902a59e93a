//! Changes of which segments answer: first in the catalog, then here; files go when nobody reads them any more.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use model::TenantId;
use state::{Lease, LogSegmentChange};
use ulid::Ulid;

use super::{Inner, sort_segments};
use crate::error::LakeError;
use crate::segment::{Known, SegmentBuilder};

/// What is to become of the segments that answer.
#[derive(Debug, Default)]
pub(super) struct Change {
    pub(super) added: Vec<Arc<Known>>,
    pub(super) gone: Vec<Arc<Known>>,
    /// Lines in memory that lie in added segments now: whose, and in segments of the log before which.
    pub(super) sealed: Vec<(TenantId, u64)>,
    pub(super) lease: Option<Lease>,
}

/// A file that does not answer.
#[derive(Debug)]
pub(super) struct Leftover {
    pub(super) id: Ulid,
    /// Who reads it still holds this too.
    pub(super) known: Option<Arc<Known>>,
}

impl Inner {
    /// Names for files that are about to be written; a crash before they are in the catalog leaves nothing of them.
    pub(super) fn announce(&self, count: usize, now_ms: i64) -> Result<Vec<Ulid>, LakeError> {
        let ids: Vec<Ulid> = (0..count).map(|_| self.next_id(now_ms)).collect();
        self.catalog
            .announce(ids.clone())
            .map_err(|source| LakeError::Catalog { source })?;
        Ok(ids)
    }

    /// Writes a segment of whose name nobody knows yet.
    pub(super) fn announce_and_publish(
        &self,
        builder: SegmentBuilder,
        now_ms: i64,
    ) -> Result<Arc<Known>, LakeError> {
        let id = self.next_id(now_ms);
        self.catalog
            .announce(vec![id])
            .map_err(|source| LakeError::Catalog { source })?;
        self.publish(id, builder)
    }

    /// The next name; names that one process gives are in the order of giving as long as its clock runs forward.
    pub(super) fn next_id(&self, now_ms: i64) -> Ulid {
        let now = UNIX_EPOCH + Duration::from_millis(u64::try_from(now_ms).unwrap_or_default());
        match self.ids.lock().generate_from_datetime(now) {
            Ok(id) => id,
            Err(overflow) => overflow.commit_overflow_increment(),
        }
    }

    /// Writes a segment; it does not answer yet.
    pub(super) fn publish(&self, id: Ulid, builder: SegmentBuilder) -> Result<Arc<Known>, LakeError> {
        let path = self.files.path_to_write(id);
        let written = disk::publish(&*self.storage, &path, |file| builder.write(file));
        let kept = written
            .map_err(|source| LakeError::WriteSegment { path, source })
            .and_then(|written| {
                let failed = |source| LakeError::Files {
                    place: self.files.place(id),
                    source,
                };
                let (contents, part) = written;
                let known = Known::of(id, &contents, part);
                drop(contents);
                self.files.keep(id, known.bytes).map_err(failed)?;
                Ok(known)
            })
            .and_then(|known| {
                // Read back before the log goes; and what is newest is asked for first.
                let opened = self.segments.open(&known);
                opened.map_err(|source| LakeError::ReadSegment { source })?;
                Ok(Arc::new(known))
            });
        if kept.is_ok() {
            self.telemetry.segments_written.inc();
        } else {
            // It may have its name already; its lines will be written again.
            self.leave_over(id, None);
        }
        kept
    }

    /// Makes a change durable, and lets it answer.
    pub(super) fn commit(&self, change: Change) -> Result<(), LakeError> {
        if self.unsettled.lock().is_some() {
            // It may be about the same lines.
            for known in change.added {
                self.leave_over(known.id, None);
            }
            return Err(LakeError::Unsettled);
        }
        let rows = LogSegmentChange {
            added: change.added.iter().map(|known| known.row()).collect(),
            gone: change.gone.iter().map(|known| known.id).collect(),
            lease: change.lease.clone(),
        };
        let Err(source) = self.catalog.change(rows) else {
            self.apply(change);
            return Ok(());
        };
        // It may have been lost to another process.
        *self.lease.lock() = None;
        // Whether it is in the catalog after all is for the catalog to say; until it says so nothing else is changed.
        *self.unsettled.lock() = Some(change);
        self.settle()?;
        Err(LakeError::Catalog { source })
    }

    /// Finds out what became of a change of which nobody heard.
    pub(super) fn settle(&self) -> Result<(), LakeError> {
        let mut unsettled = self.unsettled.lock();
        let Some(change) = unsettled.as_ref() else {
            return Ok(());
        };
        let added: Vec<Ulid> = change.added.iter().map(|known| known.id).collect();
        let gone: Vec<Ulid> = change.gone.iter().map(|known| known.id).collect();
        let known = |ids: &[Ulid]| {
            self.catalog
                .known(ids)
                .map_err(|source| LakeError::Catalog { source })
        };
        let is_done = known(&added)?.len() == added.len() && known(&gone)?.is_empty();
        let change = unsettled.take();
        drop(unsettled);
        match change {
            Some(change) if is_done => self.apply(change),
            Some(change) => {
                for known in change.added {
                    self.leave_over(known.id, None);
                }
            }
            None => {}
        }
        Ok(())
    }

    /// Lets a change answer that is in the catalog.
    fn apply(&self, change: Change) {
        let gone: BTreeSet<Ulid> = change.gone.iter().map(|known| known.id).collect();
        let mut held = self.held.write();
        for (tenant, log_before) in &change.sealed {
            held.buffers.forget_before(*log_before, *tenant);
        }
        let mut segments = held.segments.to_vec();
        segments.retain(|known| !gone.contains(&known.id));
        segments.extend(change.added);
        sort_segments(&mut segments);
        held.segments = Arc::new(segments);
        held.changes += 1;
        drop(held);
        for known in change.gone {
            self.segments.forget(known.id);
            self.leave_over(known.id, Some(known));
        }
        if !change.sealed.is_empty() {
            drop(self.keys.lock());
            self.room.notify_all();
        }
    }

    pub(super) fn leave_over(&self, id: Ulid, known: Option<Arc<Known>>) {
        self.segments.forget(id);
        self.leftovers.lock().push(Leftover { id, known });
    }

    /// Removes files that do not answer and that nobody reads.
    pub(super) fn remove_leftovers(&self) {
        let all = std::mem::take(&mut *self.leftovers.lock());
        if all.is_empty() {
            return;
        }
        let (mut removed, mut kept) = (Vec::new(), Vec::new());
        let mut has_failed = false;
        for leftover in all {
            // No new reader comes: it is not among those that answer.
            let is_read = (leftover.known.as_ref()).is_some_and(|known| Arc::strong_count(known) > 1);
            if is_read || (has_failed && !self.files.is_near()) {
                if !is_read && let Err(error) = self.files.remove_near(leftover.id) {
                    tracing::warn!(%error, "copy of a file that is left over not removed; it is tried again");
                }
                kept.push(leftover);
                continue;
            }
            match self.files.remove(leftover.id) {
                Ok(()) => removed.push(leftover),
                Err(error) => {
                    let place = self.files.place(leftover.id);
                    tracing::warn!(place, %error, "file that is left over not removed; it is tried again");
                    self.telemetry.maintenance_failures.inc();
                    kept.push(leftover);
                    // It takes long to find out that what is far away does not answer: once in a turn.
                    has_failed = true;
                }
            }
        }
        if !removed.is_empty() {
            let ids = removed.iter().map(|leftover| leftover.id).collect();
            if let Err(error) = self.catalog.forget_leftovers(ids) {
                tracing::warn!(%error, "catalog still names files that were removed; it is tried again");
                kept.extend(removed);
            }
        }
        self.leftovers.lock().extend(kept);
    }
}
