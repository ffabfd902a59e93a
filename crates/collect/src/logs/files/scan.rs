//! Looks up which files there are: new ones, ones with other names, ones that are gone.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use tracing::warn;

use super::Follower;
use super::content::Marks;
use super::list::{FileKey, Found};
use super::tracked::{self, Place, Tracked};
use crate::limits::LOG_FILES_MAX;
use crate::logs::config::ReadFrom;

impl Follower {
    /// Looks at all patterns.
    pub(super) fn scan(&mut self) {
        self.scanned_at = self.now();
        self.wants_scan = false;
        let mut named = HashSet::new();
        for list in 0..self.lists.len() {
            let found = self.look_up(list);
            for found in found {
                // A file that two lists name is of the first.
                if named.insert(found.key) {
                    self.meet(list, &found);
                }
            }
        }
        let gone: Vec<FileKey> = self
            .files
            .keys()
            .filter(|key| !named.contains(key))
            .copied()
            .collect();
        for key in gone {
            self.leave(key);
        }
        self.look_at_resting();
        self.by_path.retain(|_, key| self.files.contains_key(key));
    }

    /// Where the patterns of a list lead; folders in which more may appear are watched from now on.
    fn look_up(&mut self, list: usize) -> Vec<Found> {
        let telemetry = self.deps.telemetry.clone();
        let Some(list) = self.lists.get(list) else {
            return Vec::new();
        };
        // What appears in a new folder before it is watched is found by looking after.
        while list.watch(&mut self.watch) {}
        list.found(&mut |path, error| {
            telemetry.count_error(list.source, "look_up");
            let path = path.display();
            tracing::debug!(%path, %error, "log file skipped");
        })
    }

    /// Takes a file into account that is there.
    fn meet(&mut self, list: usize, found: &Found) {
        let now = self.now();
        if self.files.contains_key(&found.key) {
            self.meet_again(list, found, now);
            return;
        }
        if self.files.len() >= LOG_FILES_MAX {
            self.deps.telemetry.count_error(super::SOURCE, "too_many_files");
            return;
        }
        let real = self.name(&found.path, found.key);
        let Some(of) = self.lists.get(list) else { return };
        let origin = of.teller.origin(&of.labels, &found.path, &real);
        let mut file = Tracked::new(found.key, list, found.path.clone(), origin, now);
        file.bytes = found.bytes;
        let from_end = of.read_from == ReadFrom::End && self.new_lists.get(list) == Some(&true);
        if from_end && let Err(error) = begin_at_end(&mut file) {
            let path = found.path.display();
            self.deps.telemetry.count_error(of.source, "read");
            warn!(%path, %error, "log file is read from its beginning, its end cannot be found");
        }
        self.is_unsaved |= from_end;
        self.files.insert(found.key, file);
        self.hold_open(found.key);
    }

    fn meet_again(&mut self, list: usize, found: &Found, now: std::time::Duration) {
        let Some(file) = self.files.get_mut(&found.key) else {
            return;
        };
        file.left_at = None;
        if matches!(file.place, Place::Leaving | Place::Resting) {
            file.place = Place::Named;
        }
        file.saw(found.bytes, now);
        // What could not be read before may be readable now.
        file.is_due |= file.lag() > 0;
        let is_moved = file.path != found.path;
        if is_moved {
            self.deps.telemetry.rotated.inc();
            file.path.clone_from(&found.path);
        }
        // Lines are of the list that their file was in when it was first read.
        let is_of_other = file.list != list && file.offset == 0;
        if is_moved {
            self.name(&found.path, found.key);
        }
        if is_of_other {
            self.call_by_path(found.key, list);
        }
    }

    /// Remembers a name of a file, and that to which links lead, which is given back.
    pub(super) fn name(&mut self, path: &Path, key: FileKey) -> PathBuf {
        self.by_path.insert(path.to_owned(), key);
        let real = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        if real != path {
            self.by_path.insert(real.clone(), key);
        }
        // A link's own folder is watched for its patterns; what it leads to lies elsewhere.
        if let Some(folder) = real.parent() {
            self.watch.add(folder);
        }
        real
    }

    /// A file is no longer where it was.
    fn leave(&mut self, key: FileKey) {
        let now = self.now();
        let Some(file) = self.files.get_mut(&key).filter(|file| file.left_at.is_none()) else {
            return;
        };
        self.deps.telemetry.rotated.inc();
        file.left_at = Some(now);
        // Of a copy there is nothing to read as long as the other file holds the same.
        if !matches!(file.place, Place::CopyOf(_)) {
            file.place = Place::Leaving;
            file.grew_at = now;
            file.is_due = true;
        }
        self.is_unsaved = true;
        self.hold_open(key);
    }

    /// What is written to files that were left long ago is read, too.
    fn look_at_resting(&mut self) {
        let now = self.now();
        let mut changed = Vec::new();
        let resting = self
            .files
            .iter_mut()
            .filter(|(_, file)| file.place == Place::Resting);
        for (key, file) in resting {
            let facts = std::fs::metadata(&file.path).ok();
            let is_there = facts.filter(|facts| FileKey::of(facts) == file.key);
            if is_there.is_some_and(|facts| facts.len() == file.bytes) {
                continue;
            }
            // It has grown, has another name again, or is gone, which is seen when it is opened.
            file.place = Place::Leaving;
            file.grew_at = now;
            file.is_due = true;
            changed.push(*key);
        }
        for key in changed {
            self.hold_open(key);
        }
    }

    /// Opens a file where there is room for another one, also under a name that it has got meanwhile in its folder.
    pub(super) fn hold_open(&mut self, key: FileKey) {
        if self.files_open >= self.files_open_max {
            self.close_one();
        }
        let Some(file) = self.files.get_mut(&key).filter(|file| file.file.is_none()) else {
            return;
        };
        let source = self
            .lists
            .get(file.list)
            .map_or(super::SOURCE, |list| list.source);
        let opened = tracked::open(&file.path, key).and_then(|opened| {
            if opened.is_some() {
                return Ok(opened);
            }
            self.wants_scan = true;
            let Some((path, opened)) = file.find_renamed()? else {
                return Ok(None);
            };
            file.path = path;
            Ok(Some(opened))
        });
        match opened {
            Ok(opened) => {
                self.files_open += usize::from(opened.is_some());
                file.file = opened;
            }
            Err(error) => {
                self.deps.telemetry.count_error(source, "open");
                let path = file.path.display();
                warn!(%path, %error, "log file cannot be opened");
            }
        }
    }

    /// Makes room: of the files that their names lead to, the one that has not grown for longest is closed.
    fn close_one(&mut self) {
        let open = self.files.values_mut().filter(|file| file.file.is_some());
        let idle = open
            .filter(|file| file.left_at.is_none())
            .min_by_key(|file| file.grew_at);
        if let Some(file) = idle {
            file.file = None;
            self.files_open = self.files_open.saturating_sub(1);
        }
    }
}

/// Leaves out what is in a file already, up to the end of its last line.
fn begin_at_end(file: &mut Tracked) -> std::io::Result<()> {
    let Some(opened) = tracked::open(&file.path, file.key)? else {
        return Ok(());
    };
    let bytes = opened.metadata()?.len();
    let mut lead = vec![0; Marks::lead(bytes) as usize];
    let read = super::content::read_at(&opened, &mut lead, bytes - Marks::lead(bytes))?;
    if read < lead.len() {
        return Ok(());
    }
    let mut head = vec![0; Marks::lead(bytes) as usize];
    super::content::read_at(&opened, &mut head, 0)?;
    let marks = Marks::default().after(&head).after(&lead);
    let is_within_line = lead.last().is_some_and(|byte| *byte != b'\n');
    file.read_to(bytes, marks, is_within_line);
    file.bytes = bytes;
    Ok(())
}
