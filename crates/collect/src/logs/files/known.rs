//! Files whose lines would come before it is known whose they are wait a moment, each by itself: what is not read yet lies safe on disk,
//! and all other files are read meanwhile.

use std::time::Duration;

use super::Follower;
use super::batch::Batch;
use super::list::{FileKey, List};
use super::tracked::Tracked;
use crate::limits::LOG_KNOWN_WAIT;
use crate::logs::forms::Form;
use crate::logs::forms::container::Stream;

/// The time between two looks whether a batch can be made again.
const LOOK_EVERY: Duration = Duration::from_millis(50);

impl Follower {
    /// Whether a file is not to be read yet. It waits for [`LOG_KNOWN_WAIT`] at most, and once, unless it was known between.
    pub(super) fn waits(&mut self, key: FileKey) -> bool {
        let is_known = self.is_known(key);
        let now = self.now();
        let Some(file) = self.files.get_mut(&key) else {
            return false;
        };
        if is_known {
            file.waits_since = None;
            return false;
        }
        let since = *file.waits_since.get_or_insert(now);
        let waits = now.saturating_sub(since) < LOG_KNOWN_WAIT;
        file.is_due |= waits;
        waits
    }

    /// The lines of a batch that is made again cannot come one without the other: all of them wait, once after a start.
    pub(super) fn wait_for(&self, batch: &Batch) {
        let until = self.now() + LOG_KNOWN_WAIT;
        let is_known = || batch.parts.iter().all(|part| self.is_known(part.key));
        while !self.stop.is_set() && self.now() < until && !is_known() {
            self.pause(LOOK_EVERY);
        }
    }

    /// Whether all is known that the lines of a file are given on their way.
    fn is_known(&self, key: FileKey) -> bool {
        let file = self.files.get(&key);
        let list = file.and_then(|file| self.lists.get(file.list));
        file.zip(list)
            .is_none_or(|(file, list)| self.is_ready_for(file, list))
    }

    fn is_ready_for(&self, file: &Tracked, list: &List) -> bool {
        let streams: &[Option<Stream>] = match list.form {
            Form::Container => &[Some(Stream::Stdout), Some(Stream::Stderr)],
            _ => &[None],
        };
        let origin = &file.origin;
        let is_ready = |stream: &Option<Stream>| {
            self.deps
                .files
                .is_ready_for(origin.labels(*stream), &origin.pairs)
        };
        streams.iter().all(is_ready)
    }
}
