//! The chunk files of a block (tsdb/docs/format/chunks.md).

use std::path::{Path, PathBuf};

use super::chunk::{Decoded, decode};
use super::file::{Source, crc32c, take_u32, take_uvarint};
use super::index::ChunkRef;
use crate::limits::IMPORT_CHUNK_BYTES_MAX;

const MAGIC: u32 = 0x85bd_40dd;
const VERSION: u8 = 1;
/// What stands before the first chunk of a file.
const HEADER_BYTES: u64 = 8;
/// Chunks of a series follow each other.
const WINDOW_BYTES: usize = 32 << 10;

/// The chunk files of a block, opened when they are needed.
#[derive(Debug)]
pub(super) struct Segments {
    paths: Vec<PathBuf>,
    /// The one that was read last, and its place among the paths.
    open: Option<(usize, Source)>,
    /// What all chunks take.
    bytes: u64,
    /// How much of that may still be read in this walk: each chunk is of one series.
    unread: u64,
}

impl Segments {
    pub(super) fn of_block(block: &Path) -> std::io::Result<Self> {
        let mut paths = Vec::new();
        let mut bytes = 0_u64;
        for entry in std::fs::read_dir(block.join("chunks"))? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            if name.is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_digit())) {
                bytes = bytes.saturating_add(std::fs::metadata(&path)?.len().saturating_sub(HEADER_BYTES));
                paths.push(path);
            }
        }
        paths.sort();
        Ok(Self {
            paths,
            open: None,
            bytes,
            unread: bytes,
        })
    }

    /// At most so many samples can be in the chunks: none takes less than a bit for its time and one for its value.
    pub(super) fn samples_max(&self) -> u64 {
        self.bytes.saturating_mul(8 / 2)
    }

    /// Lets every chunk be read once more.
    pub(super) fn begin_walk(&mut self) {
        self.unread = self.bytes;
    }

    /// Appends what a chunk holds to `out`; a fault names file and offset.
    pub(super) fn read(&mut self, chunk: ChunkRef, out: &mut Decoded) -> Result<(), String> {
        let (number, offset) = ((chunk.place >> 32) as usize, chunk.place & 0xffff_ffff);
        let mut unread = self.unread;
        let source = self.segment(number)?;
        let read = read_at(source, offset, &mut unread, out);
        let read =
            read.map_err(|reason| format!("{}, chunk at offset {offset}: {reason}", source.path().display()));
        self.unread = unread;
        read
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

fn read_at(source: &mut Source, offset: u64, unread: &mut u64, out: &mut Decoded) -> Result<(), String> {
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
    // Only now: a damaged chunk may say anything of its length.
    *unread = unread
        .checked_sub(whole as u64)
        .ok_or("the index names chunks more often than there are; each is of one series")?;
    let (coding, data) = body.split_first().ok_or("the chunk is empty")?;
    decode(*coding, data, out).map_err(|error| error.to_string())
}
