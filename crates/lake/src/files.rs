//! Where the files of segments lie: written once, read in parts, removed at last.
//!
//! In: the name of a segment, and a file of this machine that holds it.  Out: its bytes.
//! Owns: the names of files.
//! Invariants: what [`SegmentFiles::keep`] accepted is durable; nothing is removed that was not named.
//! Not here: which segments answer (`catalog`), what is in them (`segment`).
//! Start at: [`SegmentFiles`].

use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ulid::Ulid;

mod blocks;
mod caller;
mod copies;
mod local;
mod remote;

pub(crate) use local::LocalFiles;
pub(crate) use remote::RemoteFiles;

/// The ending of file names.
const ENDING: &str = "segment";

/// A place for segments.
pub(crate) trait SegmentFiles: Send + Sync + Debug {
    /// Where on this machine a segment is written before it is kept.
    fn path_to_write(&self, id: Ulid) -> PathBuf;

    /// Makes a segment of so many bytes durable that was written and synced on this machine.
    fn keep(&self, id: Ulid, bytes: u64) -> io::Result<()>;

    /// Opens a segment. `bytes` is its length, where that is known.
    fn open(&self, id: Ulid, bytes: Option<u64>) -> io::Result<Box<dyn SegmentFile>>;

    /// Removes a segment; one that is not there is removed already.
    fn remove(&self, id: Ulid) -> io::Result<()>;

    /// Removes what lies on this machine of a segment that is to be removed, where the rest is elsewhere and may take its time.
    fn remove_near(&self, _id: Ulid) -> io::Result<()> {
        Ok(())
    }

    /// Keeps a damaged segment for people, in another place, and tells them where; or why not.
    fn set_aside(&self, id: Ulid) -> Result<String, String>;

    /// Removes a copy that may be damaged where the segment itself is elsewhere; tells whether it is worth reading again.
    fn drop_copy(&self, id: Ulid) -> bool;

    /// Makes durable what lies on this machine alone of the segments that answer, a few at a time.
    fn catch_up(&self, ids: &[Ulid]) -> io::Result<()>;

    /// The segments that are there.
    fn list(&self) -> io::Result<Vec<Ulid>>;

    /// Whether [`list`](Self::list) costs next to nothing and shows what a crash left.
    fn is_near(&self) -> bool;

    /// How people call a segment.
    fn place(&self, id: Ulid) -> String;

    /// How people call the place of all segments.
    fn all(&self) -> String;
}

/// A segment that is open.
pub(crate) trait SegmentFile: Send + Sync + Debug {
    /// Fills `bytes` from `offset`, or fails.
    fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()>;

    /// Its length in bytes.
    fn byte_len(&self) -> io::Result<u64>;
}

/// A place that is handed around.
pub(crate) type SharedFiles = Arc<dyn SegmentFiles>;

fn file_name(id: Ulid) -> String {
    format!("{id}.{ENDING}")
}

/// The segment that a file of this name holds.
fn id_of(name: &Path) -> Option<Ulid> {
    let stem = name.file_stem()?.to_str()?;
    let is_segment = name.extension().is_some_and(|ending| ending == ENDING);
    // Names are written in one way only.
    let id = Ulid::from_string(stem).ok().filter(|id| id.to_string() == stem);
    id.filter(|_| is_segment)
}
