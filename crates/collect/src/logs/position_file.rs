//! Small files of JSON that say how far something is read: read whole, replaced whole (docs/formats/log-positions.md).

use std::path::Path;

use disk::Storage;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::Error;

/// What such a file holds.
pub(super) trait PositionFile: Serialize + DeserializeOwned {
    /// The version of the form that is written, the only one that is read.
    const VERSION: u32;
    /// More than any file of this kind has, in bytes.
    const BYTES_MAX: u64;

    /// The version that the file names.
    fn version(&self) -> u32;

    /// Reads the file; `None` where there is none.
    fn load(path: &Path) -> Result<Option<Self>, Error> {
        let unreadable = |source| Error::Read {
            path: path.to_owned(),
            source,
        };
        match std::fs::metadata(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(error)),
            Ok(facts) if facts.len() > Self::BYTES_MAX => {
                return Err(Error::TooLarge {
                    path: path.to_owned(),
                    bytes_max: Self::BYTES_MAX as usize,
                });
            }
            Ok(_) => {}
        }
        let bytes = std::fs::read(path).map_err(unreadable)?;
        Self::decode(&bytes).map(Some).map_err(|reason| Error::Positions {
            path: path.to_owned(),
            reason,
        })
    }

    /// What the bytes of a file say.
    fn decode(bytes: &[u8]) -> Result<Self, String> {
        let kept: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if kept.version() == Self::VERSION {
            Ok(kept)
        } else {
            Err(format!("version {} is not known", kept.version()))
        }
    }

    /// Replaces the file.
    fn save(&self, storage: &dyn Storage, path: &Path) -> Result<(), Error> {
        let text = serde_json::to_vec(self).map_err(|error| Error::Positions {
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
        disk::publish(storage, path, |file| file.write_all_at(&text, 0))
            .map_err(|source| Error::Keep { source })
    }
}
