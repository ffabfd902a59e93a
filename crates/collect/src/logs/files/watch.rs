//! Waits until the kernel tells of a change in a folder, or until told to stop.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use tracing::warn;

use crate::limits::LOG_FOLDERS_WATCHED_MAX;

/// Wakes whoever waits, for good.
#[derive(Debug, Clone)]
pub(in crate::logs) struct Waker(Arc<OwnedFd>);

impl Waker {
    pub(in crate::logs) fn new() -> std::io::Result<Self> {
        Ok(Self(Arc::new(eventfd(
            0,
            EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK,
        )?)))
    }

    /// What readiness of is waited for.
    pub(in crate::logs) fn end(&self) -> PollFd<'_> {
        PollFd::new(&*self.0, PollFlags::IN)
    }

    pub(in crate::logs) fn wake(&self) {
        // The only fault is a full counter, which wakes as well.
        let _ = rustix::io::write(&*self.0, &1_u64.to_ne_bytes());
    }
}

/// The folders that are watched. Without the kernel's help nothing is, and whoever waits looks by himself.
#[derive(Debug)]
pub(super) struct Watch {
    inotify: Option<OwnedFd>,
    waker: Waker,
    folders: HashMap<PathBuf, i32>,
    by_number: HashMap<i32, PathBuf>,
    /// Some folder is not watched.
    is_partial: bool,
}

/// What has changed.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// Files that were written to.
    pub(super) written: Vec<PathBuf>,
    /// Files appeared, got other names or went.
    pub(super) moved: bool,
    /// So much has changed that some of it was not told.
    pub(super) overflowed: bool,
}

impl Watch {
    pub(super) fn new(waker: Waker) -> Self {
        let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK);
        if let Err(error) = &inotify {
            warn!(%error, "changes of log files are looked for every second, the kernel does not tell of them");
        }
        Self {
            is_partial: inotify.is_err(),
            inotify: inotify.ok(),
            waker,
            folders: HashMap::new(),
            by_number: HashMap::new(),
        }
    }

    /// Whether every folder that was asked for is watched.
    pub(super) fn is_whole(&self) -> bool {
        !self.is_partial
    }

    /// Watches a folder; tells whether it was not watched before.
    pub(super) fn add(&mut self, folder: &Path) -> bool {
        let Some(inotify) = self
            .inotify
            .as_ref()
            .filter(|_| !self.folders.contains_key(folder))
        else {
            return false;
        };
        let wanted = WatchFlags::MODIFY
            | WatchFlags::CREATE
            | WatchFlags::MOVED_TO
            | WatchFlags::MOVED_FROM
            | WatchFlags::DELETE
            | WatchFlags::ONLYDIR;
        if self.folders.len() >= LOG_FOLDERS_WATCHED_MAX {
            self.is_partial = true;
            return false;
        }
        match inotify::add_watch(inotify, folder, wanted) {
            Ok(number) => {
                self.folders.insert(folder.to_owned(), number);
                // A folder that is reached by two names has one number; both are the same folder.
                self.by_number.insert(number, folder.to_owned());
                true
            }
            Err(error) => {
                if !self.is_partial && error != rustix::io::Errno::NOENT {
                    let folder = folder.display();
                    warn!(%folder, %error, "a folder is looked at every second, the kernel does not tell of its changes");
                }
                self.is_partial |= error != rustix::io::Errno::NOENT;
                false
            }
        }
    }

    /// Waits for a change, as long as `patience`.
    pub(super) fn wait(&self, patience: Duration) {
        let mut ends = vec![self.waker.end()];
        ends.extend(
            self.inotify
                .iter()
                .map(|inotify| PollFd::new(inotify, PollFlags::IN)),
        );
        let patience = Timespec {
            tv_sec: patience.as_secs() as i64,
            tv_nsec: patience.subsec_nanos().into(),
        };
        if let Err(error) = poll(&mut ends, Some(&patience))
            && error != rustix::io::Errno::INTR
        {
            // Not to turn in circles where waiting fails.
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// What has changed since it was asked last.
    pub(super) fn changes(&mut self) -> Changes {
        let mut changes = Changes::default();
        let Some(inotify) = &self.inotify else {
            return changes;
        };
        let mut room = [MaybeUninit::uninit(); 16 << 10];
        let mut reader = inotify::Reader::new(inotify, &mut room);
        // Ends with an error where nothing more is there.
        while let Ok(event) = reader.next() {
            let flags = event.events();
            changes.overflowed |= flags.contains(ReadFlags::QUEUE_OVERFLOW);
            if flags.contains(ReadFlags::IGNORED) {
                if let Some(folder) = self.by_number.remove(&event.wd()) {
                    self.folders.retain(|_, number| *number != event.wd());
                    changes.moved |= folder.exists();
                }
                continue;
            }
            if !flags.contains(ReadFlags::MODIFY) {
                changes.moved = true;
                continue;
            }
            if let (Some(folder), Some(name)) = (self.by_number.get(&event.wd()), event.file_name()) {
                let path = folder.join(OsStr::from_bytes(name.to_bytes()));
                if changes.written.last() != Some(&path) {
                    changes.written.push(path);
                }
            }
        }
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writing_and_renaming_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let mut watch = Watch::new(Waker::new().unwrap());
        assert!(watch.add(folder.path()) && !watch.add(folder.path()));
        assert!(watch.is_whole() && !watch.add(&folder.path().join("none")) && watch.is_whole());
        let path = folder.path().join("a");
        std::fs::write(&path, "x").unwrap();
        watch.wait(Duration::from_secs(5));
        let changes = watch.changes();
        assert!(changes.moved && changes.written == [path.clone()], "{changes:?}");
        std::fs::write(&path, "y").unwrap();
        watch.wait(Duration::from_secs(5));
        let changes = watch.changes();
        assert!(!changes.moved && changes.written == [path], "{changes:?}");
        assert!(watch.changes().written.is_empty());
        watch.waker.wake();
        let start = std::time::Instant::now();
        watch.wait(Duration::from_mins(1));
        assert!(start.elapsed() < Duration::from_secs(30));
    }
}
