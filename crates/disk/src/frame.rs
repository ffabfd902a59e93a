//! The form of a log segment: one header, then framed records (docs/formats/wal.md, version 1).

use crate::limits::RECORD_BYTES_MAX;

/// Bytes of the header a segment starts with.
pub const SEGMENT_HEADER_BYTES: usize = 32;
/// Bytes of the header a record starts with.
pub const FRAME_HEADER_BYTES: usize = 24;
/// Frames start at multiples of this, which makes finding the next one after damage cheap.
pub const FRAME_ALIGNMENT: usize = 8;
/// The version of the segment's form.
pub const VERSION: u32 = 1;

const MAGIC: [u8; 8] = *b"WKWALSEG";

/// What a segment says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentHeader {
    /// Its number, also in its file name.
    pub segment: u64,
    /// A random number that every frame of the segment repeats, so that bytes that a record merely carries are never
    /// taken for a frame.
    pub marker: u32,
}

/// What a frame says of the record behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHeader {
    /// The segment's marker.
    pub marker: u32,
    /// What kind of record it is; means something to the owner of the log only.
    pub kind: u8,
    /// Bytes of payload.
    pub length: u32,
    /// CRC-32 (ISO-HDLC) of the payload.
    pub payload_crc: u32,
    /// The record's number in its segment, from 0.
    pub record: u32,
}

/// Why bytes are not a segment header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// Too short, wrong magic or wrong checksum.
    #[error("the segment header is damaged")]
    Damaged,
    /// Written by a later version of this program.
    #[error("the segment has format version {0}, this program reads version {VERSION}")]
    Version(u32),
}

impl SegmentHeader {
    /// The header's bytes.
    pub fn encode(&self) -> [u8; SEGMENT_HEADER_BYTES] {
        let mut bytes = [0; SEGMENT_HEADER_BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.marker.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.segment.to_le_bytes());
        let crc = crc32fast::hash(&bytes[..28]);
        bytes[28..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Reads the header at the start of `bytes`.
    pub fn decode(bytes: &[u8]) -> Result<Self, HeaderError> {
        let head: &[u8; SEGMENT_HEADER_BYTES] = bytes.first_chunk().ok_or(HeaderError::Damaged)?;
        if head[..8] != MAGIC || crc32fast::hash(&head[..28]) != word(head, 28) {
            return Err(HeaderError::Damaged);
        }
        if word(head, 8) != VERSION {
            return Err(HeaderError::Version(word(head, 8)));
        }
        let segment = u64::from(word(head, 16)) | u64::from(word(head, 20)) << 32;
        Ok(Self {
            segment,
            marker: word(head, 12),
        })
    }
}

impl FrameHeader {
    /// The header's bytes.
    pub fn encode(&self) -> [u8; FRAME_HEADER_BYTES] {
        let mut bytes = [0; FRAME_HEADER_BYTES];
        bytes[..4].copy_from_slice(&self.marker.to_le_bytes());
        bytes[4] = self.kind;
        bytes[8..12].copy_from_slice(&self.length.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.payload_crc.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.record.to_le_bytes());
        let crc = crc32fast::hash(&bytes[..20]);
        bytes[20..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Reads the header at `offset`; `None` where there is none that is whole.
    pub fn decode(bytes: &[u8], offset: usize) -> Option<Self> {
        let head: &[u8; FRAME_HEADER_BYTES] = bytes.get(offset..)?.first_chunk()?;
        let length = word(head, 8);
        let whole = crc32fast::hash(&head[..20]) == word(head, 20) && length as usize <= RECORD_BYTES_MAX;
        whole.then(|| Self {
            marker: word(head, 0),
            kind: head[4],
            length,
            payload_crc: word(head, 12),
            record: word(head, 16),
        })
    }

    /// Bytes of the frame with payload and padding.
    pub fn frame_bytes(&self) -> usize {
        (FRAME_HEADER_BYTES + self.length as usize).next_multiple_of(FRAME_ALIGNMENT)
    }

    /// The payload of this header found at `offset`, where it is all there; not yet checked.
    pub fn payload<'a>(&self, bytes: &'a [u8], offset: usize) -> Option<&'a [u8]> {
        let start = offset.checked_add(FRAME_HEADER_BYTES)?;
        bytes.get(start..start.checked_add(self.length as usize)?)
    }

    /// Whether `payload` is what was written.
    pub fn fits(&self, payload: &[u8]) -> bool {
        crc32fast::hash(payload) == self.payload_crc
    }
}

/// The little-endian word at `at`; the callers' arrays are longer than any `at` they name.
fn word<const N: usize>(bytes: &[u8; N], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn headers_read_back(segment: u64, marker: u32, kind: u8, length in 0..RECORD_BYTES_MAX as u32, payload_crc: u32, record: u32) {
            let header = SegmentHeader { segment, marker };
            prop_assert_eq!(SegmentHeader::decode(&header.encode()), Ok(header));
            let frame = FrameHeader { marker, kind, length, payload_crc, record };
            prop_assert_eq!(FrameHeader::decode(&frame.encode(), 0), Some(frame));
        }

        #[test]
        fn one_changed_bit_is_noticed(bit in 0_usize..160, record: u32) {
            let mut bytes = FrameHeader { marker: 7, kind: 1, length: 9, payload_crc: 3, record }.encode();
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(FrameHeader::decode(&bytes, 0), None);
        }
    }

    #[test]
    fn a_later_version_is_named() {
        let mut bytes = SegmentHeader {
            segment: 1,
            marker: 2,
        }
        .encode();
        bytes[8] = 9;
        let crc = crc32fast::hash(&bytes[..28]);
        bytes[28..].copy_from_slice(&crc.to_le_bytes());
        assert_eq!(SegmentHeader::decode(&bytes), Err(HeaderError::Version(9)));
    }
}
