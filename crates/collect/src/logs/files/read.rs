//! One round: what is new in all files becomes a batch, which is noted, handed over, and noted as stored.

use std::time::Duration;

use model::LogAccepted;
use stdx::backoff::Backoff;
use tracing::{debug, warn};

use super::batch::{Batch, Part};
use super::content::{self, Marks};
use super::list::FileKey;
use super::tracked::{Place, Tracked};
use super::{Follower, Round, SOURCE};
use crate::limits::{LOG_FLUSH_WAIT, LOG_ROUND_BYTES, LOG_WINDOW_BYTES_MIN};
use crate::logs::forms::{End, Form};
use crate::logs::telemetry::{SourceLabel, of};

/// A batch that was not taken in is given again after such waits.
const RETRY: Backoff = Backoff {
    first: Duration::from_millis(100),
    ceiling: Duration::from_secs(5),
};

/// A stretch of a file as it was read, with what lies before it.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    lead: usize,
    bytes: usize,
    /// The file goes on behind it.
    is_full: bool,
    /// The length of the file.
    file_bytes: u64,
}

/// What was found in a file.
#[derive(Debug)]
enum Reading {
    /// This is new.
    New(Stretch),
    /// Nothing is.
    Nothing,
    /// Its contents are no longer those that were read.
    Replaced,
}

impl Follower {
    /// Reads what is new, as much as fits into a batch, and sees it stored.
    pub(super) fn round(&mut self) -> Round {
        let mut due: Vec<FileKey> = self.due();
        if due.is_empty() {
            return Round::Nothing;
        }
        // Whoever came last in the round before comes first in this one, so that a busy file holds up no other.
        if let Some(last) = self.last_read {
            let next = due.partition_point(|key| *key <= last);
            due.rotate_left(next);
        }
        let window = (LOG_ROUND_BYTES / due.len()).max(LOG_WINDOW_BYTES_MIN);
        let mut batch = Batch::new(self.deps.clock.now_ms(), self.last_ns);
        let mut is_full = false;
        for key in due {
            if batch.is_full() || batch.bytes >= LOG_ROUND_BYTES as u64 {
                is_full = true;
                break;
            }
            self.last_read = Some(key);
            self.read(key, window, &mut batch);
        }
        is_full |= batch.parts.iter().any(|part| part.has_more);
        if batch.parts.is_empty() {
            return if is_full { Round::Full } else { Round::Nothing };
        }
        self.last_ns = batch.now_ns;
        if !self.hand_over(&mut batch) {
            return Round::Nothing;
        }
        if is_full { Round::Full } else { Round::Some }
    }

    fn due(&self) -> Vec<FileKey> {
        let due = self.files.iter().filter(|(_, file)| file.is_due);
        due.map(|(key, _)| *key).collect()
    }

    /// Reads what is new in a file into the batch.
    fn read(&mut self, key: FileKey, window: usize, batch: &mut Batch) {
        if self.files.get(&key).is_some_and(|file| file.file.is_none()) {
            self.hold_open(key);
        }
        if self.is_copy(key) || self.waits(key) {
            return;
        }
        let now = self.now();
        let Some(file) = self.files.get_mut(&key) else {
            return;
        };
        let Some(list) = self.lists.get(file.list) else {
            return;
        };
        file.is_due = false;
        if file.file.is_none() {
            return;
        }
        let stretch = match look(file, window, &mut self.room) {
            Ok(Reading::New(stretch)) => stretch,
            Ok(Reading::Nothing) => {
                file.saw(file.offset, now);
                file.is_due = false;
                return;
            }
            Ok(Reading::Replaced) => {
                self.replaced(key);
                return;
            }
            Err(error) => {
                self.deps.telemetry.count_error(list.source, "read");
                let path = file.path.display();
                warn!(%path, %error, "log file cannot be read");
                return;
            }
        };
        file.saw(stretch.file_bytes, now);
        file.is_due = false;
        if file.place == Place::Resting {
            file.place = Place::Leaving;
        }
        let end = end_of(file, &list.form, stretch, now);
        let read = self.room.get(..stretch.lead + stretch.bytes).unwrap_or_default();
        let text = read.get(stretch.lead..).unwrap_or_default();
        let lines = batch.rows.line_count();
        let mut filler = batch.fill(&file.origin, list.source, &self.deps.telemetry);
        let cut = list
            .form
            .cut(text, file.is_skipping, end, &mut |record| filler.add(&record));
        if cut.consumed == 0 {
            file.held_since.get_or_insert(now);
            return;
        }
        file.held_since = None;
        let (telemetry, source) = (&self.deps.telemetry, of(list.source));
        let added = (batch.rows.line_count() - lines) as u64;
        telemetry.lines.get_or_create(&source).inc_by(added);
        let bytes = telemetry.bytes.get_or_create(&source);
        bytes.inc_by(cut.consumed as u64);
        batch.bytes += cut.consumed as u64;
        batch.parts.push(Part {
            key,
            to: file.offset + cut.consumed as u64,
            marks: file
                .marks
                .after(read.get(..stretch.lead + cut.consumed).unwrap_or_default()),
            is_skipping: cut.is_skipping,
            has_more: stretch.is_full || batch.is_full(),
        });
    }

    /// Notes what a batch is made of, hands it over, and goes on behind it. `false`: it is read again later.
    pub(super) fn hand_over(&mut self, batch: &mut Batch) -> bool {
        if !batch.rows.is_empty() {
            self.kept.round += 1;
            batch.rows.key = Some(self.kept.key(self.kept.round));
            if !self.save(Some(batch)) {
                self.put_back(batch);
                // The disk is full or broken: neither is over in a moment.
                self.pause(RETRY.ceiling);
                return false;
            }
            if !self.store(batch) {
                self.is_broken_off = true;
                return false;
            }
            self.deps.telemetry.rounds.inc();
        }
        for part in &batch.parts {
            if let Some(file) = self.files.get_mut(&part.key) {
                let (path, from) = (file.path.display(), file.offset);
                tracing::trace!(%path, inode = part.key.inode, from, to = part.to, round = self.kept.round, "log file read");
                file.read_to(part.to, part.marks, part.is_skipping);
                file.is_due |= part.has_more;
            }
        }
        self.is_unsaved = true;
        true
    }

    /// What was read is read again.
    fn put_back(&mut self, batch: &Batch) {
        for part in &batch.parts {
            if let Some(file) = self.files.get_mut(&part.key) {
                file.is_due = true;
            }
        }
    }

    /// Hands a batch over until it is taken. `false`: the process ends before.
    pub(super) fn store(&self, batch: &Batch) -> bool {
        let mut attempt = 0;
        loop {
            let now_ns = self.deps.clock.now_ms().saturating_mul(1_000_000);
            match self.deps.files.append(&batch.rows, now_ns) {
                Ok(accepted) => {
                    self.note(&accepted);
                    return true;
                }
                Err(error) => {
                    warn!(%error, lines = batch.rows.line_count(), "lines of files are not stored yet");
                    let source = SourceLabel { source: SOURCE };
                    self.deps.telemetry.retries.get_or_create(&source).inc();
                }
            }
            if self.stop.is_set() {
                return false;
            }
            self.pause(RETRY.wait(attempt, self.kept.round));
            attempt = attempt.saturating_add(1);
        }
    }

    fn note(&self, accepted: &LogAccepted) {
        if accepted.is_repeated {
            self.deps.telemetry.repeated.get_or_create(&of(SOURCE)).inc();
            debug!(
                lines = accepted.stored,
                "lines of files were stored before the process ended"
            );
        }
    }

    /// Waits, unless told to stop.
    pub(super) fn pause(&self, pause: Duration) {
        let until = self.now() + pause;
        while !self.stop.is_set() {
            let left = until.saturating_sub(self.now());
            if left.is_zero() {
                return;
            }
            std::thread::sleep(left.min(Duration::from_millis(50)));
        }
    }
}

/// Reads what follows the offset, and makes sure that it follows what was read before.
fn look(file: &Tracked, window: usize, room: &mut Vec<u8>) -> std::io::Result<Reading> {
    let Some(opened) = &file.file else {
        return Ok(Reading::Nothing);
    };
    let bytes = opened.metadata()?.len();
    if bytes < file.offset {
        return Ok(Reading::Replaced);
    }
    let lead = Marks::lead(file.offset);
    let wanted = usize::try_from(bytes - file.offset)
        .unwrap_or(usize::MAX)
        .min(window);
    let all = lead as usize + wanted;
    if room.len() < all {
        room.resize(all, 0);
    }
    let read = content::read_at(
        opened,
        room.get_mut(..all).unwrap_or_default(),
        file.offset - lead,
    )?;
    // After reading: contents that were replaced meanwhile do not fit.
    if read < lead as usize || !file.marks.fit(opened, file.offset)? || opened.metadata()?.len() < file.offset
    {
        return Ok(Reading::Replaced);
    }
    let new = read - lead as usize;
    if new == 0 {
        return Ok(Reading::Nothing);
    }
    Ok(Reading::New(Stretch {
        lead: lead as usize,
        bytes: new,
        is_full: file.offset + (new as u64) < bytes,
        file_bytes: bytes,
    }))
}

/// What is known about the end of a stretch.
fn end_of(file: &Tracked, form: &Form, stretch: Stretch, now: Duration) -> End {
    let quiet = now.saturating_sub(file.grew_at);
    // A container's other stream may go on while one holds a line back; entries of several lines may grow as long as they do.
    let held = match (form, file.held_since) {
        (Form::Container, Some(since)) => now.saturating_sub(since),
        _ => Duration::ZERO,
    };
    if stretch.is_full {
        End::Full
    } else if file.place == Place::Leaving && quiet >= LOG_FLUSH_WAIT {
        End::Closed
    } else if form.wait().is_some_and(|wait| quiet >= wait || held >= wait) {
        End::Waited
    } else {
        End::Open
    }
}
