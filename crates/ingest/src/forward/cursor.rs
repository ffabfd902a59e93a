//! How far an endpoint has come in the queue: one small file an endpoint, overwritten in place
//! (docs/formats/remote-write-queue.md).

use std::path::Path;

use disk::{DiskError, Position, Storage, StorageFile};

const MAGIC: [u8; 8] = *b"WKRWPOS1";
const FILE_BYTES: usize = 32;

/// The file of one endpoint.
#[derive(Debug)]
pub(super) struct Cursor {
    file: Box<dyn StorageFile>,
    position: Position,
}

impl Cursor {
    /// Opens the file. Where there is none, or one that is damaged, it is made with the position that `otherwise` gives.
    pub(super) fn open(
        storage: &dyn Storage,
        path: &Path,
        otherwise: impl FnOnce() -> Position,
    ) -> Result<Self, DiskError> {
        if let Ok(file) = storage.open(path, true) {
            let read = file.read_all().ok().and_then(|bytes| decode(&bytes));
            let position = read.unwrap_or_default();
            // A damaged file is as good as one from the beginning: sent twice is better than never.
            return Ok(Self { file, position });
        }
        let file = storage.create(path).map_err(DiskError::io("create", path))?;
        let mut cursor = Self {
            file,
            position: Position::default(),
        };
        let position = otherwise();
        cursor
            .advance(position)
            .and_then(|()| cursor.file.sync())
            .map_err(DiskError::io("write", path))?;
        if let Some(dir) = path.parent() {
            storage
                .sync_dir(dir)
                .map_err(DiskError::io("sync the folder", dir))?;
        }
        Ok(cursor)
    }

    pub(super) fn position(&self) -> Position {
        self.position
    }

    /// Notes that everything before `position` has arrived. Survives the end of the process at any moment, and that of the
    /// machine after [`sync`](Self::sync).
    pub(super) fn advance(&mut self, position: Position) -> std::io::Result<()> {
        self.file.write_all_at(&encode(position), 0)?;
        self.position = position;
        Ok(())
    }

    pub(super) fn sync(&self) -> std::io::Result<()> {
        self.file.sync()
    }
}

fn encode(position: Position) -> [u8; FILE_BYTES] {
    let mut bytes = [0; FILE_BYTES];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..16].copy_from_slice(&position.segment.to_le_bytes());
    bytes[16..24].copy_from_slice(&position.offset.to_le_bytes());
    let check = xxhash_rust::xxh3::xxh3_64(&bytes[..24]);
    bytes[24..].copy_from_slice(&check.to_le_bytes());
    bytes
}

fn decode(bytes: &[u8]) -> Option<Position> {
    let whole: &[u8; FILE_BYTES] = bytes.first_chunk()?;
    let word = |from: usize| {
        let eight = whole.get(from..)?.first_chunk()?;
        Some(u64::from_le_bytes(*eight))
    };
    let sound = whole[..8] == MAGIC && word(24)? == xxhash_rust::xxh3::xxh3_64(&whole[..24]);
    sound.then_some(Position {
        segment: word(8)?,
        offset: word(16)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_kept_and_damage_is_the_beginning() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.pos");
        let storage = disk::LocalStorage;
        let place = |segment, offset| Position { segment, offset };
        let open = || Cursor::open(&storage, &path, || place(3, 0)).unwrap();
        assert_eq!(open().position(), place(3, 0));
        open().advance(place(7, 88)).unwrap();
        assert_eq!(open().position(), place(7, 88));
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[9] ^= 4;
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(open().position(), Position::default());
        std::fs::write(&path, b"short").unwrap();
        assert_eq!(open().position(), Position::default());
    }
}
