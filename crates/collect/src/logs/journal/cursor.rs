//! How far the journal is read, on disk (docs/formats/log-positions.md).

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

use crate::logs::position_file::PositionFile;

const VERSION: u32 = 1;

/// What is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    version: u32,
    /// The last entry that is stored.
    pub(super) cursor: Option<String>,
    /// The entries behind it that are in the last batch, of which it is not known whether it is stored.
    pub(super) open: Option<Open>,
}

/// A batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Open {
    pub(super) first: String,
    pub(super) last: String,
}

impl Default for Kept {
    fn default() -> Self {
        Self {
            version: VERSION,
            cursor: None,
            open: None,
        }
    }
}

impl Open {
    /// The key of the batch. A journal never gives a cursor twice.
    pub(super) fn key(&self) -> u128 {
        xxh3_128(format!("journald {}\n{}", self.first, self.last).as_bytes())
    }
}

impl PositionFile for Kept {
    const VERSION: u32 = VERSION;
    const BYTES_MAX: u64 = 1 << 20;

    fn version(&self) -> u32 {
        self.version
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fixture_of_version_1_still_reads_and_damage_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal-position.json");
        std::fs::write(
            &path,
            include_bytes!("../../../tests/fixtures/journal-position.1.json"),
        )
        .unwrap();
        let kept = Kept::load(&path).unwrap().unwrap();
        assert_eq!(kept.cursor.as_deref(), Some("s=1;i=a"));
        let open = kept.open.clone().unwrap();
        assert_eq!((open.first.as_str(), open.last.as_str()), ("s=1;i=b", "s=1;i=c"));
        kept.save(&disk::LocalStorage, &path).unwrap();
        assert_eq!(Kept::load(&path).unwrap(), Some(kept));
        for text in ["", "{", r#"{"version":2,"cursor":null,"open":null}"#] {
            std::fs::write(&path, text).unwrap();
            assert!(Kept::load(&path).is_err(), "{text}");
        }
        assert_eq!(Kept::load(&folder.path().join("none")).unwrap(), None);
    }
}
