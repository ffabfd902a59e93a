//! Requests to delete lines: kept in the database, heeded by every answer at once, carried out segment by segment.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::Arc;

use model::{
    DeleteError, Labels, LineFilter, LogDelete, LogFlow, LogSelection, NewDeletion, ReadError,
    ReadLineFilter, TenantId,
};
use parking_lot::{Mutex, RwLock};
use state::{LogDeletionRow, State};
use ulid::Ulid;

use super::hiding::Hiding;
use super::merge::merged;
use super::read::{Columns, Reading};
use super::{Change, Inner, Lake};
use crate::catalog::Catalog;
use crate::error::LakeError;
use crate::limits::{DELETIONS_OPEN_MAX, RETENTION_LOOK_MS};
use crate::segment::{Known, Segment};

/// A request that is not done yet.
#[derive(Debug)]
pub(super) struct Deletion {
    pub(super) id: String,
    pub(super) tenant: TenantId,
    pub(super) filter: Arc<dyn LineFilter>,
    pub(super) from_ns: i64,
    /// The latest time.
    pub(super) to_ns: i64,
    created_ms: i64,
    progress: Mutex<Progress>,
}

/// What is done of a request.
#[derive(Debug, Default)]
struct Progress {
    /// Whether lines that were in memory when it began lie in segments.
    is_sealed: bool,
    /// Segments that have none of its lines.
    clean: BTreeSet<Ulid>,
    lines: u64,
}

/// All requests that are not done yet.
#[derive(Debug, Default)]
pub(super) struct Deletions {
    read_filter: Option<ReadLineFilter>,
    open: RwLock<Arc<Vec<Arc<Deletion>>>>,
    /// One at a time is taken in, taken back or finished.
    changing: Mutex<()>,
}

impl Deletions {
    /// What the database knows; what cannot be read any more is told.
    pub(super) fn load(
        catalog: &Catalog,
        read_filter: Option<ReadLineFilter>,
    ) -> Result<(Self, Vec<String>), LakeError> {
        let rows = catalog.ask(State::log_deletions)?;
        let mut open = Vec::new();
        let mut faults = Vec::new();
        for row in rows.into_iter().filter(|row| row.finished_ms.is_none()) {
            match read(read_filter, &row.query) {
                Ok(filter) => open.push(Arc::new(Deletion::of(row, filter))),
                Err(reason) => faults.push(format!(
                    "request {} to delete lines cannot be read, its lines answer: {reason}; cancel it and ask again",
                    row.id
                )),
            }
        }
        let deletions = Self {
            read_filter,
            open: RwLock::new(Arc::new(open)),
            changing: Mutex::default(),
        };
        Ok((deletions, faults))
    }

    /// Those that are not done yet.
    pub(super) fn open(&self) -> Arc<Vec<Arc<Deletion>>> {
        Arc::clone(&self.open.read())
    }

    fn change(&self, change: impl FnOnce(&mut Vec<Arc<Deletion>>)) {
        let mut open = self.open.write();
        let mut changed = open.to_vec();
        change(&mut changed);
        *open = Arc::new(changed);
    }

    /// A segment has no lines of requests of which none of its sources had any.
    pub(super) fn merged(&self, sources: &[Arc<Known>], made: Ulid) {
        for deletion in self.open().iter() {
            let mut progress = deletion.progress.lock();
            if sources.iter().all(|known| progress.clean.contains(&known.id)) {
                progress.clean.insert(made);
            }
        }
    }
}

fn read(read_filter: Option<ReadLineFilter>, query: &str) -> Result<Arc<dyn LineFilter>, String> {
    let read_filter = read_filter.ok_or("this store reads no queries")?;
    read_filter(query)
}

impl Deletion {
    fn of(row: LogDeletionRow, filter: Arc<dyn LineFilter>) -> Self {
        Self {
            id: row.id,
            tenant: TenantId(row.tenant),
            filter,
            from_ns: row.from_ns,
            to_ns: row.to_ns,
            created_ms: row.created_ms,
            progress: Mutex::default(),
        }
    }

    /// Whether a segment may have lines of it.
    fn may_touch(&self, known: &Known) -> bool {
        known.tenant == self.tenant
            && known.max_ns >= self.from_ns
            && known.min_ns <= self.to_ns
            && !self.progress.lock().clean.contains(&known.id)
            && known.labels.may_meet(self.filter.matchers())
    }
}

fn kept(error: &LakeError) -> DeleteError {
    DeleteError::Store {
        reason: error.full_text(),
    }
}

impl LogDelete for Lake {
    fn delete(&self, wanted: &NewDeletion, now_ms: i64) -> Result<String, DeleteError> {
        let (inner, deletions) = (&self.inner, &self.inner.deletions);
        let filter = read(deletions.read_filter, &wanted.query).map_err(DeleteError::BadQuery)?;
        let _turn = deletions.changing.lock();
        if deletions.open().len() >= DELETIONS_OPEN_MAX {
            return Err(DeleteError::TooMany {
                max: DELETIONS_OPEN_MAX,
            });
        }
        let row = LogDeletionRow {
            id: inner.next_id(now_ms).to_string(),
            tenant: wanted.tenant.0,
            query: wanted.query.clone(),
            from_ns: wanted.from_ns,
            to_ns: wanted.to_ns,
            created_ms: now_ms,
            finished_ms: None,
        };
        let id = row.id.clone();
        inner
            .catalog
            .ask(|state| state.add_log_deletion(row.clone()))
            .map_err(|error| kept(&error))?;
        // Not what it asks for: people delete what should not have been written anywhere.
        tracing::warn!(
            id,
            tenant = wanted.tenant.0,
            from_ns = wanted.from_ns,
            to_ns = wanted.to_ns,
            "deletion of log lines requested"
        );
        deletions.change(|open| open.push(Arc::new(Deletion::of(row, filter))));
        inner.telemetry.deletions_requested.inc();
        Ok(id)
    }

    fn deletions(&self, tenant: TenantId) -> Result<Vec<model::Deletion>, DeleteError> {
        let rows = self.inner.catalog.ask(State::log_deletions);
        let rows = rows.map_err(|error| kept(&error))?.into_iter();
        let own = rows.filter(|row| row.tenant == tenant.0);
        let deletions = own.map(|row| model::Deletion {
            id: row.id,
            wanted: NewDeletion {
                tenant,
                query: row.query,
                from_ns: row.from_ns,
                to_ns: row.to_ns,
            },
            created_ms: row.created_ms,
            finished_ms: row.finished_ms,
        });
        Ok(deletions.collect())
    }

    fn cancel_deletion(&self, tenant: TenantId, id: &str, now_ms: i64) -> Result<bool, DeleteError> {
        let (inner, deletions) = (&self.inner, &self.inner.deletions);
        let _turn = deletions.changing.lock();
        let rows = inner.catalog.ask(State::log_deletions);
        let rows = rows.map_err(|error| kept(&error))?;
        let Some(row) = rows.iter().find(|row| row.tenant == tenant.0 && row.id == id) else {
            return Ok(false);
        };
        let is_readable = deletions.open().iter().any(|deletion| deletion.id == id);
        if row.finished_ms.is_some() || (is_readable && inner.is_due(row.created_ms, now_ms)) {
            return Err(DeleteError::TooLate { id: id.to_owned() });
        }
        inner
            .catalog
            .ask(|state| state.remove_log_deletion(id))
            .map_err(|error| kept(&error))?;
        tracing::warn!(id, tenant = tenant.0, "deletion of log lines cancelled");
        deletions.change(|open| open.retain(|deletion| deletion.id != id));
        Ok(true)
    }
}

impl Inner {
    /// Whether it is too late to take a request back.
    fn is_due(&self, created_ms: i64, now_ms: i64) -> bool {
        created_ms.saturating_add(self.config.delete_cancel_period.as_millis_i64()) <= now_ms
    }

    /// Takes lines out of one segment, where some must go; tells whether there may be more to do.
    pub(super) fn rewrite_one(&self, now_ms: i64) -> Result<bool, LakeError> {
        let open = self.deletions.open();
        let due: Vec<Arc<Deletion>> = (open.iter())
            .filter(|deletion| self.is_due(deletion.created_ms, now_ms))
            .cloned()
            .collect();
        if due.iter().any(|deletion| !deletion.progress.lock().is_sealed) {
            self.seal(now_ms)?;
            for deletion in &due {
                deletion.progress.lock().is_sealed = true;
            }
        }
        let segments = Arc::clone(&self.held.read().segments);
        let passed_over = self.passed_over.now(now_ms);
        let mut waiting = BTreeSet::new();
        for known in segments.iter() {
            let touched: Vec<&Arc<Deletion>> =
                due.iter().filter(|deletion| deletion.may_touch(known)).collect();
            if touched.is_empty() {
                continue;
            }
            if !passed_over.contains_key(&known.id) {
                match self.delete_from(known, &due, &touched, now_ms) {
                    Err(LakeError::ReadSegment { source }) => {
                        self.pass_over(std::slice::from_ref(known), &source, now_ms)?;
                        // The others in turns to come: it takes long to find out that what is far away does not answer.
                        return Ok(!matches!(source, ReadError::Io { .. }));
                    }
                    done => return done.map(|()| true),
                }
            }
            waiting.extend(touched.iter().map(|deletion| deletion.id.clone()));
        }
        for deletion in due.iter().filter(|deletion| !waiting.contains(&deletion.id)) {
            self.finish(deletion, now_ms)?;
        }
        self.rewrite_for_retention(&segments, &due, now_ms)
    }

    fn delete_from(
        &self,
        known: &Arc<Known>,
        due: &[Arc<Deletion>],
        touched: &[&Arc<Deletion>],
        now_ms: i64,
    ) -> Result<(), LakeError> {
        let failed = |source| LakeError::ReadSegment { source };
        let segment = self.segments.open_once(known).map_err(failed)?;
        let mut has_some = false;
        for deletion in touched {
            has_some = has_some || has_lines_of(&segment, deletion)?;
        }
        let made = if has_some {
            self.rewrite(known, &segment, due, now_ms)?
        } else {
            Some((known.id, 0))
        };
        let Some((id, lines)) = made else {
            return Ok(());
        };
        for deletion in touched {
            let mut progress = deletion.progress.lock();
            progress.clean.insert(id);
            progress.lines += lines;
        }
        Ok(())
    }

    /// Writes a segment again without the lines that must go; tells the new one's name and how many went. `None`: another process does it.
    fn rewrite(
        &self,
        known: &Arc<Known>,
        segment: &Arc<Segment>,
        due: &[Arc<Deletion>],
        now_ms: i64,
    ) -> Result<Option<(Ulid, u64)>, LakeError> {
        let Some(lease) = self.lease(now_ms)? else {
            return Ok(None);
        };
        let of_segment = (known.tenant, known.min_ns, known.max_ns.saturating_add(1));
        let mut hiding = Hiding::of(due.iter(), &self.config, of_segment, now_ms);
        let (builder, rows) = merged(&[Arc::clone(segment)], hiding.as_mut(), |tenant, keys| {
            self.keep_known_keys(tenant, keys, now_ms);
        })
        .map_err(|source| LakeError::ReadSegment { source })?;
        let added = if rows > 0 {
            vec![self.announce_and_publish(builder, now_ms)?]
        } else {
            Vec::new()
        };
        let id = added.first().map_or(known.id, |made| made.id);
        self.commit(Change {
            added,
            gone: vec![Arc::clone(known)],
            lease: Some(lease),
            ..Change::default()
        })?;
        let lines = known.rows.saturating_sub(rows);
        self.telemetry.lines_deleted.inc_by(lines);
        Ok(Some((id, lines)))
    }

    fn finish(&self, deletion: &Arc<Deletion>, now_ms: i64) -> Result<(), LakeError> {
        let _turn = self.deletions.changing.lock();
        self.catalog
            .ask(|state| state.finish_log_deletion(&deletion.id, now_ms))?;
        self.deletions
            .change(|open| open.retain(|other| other.id != deletion.id));
        let lines = deletion.progress.lock().lines;
        tracing::warn!(
            id = deletion.id,
            tenant = deletion.tenant.0,
            from_ns = deletion.from_ns,
            to_ns = deletion.to_ns,
            lines,
            "deletion of log lines is done"
        );
        Ok(())
    }

    /// Takes the lines of streams whose time is over out of one segment, where they are a good part of it.
    fn rewrite_for_retention(
        &self,
        segments: &[Arc<Known>],
        due: &[Arc<Deletion>],
        now_ms: i64,
    ) -> Result<bool, LakeError> {
        if self.config.stream_retention.is_empty() {
            return Ok(false);
        }
        let passed_over = self.passed_over.now(now_ms);
        let mut looked = self.looked_for_retention.lock();
        looked.retain(|_, at_ms| now_ms.saturating_sub(*at_ms) < RETENTION_LOOK_MS);
        for known in segments {
            let oldest_ns = |keep: stdx::HumanDuration| {
                let oldest_ms = now_ms.saturating_sub(keep.as_millis_i64());
                oldest_ms.saturating_mul(1_000_000)
            };
            let is_over = (self.config.stream_retention.iter())
                .any(|rule| known.min_ns < oldest_ns(rule.keep) && known.labels.may_meet(&rule.matchers));
            if !is_over || looked.contains_key(&known.id) || passed_over.contains_key(&known.id) {
                continue;
            }
            looked.insert(known.id, now_ms);
            let segment = match self.segments.open_once(known) {
                Ok(segment) => segment,
                Err(error) => {
                    self.pass_over(std::slice::from_ref(known), &error, now_ms)?;
                    return Ok(!matches!(error, ReadError::Io { .. }));
                }
            };
            let over = (segment.contents().streams.iter())
                .filter(|stream| stream.max_ns < oldest_ns(self.config.keep_for(&stream.labels)));
            let bytes: u64 = over.map(|stream| stream.line_bytes + 1).sum();
            // Written again for a quarter of its lines; what is less stays hidden.
            if bytes > 0 && bytes.saturating_mul(4) >= known.line_bytes {
                match self.rewrite(known, &segment, due, now_ms) {
                    Ok(Some((id, _))) => {
                        looked.insert(id, now_ms);
                        return Ok(true);
                    }
                    Ok(None) => {}
                    Err(LakeError::ReadSegment { source }) => {
                        self.pass_over(std::slice::from_ref(known), &source, now_ms)?;
                        return Ok(!matches!(source, ReadError::Io { .. }));
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(false)
    }
}

/// Whether a segment has any line of a request.
fn has_lines_of(segment: &Segment, deletion: &Deletion) -> Result<bool, LakeError> {
    let selection = LogSelection {
        tenant: deletion.tenant,
        matchers: deletion.filter.matchers().to_vec(),
        from_ns: deletion.from_ns,
        to_ns: deletion.to_ns.saturating_add(1),
        needs_lines: deletion.filter.needs_lines(),
        ..LogSelection::default()
    };
    let mut judge = deletion.filter.judge();
    let mut has_some = false;
    let mut take = |stream: &Labels, columns: &mut Columns| {
        judge.start_stream(stream);
        columns.each_row(stream, |at_ns, line, metadata| {
            has_some = has_some || judge.means(at_ns, line, metadata);
        })?;
        Ok(if has_some { LogFlow::Stop } else { LogFlow::More })
    };
    let read = Reading::new(&selection, &mut take).segment(segment);
    read.map_err(|source| LakeError::ReadSegment { source })?;
    Ok(has_some)
}
