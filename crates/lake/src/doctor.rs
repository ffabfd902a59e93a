//! The catalog made anew from the segments themselves, while no store is open.

use std::collections::BTreeSet;
use std::fmt;

use state::LogSegmentRow;
use ulid::Ulid;

use crate::config::Config;
use crate::error::LakeError;
use crate::segment::Known;
use crate::store::take_in::{TakenIn, take_in};
use crate::store::{Parts, take_folder};

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rebuilt {
    /// Segments that answer now.
    pub segments: u64,
    /// Their lines.
    pub lines: u64,
    /// Bytes of their files.
    pub bytes: u64,
    /// Segments that the catalog had named before.
    pub known_before: u64,
    /// Files that were left over or that another segment stands for; they were removed.
    pub removed: u64,
    /// Segments that the catalog had named and that are not there: lines that are lost, unless a backup has them.
    pub missing: Vec<String>,
    /// Segments that could not be read now and of which the catalog says what it said before.
    pub kept_unread: Vec<String>,
    /// Files that cannot be read, and what became of each.
    pub damage: Vec<String>,
}

impl Rebuilt {
    /// Whether everything that should be there is.
    pub fn is_whole(&self) -> bool {
        self.missing.is_empty() && self.damage.is_empty()
    }
}

impl fmt::Display for Rebuilt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "the catalog names {} segments with {} lines in {}; it named {} before; {} files that were left over are removed",
            self.segments,
            self.lines,
            stdx::HumanBytes(self.bytes),
            self.known_before,
            self.removed
        )?;
        for place in &self.missing {
            writeln!(f, "missing: {place}; put it back from a backup and rebuild again")?;
        }
        for place in &self.kept_unread {
            writeln!(
                f,
                "kept as it was: {place} cannot be read now; rebuild again once it can"
            )?;
        }
        for what in &self.damage {
            writeln!(f, "damaged: {what}")?;
        }
        Ok(())
    }
}

/// Reads every segment of the store in `config.dir` and makes the catalog name those that answer. No store may be open there.
pub fn rebuild_catalog(config: &Config, parts: &Parts) -> Result<Rebuilt, LakeError> {
    let catalog = |source| LakeError::Catalog { source };
    let (_lock, files) = take_folder(config, parts)?;
    let failed = |source| LakeError::Files {
        place: files.all(),
        source,
    };
    let mut rebuilt = Rebuilt::default();
    let leftovers = parts.catalog.leftovers().map_err(catalog)?;
    for id in &leftovers {
        files.remove(*id).map_err(failed)?;
        rebuilt.removed += 1;
    }
    parts.catalog.forget_leftovers(leftovers).map_err(catalog)?;
    let before = parts.catalog.segments().map_err(catalog)?;
    let there = files.list().map_err(failed)?;
    rebuilt.known_before = before.len() as u64;
    for row in before.iter().filter(|row| !there.contains(&row.id)) {
        rebuilt.missing.push(files.place(row.id));
    }
    let TakenIn {
        known,
        stood_for,
        damage,
        unread,
        ..
    } = take_in(&*files, &parts.telemetry.bytes_read, there, Vec::new());
    // What cannot be read today is not lost: the catalog says of it what it said before.
    let unread: BTreeSet<Ulid> = unread.into_iter().collect();
    let kept: Vec<LogSegmentRow> = (before.into_iter())
        .filter(|row| unread.contains(&row.id) && !stood_for.contains(&row.id))
        .collect();
    let sources: BTreeSet<Ulid> = kept.iter().flat_map(|row| row.sources.iter().copied()).collect();
    // Files of sources stay until what stands for them can be read.
    let known: Vec<Known> = (known.into_iter())
        .filter(|known| !sources.contains(&known.id))
        .collect();
    let rows = known.iter().map(Known::row).chain(kept.iter().cloned());
    parts.catalog.replace(rows.collect()).map_err(catalog)?;
    for id in stood_for {
        files.remove(id).map_err(failed)?;
        rebuilt.removed += 1;
    }
    rebuilt.segments = known.len() as u64;
    rebuilt.lines = known.iter().map(|known| known.rows).sum();
    rebuilt.bytes = known.iter().map(|known| known.bytes).sum();
    rebuilt.kept_unread = kept.iter().map(|row| files.place(row.id)).collect();
    rebuilt.damage = damage;
    Ok(rebuilt)
}
