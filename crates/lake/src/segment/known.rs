//! What is known of a segment without opening it: its row in the catalog.

use model::TenantId;
use pack::Part;
use state::LogSegmentRow;
use ulid::Ulid;

use super::contents::{Contents, TRAILER_BYTES, VERSION};
use super::summary::LabelSummary;

/// A segment of the catalog.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Known {
    /// Its name; in the order of making.
    pub(crate) id: Ulid,
    pub(crate) tenant: TenantId,
    pub(crate) version: u8,
    pub(crate) rows: u64,
    pub(crate) streams: u64,
    pub(crate) line_bytes: u64,
    /// Bytes of the file.
    pub(crate) bytes: u64,
    /// The times of the earliest and the latest line.
    pub(crate) min_ns: i64,
    pub(crate) max_ns: i64,
    /// Where the table of contents lies.
    pub(crate) contents: Part,
    pub(crate) log_before: u64,
    pub(crate) keys_until_ms: Option<i64>,
    pub(crate) sources: Box<[Ulid]>,
    pub(crate) labels: LabelSummary,
}

impl Known {
    /// The segment with these contents, which lie there.
    pub(crate) fn of(id: Ulid, contents: &Contents, part: Part) -> Self {
        Self {
            id,
            tenant: contents.tenant,
            version: VERSION,
            rows: contents.rows as u64,
            streams: contents.streams.len() as u64,
            line_bytes: contents.line_bytes,
            bytes: part.offset + u64::from(part.length) + TRAILER_BYTES as u64,
            min_ns: contents.min_ns,
            max_ns: contents.max_ns,
            contents: part,
            log_before: contents.log_before,
            keys_until_ms: contents.keys.iter().map(|(_, came_ms)| *came_ms).max(),
            sources: contents.sources.clone().into(),
            labels: LabelSummary::of(contents.streams.iter().map(|stream| &stream.labels)),
        }
    }

    /// What the catalog says.
    pub(crate) fn from_row(row: LogSegmentRow) -> Self {
        // A summary that cannot be read rules nothing out.
        let labels = LabelSummary::decode(&row.labels).unwrap_or_default();
        Self {
            id: row.id,
            tenant: TenantId(row.tenant),
            version: row.version,
            rows: row.rows,
            streams: row.streams,
            line_bytes: row.line_bytes,
            bytes: row.file_bytes,
            min_ns: row.min_ns,
            max_ns: row.max_ns,
            contents: Part {
                offset: row.contents_offset,
                length: row.contents_length,
                crc: row.contents_crc,
            },
            log_before: row.log_before,
            keys_until_ms: row.keys_until_ms,
            sources: row.sources.into(),
            labels,
        }
    }

    /// What the catalog is told.
    pub(crate) fn row(&self) -> LogSegmentRow {
        LogSegmentRow {
            id: self.id,
            tenant: self.tenant.0,
            version: self.version,
            rows: self.rows,
            streams: self.streams,
            line_bytes: self.line_bytes,
            file_bytes: self.bytes,
            min_ns: self.min_ns,
            max_ns: self.max_ns,
            contents_offset: self.contents.offset,
            contents_length: self.contents.length,
            contents_crc: self.contents.crc,
            log_before: self.log_before,
            keys_until_ms: self.keys_until_ms,
            sources: self.sources.to_vec(),
            labels: self.labels.as_bytes().to_vec(),
        }
    }

    /// Whether it may have lines of a time.
    pub(crate) fn overlaps(&self, from_ns: i64, to_ns: i64) -> bool {
        self.max_ns >= from_ns && self.min_ns < to_ns
    }

    /// About how much memory it takes to merge it, in bytes.
    pub(crate) fn weight_bytes(&self) -> u64 {
        const ROW_BYTES: u64 = 64;
        const STREAM_BYTES: u64 = 256;
        self.line_bytes + ROW_BYTES * self.rows + STREAM_BYTES * self.streams + self.bytes
    }
}
