//! A file that is followed: how far it was read, whether its name still leads to it.

use std::fs::{File, Metadata, OpenOptions};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::OFlags;

use super::content::Marks;
use super::list::FileKey;
use super::positions::{KeptFile, KeptPart};
use crate::logs::origin::Origin;

/// A file, and what is known of it.
#[derive(Debug)]
pub(super) struct Tracked {
    pub(super) key: FileKey,
    /// Which list it is of.
    pub(super) list: usize,
    /// Where it was seen last.
    pub(super) path: PathBuf,
    /// The name that its lines are known by: the one it had when it was found.
    pub(super) name: PathBuf,
    pub(super) origin: Origin,
    /// Bytes of which everything is stored.
    pub(super) offset: u64,
    pub(super) marks: Marks,
    /// What follows the offset is the rest of a line that is not wanted.
    pub(super) is_skipping: bool,
    /// Open, where there is room for it.
    pub(super) file: Option<File>,
    /// Its length when it was last looked at.
    pub(super) bytes: u64,
    /// When it was last seen longer than before, by the monotonic clock.
    pub(super) grew_at: Duration,
    /// It may hold something new.
    pub(super) is_due: bool,
    pub(super) place: Place,
    /// Since when nothing of what lies behind the offset could be taken, by the monotonic clock.
    pub(super) held_since: Option<Duration>,
    /// Since when it waits until it is known whose its lines are, by the monotonic clock.
    pub(super) waits_since: Option<Duration>,
    /// Since when no pattern leads to it, by the monotonic clock.
    pub(super) left_at: Option<Duration>,
}

/// Whether a file is where it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Its name leads to it.
    Named,
    /// Its name leads elsewhere, or nowhere. What is still written to it is read.
    Leaving,
    /// The same, and nothing was written to it for long. It is not held open, and looked at now and then while it exists.
    Resting,
    /// It holds what another one holds, of which it is a copy; it is read where the other one ends. It stays so when it loses its
    /// name, so that it is there should the other one be truncated meanwhile.
    CopyOf(FileKey),
}

impl Tracked {
    /// A file that was found.
    pub(super) fn new(key: FileKey, list: usize, path: PathBuf, origin: Origin, now: Duration) -> Self {
        Self {
            key,
            list,
            name: path.clone(),
            path,
            origin,
            offset: 0,
            marks: Marks::default(),
            is_skipping: false,
            file: None,
            bytes: 0,
            grew_at: now,
            is_due: true,
            place: Place::Named,
            held_since: None,
            waits_since: None,
            left_at: None,
        }
    }

    /// Begins anew: the contents were replaced.
    pub(super) fn begin_again(&mut self) {
        self.read_to(0, Marks::default(), false);
        self.is_due = true;
    }

    /// Notes how far it was read.
    pub(super) fn read_to(&mut self, offset: u64, marks: Marks, is_skipping: bool) {
        self.offset = offset;
        self.marks = marks;
        self.is_skipping = is_skipping;
    }

    /// Notes how long the file is.
    pub(super) fn saw(&mut self, bytes: u64, now: Duration) {
        if bytes != self.bytes {
            self.grew_at = now;
            self.bytes = bytes;
            self.is_due = true;
        }
    }

    /// Bytes that are not read yet.
    pub(super) fn lag(&self) -> u64 {
        self.bytes.saturating_sub(self.offset)
    }

    /// The file under the name that it has now in its folder. The number alone does not tell: it may be another file's by now.
    pub(super) fn find_renamed(&self) -> std::io::Result<Option<(PathBuf, File)>> {
        let found = self.path.parent().and_then(|folder| find_in(folder, self.key));
        let Some(path) = found.filter(|path| self.offset > 0 || may_be_copy(path, &self.path)) else {
            return Ok(None);
        };
        let opened = open(&path, self.key)?;
        match opened {
            Some(opened) if self.marks.fit(&opened, self.offset)? => Ok(Some((path, opened))),
            _ => Ok(None),
        }
    }

    /// The name that a file which is held open has in its folder now; `None` where it has none.
    pub(super) fn renamed(&self) -> Option<PathBuf> {
        let facts = self.file.as_ref()?.metadata().ok()?;
        if facts.nlink() == 0 {
            return None;
        }
        let is_there =
            |path: &&PathBuf| std::fs::metadata(path).is_ok_and(|facts| FileKey::of(&facts) == self.key);
        let same = Some(&self.path).filter(is_there).cloned();
        same.or_else(|| find_in(self.path.parent()?, self.key))
    }

    pub(super) fn kept(&self, open: Option<KeptPart>) -> KeptFile {
        KeptFile {
            path: self.path.clone(),
            name: self.name.clone(),
            device: self.key.device,
            inode: self.key.inode,
            offset: self.offset,
            marks: self.marks,
            is_skipping: self.is_skipping,
            open,
        }
    }
}

/// Opens a file if the name still leads to it. `Ok(None)`: it leads elsewhere.
pub(super) fn open(path: &Path, key: FileKey) -> std::io::Result<Option<File>> {
    let opened = open_regular(path)?;
    Ok(opened.and_then(|(file, facts)| (FileKey::of(&facts) == key).then_some(file)))
}

/// Opens what a name leads to now. `Ok(None)`: nothing, or what is no regular file.
pub(super) fn open_regular(path: &Path) -> std::io::Result<Option<(File, Metadata)>> {
    let is_none = |error: &std::io::Error| error.kind() == std::io::ErrorKind::NotFound;
    // To open a pipe or a device may do something to it: that is looked at first.
    match std::fs::metadata(path) {
        Ok(facts) if facts.is_file() => {}
        Ok(_) => return Ok(None),
        Err(error) if is_none(&error) => return Ok(None),
        Err(error) => return Err(error),
    }
    // The name may lead to a pipe by now, and whoever opens one waits for its writer.
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path);
    let file = match opened {
        Ok(file) => file,
        Err(error) if is_none(&error) => return Ok(None),
        Err(error) => return Err(error),
    };
    let facts = file.metadata()?;
    Ok(facts.is_file().then_some((file, facts)))
}

/// The name under which a file lies in a folder now, if it is there.
pub(super) fn find_in(folder: &Path, key: FileKey) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder).ok()?;
    let mut same = entries
        .flatten()
        .filter(|entry| entry.metadata().is_ok_and(|facts| facts.ino() == key.inode));
    let found = same.find(|entry| entry.metadata().is_ok_and(|facts| FileKey::of(&facts) == key));
    found.map(|entry| entry.path())
}

/// Whether a file may be a copy of another one by its name: `app.log.1`, `app.log-20240501`, or `app-20240501.log` of `app.log`.
pub(super) fn may_be_copy(copy: &Path, of: &Path) -> bool {
    if copy.parent() != of.parent() || copy == of {
        return false;
    }
    let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
    let (Some(copy), Some(of)) = (name(copy), name(of)) else {
        return false;
    };
    let is_mark = |rest: &str| rest.starts_with(['.', '-', '_']);
    if copy.strip_prefix(&of).is_some_and(is_mark) {
        return true;
    }
    let Some((stem, ending)) = of.rsplit_once('.') else {
        return false;
    };
    let middle = copy
        .strip_prefix(stem)
        .and_then(|rest| rest.strip_suffix(&format!(".{ending}")));
    middle.is_some_and(|middle| is_mark(middle) && middle.bytes().any(|byte| byte.is_ascii_digit()))
}

/// The names of files of which a file may be a copy by its own name; the other way round [`may_be_copy`] tells.
pub(super) fn may_be_copy_of(copy: &Path) -> Vec<PathBuf> {
    let Some(name) = copy.file_name().and_then(|name| name.to_str()) else {
        return Vec::new();
    };
    let marks = name.match_indices(['.', '-', '_']).map(|(at, _)| at);
    let stems = marks
        .filter_map(|at| name.get(..at))
        .filter(|stem| !stem.is_empty());
    let ending = name.rsplit_once('.').map(|(_, ending)| ending);
    let named = stems.flat_map(|stem| {
        let ended = ending.map(|ending| format!("{stem}.{ending}"));
        [Some(stem.to_owned()), ended].into_iter().flatten()
    });
    let paths = named.map(|name| copy.with_file_name(name));
    paths.filter(|path| may_be_copy(copy, path)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_known_by_their_names() {
        let check = |copy: &str, of: &str, expected: bool| {
            let (copy, of) = (Path::new(copy), Path::new(of));
            assert_eq!(may_be_copy(copy, of), expected, "{copy:?} of {of:?}");
            assert_eq!(
                may_be_copy_of(copy).contains(&of.to_owned()),
                expected,
                "{copy:?} of {of:?}"
            );
        };
        check("/l/app.log.1", "/l/app.log", true);
        check("/l/app.log-20240501", "/l/app.log", true);
        check("/l/app-20240501.log", "/l/app.log", true);
        check("/l/app.log", "/l/app.log.1", false);
        check("/l/app.log", "/l/app.log", false);
        check("/m/app.log.1", "/l/app.log", false);
        check("/l/app-error.log", "/l/app.log", false);
        check("/l/app.logs", "/l/app.log", false);
        check("/l/syslog.1", "/l/syslog", true);
    }

    #[test]
    fn a_file_is_found_under_its_new_name() {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (folder.path().join("a"), folder.path().join("b"));
        std::fs::write(&old, "x").unwrap();
        let key = FileKey::of(&std::fs::metadata(&old).unwrap());
        assert!(open(&old, key).unwrap().is_some());
        std::fs::rename(&old, &new).unwrap();
        assert!(open(&old, key).unwrap().is_none());
        std::fs::write(&old, "y").unwrap();
        assert!(open(&old, key).unwrap().is_none());
        assert_eq!(find_in(folder.path(), key), Some(new));
        assert_eq!(find_in(&folder.path().join("none"), key), None);
    }

    #[test]
    fn what_is_no_regular_file_is_not_opened_and_nobody_waits_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("app.log.1");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &pipe,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::from_raw_mode(0o600),
            0,
        )
        .unwrap();
        assert!(open_regular(&pipe).unwrap().is_none());
        assert!(open_regular(folder.path()).unwrap().is_none());
        assert!(open_regular(&folder.path().join("none")).unwrap().is_none());
    }
}
