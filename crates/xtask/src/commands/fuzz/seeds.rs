//! What a target's corpus starts from: the rooms' fixtures, cut to what the target reads.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::tree::Tree;

/// Where a target's seeds are cut from.
struct Source {
    target: &'static str,
    /// Every file whose path starts so.
    files: &'static str,
    /// One file's bytes to what the target reads of them.
    cut: fn(&[u8]) -> Vec<Vec<u8>>,
}

/// Seeds that are not cut from anything lie under `fuzz/seeds`, written by hand.
const SOURCES: [Source; 8] = [
    source("promql_parse", "crates/promql/tests/scripts/", expressions),
    source("procfs_text", "crates/collect/fixtures/", whole),
    source("wal_frame", LOG, segment_and_frames),
    source("wal_frame", LOG_STARTED, segment_and_frames),
    source("tsdb_record", LOG, payloads),
    source("tsdb_record", LOG_STARTED, payloads),
    source(
        "tsdb_checkpoint",
        "crates/tsdb/tests/fixtures/v1/checkpoint",
        without_checksum,
    ),
    source(
        "tsdb_block",
        "crates/tsdb/tests/fixtures/v1/blocks/",
        table_of_contents,
    ),
];
const LOG: &str = "crates/tsdb/tests/fixtures/v1/log/";
const LOG_STARTED: &str = "crates/tsdb/tests/fixtures/v2/log/";

const SEGMENT_HEADER_BYTES: usize = 32;
const FRAME_HEADER_BYTES: usize = 24;
const FRAME_ALIGNMENT_BYTES: usize = 8;
const CHECKSUM_BYTES: usize = 4;
const TRAILER_BYTES: usize = 24;

/// Writes the seeds of `target` into `folder`; returns how many there are.
pub(super) fn write(tree: &Tree, target: &str, folder: &Path) -> Result<usize> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let seeds = seeds(tree, target);
    for (number, seed) in seeds.iter().enumerate() {
        let path: PathBuf = folder.join(format!("fixture-{number}"));
        std::fs::write(&path, seed).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(seeds.len())
}

fn seeds(tree: &Tree, target: &str) -> Vec<Vec<u8>> {
    let sources = SOURCES.iter().filter(|source| source.target == target);
    let mut seeds: Vec<Vec<u8>> = sources
        .flat_map(|source| {
            let paths = tree.paths().filter(|path| path.starts_with(source.files));
            paths
                .filter_map(|path| tree.bytes(path))
                .flat_map(|bytes| (source.cut)(bytes))
        })
        .filter(|seed| !seed.is_empty())
        .collect();
    seeds.sort_unstable();
    seeds.dedup();
    seeds
}

const fn source(target: &'static str, files: &'static str, cut: fn(&[u8]) -> Vec<Vec<u8>>) -> Source {
    Source { target, files, cut }
}

fn whole(bytes: &[u8]) -> Vec<Vec<u8>> {
    vec![bytes.to_vec()]
}

/// The expressions of a script: what follows `eval instant at TIME`, or `eval range from TIME to TIME step TIME`.
fn expressions(script: &[u8]) -> Vec<Vec<u8>> {
    let text = String::from_utf8_lossy(script);
    let of_line = |line: &str| {
        let words = if line.starts_with("eval instant ") {
            4
        } else if line.starts_with("eval range ") {
            8
        } else {
            return None;
        };
        let expression = line.splitn(words + 1, ' ').nth(words)?;
        Some(expression.as_bytes().to_vec())
    };
    text.lines().filter_map(of_line).collect()
}

fn segment_and_frames(segment: &[u8]) -> Vec<Vec<u8>> {
    [whole(segment), frames(segment)].concat()
}

fn payloads(segment: &[u8]) -> Vec<Vec<u8>> {
    frames(segment)
        .iter()
        .filter_map(|frame| payload(frame))
        .collect()
}

/// The frames of a segment of the log, each with its header; docs/formats/wal.md.
fn frames(segment: &[u8]) -> Vec<Vec<u8>> {
    let marker = segment.get(12..16);
    let mut frames = Vec::new();
    let mut at = SEGMENT_HEADER_BYTES;
    while let Some(frame) = segment.get(at..) {
        let length = word(frame, 8).filter(|_| frame.get(..4) == marker);
        let Some(end) = length.and_then(|length| length.checked_add(FRAME_HEADER_BYTES)) else {
            break;
        };
        let Some(frame) = frame.get(..end) else { break };
        frames.push(frame.to_vec());
        at += end.next_multiple_of(FRAME_ALIGNMENT_BYTES);
    }
    frames
}

fn payload(frame: &[u8]) -> Option<Vec<u8>> {
    frame.get(FRAME_HEADER_BYTES..).map(<[u8]>::to_vec)
}

fn without_checksum(checkpoint: &[u8]) -> Vec<Vec<u8>> {
    let end = checkpoint.len().saturating_sub(CHECKSUM_BYTES);
    checkpoint.get(..end).map(<[u8]>::to_vec).into_iter().collect()
}

/// The table of contents of a block, by the trailer; docs/formats/block.md.
fn table_of_contents(block: &[u8]) -> Vec<Vec<u8>> {
    let table = || {
        let trailer = block.get(block.len().checked_sub(TRAILER_BYTES)?..)?;
        // The upper half of the offset is zero in a file of a fixture's size.
        let (offset, length) = (word(trailer, 0)?, word(trailer, 8)?);
        block.get(offset..offset.checked_add(length)?)
    };
    table().map(<[u8]>::to_vec).into_iter().collect()
}

/// Four bytes, little-endian.
fn word(bytes: &[u8], at: usize) -> Option<usize> {
    let four = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(four.try_into().ok()?) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repository() -> Tree {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
        Tree::open(root).unwrap()
    }

    #[test]
    fn every_source_still_gives_seeds() {
        let tree = repository();
        for source in &SOURCES {
            assert!(!seeds(&tree, source.target).is_empty(), "{}", source.target);
            let file = format!("fuzz/fuzz_targets/{}.rs", source.target);
            assert!(tree.text(&file).is_some(), "{file}");
        }
    }

    #[test]
    fn the_stores_files_are_cut_where_their_formats_say() {
        let tree = repository();
        let checkpoint = seeds(&tree, "tsdb_checkpoint");
        assert!(checkpoint.iter().all(|bytes| bytes.starts_with(b"WKCHECK")));
        // Every frame has a payload, and the segments are seeds of their own.
        let (frames, records) = (seeds(&tree, "wal_frame"), seeds(&tree, "tsdb_record"));
        let is_segment = |bytes: &&Vec<u8>| bytes.starts_with(b"WKWALSEG");
        let segments = frames.iter().filter(is_segment).count();
        assert!(segments > 0 && frames.len() - segments >= records.len());
        let framed: usize = frames
            .iter()
            .filter(|bytes| !is_segment(bytes))
            .map(Vec::len)
            .sum();
        let headers = (frames.len() - segments) * FRAME_HEADER_BYTES;
        assert!(
            framed > headers,
            "{framed} bytes in frames, {headers} of them headers"
        );
    }

    #[test]
    fn seeds_written_by_hand_belong_to_a_target_and_are_small() {
        let tree = repository();
        for path in tree.paths().filter(|path| path.starts_with("fuzz/seeds/")) {
            let target = path.split('/').nth(2).unwrap_or_default();
            let file = format!("fuzz/fuzz_targets/{target}.rs");
            assert!(tree.text(&file).is_some(), "{path} is for no target");
            assert!(
                tree.bytes(path).is_some_and(|seed| seed.len() <= 4096),
                "{path} is large"
            );
        }
    }

    #[test]
    fn damaged_fixtures_give_less_and_never_panic() {
        for cut in SOURCES.map(|source| source.cut) {
            for bytes in [&[][..], &[0xff; 7], &[0xff; 40], &[0; 64]] {
                let _ = cut(bytes);
            }
        }
        assert_eq!(frames(&[0xff; 40]).len(), 0);
        assert_eq!(table_of_contents(&[0xff; 40]).len(), 0);
    }

    #[test]
    fn expressions_are_what_stands_after_the_times() {
        let script = "load 15s\n  a 1\n\neval instant at 1m sum by (a) (b)\n  {} 1\neval range from 0 to 1m step 30s b + 1\n";
        let tree = Tree::of([("crates/promql/tests/scripts/x.test", script)]);
        assert_eq!(
            seeds(&tree, "promql_parse"),
            [b"b + 1".to_vec(), b"sum by (a) (b)".to_vec()]
        );
    }
}
