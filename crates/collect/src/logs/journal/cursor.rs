//! How far the journal is read, on disk (docs/formats/log-positions.md).

use std::path::Path;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

use crate::error::Error;

const VERSION: u32 = 1;
/// More than any file of this kind has.
const FILE_BYTES_MAX: u64 = 1 << 20;

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

impl Kept {
    /// Reads the file; `None` where there is none.
    pub(super) fn load(path: &Path) -> Result<Option<Self>, Error> {
        let unreadable = |source| Error::Read {
            path: path.to_owned(),
            source,
        };
        match std::fs::metadata(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(error)),
            Ok(facts) if facts.len() > FILE_BYTES_MAX => {
                return Err(Error::TooLarge {
                    path: path.to_owned(),
                    bytes_max: FILE_BYTES_MAX as usize,
                });
            }
            Ok(_) => {}
        }
        let bytes = std::fs::read(path).map_err(unreadable)?;
        let kept: Result<Self, String> = serde_json::from_slice(&bytes).map_err(|error| error.to_string());
        let kept = kept.and_then(|kept| match kept.version {
            VERSION => Ok(kept),
            other => Err(format!("version {other} is not known")),
        });
        kept.map(Some).map_err(|reason| Error::Positions {
            path: path.to_owned(),
            reason,
        })
    }

    /// Replaces the file.
    pub(super) fn save(&self, path: &Path) -> Result<(), Error> {
        let text = serde_json::to_vec(self).map_err(|error| Error::Positions {
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
        disk::publish(&disk::LocalStorage, path, |file| file.write_all_at(&text, 0))
            .map_err(|source| Error::Keep { source })
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
        kept.save(&path).unwrap();
        assert_eq!(Kept::load(&path).unwrap(), Some(kept));
        for text in ["", "{", r#"{"version":2,"cursor":null,"open":null}"#] {
            std::fs::write(&path, text).unwrap();
            assert!(Kept::load(&path).is_err(), "{text}");
        }
        assert_eq!(Kept::load(&folder.path().join("none")).unwrap(), None);
    }
}
