//! How far files are read, on disk (docs/formats/log-positions.md): a file of JSON that is replaced whole.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

use super::content::Marks;
use crate::limits::LOG_POSITIONS_BYTES_MAX;
use crate::logs::position_file::PositionFile;

const VERSION: u32 = 1;

/// What is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    version: u32,
    /// Tells the batches of this file's life from those of another's.
    pub(super) instance: String,
    /// The number of the last batch.
    pub(super) round: u64,
    /// Lists that were followed, by a hash of what they include.
    pub(super) lists: Vec<u64>,
    /// All files that are followed.
    pub(super) files: Vec<KeptFile>,
}

/// A file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KeptFile {
    #[serde(with = "name")]
    pub(super) path: PathBuf,
    /// The name that its lines are known by.
    #[serde(with = "name")]
    pub(super) name: PathBuf,
    pub(super) device: u64,
    pub(super) inode: u64,
    /// Bytes that are stored.
    pub(super) offset: u64,
    pub(super) marks: Marks,
    /// What follows the offset is the rest of a line that is not wanted.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) is_skipping: bool,
    /// What follows the offset and is in the last batch, of which it is not known whether it is stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) open: Option<KeptPart>,
}

/// A stretch of a file that is in a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KeptPart {
    /// Where it ends.
    pub(super) to: u64,
    /// By what the file is known when it is read up to there.
    pub(super) marks: Marks,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) is_skipping: bool,
}

/// A path: text, or its bytes where it is no UTF-8.
mod name {
    use std::ffi::OsString;
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    use std::path::{Path, PathBuf};

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Name {
        Text(PathBuf),
        Bytes(Vec<u8>),
    }

    pub(super) fn serialize<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
        match path.to_str() {
            Some(text) => serializer.serialize_str(text),
            None => path.as_os_str().as_bytes().serialize(serializer),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
        Ok(match Name::deserialize(deserializer)? {
            Name::Text(path) => path,
            Name::Bytes(bytes) => OsString::from_vec(bytes).into(),
        })
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

impl Kept {
    /// Nothing yet. `seed` is another one each time.
    pub(super) fn new(seed: u128) -> Self {
        Self {
            version: VERSION,
            instance: format!("{seed:032x}"),
            round: 0,
            lists: Vec::new(),
            files: Vec::new(),
        }
    }

    /// The key of a batch.
    pub(super) fn key(&self, round: u64) -> u128 {
        xxh3_128(format!("{} {round}", self.instance).as_bytes())
    }
}

impl PositionFile for Kept {
    const VERSION: u32 = VERSION;
    const BYTES_MAX: u64 = LOG_POSITIONS_BYTES_MAX;

    fn version(&self) -> u32 {
        self.version
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    const FIXTURE: &[u8] = include_bytes!("../../../tests/fixtures/log-positions.1.json");

    #[test]
    fn the_fixture_of_version_1_still_reads() {
        let kept = Kept::decode(FIXTURE).unwrap();
        assert_eq!((kept.round, kept.files.len()), (7, 2));
        assert_eq!(kept.files[0].open.map(|open| open.to), Some(4096));
        assert!(kept.files[1].is_skipping && kept.files[1].open.is_none());
        assert_eq!(Kept::decode(&serde_json::to_vec(&kept).unwrap()).unwrap(), kept);
        // Any bytes may be a name.
        let mut odd = kept.clone();
        odd.files[0].path = std::ffi::OsString::from_vec(b"/l/app.log.\xff".to_vec()).into();
        assert_eq!(Kept::decode(&serde_json::to_vec(&odd).unwrap()).unwrap(), odd);
        assert_ne!(kept.key(7), kept.key(8));
        assert_ne!(kept.key(7), Kept::new(1).key(7));
    }

    #[test]
    fn what_cannot_be_understood_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log-positions.json");
        assert!(Kept::load(&path).unwrap().is_none());
        for text in [
            "",
            "{",
            r#"{"version":2,"instance":"","round":0,"lists":[],"files":[]}"#,
        ] {
            std::fs::write(&path, text).unwrap();
            let error = Kept::load(&path).unwrap_err().to_string();
            assert!(error.contains("log-positions.json"), "{error}");
        }
        let kept = Kept::new(3);
        std::fs::remove_file(&path).unwrap();
        kept.save(&disk::LocalStorage, &path).unwrap();
        assert_eq!(Kept::load(&path).unwrap(), Some(kept));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic_the_reader(at in 0..FIXTURE.len(), byte: u8) {
            let mut bytes = FIXTURE.to_vec();
            bytes[at] = byte;
            let _ = Kept::decode(&bytes);
            let _ = Kept::decode(&bytes[..at]);
        }
    }
}
