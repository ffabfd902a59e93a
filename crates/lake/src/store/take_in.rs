//! Segments that the catalog does not know: from before there was one, from a backup, or because the catalog was lost.

use std::collections::BTreeSet;

use model::ReadError;
use prometheus_client::metrics::counter::Counter;
use state::LogSegmentChange;
use ulid::Ulid;

use crate::files::SegmentFiles;
use crate::segment::{Known, Segment};

/// What is to be done about such segments.
#[derive(Debug, Default)]
pub(crate) struct TakenIn {
    /// All segments that answer, those from before included.
    pub(crate) known: Vec<Known>,
    /// What the catalog is to be told.
    pub(crate) change: LogSegmentChange,
    /// Files of which another segment has all lines.
    pub(crate) stood_for: Vec<Ulid>,
    /// Files that cannot be read, for people.
    pub(crate) damage: Vec<String>,
    /// Those that are neither read nor known to be damaged: the disk or the network failed, or they are of a newer version.
    pub(crate) unread: Vec<Ulid>,
    /// How many were set aside.
    pub(crate) set_aside: usize,
    /// How many are of a version that this program does not know.
    pub(crate) of_other_version: usize,
}

/// Reads the files of `strays` and joins them to the segments that are known.
pub(crate) fn take_in(
    files: &dyn SegmentFiles,
    bytes_read: &Counter,
    strays: Vec<Ulid>,
    known: Vec<Known>,
) -> TakenIn {
    let mut taken_in = TakenIn::default();
    let mut found = Vec::new();
    for id in strays {
        match Segment::inspect(files, id, bytes_read) {
            Ok((segment, _)) => found.push(segment),
            Err(ReadError::Damaged { place, reason }) => {
                let aside = files.set_aside(id).unwrap_or_else(|fault| fault);
                taken_in.set_aside += 1;
                taken_in.damage.push(format!(
                    "{place}: {reason}; {aside}; all other segments answer; restore the file from a backup into {}",
                    files.all()
                ));
            }
            Err(error) => {
                taken_in.unread.push(id);
                taken_in.of_other_version += usize::from(matches!(error, ReadError::Version { .. }));
                taken_in
                    .damage
                    .push(format!("{error}; it does not answer, all other segments do"));
            }
        }
    }
    // A merged segment stands for its sources, and these for theirs: whatever of them is there as well has its lines twice.
    let sources: BTreeSet<Ulid> = (known.iter().chain(&found))
        .flat_map(|known| known.sources.iter().copied())
        .collect();
    for segment in found {
        if sources.contains(&segment.id) {
            taken_in.stood_for.push(segment.id);
        } else {
            taken_in.change.added.push(segment.row());
            taken_in.known.push(segment);
        }
    }
    for segment in known {
        if sources.contains(&segment.id) {
            taken_in.change.gone.push(segment.id);
            taken_in.stood_for.push(segment.id);
        } else {
            taken_in.known.push(segment);
        }
    }
    taken_in
}
