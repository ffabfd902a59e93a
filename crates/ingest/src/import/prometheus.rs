//! Prometheus' data folder: every block of it, oldest first, series by series.
//!
//! In: a data folder, or one block of it.  Out: floats and native histograms to a [`Backfill`].
//! Owns: nothing; the folder is only read, a running Prometheus may go on using it.
//! Invariants: damage costs what is damaged: a chunk, a series, a block, each named (`tests`); a block of any size needs
//! memory for its symbols and references only.
//! Not here: the log of the newest hours (`wal`, `chunks_head`), which Prometheus writes to a block itself when it is asked for
//! a snapshot.
//! Start at: [`import`].

mod bits;
pub mod chunk;
mod file;
pub mod index;
mod segments;
#[cfg(test)]
mod tests;
pub mod tombstones;

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use model::{Backfill, TimeRange};
use serde::Deserialize;

use super::{ImportError, Reading, Wanted, file_error};
use crate::limits::IMPORT_SAMPLES_PER_WALK;
use chunk::Decoded;
pub(crate) use file::crc32c;
use index::{Index, IndexSeries};
use segments::Segments;
use tombstones::Tombstones;

const DAY_MS: i64 = 24 * 3_600_000;
/// Progress is told after so many series.
const SERIES_PER_TELLING: usize = 1000;

/// What a block says of itself in `meta.json`.
#[derive(Debug, Deserialize)]
struct Meta {
    version: u32,
    #[serde(rename = "minTime")]
    min_ms: i64,
    /// The first moment after the block.
    #[serde(rename = "maxTime")]
    max_ms: i64,
    #[serde(default)]
    stats: Stats,
    #[serde(default)]
    thanos: Option<Thanos>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Stats {
    num_samples: u64,
}

#[derive(Debug, Deserialize)]
struct Thanos {
    #[serde(default)]
    downsample: Downsample,
}

#[derive(Debug, Default, Deserialize)]
struct Downsample {
    #[serde(default)]
    resolution: i64,
}

/// What was met in an earlier walk over the same block.
struct Seen {
    /// Series that gave samples.
    series: Vec<bool>,
    /// The places of chunks that cannot be read.
    bad_chunks: HashSet<u64>,
}

/// A block that can be read.
struct Block {
    dir: PathBuf,
    meta: Meta,
}

/// Reads the blocks below `dir` (or `dir` itself, where it is a block) and gives what is `wanted` to `into`. `told` hears of the
/// progress. What cannot be read is a fault in what is returned; an error means that nothing more can be done.
pub fn import(
    dir: &Path,
    wanted: &Wanted,
    into: &mut dyn Backfill,
    told: &mut dyn FnMut(&Reading),
) -> Result<Reading, ImportError> {
    let mut reading = Reading::default();
    let blocks = find_blocks(dir, &mut reading)?;
    for block in &blocks {
        let span = TimeRange::new(block.meta.min_ms, block.meta.max_ms.saturating_sub(1));
        if span.is_ok_and(|span| !span.overlaps(&wanted.range)) {
            continue;
        }
        if let Err(fault) = block.read(wanted, into, &mut reading, told)? {
            reading.fault(fault);
        } else {
            reading.sources += 1;
        }
        told(&reading);
    }
    Ok(reading)
}

/// The blocks below `dir`, oldest first.
fn find_blocks(dir: &Path, reading: &mut Reading) -> Result<Vec<Block>, ImportError> {
    if dir.join("meta.json").is_file() {
        return Ok(Block::open(dir.to_owned(), reading).into_iter().collect());
    }
    let mut blocks = Vec::new();
    let mut found = false;
    for entry in std::fs::read_dir(dir).map_err(file_error(dir))? {
        let path = entry.map_err(file_error(dir))?.path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        // A ULID; what is being written or removed has an ending.
        if name.len() == 26 && name.bytes().all(|byte| byte.is_ascii_alphanumeric()) && path.is_dir() {
            found = true;
            blocks.extend(Block::open(path, reading));
        }
    }
    if !found {
        return Err(ImportError::Malformed {
            place: dir.display().to_string(),
            reason:
                "there is no block of Prometheus in this folder; name the one that Prometheus was given as \
                     --storage.tsdb.path"
                    .to_owned(),
        });
    }
    let has_log = std::fs::read_dir(dir.join("wal")).is_ok_and(|mut entries| entries.next().is_some());
    if has_log {
        reading.notes.push(format!(
            "the newest hours are in {} and not read: ask Prometheus for a snapshot (POST /api/v1/admin/tsdb/snapshot, with \
             --web.enable-admin-api) and import its folder, which has them as a block",
            dir.join("wal").display()
        ));
    }
    blocks.sort_by_key(|block| (block.meta.min_ms, block.meta.max_ms));
    Ok(blocks)
}

// === impl Block ===

impl Block {
    /// Reads what a block says of itself; what cannot be imported is a fault.
    fn open(dir: PathBuf, reading: &mut Reading) -> Option<Self> {
        let path = dir.join("meta.json");
        let meta = std::fs::read(&path)
            .map_err(|error| error.to_string())
            .and_then(|bytes| serde_json::from_slice::<Meta>(&bytes).map_err(|error| error.to_string()));
        let refused = match &meta {
            Err(error) => Some(error.clone()),
            Ok(meta) if meta.version != 1 => Some(format!("version {} is not known", meta.version)),
            Ok(Meta {
                thanos: Some(thanos), ..
            }) if thanos.downsample.resolution > 0 => Some(format!(
                "Thanos downsampled this block to {} s; import the raw ones",
                thanos.downsample.resolution / 1000
            )),
            Ok(_) => None,
        };
        if let Some(reason) = refused {
            reading.fault(format!("{}: {reason}", path.display()));
            return None;
        }
        meta.ok().map(|meta| Self { dir, meta })
    }

    /// Gives the block's samples on. The inner result is the fault that makes the whole block unreadable.
    fn read(
        &self,
        wanted: &Wanted,
        into: &mut dyn Backfill,
        reading: &mut Reading,
        told: &mut dyn FnMut(&Reading),
    ) -> Result<Result<(), String>, ImportError> {
        let index_path = self.dir.join("index");
        let opened = Index::open(&index_path)
            .map_err(|fault| {
                format!(
                    "{}, offset {}: {}",
                    index_path.display(),
                    fault.offset,
                    fault.reason
                )
            })
            .and_then(|index| Ok((index, self.segments()?, self.tombstones()?)));
        let (mut index, mut segments, tombstones) = match opened {
            Ok(opened) => opened,
            Err(fault) => return Ok(Err(fault)),
        };
        let mut seen = Seen {
            series: vec![false; index.series_count()],
            bad_chunks: HashSet::new(),
        };
        let walks = self.walks(wanted.range, segments.samples_max());
        for (walk, range) in walks.into_iter().enumerate() {
            segments.begin_walk();
            for (number, was_seen) in seen.series.iter_mut().enumerate() {
                if number % SERIES_PER_TELLING == 0 {
                    told(reading);
                }
                let reference = index.reference(number);
                let series = match index.series(reference) {
                    Ok(series) => series,
                    Err(fault) => {
                        // Once, not in every walk.
                        if walk == 0 {
                            reading.fault(format!(
                                "{}, series at offset {}: {}",
                                index_path.display(),
                                fault.offset,
                                fault.reason
                            ));
                        }
                        continue;
                    }
                };
                if wanted.wants(&series.labels) {
                    let mut decoded = gather(&series, range, &mut segments, &mut seen.bad_chunks, reading);
                    reading.deleted += tombstones.apply(reference, &mut decoded);
                    if give(&series, decoded, into, reading)? && !*was_seen {
                        *was_seen = true;
                        reading.series += 1;
                    }
                }
            }
        }
        Ok(Ok(()))
    }

    /// The spans of time in which the block is walked: days together, as many as hold few enough samples, of which there are
    /// `samples_max` at most, whatever the block says.
    fn walks(&self, range: TimeRange, samples_max: u64) -> Vec<TimeRange> {
        let from_ms = self.meta.min_ms.max(range.from_ms());
        let to_ms = self.meta.max_ms.saturating_sub(1).min(range.to_ms());
        let span_ms = self.meta.max_ms.saturating_sub(self.meta.min_ms).max(1);
        let days = (span_ms / DAY_MS + 2) as u64;
        let rounds = self
            .meta
            .stats
            .num_samples
            .min(samples_max)
            .div_ceil(IMPORT_SAMPLES_PER_WALK)
            .max(1);
        let days_per_walk = days.div_ceil(rounds).max(1) as i64;
        let mut walks = Vec::new();
        let mut start_ms = from_ms;
        while start_ms <= to_ms {
            let day = start_ms.div_euclid(DAY_MS);
            let next_ms = day.saturating_add(days_per_walk).saturating_mul(DAY_MS);
            let end_ms = to_ms.min(next_ms.saturating_sub(1));
            walks.extend(TimeRange::new(start_ms, end_ms));
            match end_ms.checked_add(1) {
                Some(next) => start_ms = next,
                None => break,
            }
        }
        walks
    }

    fn segments(&self) -> Result<Segments, String> {
        Segments::of_block(&self.dir)
            .map_err(|error| format!("{}: {error}", self.dir.join("chunks").display()))
    }

    fn tombstones(&self) -> Result<Tombstones, String> {
        let path = self.dir.join("tombstones");
        let said = |reason: String| format!("{}: {reason}", path.display());
        match std::fs::read(&path) {
            Ok(bytes) => Tombstones::read(&bytes).map_err(|reason| said(reason.to_owned())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Tombstones::default()),
            Err(error) => Err(said(error.to_string())),
        }
    }
}

/// What the chunks of a series hold of a span of time.
fn gather(
    series: &IndexSeries,
    range: TimeRange,
    segments: &mut Segments,
    bad_chunks: &mut HashSet<u64>,
    reading: &mut Reading,
) -> Decoded {
    let mut decoded = Decoded::default();
    for &chunk in &series.chunks {
        let outside = chunk.min_ms > range.to_ms() || chunk.max_ms < range.from_ms();
        if outside || bad_chunks.contains(&chunk.place) {
            continue;
        }
        let (floats, histograms) = (decoded.floats.len(), decoded.histograms.len());
        if let Err(reason) = segments.read(chunk, &mut decoded) {
            decoded.floats.at_ms.truncate(floats);
            decoded.floats.values.truncate(floats);
            decoded.histograms.truncate(histograms);
            bad_chunks.insert(chunk.place);
            reading.fault(format!("{reason} (series {})", series.labels));
        }
    }
    let outside = |at_ms: &i64| !range.contains(*at_ms);
    if decoded.floats.at_ms.iter().any(outside) {
        let all = std::mem::take(&mut decoded.floats);
        for sample in all.iter().filter(|sample| range.contains(sample.at_ms)) {
            decoded.floats.push(sample.at_ms, sample.value);
        }
    }
    decoded.histograms.retain(|sample| range.contains(sample.at_ms));
    decoded
}

/// Gives samples on; says whether there were any.
fn give(
    series: &IndexSeries,
    decoded: Decoded,
    into: &mut dyn Backfill,
    reading: &mut Reading,
) -> Result<bool, ImportError> {
    let Decoded { floats, histograms } = decoded;
    if !floats.is_empty() {
        into.add(&series.labels, &floats)?;
    }
    let sound = reading.sound(&series.labels, histograms);
    if !sound.is_empty() {
        into.add_histograms(&series.labels, &sound)?;
    }
    reading.samples += floats.len() as u64;
    reading.histograms += sound.len() as u64;
    Ok(!floats.is_empty() || !sound.is_empty())
}
