//! Goes on where the process before this one ended: with the batch of which it is not known whether it was stored.

use std::fs::File;

use tracing::{info, warn};

use super::Follower;
use super::batch::{Batch, Part};
use super::content::{self, Marks};
use super::list::FileKey;
use super::positions::{KeptFile, KeptPart};
use super::tracked::Tracked;
use crate::limits::LOG_ROUND_BYTES;
use crate::logs::forms::End;

/// A stretch of a batch has no more bytes than a round, and what lies before it.
const STRETCH_BYTES_MAX: u64 = 2 * LOG_ROUND_BYTES as u64;

const GONE: &str = "they are gone with their file";

impl Follower {
    /// Takes over what was kept, and hands the last batch over again, made of the same stretches and with the same key.
    pub(super) fn recover(&mut self) {
        let kept = std::mem::take(&mut self.kept.files);
        let mut batch = Batch::new(self.deps.clock.now_ms(), 0);
        batch.rows.key = Some(self.kept.key(self.kept.round));
        for file in &kept {
            self.take_over(file, &mut batch);
        }
        self.last_ns = batch.now_ns;
        if batch.parts.is_empty() {
            return;
        }
        info!(
            lines = batch.rows.line_count(),
            "lines of files that were under way are stored"
        );
        self.wait_for(&batch);
        if !batch.rows.is_empty() && !self.store(&batch) {
            self.is_broken_off = true;
            return;
        }
        for part in &batch.parts {
            tracing::trace!(
                inode = part.key.inode,
                to = part.to,
                round = self.kept.round,
                "log file read again"
            );
            if let Some(file) = self.files.get_mut(&part.key) {
                file.read_to(part.to, part.marks, part.is_skipping);
            }
        }
        self.is_unsaved = true;
    }

    /// Takes over one file. One that cannot be found is forgotten.
    fn take_over(&mut self, kept: &KeptFile, batch: &mut Batch) {
        let mut key = FileKey {
            device: kept.device,
            inode: kept.inode,
        };
        // It may be the copy of one that came before, which is read already.
        if self.files.contains_key(&key) {
            return;
        }
        if !self.track(key, kept) {
            self.note_gone(kept, "no pattern names the file any more");
            return;
        }
        if !self.holds(key, kept.offset) {
            let copy = self.copy_of(key);
            let original = key;
            match copy {
                Some(copy) => {
                    key = copy.0;
                    self.go_on_in(original, copy);
                    self.forget_contents(original);
                }
                None => {
                    self.note_gone(kept, GONE);
                    self.forget_contents(original);
                    return;
                }
            }
        }
        if let Some(open) = kept.open.filter(|open| open.to > kept.offset)
            && !self.read_again(key, &open, batch)
        {
            self.note_gone(kept, GONE);
            self.forget_contents(key);
        }
    }

    /// Takes a file up as it was left.
    fn track(&mut self, key: FileKey, kept: &KeptFile) -> bool {
        // By the name that it was found under, as its own may lie outside all patterns by now.
        let Some(list) = self.lists.iter().position(|list| list.names(&kept.name)) else {
            return false;
        };
        let Some(of) = self.lists.get(list) else {
            return false;
        };
        let now = self.deps.clock.monotonic();
        let real = std::fs::canonicalize(&kept.path).unwrap_or_else(|_| kept.path.clone());
        let origin = of.teller.origin(&of.labels, &kept.name, &real);
        let mut file = Tracked::new(key, list, kept.path.clone(), origin, now);
        file.name.clone_from(&kept.name);
        file.read_to(kept.offset, kept.marks, kept.is_skipping);
        file.bytes = kept.offset;
        self.files.insert(key, file);
        self.name(&kept.path, key);
        self.hold_open(key);
        true
    }

    /// Says that what was under way is no longer there to be read again; it may have been stored.
    fn note_gone(&self, kept: &KeptFile, reason: &'static str) {
        if let Some(open) = kept.open {
            let bytes = open.to.saturating_sub(kept.offset);
            let path = kept.path.display();
            warn!(%path, bytes, reason, "lines of a log file that were under way are lost");
            self.count_lost(bytes);
        }
    }

    /// Whether a file is there and holds what was read of it.
    fn holds(&self, key: FileKey, offset: u64) -> bool {
        let Some(file) = self.files.get(&key) else {
            return false;
        };
        let holds = |opened: &File| file.marks.fit(opened, offset).unwrap_or(false);
        file.file.as_ref().is_some_and(holds)
    }

    /// What is found under the name now is another file's, or nothing.
    fn forget_contents(&mut self, key: FileKey) {
        let is_there = self.files.get(&key).is_some_and(|file| file.file.is_some());
        if is_there {
            self.begin_again(key);
        } else {
            self.files.remove(&key);
        }
        self.is_unsaved = true;
    }

    /// Puts a stretch into the batch that was in it before. `false`: it is not there any more.
    fn read_again(&mut self, key: FileKey, open: &KeptPart, batch: &mut Batch) -> bool {
        let Some(file) = self.files.get(&key) else {
            return false;
        };
        let (Some(opened), Some(list)) = (&file.file, self.lists.get(file.list)) else {
            return false;
        };
        let lead = Marks::lead(file.offset);
        let stretch = open.to.saturating_sub(file.offset).saturating_add(lead);
        if stretch > STRETCH_BYTES_MAX {
            return false;
        }
        let mut read = vec![0; stretch as usize];
        let is_whole =
            content::read_at(opened, &mut read, file.offset - lead).is_ok_and(|bytes| bytes == read.len());
        if !is_whole || file.marks.after(&read) != open.marks {
            return false;
        }
        let text = read.get(lead as usize..).unwrap_or_default();
        let mut filler = batch.fill(&file.origin, list.source, &self.deps.telemetry);
        // All of it: what was in the batch stays in it.
        list.form.cut(text, file.is_skipping, End::Closed, &mut |record| {
            filler.add(&record);
            true
        });
        batch.parts.push(Part {
            key,
            to: open.to,
            marks: open.marks,
            is_skipping: open.is_skipping,
            has_more: true,
        });
        true
    }
}
