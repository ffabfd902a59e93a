//! What a start finds: the catalog, files that it does not know, and the log.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

use disk::{SharedStorage, Wal, WalConfig};
use model::{ReadError, TenantId};
use state::LogSegmentChange;
use ulid::Ulid;

use super::{Held, OpenReport, log_number, sort_segments};
use crate::catalog::Catalog;
use crate::config::Config;
use crate::error::LakeError;
use crate::files::SegmentFiles;
use crate::keys::Keys;
use crate::limits::BATCH_MEMORY_MS;
use crate::record;
use crate::segment::{Known, Segment};
use crate::store::take_in::{self, TakenIn};
use crate::telemetry::Telemetry;

/// A store while it is opened.
pub(super) struct Opening<'o> {
    pub(super) config: &'o Config,
    pub(super) storage: &'o SharedStorage,
    pub(super) files: &'o dyn SegmentFiles,
    pub(super) catalog: &'o Catalog,
    pub(super) telemetry: &'o Telemetry,
    pub(super) report: OpenReport,
    pub(super) held: Held,
    pub(super) keys: Keys,
}

impl Opening<'_> {
    pub(super) fn damage(&mut self, what: String) {
        tracing::error!(damage = what, "store of logs damaged");
        self.telemetry.damage.inc();
        self.report.damage.push(what);
    }

    /// Finds the segments that answer.
    pub(super) fn find_segments(&mut self, now_ms: i64) -> Result<(), LakeError> {
        let failed = |source| LakeError::Catalog { source };
        let rows = self.catalog.segments().map_err(failed)?;
        let mut known: Vec<Known> = rows.into_iter().map(Known::from_row).collect();
        self.remove_leftovers(&known, now_ms)?;
        // A place far away is listed only where nothing else tells what is there.
        if self.files.is_near() || known.is_empty() {
            self.compare(&mut known, now_ms)?;
        }
        self.read_keys(&mut known, now_ms)?;
        self.report.segments = known.len() as u64;
        let mut known: Vec<Arc<Known>> = known.into_iter().map(Arc::new).collect();
        sort_segments(&mut known);
        self.held.segments = Arc::new(known);
        Ok(())
    }

    /// Removes files that were not finished, or were given up. Where the catalog is from a backup, one of them may hold lines that
    /// nothing else has any more: such a file is set aside.
    fn remove_leftovers(&mut self, known: &[Known], now_ms: i64) -> Result<(), LakeError> {
        let failed = |source| LakeError::Catalog { source };
        let leftovers = self.catalog.leftovers().map_err(failed)?;
        if leftovers.is_empty() {
            return Ok(());
        }
        let there: BTreeSet<Ulid> = match self.files.list() {
            Ok(there) => there.into_iter().collect(),
            Err(error) => {
                tracing::warn!(%error, "files that are left over not removed; the next start tries again");
                return Ok(());
            }
        };
        let mut removed = Vec::new();
        for id in leftovers {
            let place = self.files.place(id);
            let is_gone = !there.contains(&id) || self.may_go(id, known, &there, now_ms);
            if !is_gone {
                match self.files.set_aside(id) {
                    Ok(aside) => self.damage(format!(
                        "{place} was given up or not finished as far as the catalog knows, and nothing else is known to have its lines: \
                         {aside}; where the catalog came from a backup put the file back and start again, else remove it"
                    )),
                    Err(fault) => {
                        tracing::warn!(place, fault, "file that is left over stays; the next start tries again");
                        continue;
                    }
                }
            }
            match self.files.remove(id) {
                Ok(()) => removed.push(id),
                Err(error) => {
                    tracing::warn!(place, %error, "file that is left over not removed; the next start tries again");
                }
            }
        }
        if removed.is_empty() {
            return Ok(());
        }
        self.catalog.forget_leftovers(removed).map_err(failed)
    }

    /// Whether nothing is lost with a file: it is not whole, its time is over, or segments that are there or the log have its lines.
    fn may_go(&self, id: Ulid, known: &[Known], there: &BTreeSet<Ulid>, now_ms: i64) -> bool {
        let mut covered = BTreeSet::new();
        for known in known.iter().filter(|known| there.contains(&known.id)) {
            covered.insert(known.id);
            covered.extend(known.sources.iter().copied());
        }
        if covered.contains(&id) {
            return true;
        }
        match Segment::inspect(self.files, id, &self.telemetry.bytes_read) {
            Ok((found, _)) if found.max_ns < self.config.oldest_ns(now_ms) => true,
            Ok((found, _)) if found.sources.is_empty() => {
                // The log goes after this number is kept.
                found.log_before > log_number::read(&**self.storage, &self.config.dir)
            }
            Ok((found, _)) => found.sources.iter().all(|source| covered.contains(source)),
            Err(error) => matches!(error, ReadError::Damaged { .. }),
        }
    }

    /// Compares the catalog with the files that are there.
    fn compare(&mut self, known: &mut Vec<Known>, now_ms: i64) -> Result<(), LakeError> {
        let there = self.files.list().map_err(|source| LakeError::Files {
            place: self.files.all(),
            source,
        })?;
        let there: BTreeSet<Ulid> = there.into_iter().collect();
        let oldest_ms = now_ms.saturating_sub(self.config.retention.as_millis_i64());
        let (kept, missing): (Vec<Known>, Vec<Known>) = std::mem::take(known)
            .into_iter()
            .partition(|known| there.contains(&known.id));
        for gone in missing {
            // What nobody would keep any more is missed by nobody.
            if gone.max_ns >= oldest_ms.saturating_mul(1_000_000) {
                self.damage(format!(
                    "{} is in the catalog and not on disk: its {} lines do not answer, all other segments do; put the file back \
                     from a backup and start again, or forget it with `watchkeeper doctor rebuild-catalog`",
                    self.files.place(gone.id),
                    gone.rows,
                ));
            }
        }
        let ids: BTreeSet<Ulid> = kept.iter().map(|known| known.id).collect();
        let strays: Vec<Ulid> = there.into_iter().filter(|id| !ids.contains(id)).collect();
        *known = kept;
        if strays.is_empty() {
            return Ok(());
        }
        tracing::warn!(
            files = strays.len(),
            known = known.len(),
            "segments that the catalog does not know are taken in"
        );
        let bytes_read = &self.telemetry.bytes_read;
        let taken_in = take_in::take_in(self.files, bytes_read, strays, std::mem::take(known));
        let TakenIn {
            known: all,
            change,
            stood_for,
            damage,
            ..
        } = taken_in;
        self.catalog
            .change(change)
            .map_err(|source| LakeError::Catalog { source })?;
        for id in stood_for {
            if let Err(error) = self.files.remove(id) {
                let place = self.files.place(id);
                tracing::warn!(place, %error, "segment that another one stands for not removed");
            }
        }
        for what in damage {
            self.damage(what);
        }
        *known = all;
        Ok(())
    }

    /// Remembers the keys of the last batches before the store was closed, however long ago that was.
    fn read_keys(&mut self, segments: &mut Vec<Known>, now_ms: i64) -> Result<(), LakeError> {
        let newest_ms = segments.iter().filter_map(|known| known.keys_until_ms).max();
        let Some(newest_ms) = newest_ms.map(|newest_ms| newest_ms.min(now_ms)) else {
            return Ok(());
        };
        let mut damaged = BTreeSet::new();
        for known in segments.iter() {
            let is_new = |until_ms: i64| until_ms >= newest_ms.saturating_sub(BATCH_MEMORY_MS);
            if !known.keys_until_ms.is_some_and(is_new) {
                continue;
            }
            match Segment::open(self.files, known, &self.telemetry.bytes_read) {
                Ok(segment) => {
                    for (key, came_ms) in &segment.contents().keys {
                        self.keys.remember(known.tenant, *key, *came_ms, newest_ms);
                    }
                }
                Err(error @ ReadError::Damaged { .. }) => {
                    let aside = self.files.set_aside(known.id);
                    damaged.extend(aside.is_ok().then_some(known.id));
                    let aside = aside.unwrap_or_else(|fault| fault);
                    self.damage(format!("{error}; {aside}; all other segments answer"));
                }
                Err(error) => {
                    tracing::warn!(%error, "keys of batches not read: what is sent again now may be stored again");
                }
            }
        }
        if damaged.is_empty() {
            return Ok(());
        }
        segments.retain(|known| !damaged.contains(&known.id));
        let change = LogSegmentChange {
            gone: damaged.into_iter().collect(),
            ..LogSegmentChange::default()
        };
        (self.catalog.change(change)).map_err(|source| LakeError::Catalog { source })
    }

    /// Reads what no segment has from the log.
    pub(super) fn replay(&mut self) -> Result<Wal, disk::DiskError> {
        let mut sealed_before: HashMap<TenantId, u64> = HashMap::new();
        for known in self.held.segments.iter() {
            let before = sealed_before.entry(known.tenant).or_default();
            *before = known.log_before.max(*before);
        }
        let kept = log_number::read(&**self.storage, &self.config.dir);
        let mut wal_config = WalConfig::in_dir(self.config.dir.join("log"), quarantine_dir(&self.config.dir));
        let sealed = sealed_before.values().copied().max();
        wal_config.segment_min = sealed.unwrap_or(1).max(kept).max(1);
        wal_config.telemetry = self.telemetry.log.clone();
        let storage = Arc::clone(self.storage);
        let (wal, replayed) = Wal::open(storage, wal_config, &mut |record| {
            if record.kind != record::BATCH {
                return Err(format!("a record of unknown kind {}", record.kind));
            }
            let (rows, came_ms) = record::decode_batch(record.payload).map_err(|error| error.to_string())?;
            if record.segment < sealed_before.get(&rows.tenant).copied().unwrap_or_default() {
                return Ok(());
            }
            // Judged as it was when it came.
            let is_new = rows
                .key
                .is_none_or(|key| self.keys.remember(rows.tenant, key, came_ms, came_ms));
            if is_new {
                self.report.lines += rows.line_count() as u64;
                self.held.buffers.add(record.segment, &Arc::new(rows), came_ms);
            }
            Ok(())
        })?;
        self.report.records = replayed.records;
        // What is sealed must not come back once its segments are gone.
        if let Some(oldest) = (self.held.buffers.oldest_log_segment()).or(sealed) {
            wal.remove_oldest(|segment| segment < oldest)?;
        }
        for damage in replayed.damage {
            self.damage(damage.to_string());
        }
        Ok(wal)
    }
}

/// Where damaged files go.
pub(super) fn quarantine_dir(dir: &Path) -> std::path::PathBuf {
    dir.join("quarantine")
}
