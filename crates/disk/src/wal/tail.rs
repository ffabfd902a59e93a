//! Reads a log in order while it is being written: only what is durable, from any place on.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use super::{Wal, segment_name};
use crate::error::DiskError;
use crate::frame::{FRAME_ALIGNMENT, FRAME_HEADER_BYTES, FrameHeader, SEGMENT_HEADER_BYTES, SegmentHeader};
use crate::storage::StorageFile;

/// A place in a log, between two records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Position {
    /// The segment.
    pub segment: u64,
    /// Bytes from the start of its file; 0 is before the first record.
    pub offset: u64,
}

/// What a reader comes upon next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TailStep {
    /// A record.
    Record {
        /// What its writer said it is.
        kind: u8,
        /// Its content.
        payload: Vec<u8>,
    },
    /// Bytes that are damaged; reading goes on behind them.
    Damaged {
        /// How many.
        bytes: u64,
    },
    /// Nothing is there yet.
    End,
}

/// A reader of a log.
pub struct Tail {
    wal: Arc<Wal>,
    position: Position,
    open: Option<OpenSegment>,
}

struct OpenSegment {
    segment: u64,
    path: PathBuf,
    file: Box<dyn StorageFile>,
    marker: u32,
}

impl Tail {
    /// A reader that begins at `position`.
    pub fn new(wal: Arc<Wal>, position: Position) -> Self {
        Self {
            wal,
            position,
            open: None,
        }
    }

    /// Where it is: behind the last record it gave.
    pub fn position(&self) -> Position {
        self.position
    }

    /// The next record. Where segments were removed before they were read, it is the first behind them. Blocks on the disk.
    ///
    /// # Errors
    /// What the disk says; the reader stays where it is.
    pub fn next_step(&mut self) -> Result<TailStep, DiskError> {
        loop {
            let Some((segment, durable)) = self.segment_at_or_after(self.position.segment) else {
                return Ok(TailStep::End);
            };
            if segment > self.position.segment {
                self.position = Position { segment, offset: 0 };
            }
            let start = self.position.offset.max(SEGMENT_HEADER_BYTES as u64);
            if start < durable {
                return self.read(start, durable);
            }
            // A later segment is written only after all of this one.
            let Some((later, _)) = self.segment_at_or_after(segment + 1) else {
                return Ok(TailStep::End);
            };
            self.position = Position {
                segment: later,
                offset: 0,
            };
        }
    }

    fn segment_at_or_after(&self, segment: u64) -> Option<(u64, u64)> {
        let segments = self.wal.segments.lock();
        segments
            .range(segment..)
            .next()
            .map(|(segment, bytes)| (*segment, *bytes))
    }

    /// Reads the record at `start`, or goes to the next one that is whole.
    fn read(&mut self, start: u64, durable: u64) -> Result<TailStep, DiskError> {
        if let Some((header, payload)) = self.frame(start, durable)? {
            self.position.offset = start + header.frame_bytes() as u64;
            return Ok(TailStep::Record {
                kind: header.kind,
                payload,
            });
        }
        let mut offset = start + FRAME_ALIGNMENT as u64;
        while offset < durable && self.frame(offset, durable)?.is_none() {
            offset += FRAME_ALIGNMENT as u64;
        }
        self.position.offset = offset;
        Ok(TailStep::Damaged {
            bytes: offset - start,
        })
    }

    /// The frame at `offset`, if it is whole.
    fn frame(&mut self, offset: u64, durable: u64) -> Result<Option<(FrameHeader, Vec<u8>)>, DiskError> {
        let (head_bytes, payload_start) = (FRAME_HEADER_BYTES as u64, offset + FRAME_HEADER_BYTES as u64);
        if payload_start > durable {
            return Ok(None);
        }
        let segment = self.open_segment()?;
        let mut head = vec![0; head_bytes as usize];
        segment.read(&mut head, offset)?;
        let header = FrameHeader::decode(&head, 0).filter(|header| header.marker == segment.marker);
        let Some(header) = header.filter(|header| payload_start + u64::from(header.length) <= durable) else {
            return Ok(None);
        };
        let mut payload = vec![0; header.length as usize];
        segment.read(&mut payload, payload_start)?;
        Ok(header.fits(&payload).then_some((header, payload)))
    }

    fn open_segment(&mut self) -> Result<&OpenSegment, DiskError> {
        let segment = self.position.segment;
        let open = match self.open.take() {
            Some(open) if open.segment == segment => open,
            _ => {
                let path = self.wal.config.dir.join(segment_name(segment));
                let file = self
                    .wal
                    .storage
                    .open(&path, false)
                    .map_err(DiskError::io("open the log segment", &path))?;
                let mut head = vec![0; SEGMENT_HEADER_BYTES];
                file.read_exact_at(&mut head, 0)
                    .map_err(DiskError::io("read the log segment", &path))?;
                OpenSegment {
                    segment,
                    path,
                    file,
                    // Without a header no frame is taken for whole.
                    marker: SegmentHeader::decode(&head).map_or(0, |header| header.marker),
                }
            }
        };
        Ok(self.open.insert(open))
    }
}

impl OpenSegment {
    fn read(&self, bytes: &mut [u8], offset: u64) -> Result<(), DiskError> {
        self.file
            .read_exact_at(bytes, offset)
            .map_err(DiskError::io("read the log segment", &self.path))
    }
}

impl fmt::Debug for Tail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tail")
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}
