//! Reading a log back after whatever happened: what is whole is handed on, what is not is named and set aside.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::error::DiskError;
use crate::frame::{FRAME_ALIGNMENT, FrameHeader, HeaderError, SEGMENT_HEADER_BYTES, SegmentHeader};
use crate::limits::QUARANTINE_BYTES_MAX;
use crate::publish::quarantine_bytes;
use crate::storage::Storage;

/// One record of the log.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// The segment it lies in.
    pub segment: u64,
    /// Its number there, from 0.
    pub record: u64,
    /// What its writer said it is.
    pub kind: u8,
    /// Its content.
    pub payload: &'a [u8],
}

/// What reading the log found.
#[derive(Debug, Default)]
pub struct ReplayReport {
    /// Segments read.
    pub segments: u64,
    /// Records handed on.
    pub records: u64,
    /// What could not be read.
    pub damage: Vec<Damage>,
}

/// One place of a log that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// What it is.
    pub kind: DamageKind,
    /// The segment's file.
    pub file: PathBuf,
    /// The number of the record in its segment, from 0.
    pub record: u64,
    /// Where the damage starts, in bytes from the start of the file.
    pub offset: u64,
    /// How many bytes are concerned.
    pub bytes: u64,
    /// What is wrong.
    pub reason: String,
    /// Where a copy of the bytes is kept.
    pub copy: Option<PathBuf>,
}

/// What kind of damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DamageKind {
    /// The last write did not finish; it was cut off. Nothing acknowledged is concerned unless the file was damaged later.
    TornTail,
    /// A record, or a run of them, in the midst of the log; what follows was read.
    Record,
    /// A whole segment that cannot be read.
    Segment,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (file, record, offset) = (self.file.display(), self.record, self.offset);
        write!(
            f,
            "log segment {file}, record {record} at offset {offset}: {}",
            self.reason
        )?;
        match self.kind {
            DamageKind::TornTail => write!(
                f,
                "; {} bytes of an unfinished write were cut off, nothing acknowledged ended there",
                self.bytes
            )?,
            DamageKind::Record => write!(
                f,
                "; {} bytes were skipped, all records after them were read",
                self.bytes
            )?,
            DamageKind::Segment => write!(f, "; the segment was skipped")?,
        }
        if let Some(copy) = &self.copy {
            write!(f, "; a copy is kept in {}", copy.display())?;
        }
        match self.kind {
            DamageKind::TornTail => f.write_str("; nothing needs to be done"),
            DamageKind::Record | DamageKind::Segment => {
                f.write_str("; check the disk, and restore the file from a backup if these records matter")
            }
        }
    }
}

/// One segment file to be read.
pub(crate) struct SegmentFile<'a> {
    pub(crate) storage: &'a dyn Storage,
    pub(crate) quarantine_dir: &'a Path,
    pub(crate) path: PathBuf,
    pub(crate) segment: u64,
    /// Whether the log ends with it.
    pub(crate) last: bool,
}

/// What a record's owner does with it; an error says that the record makes no sense.
pub(crate) type Visit<'v> = dyn FnMut(Record<'_>) -> Result<(), String> + 'v;

impl SegmentFile<'_> {
    /// Reads the segment and hands its records to `visit`; returns the file's length after that.
    pub(crate) fn replay(&self, visit: &mut Visit<'_>, report: &mut ReplayReport) -> Result<u64, DiskError> {
        let file = self
            .storage
            .open(&self.path, self.last)
            .map_err(DiskError::io("open the log segment", &self.path))?;
        let bytes = file
            .read_all()
            .map_err(DiskError::io("read the log segment", &self.path))?;
        report.segments += 1;
        let Some((mut offset, marker)) = self.start(&bytes, report)? else {
            return Ok(bytes.len() as u64);
        };
        let mut expected = 0;
        let mut ahead = Ahead::new(&bytes, marker);
        while offset < bytes.len() {
            if let Some((header, payload)) = frame_at(&bytes, offset, marker) {
                let (next, record) = (offset + header.frame_bytes(), u64::from(header.record));
                let failure = if header.fits(payload) {
                    let segment = self.segment;
                    let kind = header.kind;
                    visit(Record {
                        segment,
                        record,
                        kind,
                        payload,
                    })
                    .err()
                } else if self.last && ahead.next_frame(next).is_none() {
                    let reason = "the last record of the log fails its checksum";
                    return self.cut(&*file, &bytes, offset, record, reason, report);
                } else {
                    Some("the record fails its checksum".to_owned())
                };
                match failure {
                    None => report.records += 1,
                    Some(reason) => self.skip(&bytes, (offset, next), record, reason, report),
                }
                (offset, expected) = (next, record + 1);
                continue;
            }
            match ahead.next_frame(offset + FRAME_ALIGNMENT) {
                Some(next) => {
                    let reason = "the frame of the record is damaged".to_owned();
                    self.skip(&bytes, (offset, next), expected, reason, report);
                    offset = next;
                }
                None if self.last => {
                    return self.cut(
                        &*file,
                        &bytes,
                        offset,
                        expected,
                        "the last write did not finish",
                        report,
                    );
                }
                None => {
                    let reason = "the segment does not end with a whole record".to_owned();
                    self.skip(&bytes, (offset, bytes.len()), expected, reason, report);
                    offset = bytes.len();
                }
            }
        }
        Ok(bytes.len() as u64)
    }

    /// Where the records start, and the marker they carry. `None`: nothing can be read.
    fn start(
        &self,
        bytes: &[u8],
        report: &mut ReplayReport,
    ) -> Result<Option<(usize, Option<u32>)>, DiskError> {
        if bytes.is_empty() {
            return Ok(None);
        }
        match SegmentHeader::decode(bytes) {
            Ok(header) => Ok(Some((SEGMENT_HEADER_BYTES, Some(header.marker)))),
            Err(HeaderError::Damaged)
                if self.last && Ahead::new(bytes, None).next_frame(SEGMENT_HEADER_BYTES).is_none() =>
            {
                let file = self
                    .storage
                    .open(&self.path, true)
                    .map_err(DiskError::io("open the log segment", &self.path))?;
                self.cut(&*file, bytes, 0, 0, "the segment was just being created", report)?;
                Ok(None)
            }
            Err(error @ HeaderError::Damaged) => {
                let end = SEGMENT_HEADER_BYTES.min(bytes.len());
                self.skip(bytes, (0, end), 0, error.to_string(), report);
                // The first whole frame tells the marker.
                let marker = Ahead::new(bytes, None)
                    .next_frame(SEGMENT_HEADER_BYTES)
                    .and_then(|offset| FrameHeader::decode(bytes, offset))
                    .map(|header| header.marker);
                Ok(Some((end, marker)))
            }
            Err(error @ HeaderError::Version(_)) => {
                let copy = self.keep(bytes, 0, bytes.len());
                report.damage.push(Damage {
                    kind: DamageKind::Segment,
                    file: self.path.clone(),
                    record: 0,
                    offset: 0,
                    bytes: bytes.len() as u64,
                    reason: error.to_string(),
                    copy,
                });
                Ok(None)
            }
        }
    }

    fn cut(
        &self,
        file: &dyn crate::storage::StorageFile,
        bytes: &[u8],
        offset: usize,
        record: u64,
        reason: &str,
        report: &mut ReplayReport,
    ) -> Result<u64, DiskError> {
        let copy = self.keep(bytes, offset, bytes.len());
        file.set_len(offset as u64)
            .and_then(|()| file.sync())
            .map_err(DiskError::io("cut the torn tail of", &self.path))?;
        report.damage.push(Damage {
            kind: DamageKind::TornTail,
            file: self.path.clone(),
            record,
            offset: offset as u64,
            bytes: (bytes.len() - offset) as u64,
            reason: reason.to_owned(),
            copy,
        });
        Ok(offset as u64)
    }

    fn skip(
        &self,
        bytes: &[u8],
        (from, to): (usize, usize),
        record: u64,
        reason: String,
        report: &mut ReplayReport,
    ) {
        report.damage.push(Damage {
            kind: DamageKind::Record,
            file: self.path.clone(),
            record,
            offset: from as u64,
            bytes: to.saturating_sub(from) as u64,
            reason,
            copy: self.keep(bytes, from, to),
        });
    }

    /// Keeps a copy of what was damaged. A copy that cannot be written must not keep the log from being read.
    fn keep(&self, bytes: &[u8], from: usize, to: usize) -> Option<PathBuf> {
        let damaged = bytes.get(from..to.min(from.saturating_add(QUARANTINE_BYTES_MAX)).min(bytes.len()))?;
        if damaged.iter().all(|&byte| byte == 0) {
            return None;
        }
        let name = format!("{:010}.wal.at-{from}", self.segment);
        match quarantine_bytes(self.storage, self.quarantine_dir, &name, damaged) {
            Ok(copy) => Some(copy),
            Err(error) => {
                tracing::warn!(name, error = error.full_text(), "damaged log bytes not copied");
                None
            }
        }
    }
}

/// The frame at `offset`, if its header is whole and all of it is there.
fn frame_at(bytes: &[u8], offset: usize, marker: Option<u32>) -> Option<(FrameHeader, &[u8])> {
    let header = FrameHeader::decode(bytes, offset)?;
    if marker.is_some_and(|marker| marker != header.marker) {
        return None;
    }
    let payload = header.payload(bytes, offset)?;
    Some((header, payload))
}

/// Looks for frames with whole header and whole payload, ever further on; no byte is looked at twice.
struct Ahead<'a> {
    bytes: &'a [u8],
    marker: Option<u32>,
    /// From where on nothing was looked at yet.
    looked_to: usize,
    /// The whole frame that was found last.
    found: Option<usize>,
}

impl<'a> Ahead<'a> {
    fn new(bytes: &'a [u8], marker: Option<u32>) -> Self {
        Self {
            bytes,
            marker,
            looked_to: 0,
            found: None,
        }
    }

    /// Where the next whole frame starts, from `from` on, which is not before where it was last time.
    fn next_frame(&mut self, from: usize) -> Option<usize> {
        self.found = self.found.filter(|&found| found >= from);
        self.looked_to = self.looked_to.max(from);
        while self.found.is_none() && self.looked_to < self.bytes.len() {
            let offset = self.looked_to;
            let frame = frame_at(self.bytes, offset, self.marker);
            // Where the payload is damaged, the header still tells how long it is.
            self.looked_to += frame.map_or(FRAME_ALIGNMENT, |(header, _)| header.frame_bytes());
            let is_whole = frame.is_some_and(|(header, payload)| header.fits(payload));
            self.found = is_whole.then_some(offset);
        }
        self.found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::FRAME_HEADER_BYTES;

    const MARKER: u32 = 7;
    const FRAMES: usize = 200_000;

    /// A header, and eight bytes or more, which may be its payload.
    fn put_frame(bytes: &mut Vec<u8>, length: usize, payload: &[u8], damage: u32) {
        let header = FrameHeader {
            marker: MARKER,
            kind: 1,
            length: length as u32,
            payload_crc: crc32fast::hash(payload) ^ damage,
            record: 0,
        };
        bytes.extend(header.encode());
        bytes.extend(payload);
    }

    #[test]
    fn a_whole_frame_behind_many_damaged_ones_is_looked_for_once() {
        let mut bytes = Vec::new();
        for _ in 0..FRAMES {
            put_frame(&mut bytes, 8, &[1; 8], 1);
        }
        let whole = bytes.len();
        let large = vec![1; 8 << 20];
        put_frame(&mut bytes, large.len(), &large, 0);
        let mut ahead = Ahead::new(&bytes, Some(MARKER));
        for from in (0..=whole).step_by(FRAME_HEADER_BYTES + 8) {
            assert_eq!(ahead.next_frame(from), Some(whole));
        }
        assert_eq!(ahead.next_frame(whole + FRAME_ALIGNMENT), None);
    }

    #[test]
    fn damaged_frames_in_damaged_frames_are_checked_once() {
        let mut bytes = Vec::new();
        let frame = FRAME_HEADER_BYTES + 8;
        for before in 0..FRAMES {
            // All that follows, but for the last frame.
            put_frame(
                &mut bytes,
                (FRAMES - before) * frame - FRAME_HEADER_BYTES,
                &[1; 8],
                1,
            );
        }
        let whole = bytes.len();
        put_frame(&mut bytes, 8, &[1; 8], 0);
        assert_eq!(Ahead::new(&bytes, Some(MARKER)).next_frame(0), Some(whole));
        // Behind bytes that belong to no frame too.
        let mut shifted = vec![9; 40];
        shifted.extend(&bytes);
        assert_eq!(Ahead::new(&shifted, Some(MARKER)).next_frame(0), Some(whole + 40));
    }
}
