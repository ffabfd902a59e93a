//! Names of users, read again when the file changes.

use std::path::PathBuf;
use std::time::SystemTime;

use rustc_hash::FxHashMap;

use crate::kernel_file::read_once;
use crate::text;

/// passwd(5), in memory.
pub(super) struct Users {
    path: PathBuf,
    read_at: Option<(SystemTime, u64)>,
    names: FxHashMap<u32, String>,
}

impl Users {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            read_at: None,
            names: FxHashMap::default(),
        }
    }

    /// Reads the file where it is another than the one last read.
    pub(super) fn refresh(&mut self) {
        let Ok(found) = std::fs::metadata(&self.path) else {
            return;
        };
        let version = found.modified().ok().map(|modified| (modified, found.len()));
        if version.is_some() && version == self.read_at {
            return;
        }
        // A file that cannot be read leaves the names as they were.
        if let Ok(content) = read_once(&self.path) {
            self.names = parse(&content);
            self.read_at = version;
        }
    }

    /// The user's name, or the number where it has none.
    pub(super) fn name_of(&self, user: u32) -> String {
        self.names.get(&user).cloned().unwrap_or_else(|| user.to_string())
    }
}

/// Names by number; of several names the first counts, as for getpwuid(3).
pub(super) fn parse(content: &[u8]) -> FxHashMap<u32, String> {
    let mut names = FxHashMap::default();
    for line in text::lines(content) {
        let mut fields = line.split(|byte| *byte == b':');
        let (Some(name), Some(_), Some(number)) = (fields.next(), fields.next(), fields.next()) else {
            continue;
        };
        if let Some(number) = text::number(number).and_then(|number| u32::try_from(number).ok()) {
            names
                .entry(number)
                .or_insert_with(|| text::words(name).into_owned());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_read_again_when_it_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("passwd");
        let mut users = Users::new(path.clone());
        users.refresh();
        assert_eq!(users.name_of(0), "0");
        std::fs::write(
            &path,
            "root:x:0:0:root:/root:/bin/sh\ntoor:x:0:0::/:/bin/sh\nbad\nx:y:z\n",
        )
        .unwrap();
        users.refresh();
        assert_eq!((users.name_of(0), users.name_of(7)), ("root".into(), "7".into()));
        std::fs::write(&path, "root:x:0:0:root:/root:/bin/sh\nweb:x:7:7::/:/bin/false\n").unwrap();
        users.refresh();
        assert_eq!(users.name_of(7), "web");
    }
}
