//! The lines of a round, and which stretches of which files they are.

use std::collections::HashMap;

use model::{LogRows, TenantId};

use super::content::Marks;
use super::list::FileKey;
use super::positions::KeptPart;
use crate::limits::{LOG_LINE_BYTES_MAX, LOG_ROUND_LINES_MAX, LOG_ROUND_TEXT_BYTES_MAX};
use crate::logs::forms::Record;
use crate::logs::forms::container::Stream;
use crate::logs::origin::Origin;
use crate::logs::telemetry::{LogsTelemetry, of};

/// A batch that is being made.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) rows: LogRows,
    pub(super) parts: Vec<Part>,
    /// Bytes of files that are in it.
    pub(super) bytes: u64,
    /// The time of lines that tell none.
    pub(super) now_ns: i64,
}

/// A stretch of a file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    pub(super) key: FileKey,
    pub(super) to: u64,
    pub(super) marks: Marks,
    pub(super) is_skipping: bool,
    /// Something of the file is left for the next round.
    pub(super) has_more: bool,
}

/// Which stream was begun last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Begun {
    None,
    Of(Option<Stream>),
}

/// Puts the lines of one file into a batch.
#[derive(Debug)]
pub(super) struct Filler<'b> {
    batch: &'b mut Batch,
    origin: &'b Origin,
    source: &'static str,
    telemetry: &'b LogsTelemetry,
    /// The labels that were begun last are those of this stream.
    stream: Begun,
}

impl Batch {
    /// An empty one whose lines are younger than `last_ns`.
    pub(super) fn new(now_ms: i64, last_ns: i64) -> Self {
        Self {
            rows: LogRows::new(TenantId::DEFAULT),
            parts: Vec::new(),
            bytes: 0,
            now_ns: now_ms.saturating_mul(1_000_000).max(last_ns.saturating_add(1)),
        }
    }

    /// Which stretches are in it.
    pub(super) fn open(&self) -> HashMap<FileKey, KeptPart> {
        let open = |part: &Part| KeptPart {
            to: part.to,
            marks: part.marks,
            is_skipping: part.is_skipping,
        };
        self.parts.iter().map(|part| (part.key, open(part))).collect()
    }

    pub(super) fn is_full(&self) -> bool {
        self.rows.line_count() >= LOG_ROUND_LINES_MAX || self.rows.bytes() >= LOG_ROUND_TEXT_BYTES_MAX
    }

    /// Begins with the lines of a file.
    pub(super) fn fill<'b>(
        &'b mut self,
        origin: &'b Origin,
        source: &'static str,
        telemetry: &'b LogsTelemetry,
    ) -> Filler<'b> {
        Filler {
            batch: self,
            origin,
            source,
            telemetry,
            stream: Begun::None,
        }
    }
}

impl Filler<'_> {
    /// Puts in a line; tells whether another one fits.
    pub(super) fn add(&mut self, record: &Record<'_>) -> bool {
        if self.stream != Begun::Of(record.stream) {
            self.stream = Begun::Of(record.stream);
            let labels = self.origin.labels(record.stream);
            self.batch.rows.begin_stream(labels.clone());
        }
        let count = |family: &prometheus_client::metrics::family::Family<_, _>| {
            let counter: &prometheus_client::metrics::counter::Counter =
                &family.get_or_create(&of(self.source));
            counter.inc();
        };
        let lossy;
        let mut line = match std::str::from_utf8(&record.text) {
            Ok(line) => line,
            Err(_) => {
                count(&self.telemetry.lines_mended);
                lossy = String::from_utf8_lossy(&record.text);
                &*lossy
            }
        };
        // What takes the place of bytes that are no text is longer than they are.
        line = line
            .get(..line.floor_char_boundary(LOG_LINE_BYTES_MAX))
            .unwrap_or(line);
        if record.is_cut {
            count(&self.telemetry.lines_cut);
        }
        if record.is_malformed {
            count(&self.telemetry.malformed);
        }
        let at_ns = record.at_ns.unwrap_or(self.batch.now_ns);
        // Lines that tell no time keep their order by it.
        self.batch.now_ns = self.batch.now_ns.saturating_add(1);
        let pairs = self.origin.pairs.iter().chain(&record.pairs);
        let pairs = pairs.map(|(name, value)| (&**name, &**value));
        self.batch.rows.push(at_ns, line, pairs);
        !self.batch.is_full()
    }
}
