//! The chunk files of a block (tsdb/docs/format/chunks.md).

use std::path::{Path, PathBuf};

use super::chunk::{Decoded, decode};
use super::file::{Source, crc32c, take_u32, take_uvarint};
use super::index::ChunkRef;
use crate::limits::IMPORT_CHUNK_BYTES_MAX;

const MAGIC: u32 = 0x85bd_40dd;
const VERSION: u8 = 1;
/// Chunks of a series follow each other.
const WINDOW_BYTES: usize = 32 << 10;

/// The chunk files of a block, opened when they are needed.
#[derive(Debug)]
pub(super) struct Segments {
    paths: Vec<PathBuf>,
    /// The one that was read last, and its place among the paths.
    open: Option<(usize, Source)>,
}

impl Segments {
    pub(super) fn of_block(block: &Path) -> std::io::Result<Self> {
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(block.join("chunks"))? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            if name.is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_digit())) {
                paths.push(path);
            }
        }
        paths.sort();
        Ok(Self { paths, open: None })
    }

    /// Appends what a chunk holds to `out`; a fault names file and offset.
    pub(super) fn read(&mut self, chunk: ChunkRef, out: &mut Decoded) -> Result<(), String> {
        let (number, offset) = ((chunk.place >> 32) as usize, chunk.place & 0xffff_ffff);
        let source = self.segment(number)?;
        let place = format!("{}, chunk at offset {offset}", source.path().display());
        read_at(source, offset, out).map_err(|reason| format!("{place}: {reason}"))
    }

    fn segment(&mut self, number: usize) -> Result<&mut Source, String> {
        if self.open.as_ref().is_none_or(|(known, _)| *known != number) {
            let path = self
                .paths
                .get(number)
                .ok_or_else(|| format!("chunks/{:06}: the file is missing", number + 1))?;
            let failed = |error: std::io::Error| format!("{}: {error}", path.display());
            let mut source = Source::open(path, WINDOW_BYTES).map_err(failed)?;
            let mut head = source.at(0, 5).map_err(failed)?;
            if take_u32(&mut head) != Some(MAGIC) || head != [VERSION] {
                return Err(format!(
                    "{}: this is no chunk file of version {VERSION}",
                    path.display()
                ));
            }
            self.open = Some((number, source));
        }
        match &mut self.open {
            Some((_, source)) => Ok(source),
            None => Err("no chunk file is open".to_owned()),
        }
    }
}

fn read_at(source: &mut Source, offset: u64, out: &mut Decoded) -> Result<(), String> {
    let io = |error: std::io::Error| error.to_string();
    let mut head = source.up_to(offset, 10).map_err(io)?;
    let before = head.len();
    let length = take_uvarint(&mut head)
        .and_then(|length| usize::try_from(length).ok())
        .filter(|length| *length <= IMPORT_CHUNK_BYTES_MAX)
        .ok_or("the chunk has no length, or one that no chunk has")?;
    let head_bytes = before - head.len();
    // The coding, the data, the checksum.
    let whole = head_bytes + 1 + length + 4;
    let bytes = source.at(offset, whole).map_err(io)?;
    let (body, sum) = bytes
        .get(head_bytes..)
        .and_then(|rest| rest.split_last_chunk::<4>())
        .ok_or("the chunk ends beyond the file")?;
    if *sum != crc32c(&[body]).to_be_bytes() {
        return Err("the chunk does not fit its checksum".to_owned());
    }
    let (coding, data) = body.split_first().ok_or("the chunk is empty")?;
    decode(*coding, data, out).map_err(|error| error.to_string())
}
