//! Files that get other names, are removed, are copied and truncated.

use tracing::{info, warn};

use super::Follower;
use super::content;
use super::list::FileKey;
use super::tracked::{self, Place, Tracked};
use crate::limits::{LOG_FLUSH_WAIT, LOG_LEAVE_WAIT, LOG_REST_WAIT};

/// How a file is like another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Likeness {
    /// It holds the same, as far as it goes.
    Same,
    /// It holds something else, or more.
    Other,
    /// Nobody knows: the other one holds something else by now than what was read of it.
    Replaced,
}

impl Follower {
    /// Whether a file of which nothing was read yet holds what another one holds, or held: then it is a copy, made before that one is
    /// truncated, and its lines are known up to where that one was read. One that grows is looked at again: files of one program often
    /// begin alike.
    pub(super) fn is_copy(&mut self, key: FileKey) -> bool {
        let Some(file) = self.files.get(&key).filter(|file| file.offset == 0) else {
            return false;
        };
        if let Place::CopyOf(of) = file.place {
            return self.is_copy_still(key, of);
        }
        let paths = tracked::may_be_copy_of(&file.path).into_iter();
        let others: Vec<FileKey> = paths
            .filter_map(|path| self.by_path.get(&path).copied())
            .collect();
        for other in others.into_iter().filter(|other| *other != key) {
            let is_read = |other: &Tracked| other.offset > 0 && other.place == Place::Named;
            if !self.files.get(&other).is_some_and(is_read) {
                continue;
            }
            match self.compare(key, other) {
                Some(Likeness::Same) => {
                    if let Some(file) = self.files.get_mut(&key) {
                        file.place = Place::CopyOf(other);
                        file.is_due = false;
                    }
                    return true;
                }
                // It was truncated already: what it held is in this copy, or in another one.
                Some(Likeness::Replaced) => {
                    self.replaced(other);
                    if self.files.get(&key).is_some_and(|file| file.offset > 0) {
                        return true;
                    }
                }
                Some(Likeness::Other) | None => {}
            }
        }
        false
    }

    /// Whether a copy that has changed is one still.
    fn is_copy_still(&mut self, key: FileKey, of: FileKey) -> bool {
        match self.compare(key, of) {
            Some(Likeness::Other) => {
                if let Some(file) = self.files.get_mut(&key) {
                    file.place = if file.left_at.is_some() {
                        Place::Leaving
                    } else {
                        Place::Named
                    };
                }
            }
            Some(Likeness::Replaced) => self.replaced(of),
            Some(Likeness::Same) | None => {}
        }
        let Some(file) = self.files.get_mut(&key) else {
            return true;
        };
        let is_copy = matches!(file.place, Place::CopyOf(_));
        file.is_due = !is_copy;
        is_copy
    }

    /// How the contents of a file are like those of another one that was read; `None` where they cannot be looked at.
    fn compare(&self, key: FileKey, other: FileKey) -> Option<Likeness> {
        let copy = self.files.get(&key)?.file.as_ref()?;
        let original = self.files.get(&other)?;
        // Of many files not all are held open.
        let reopened;
        let opened = if let Some(opened) = &original.file {
            opened
        } else {
            reopened = tracked::open(&original.path, other).ok().flatten()?;
            &reopened
        };
        // Before the length of the original, which may grow meanwhile.
        let bytes = copy.metadata().ok()?.len();
        let is_longer = bytes > opened.metadata().ok()?.len();
        let is_same = bytes > 0 && !is_longer && content::are_same(copy, opened, bytes).ok()?;
        // Afterwards: what was truncated meanwhile tells nothing.
        Some(if !original.marks.fit(opened, original.offset).unwrap_or(true) {
            Likeness::Replaced
        } else if is_same {
            Likeness::Same
        } else {
            Likeness::Other
        })
    }

    /// The contents of a file are no longer those that were read: it was truncated, or another one took its number. What was not read
    /// is in a copy, if anywhere.
    pub(super) fn replaced(&mut self, key: FileKey) {
        let Some(file) = self.files.get(&key) else { return };
        self.deps.telemetry.truncated.inc();
        let (lag, path) = (file.lag(), file.path.clone());
        let copy = self.copy_of(key);
        let goes_on = self.settle_copies(key, copy.as_ref().map(|copy| copy.0));
        info!(path = %path.display(), has_copy = copy.is_some(), "contents of a log file were replaced");
        match copy {
            Some(copy) => self.go_on_in(key, copy),
            None if goes_on => {}
            // Nobody knows what it held when it was truncated; this much was seen.
            None => self.count_lost(lag),
        }
        self.begin_again(key);
    }

    /// A file is read from its beginning, as the one that its name says now: its number may have been another file's.
    pub(super) fn begin_again(&mut self, key: FileKey) {
        let Some(file) = self.files.get_mut(&key) else {
            return;
        };
        file.begin_again();
        self.is_unsaved = true;
        let of = self.lists.iter().position(|list| list.names(&file.path));
        if let Some(list) = of.filter(|_| file.name != file.path) {
            self.call_by_path(key, list);
        }
    }

    /// The lines of a file are known from now on by the name that it has now, as one of this list.
    pub(super) fn call_by_path(&mut self, key: FileKey, list: usize) {
        let (Some(file), Some(of)) = (self.files.get_mut(&key), self.lists.get(list)) else {
            return;
        };
        let real = std::fs::canonicalize(&file.path).unwrap_or_else(|_| file.path.clone());
        file.origin = of.teller.origin(&of.labels, &file.path, &real);
        file.name.clone_from(&file.path);
        file.list = list;
    }

    /// A file in the same folder that holds all that was read of another one.
    pub(super) fn copy_of(&self, key: FileKey) -> Option<(FileKey, std::path::PathBuf)> {
        let file = self.files.get(&key).filter(|file| file.offset > 0)?;
        let entries = std::fs::read_dir(file.path.parent()?).ok()?;
        let paths = entries.flatten().map(|entry| entry.path());
        for path in paths.filter(|path| tracked::may_be_copy(path, &file.path)) {
            let Ok(Some((opened, facts))) = tracked::open_regular(&path) else {
                continue;
            };
            let found = FileKey::of(&facts);
            let is_new = self.files.get(&found).is_none_or(|known| known.offset == 0);
            if is_new && facts.len() >= file.offset && file.marks.fit(&opened, file.offset).unwrap_or(false) {
                return Some((found, path));
            }
        }
        None
    }

    /// Reads the copy of a file from where that one was read.
    pub(super) fn go_on_in(&mut self, of: FileKey, (key, path): (FileKey, std::path::PathBuf)) {
        let now = self.now();
        let Some(original) = self.files.get(&of) else {
            return;
        };
        let (list, offset, marks) = (original.list, original.offset, original.marks);
        let (is_skipping, name, origin) = (
            original.is_skipping,
            original.name.clone(),
            original.origin.clone(),
        );
        let is_named = self.lists.get(list).is_some_and(|list| list.names(&path));
        let known = self.files.entry(key);
        let copy = known.or_insert_with(|| Tracked::new(key, list, path.clone(), origin.clone(), now));
        (copy.place, copy.left_at) = if is_named {
            (Place::Named, None)
        } else {
            (Place::Leaving, Some(now))
        };
        // They are the lines of the original.
        copy.name = name;
        copy.origin = origin;
        copy.read_to(offset, marks, is_skipping);
        copy.is_due = true;
        self.by_path.insert(path, key);
        self.hold_open(key);
    }

    /// A file is about to lose its contents. Its copies become copies of `next`; where there is none they are read from where it was
    /// read by one of them, and from their beginning where they turn out to hold something else. Tells whether one goes on where it ended.
    fn settle_copies(&mut self, of: FileKey, next: Option<FileKey>) -> bool {
        let Some(original) = self.files.get(&of) else {
            return false;
        };
        let mut heir = next;
        let (offset, marks, is_skipping) = (original.offset, original.marks, original.is_skipping);
        for (key, file) in &mut self.files {
            if file.place != Place::CopyOf(of) {
                continue;
            }
            // One that is held open may have no name any more.
            if file.file.is_none() {
                file.file = tracked::open(&file.path, *key).ok().flatten();
            }
            let opened = file.file.as_ref();
            // It was known as a copy: one that cannot be looked at is not read again from its beginning.
            let holds_same = opened.is_none_or(|opened| marks.fit(opened, offset).unwrap_or(true));
            file.is_due = true;
            file.place = match heir {
                Some(heir) if holds_same && heir != *key => Place::CopyOf(heir),
                _ if file.left_at.is_some() => Place::Leaving,
                _ => Place::Named,
            };
            if holds_same && heir.is_none() {
                file.read_to(offset, marks, is_skipping);
                heir = file.file.as_ref().map(|_| *key);
            }
        }
        next.is_none() && heir.is_some()
    }

    /// Files that were left long enough are closed and forgotten.
    pub(super) fn let_go(&mut self) {
        let now = self.now();
        let (mut ended, mut copies) = (Vec::new(), Vec::new());
        for (key, file) in &mut self.files {
            let quiet = now.saturating_sub(file.grew_at);
            match file.place {
                Place::Leaving if file.file.is_none() => ended.push(*key),
                // Once more, so that a last line without an end is taken.
                Place::Leaving if quiet >= LOG_FLUSH_WAIT && file.lag() > 0 => file.is_due = true,
                Place::Leaving if quiet >= LOG_LEAVE_WAIT => match file.renamed() {
                    Some(path) => {
                        file.path = path;
                        file.file = None;
                        file.place = Place::Resting;
                    }
                    None => ended.push(*key),
                },
                Place::Resting if quiet >= LOG_REST_WAIT => ended.push(*key),
                // What it holds is read where it is a copy from.
                Place::CopyOf(_)
                    if file
                        .left_at
                        .is_some_and(|at| now.saturating_sub(at) >= LOG_LEAVE_WAIT) =>
                {
                    copies.push(*key);
                }
                Place::Named if file.lag() > 0 => {
                    let form = self.lists.get(file.list).and_then(|list| list.form.wait());
                    file.is_due |= form.is_some_and(|wait| quiet >= wait);
                }
                _ => {}
            }
        }
        for key in copies {
            self.files.remove(&key);
            self.is_unsaved = true;
        }
        for key in ended {
            self.settle_copies(key, None);
            let Some(file) = self.files.remove(&key) else {
                continue;
            };
            if file.lag() > 0 {
                let path = file.path.display();
                warn!(%path, bytes = file.lag(), "a log file is gone before it was read to its end");
                self.count_lost(file.lag());
            }
            self.is_unsaved = true;
        }
    }

    pub(super) fn count_lost(&self, bytes: u64) {
        self.deps.telemetry.lost.inc_by(bytes);
    }
}
