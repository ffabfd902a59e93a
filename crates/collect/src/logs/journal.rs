//! Follows the journal of systemd: what `journalctl` prints becomes batches, each of which is stored once.
//!
//! In: entries as JSON.  Out: batches of lines to [`model::LogWrite`].
//! Owns: one thread, a process of `journalctl`, and the file that says how far the journal is read.
//! Invariants: every entry is stored once: before a batch is handed over its first and last entry are noted, and one of which it is not
//! known whether it was stored is read again and given the same key (`journal::tests`); a reader that ends is started again behind the
//! last entry (`journal::tests`).
//! Not here: the form of entries (`entry`).
//! Start at: [`Journal::run`].

mod cursor;
pub mod entry;
mod process;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::time::Duration;

use model::{Labels, LabelsBuilder, LogRows, TenantId};
use stdx::backoff::Backoff;
use tracing::{debug, error, info, warn};

use super::GathererDeps;
use super::config::{Journald, ReadFrom};
use super::files::Stop;
use super::position_file::PositionFile;
use super::telemetry::{SourceLabel, of};
use crate::error::Error;
use crate::limits::{JOURNAL_BATCH_BYTES_MAX, JOURNAL_BATCH_ENTRIES_MAX, JOURNAL_GATHER_WAIT};
use cursor::{Kept, Open};
use entry::Entry;
use process::Process;

/// The source that entries are counted under.
const SOURCE: &str = "journald";

/// How long an end of `journalctl` is waited after, and how long a batch that was not taken in.
const RETRY: Backoff = Backoff {
    first: Duration::from_millis(200),
    ceiling: Duration::from_secs(10),
};

/// How long the end of a batch that is read again is waited for before what is there is taken for it.
const REPEAT_WAIT: Duration = Duration::from_secs(10);

/// How long nothing is done where nothing comes.
const IDLE: Duration = Duration::from_secs(5);

/// The journal, followed.
#[derive(Debug)]
pub(super) struct Journal {
    config: Journald,
    deps: GathererDeps,
    stop: Stop,
    path: PathBuf,
    kept: Kept,
    is_unsaved: bool,
    /// It is not known yet where to begin: the journal was not followed before, and only what is new is wanted.
    wants_end: bool,
    gathered: Gathered,
}

/// Entries that wait to be handed over.
#[derive(Debug, Default)]
struct Gathered {
    rows: LogRows,
    stream: Option<Labels>,
    entries: usize,
    bytes: usize,
    first: Option<String>,
    last: Option<String>,
    /// When the first one came.
    since: Duration,
}

impl Journal {
    /// Reads how far the journal was read.
    pub(super) fn open(config: Journald, deps: GathererDeps, stop: Stop) -> Result<Self, Error> {
        let path = deps.folder.join("journal-position.json");
        let kept = match Kept::load(&path) {
            Ok(kept) => kept,
            Err(fault @ (Error::Positions { .. } | Error::TooLarge { .. })) => {
                deps.telemetry.count_error(SOURCE, "positions");
                let aside = deps.folder.join("quarantine");
                let moved = disk::quarantine(&disk::LocalStorage, &path, &aside)
                    .map_err(|source| Error::Keep { source })?;
                let (aside, fault): (_, &dyn std::error::Error) = (moved.display(), &fault);
                warn!(%aside, error = fault, "the journal is read anew, it is not known how far it was read");
                None
            }
            Err(fault) => return Err(fault),
        };
        Ok(Self {
            wants_end: kept.is_none() && config.read_from == ReadFrom::End,
            kept: kept.unwrap_or_default(),
            config,
            deps,
            stop,
            path,
            is_unsaved: false,
            gathered: Gathered::default(),
        })
    }

    /// Follows until told to stop.
    pub(super) fn run(&mut self) {
        info!("the journal is followed");
        let mut attempt = 0;
        while !self.stop.is_set() {
            let started = if self.wants_end && !self.begin_at_end() {
                Err(std::io::Error::other("the end of the journal cannot be found"))
            } else {
                Process::follow(&self.config, self.kept.cursor.as_deref())
            };
            if self.stop.is_set() {
                break;
            }
            match started {
                Ok(mut process) => {
                    if self.listen(&mut process) {
                        attempt = 0;
                    }
                    if self.stop.is_set() {
                        break;
                    }
                    let reason = process.end();
                    warn!(reason, "the reader of the journal has ended and is started again");
                }
                Err(error) => {
                    let program = &self.config.journalctl;
                    warn!(%error, program, "the reader of the journal cannot be started");
                    self.deps.telemetry.count_error(SOURCE, "start");
                }
            }
            self.deps.telemetry.journal_restarts.inc();
            // What was not handed over is read again.
            self.gathered = Gathered::default();
            self.pause(RETRY.wait(attempt, 0));
            attempt += 1;
        }
        if self.is_unsaved && self.kept.open.is_none() {
            self.save();
        }
    }

    /// Notes the last entry that there is before any is followed: whatever comes after it is read, whenever the process ends. `false`:
    /// it cannot be found or kept now.
    fn begin_at_end(&mut self) -> bool {
        match self.last_cursor() {
            // Of an empty journal everything is new: it is kept that there is no entry to go on behind.
            Ok(cursor) => self.kept.cursor = cursor,
            Err(error) => {
                warn!(%error, "the last entry of the journal cannot be looked up");
                return false;
            }
        }
        let is_kept = !self.stop.is_set() && self.save();
        self.wants_end = !is_kept;
        is_kept
    }

    /// The place of the last entry of the journal; `None` where it has none.
    fn last_cursor(&self) -> std::io::Result<Option<String>> {
        let mut process = Process::last(&self.config)?;
        let mut last = None;
        while !self.stop.is_set() {
            let mut line = Vec::new();
            let heard = process.listen(self.stop.waker(), IDLE, &mut |text| text.clone_into(&mut line))?;
            if !line.is_empty() {
                let entry = entry::parse(&line).map_err(std::io::Error::other)?;
                last = Some(entry.cursor);
            }
            if heard.is_over {
                process.finish()?;
                break;
            }
        }
        Ok(last)
    }

    /// Takes what a process prints until it ends; tells whether anything came.
    fn listen(&mut self, process: &mut Process) -> bool {
        let mut has_come = false;
        while !self.stop.is_set() {
            let mut lines = Vec::new();
            let heard = process.listen(self.stop.waker(), self.patience(), &mut |line| {
                lines.push(line.to_vec());
            });
            let heard = match heard {
                Ok(heard) => heard,
                Err(error) => {
                    warn!(%error, "the journal cannot be read");
                    self.deps.telemetry.count_error(SOURCE, "read");
                    return has_come;
                }
            };
            let malformed = self.deps.telemetry.malformed.get_or_create(&of(SOURCE)).clone();
            malformed.inc_by(heard.too_long);
            has_come |= !lines.is_empty();
            for line in lines {
                match entry::parse(&line) {
                    Ok(entry) => self.gather(entry, line.len()),
                    Err(reason) => {
                        malformed.inc();
                        debug!(reason, "entry of the journal skipped");
                    }
                }
                if self.is_due(false) && !self.hand_over() {
                    return has_come;
                }
            }
            if self.is_due(true) && !self.hand_over() {
                return has_come;
            }
            if self.gathered.entries == 0 && self.is_unsaved {
                self.save();
            }
            if heard.is_over {
                if self.kept.open.is_none() && self.gathered.entries > 0 {
                    self.hand_over();
                }
                return has_come;
            }
        }
        has_come
    }

    fn patience(&self) -> Duration {
        if self.gathered.entries == 0 {
            return IDLE;
        }
        let wait = if self.kept.open.is_some() {
            REPEAT_WAIT
        } else {
            JOURNAL_GATHER_WAIT
        };
        (self.gathered.since + wait).saturating_sub(self.deps.clock.monotonic())
    }

    /// Whether what waits is a batch. One that is read again ends where it ended.
    fn is_due(&self, is_all: bool) -> bool {
        let gathered = &self.gathered;
        if gathered.entries == 0 {
            return false;
        }
        let waited = self.deps.clock.monotonic().saturating_sub(gathered.since);
        let is_full =
            gathered.entries >= JOURNAL_BATCH_ENTRIES_MAX || gathered.bytes >= JOURNAL_BATCH_BYTES_MAX;
        match &self.kept.open {
            Some(open) => {
                gathered.last.as_ref() == Some(&open.last) || is_full || (is_all && waited >= REPEAT_WAIT)
            }
            None => is_full || (is_all && waited >= JOURNAL_GATHER_WAIT),
        }
    }

    fn gather(&mut self, entry: Entry, bytes: usize) {
        let telemetry = &self.deps.telemetry;
        telemetry.bytes.get_or_create(&of(SOURCE)).inc_by(bytes as u64);
        telemetry.fields_dropped.inc_by(entry.fields_dropped);
        let count = |family: &prometheus_client::metrics::family::Family<SourceLabel, _>, is: bool| {
            let counter: &prometheus_client::metrics::counter::Counter = &family.get_or_create(&of(SOURCE));
            counter.inc_by(u64::from(is));
        };
        count(&telemetry.lines_mended, entry.is_mended);
        count(&telemetry.lines_cut, entry.is_cut);
        count(&telemetry.malformed, entry.message.is_none());
        count(&telemetry.lines, entry.message.is_some());
        let gathered = &mut self.gathered;
        if gathered.entries == 0 {
            gathered.since = self.deps.clock.monotonic();
            gathered.rows = LogRows::new(TenantId::DEFAULT);
            gathered.first = Some(entry.cursor.clone());
        }
        gathered.entries += 1;
        gathered.bytes += bytes;
        if let Some(message) = &entry.message {
            let labels = self.config.labels_of(&entry);
            if gathered.stream.as_ref() != Some(&labels) {
                gathered.rows.begin_stream(labels.clone());
                gathered.stream = Some(labels);
            }
            let pairs = entry.metadata.iter().map(|(name, value)| (&**name, &**value));
            gathered.rows.push(entry.at_ns, message, pairs);
        }
        gathered.last = Some(entry.cursor);
    }

    /// Notes what the batch is made of, hands it over and goes on behind it. `false`: everything is read again later.
    fn hand_over(&mut self) -> bool {
        let gathered = std::mem::take(&mut self.gathered);
        let (Some(first), Some(last)) = (gathered.first, gathered.last) else {
            return true;
        };
        let open = Open { first, last };
        if self.kept.open.as_ref() != Some(&open) {
            self.kept.open = Some(open.clone());
            if !self.save() {
                self.kept.open = None;
                return false;
            }
        }
        let mut rows = gathered.rows;
        rows.key = Some(open.key());
        if !rows.is_empty() && !self.store(&rows) {
            return false;
        }
        self.kept.cursor = Some(open.last);
        self.kept.open = None;
        self.is_unsaved = true;
        true
    }

    fn store(&self, rows: &LogRows) -> bool {
        let mut attempt = 0;
        loop {
            let now_ns = self.deps.clock.now_ms().saturating_mul(1_000_000);
            match self.deps.journal.append(rows, now_ns) {
                Ok(accepted) => {
                    let repeated = self.deps.telemetry.repeated.get_or_create(&of(SOURCE)).clone();
                    repeated.inc_by(u64::from(accepted.is_repeated));
                    return true;
                }
                Err(error) => {
                    warn!(%error, lines = rows.line_count(), "lines of the journal are not stored yet");
                    self.deps.telemetry.retries.get_or_create(&of(SOURCE)).inc();
                }
            }
            if self.stop.is_set() {
                return false;
            }
            self.pause(RETRY.wait(attempt, 1));
            attempt += 1;
        }
    }

    fn save(&mut self) -> bool {
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
                    "it cannot be kept how far the journal is read, no more is read until it can"
                );
                false
            }
        }
    }

    /// Waits, unless told to stop.
    fn pause(&self, pause: Duration) {
        let until = self.deps.clock.monotonic() + pause;
        while !self.stop.is_set() {
            let left = until.saturating_sub(self.deps.clock.monotonic());
            if left.is_zero() {
                return;
            }
            std::thread::sleep(left.min(Duration::from_millis(50)));
        }
    }
}

impl Journald {
    /// The labels of an entry.
    fn labels_of(&self, entry: &Entry) -> Labels {
        let mut labels = LabelsBuilder::default();
        for (name, value) in [
            ("host", entry.host.as_str()),
            ("unit", &entry.unit),
            ("syslog_identifier", &entry.identifier),
            ("service_name", entry.service()),
        ] {
            if !value.is_empty() {
                labels.set(name, value);
            }
        }
        for (name, value) in &self.labels {
            labels.set(name, value);
        }
        labels.build()
    }
}
