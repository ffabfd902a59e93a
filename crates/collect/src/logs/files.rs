//! Follows files: reads what is new in any of them into batches, each of which is stored once, whatever happens.
//!
//! In: files that the lists name; changes that the kernel tells of.  Out: batches of lines to [`model::LogWrite`].
//! Owns: one thread, and the file that says how far all files are read (docs/formats/log-positions.md).
//! Invariants: every line is stored once: before a batch is handed over it is noted what it is made of, and a batch of which it is
//! not known whether it was stored is made again and given the same key (`files::tests`); what a file that was renamed, removed or
//! copied and truncated still holds is read (`files::tests`); where the store takes nothing, nothing more is read (`files::tests`).
//! Not here: cutting into entries (`forms`), what becomes of lines (behind the door).
//! Start at: [`Follower::run`].

mod batch;
mod content;
mod known;
mod list;
mod positions;
mod read;
mod recover;
mod rotate;
mod scan;
#[cfg(test)]
mod tests;
mod tracked;
mod watch;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tracing::{error, info, warn};

use super::GathererDeps;
use super::config::LogsConfig;
use super::position_file::PositionFile;
use crate::error::Error;
use crate::limits::{
    LOG_FILES_MANY, LOG_FILES_OPEN_MAX, LOG_POLL_EVERY, LOG_ROUND_EVERY, LOG_ROUND_EVERY_OF_MANY,
    LOG_SCAN_EVERY, LOG_SETTLE_EVERY,
};
use batch::Batch;
use list::{FileKey, List};
use positions::Kept;
use tracked::{Place, Tracked};
pub(super) use watch::Waker;
use watch::Watch;

/// The source that batches of files are counted under where they are stored.
pub(super) const SOURCE: &str = "files";

/// How one is told to end.
#[derive(Debug, Clone)]
pub(super) struct Stop {
    is_set: Arc<AtomicBool>,
    waker: Waker,
}

impl Stop {
    pub(super) fn new() -> std::io::Result<Self> {
        Ok(Self {
            is_set: Arc::default(),
            waker: Waker::new()?,
        })
    }

    pub(super) fn set(&self) {
        self.is_set.store(true, Ordering::Release);
        self.waker.wake();
    }

    pub(super) fn waker(&self) -> &Waker {
        &self.waker
    }

    pub(super) fn is_set(&self) -> bool {
        self.is_set.load(Ordering::Acquire)
    }
}

/// All files that are followed.
#[derive(Debug)]
pub(super) struct Follower {
    lists: Vec<List>,
    deps: GathererDeps,
    stop: Stop,
    /// Where it is kept how far files are read.
    path: PathBuf,
    files: BTreeMap<FileKey, Tracked>,
    /// Followed files by their names, and by those to which links lead.
    by_path: HashMap<PathBuf, FileKey>,
    watch: Watch,
    kept: Kept,
    /// Lists that were not followed before: of files that are there already it is asked where to begin.
    new_lists: Vec<bool>,
    /// The process ended while a batch was handed over: what is on disk says so, and must go on to.
    is_broken_off: bool,
    /// What is known is not on disk yet.
    is_unsaved: bool,
    files_open: usize,
    files_open_max: usize,
    /// Files have come or gone, as far as the kernel tells.
    wants_scan: bool,
    scanned_at: Duration,
    /// When files were let go and gauges brought up to date last.
    settled_at: Duration,
    /// The file that was read last, after which the next round begins.
    last_read: Option<FileKey>,
    /// The time of the last line, so that none is older than the one before.
    last_ns: i64,
    room: Vec<u8>,
}

impl Follower {
    /// Reads how far files were read, and finishes the batch that was under way when the process ended.
    pub(super) fn open(config: &LogsConfig, deps: GathererDeps, stop: Stop) -> Result<Self, Error> {
        let lists = List::all(config).map_err(|reason| Error::LogLists { reason })?;
        let path = deps.folder.join("log-positions.json");
        let kept = load(&path, &deps)?;
        let hashes: Vec<u64> = lists.iter().map(List::hash).collect();
        let new_lists = hashes.iter().map(|hash| !kept.lists.contains(hash)).collect();
        let mut follower = Self {
            new_lists,
            lists,
            watch: Watch::new(stop.waker.clone()),
            stop,
            path,
            files: BTreeMap::new(),
            by_path: HashMap::new(),
            deps,
            is_broken_off: false,
            // A list that finds no file yet was followed, too: what comes later is no file that was there already.
            is_unsaved: hashes != kept.lists,
            kept,
            files_open: 0,
            files_open_max: files_open_max(),
            wants_scan: true,
            scanned_at: Duration::ZERO,
            settled_at: Duration::ZERO,
            last_read: None,
            last_ns: 0,
            room: Vec::new(),
        };
        follower.recover();
        Ok(follower)
    }

    /// Follows all files until told to stop.
    pub(super) fn run(&mut self) {
        if self.is_broken_off {
            return;
        }
        info!(
            lists = self.lists.len(),
            files = self.files.len(),
            "log files are followed"
        );
        self.scan();
        self.new_lists.fill(false);
        while !self.stop.is_set() {
            let began = self.now();
            let changes = self.watch.changes();
            self.take_notice(&changes);
            if self.scan_is_due(began) {
                self.scan();
            }
            let round = self.round();
            if self.is_broken_off {
                return;
            }
            // Also while there is more to read than rounds take.
            if round != Round::Full || began.saturating_sub(self.settled_at) >= LOG_SETTLE_EVERY {
                self.settled_at = began;
                self.let_go();
                self.show();
            }
            if round == Round::Full {
                continue;
            }
            if self.is_unsaved && round == Round::Nothing {
                self.save(None);
            }
            let patience = match round {
                // Many small writes become one batch; whatever comes meanwhile is told after.
                Round::Some | Round::Full => {
                    self.pause((began + self.round_every()).saturating_sub(self.now()));
                    continue;
                }
                Round::Nothing => self.patience(),
            };
            self.watch.wait(patience);
        }
        if self.is_unsaved {
            self.save(None);
        }
    }

    fn now(&self) -> Duration {
        self.deps.clock.monotonic()
    }

    /// How long there is nothing to do unless something changes.
    fn patience(&self) -> Duration {
        let scan = (self.scanned_at + self.scan_every()).saturating_sub(self.now());
        let waits = |file: &Tracked| {
            self.lists
                .get(file.list)
                .is_some_and(|list| list.form.wait().is_some())
        };
        let is_restless =
            |file: &Tracked| file.is_due || file.place == Place::Leaving || (file.lag() > 0 && waits(file));
        let is_copy = |file: &&Tracked| matches!(file.place, Place::CopyOf(_));
        let patience = if self.files.values().filter(|file| !is_copy(file)).any(is_restless) {
            scan.min(Duration::from_millis(250))
        } else {
            scan
        };
        patience.max(Duration::from_millis(1))
    }

    /// The time between two rounds that were not full.
    fn round_every(&self) -> Duration {
        if self.files.len() < LOG_FILES_MANY {
            LOG_ROUND_EVERY
        } else {
            LOG_ROUND_EVERY_OF_MANY
        }
    }

    /// The time between two scans, as things are.
    fn scan_every(&self) -> Duration {
        if self.wants_scan {
            2 * LOG_ROUND_EVERY
        } else if self.watch.is_whole() {
            LOG_SCAN_EVERY
        } else {
            LOG_POLL_EVERY
        }
    }

    fn scan_is_due(&self, now: Duration) -> bool {
        now.saturating_sub(self.scanned_at) >= self.scan_every()
    }

    fn take_notice(&mut self, changes: &watch::Changes) {
        self.wants_scan |= changes.moved || changes.overflowed;
        for path in &changes.written {
            let file = self.by_path.get(path).and_then(|key| self.files.get_mut(key));
            if let Some(file) = file {
                file.is_due = true;
            }
        }
        for file in self.files.values_mut() {
            // Of what lost its name nobody tells.
            file.is_due |= changes.overflowed || file.place == Place::Leaving;
        }
    }

    /// Writes down how far all files are read, and up to where they are in a batch that is handed over now.
    fn save(&mut self, open: Option<&Batch>) -> bool {
        self.kept.lists = self.lists.iter().map(List::hash).collect();
        let open = open.map(Batch::open).unwrap_or_default();
        let files = self.files.iter();
        self.kept.files = files
            .map(|(key, file)| file.kept(open.get(key).copied()))
            .collect();
        match self.kept.save(&disk::LocalStorage, &self.path) {
            Ok(()) => {
                self.is_unsaved = false;
                true
            }
            Err(fault) => {
                self.deps.telemetry.count_error(SOURCE, "positions");
                let fault: &dyn std::error::Error = &fault;
                error!(
                    error = fault,
                    "it cannot be kept how far log files are read, no more is read until it can"
                );
                false
            }
        }
    }

    /// Brings the gauges up to date.
    fn show(&mut self) {
        let telemetry = &self.deps.telemetry;
        telemetry.files.set(self.files.len() as i64);
        self.files_open = self.files.values().filter(|file| file.file.is_some()).count();
        telemetry.files_open.set(self.files_open as i64);
        let lag: u64 = self.files.values().map(Tracked::lag).sum();
        telemetry.lag.set(lag as i64);
    }
}

/// What a round did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Round {
    /// There was nothing to read.
    Nothing,
    /// Everything was read.
    Some,
    /// There is more than one round takes.
    Full,
}

/// Reads the file of positions; a damaged one is set aside, and everything begins anew.
fn load(path: &std::path::Path, deps: &GathererDeps) -> Result<Kept, Error> {
    let seed = || {
        use std::hash::{BuildHasher, RandomState};
        let half = |salt: i64| u128::from(RandomState::new().hash_one((salt, deps.clock.now_ms())));
        half(1) << 64 | half(2)
    };
    match Kept::load(path) {
        Ok(kept) => Ok(kept.unwrap_or_else(|| Kept::new(seed()))),
        Err(fault @ (Error::Positions { .. } | Error::TooLarge { .. })) => {
            deps.telemetry.count_error(SOURCE, "positions");
            let aside = deps.folder.join("quarantine");
            let moved = disk::quarantine(&disk::LocalStorage, path, &aside)
                .map_err(|source| Error::Keep { source })?;
            let (aside, fault): (_, &dyn std::error::Error) = (moved.display(), &fault);
            warn!(%aside, error = fault, "log files are read anew, it is not known how far they were read");
            Ok(Kept::new(seed()))
        }
        Err(fault) => Err(fault),
    }
}

/// A part of what the process may hold open.
fn files_open_max() -> usize {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let half = usize::try_from(limit.unwrap_or(u64::MAX) / 2).unwrap_or(usize::MAX);
    half.min(LOG_FILES_OPEN_MAX)
}
