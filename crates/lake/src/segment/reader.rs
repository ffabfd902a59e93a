//! Opens segments and reads their parts.

use std::io;

use model::{ReadBudget, ReadError};
use pack::Part;
use pack::bytes::Malformed;
use prometheus_client::metrics::counter::Counter;
use ulid::Ulid;

use super::contents::{
    Contents, HEADER_BYTES, StreamMeta, TRAILER_BYTES, VERSION, decode_header, decode_trailer,
};
use super::known::Known;
use crate::files::{SegmentFile, SegmentFiles};
use crate::limits::PART_BYTES_MAX;

/// A segment that is open.
#[derive(Debug)]
pub(crate) struct Segment {
    id: Ulid,
    /// How people call it.
    place: String,
    file: Box<dyn SegmentFile>,
    contents: Contents,
    bytes_read: Counter,
}

/// Reads parts of a segment for somebody.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PartReader<'s> {
    segment: &'s Segment,
    budget: Option<&'s ReadBudget>,
}

impl Segment {
    /// Opens a segment of the catalog and reads its contents.
    pub(crate) fn open(
        files: &dyn SegmentFiles,
        known: &Known,
        bytes_read: &Counter,
    ) -> Result<Self, ReadError> {
        let place = files.place(known.id);
        if known.version != VERSION {
            return Err(unknown_version(place, known.version));
        }
        let file = files
            .open(known.id, Some(known.bytes))
            .map_err(|error| failed(&place, error))?;
        let packed = read_contents(&*file, known.contents, &place, bytes_read)?;
        let contents = Contents::decode(&packed, known.contents.offset);
        Ok(Self {
            id: known.id,
            contents: contents.map_err(|error| bad_contents(&place, error))?,
            place,
            file,
            bytes_read: bytes_read.clone(),
        })
    }

    /// Opens a segment of which only the name is known; tells what the catalog should know.
    pub(crate) fn inspect(
        files: &dyn SegmentFiles,
        id: Ulid,
        bytes_read: &Counter,
    ) -> Result<(Known, Self), ReadError> {
        let place = files.place(id);
        let damaged = |error: Malformed| bad_contents(&place, error);
        let file = files.open(id, None).map_err(|error| failed(&place, error))?;
        let bytes = file.byte_len().map_err(|error| failed(&place, error))?;
        if bytes < (HEADER_BYTES + TRAILER_BYTES) as u64 {
            return Err(damaged(Malformed("file is too short")));
        }
        let mut header = [0; HEADER_BYTES];
        file.read_exact_at(&mut header, 0)
            .map_err(|error| failed(&place, error))?;
        let version = decode_header(&header).map_err(damaged)?;
        if version != VERSION {
            return Err(unknown_version(place, version));
        }
        let mut trailer = [0; TRAILER_BYTES];
        file.read_exact_at(&mut trailer, bytes - TRAILER_BYTES as u64)
            .map_err(|error| failed(&place, error))?;
        let part = decode_trailer(&trailer, bytes).map_err(damaged)?;
        let packed = read_contents(&*file, part, &place, bytes_read)?;
        let contents = Contents::decode(&packed, part.offset).map_err(damaged)?;
        let known = Known::of(id, &contents, part);
        let segment = Self {
            id,
            place,
            file,
            contents,
            bytes_read: bytes_read.clone(),
        };
        Ok((known, segment))
    }

    /// The streams of a segment of the catalog, and nothing else of it.
    pub(crate) fn streams(
        files: &dyn SegmentFiles,
        known: &Known,
        bytes_read: &Counter,
    ) -> Result<Vec<StreamMeta>, ReadError> {
        let place = files.place(known.id);
        if known.version != VERSION {
            return Err(unknown_version(place, known.version));
        }
        let file = files
            .open(known.id, Some(known.bytes))
            .map_err(|error| failed(&place, error))?;
        let packed = read_contents(&*file, known.contents, &place, bytes_read)?;
        Contents::decode_streams(&packed).map_err(|error| bad_contents(&place, error))
    }

    /// Its name; in the order of making.
    pub(crate) fn id(&self) -> Ulid {
        self.id
    }

    /// How people call it.
    pub(crate) fn place(&self) -> &str {
        &self.place
    }

    /// What it holds.
    pub(crate) fn contents(&self) -> &Contents {
        &self.contents
    }
}

impl<'s> PartReader<'s> {
    /// Reads what may be read without end, as merging does.
    pub(crate) fn unlimited(segment: &'s Segment) -> Self {
        Self {
            segment,
            budget: None,
        }
    }

    /// Reads as long as the budget allows.
    pub(crate) fn within(segment: &'s Segment, budget: Option<&'s ReadBudget>) -> Self {
        Self { segment, budget }
    }

    /// What the segment holds.
    pub(crate) fn contents(self) -> &'s Contents {
        &self.segment.contents
    }

    /// How people call it.
    pub(crate) fn place(self) -> &'s str {
        &self.segment.place
    }

    /// The bytes of a part, decoded.
    pub(crate) fn read<T>(
        self,
        part: Part,
        what: &str,
        decode: impl FnOnce(&[u8]) -> Result<T, Malformed>,
    ) -> Result<T, ReadError> {
        if let Some(budget) = self.budget {
            budget.spend(part.length.into())?;
        }
        let segment = self.segment;
        let place = || format!("{}, {what} at offset {}", segment.place, part.offset);
        let mut bytes = vec![0; part.length as usize];
        segment
            .file
            .read_exact_at(&mut bytes, part.offset)
            .map_err(|error| failed(&place(), error))?;
        segment.bytes_read.inc_by(part.length.into());
        part.check(&bytes)
            .and_then(|()| decode(&bytes))
            .map_err(|error| ReadError::Damaged {
                place: place(),
                reason: error.to_string(),
            })
    }
}

fn read_contents(
    file: &dyn SegmentFile,
    part: Part,
    place: &str,
    bytes_read: &Counter,
) -> Result<Vec<u8>, ReadError> {
    if part.length as usize > PART_BYTES_MAX {
        return Err(bad_contents(place, Malformed("length of the contents")));
    }
    let mut packed = vec![0; part.length as usize];
    file.read_exact_at(&mut packed, part.offset)
        .map_err(|error| failed(place, error))?;
    bytes_read.inc_by(part.length.into());
    part.check(&packed).map_err(|error| bad_contents(place, error))?;
    Ok(packed)
}

fn bad_contents(place: &str, error: Malformed) -> ReadError {
    ReadError::Damaged {
        place: format!("{place}, table of contents"),
        reason: error.to_string(),
    }
}

fn unknown_version(place: String, version: u8) -> ReadError {
    ReadError::Version {
        place,
        found: version.into(),
        known: VERSION.into(),
    }
}

fn failed(place: &str, error: io::Error) -> ReadError {
    let place = place.to_owned();
    if error.kind() == io::ErrorKind::UnexpectedEof {
        let reason = "the file is cut off".to_owned();
        return ReadError::Damaged { place, reason };
    }
    ReadError::Io {
        place,
        reason: error.to_string(),
    }
}
