//! What writers hand to a store of log lines, and what they are told about it.

use std::fmt;
use std::ops::Range;

use crate::batch::TenantId;
use crate::doors::WriteError;
use crate::labels::Labels;

/// A store that takes log lines in.
///
/// Calls block (on a disk, at times for tens of milliseconds): async callers go through a blocking task.
pub trait LogWrite: Send + Sync + fmt::Debug {
    /// Takes in a batch. When it returns `Ok`, what it says is stored is durable and readable. `now_ns` is the time of
    /// ingestion, in nanoseconds since the Unix epoch.
    fn append(&self, rows: &LogRows, now_ns: i64) -> Result<LogAccepted, WriteError>;

    /// Whether everything is known that lines of a stream with such metadata are given on their way. Where it is not, it may be in a
    /// moment: whoever can keep lines back without holding up others does so for a while. Lines that come all the same are taken in.
    fn is_ready_for(&self, stream: &Labels, metadata: &[(String, String)]) -> bool {
        let _ = (stream, metadata);
        true
    }
}

/// Lines of many streams, taken in together: one acknowledgement, one log record. Texts lie one behind the other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogRows {
    /// Whose lines these are.
    pub tenant: TenantId,
    /// The producer's key for this batch. A store that sees a key again within its memory answers as the first time
    /// and stores nothing. Only for lines that carry times of their own: other lines may come twice and mean it.
    pub key: Option<u128>,
    streams: Vec<StreamRows>,
    times_ns: Vec<i64>,
    lines: String,
    line_ends: Vec<u32>,
    metadata: String,
    /// Of every pair where its name ends and where its value ends in `metadata`.
    pair_ends: Vec<(u32, u32)>,
    /// Of every line how many pairs there are up to its end; empty where no line has any.
    pair_counts: Vec<u32>,
}

/// The lines of one stream end where those of the next begin.
#[derive(Debug, Clone, PartialEq, Eq)]
struct StreamRows {
    labels: Labels,
    rows_end: u32,
}

/// A line of a batch.
#[derive(Debug, Clone, Copy)]
pub struct LogRow<'a> {
    rows: &'a LogRows,
    place: usize,
}

impl LogRows {
    /// A batch holds at most this many bytes of lines, and as many of metadata: places in it are numbers of 32 bits.
    pub const TEXT_BYTES_MAX: usize = u32::MAX as usize;

    /// An empty batch for a tenant.
    pub fn new(tenant: TenantId) -> Self {
        Self {
            tenant,
            ..Self::default()
        }
    }

    /// Makes room for lines that are known to come.
    pub fn reserve(&mut self, lines: usize, text_bytes: usize) {
        self.times_ns.reserve(lines);
        self.line_ends.reserve(lines);
        self.lines.reserve(text_bytes);
    }

    /// Begins a stream; the lines that follow are its own. The same labels may come more than once.
    pub fn begin_stream(&mut self, labels: Labels) {
        let rows_end = self.times_ns.len() as u32;
        self.streams.push(StreamRows { labels, rows_end });
    }

    /// Adds a line to the stream that was begun last; a batch without one takes nothing. Tells whether it fitted
    /// ([`TEXT_BYTES_MAX`](Self::TEXT_BYTES_MAX)).
    pub fn push<'p>(
        &mut self,
        at_ns: i64,
        line: &str,
        metadata: impl IntoIterator<Item = (&'p str, &'p str)>,
    ) -> bool {
        let Some(stream) = self.streams.last_mut() else {
            return false;
        };
        let (lines, pairs, texts) = (self.lines.len(), self.pair_ends.len(), self.metadata.len());
        for (name, value) in metadata {
            self.metadata.push_str(name);
            let name_end = self.metadata.len() as u32;
            self.metadata.push_str(value);
            self.pair_ends.push((name_end, self.metadata.len() as u32));
        }
        if lines + line.len() > Self::TEXT_BYTES_MAX || self.metadata.len() > Self::TEXT_BYTES_MAX {
            self.pair_ends.truncate(pairs);
            self.metadata.truncate(texts);
            return false;
        }
        // The first line with pairs says for all before it that they have none.
        if self.pair_ends.len() > pairs || !self.pair_counts.is_empty() {
            self.pair_counts.resize(self.times_ns.len(), pairs as u32);
            self.pair_counts.push(self.pair_ends.len() as u32);
        }
        self.lines.push_str(line);
        self.line_ends.push(self.lines.len() as u32);
        self.times_ns.push(at_ns);
        stream.rows_end = self.times_ns.len() as u32;
        true
    }

    /// How many lines there are.
    pub fn line_count(&self) -> usize {
        self.times_ns.len()
    }

    /// Whether there is no line.
    pub fn is_empty(&self) -> bool {
        self.times_ns.is_empty()
    }

    /// How many bytes of lines there are.
    pub fn line_bytes(&self) -> usize {
        self.lines.len()
    }

    /// How many bytes there are of lines, metadata and times.
    pub fn bytes(&self) -> usize {
        self.lines.len() + self.metadata.len() + 8 * self.times_ns.len()
    }

    /// The streams that have lines, with these.
    pub fn streams(&self) -> impl Iterator<Item = (&Labels, impl ExactSizeIterator<Item = LogRow<'_>>)> {
        let places = self.stream_places();
        places.map(|(labels, places)| (labels, places.map(|place| self.row(place))))
    }

    /// The streams that have lines, and at which places these stand.
    pub fn stream_places(&self) -> impl Iterator<Item = (&Labels, Range<usize>)> {
        let mut start = 0;
        self.streams.iter().filter_map(move |stream| {
            let places = start..stream.rows_end as usize;
            start = places.end;
            (!places.is_empty()).then_some((&stream.labels, places))
        })
    }

    /// The line at a place; an empty one where there is none.
    pub fn row(&self, place: usize) -> LogRow<'_> {
        LogRow { rows: self, place }
    }
}

impl<'a> LogRow<'a> {
    /// When the line was written, in nanoseconds since the Unix epoch.
    pub fn at_ns(self) -> i64 {
        self.rows.times_ns.get(self.place).copied().unwrap_or_default()
    }

    /// The line.
    pub fn line(self) -> &'a str {
        let ends = &self.rows.line_ends;
        let start = self
            .place
            .checked_sub(1)
            .and_then(|before| ends.get(before))
            .copied();
        let end = ends.get(self.place).copied().unwrap_or_default();
        let range = start.unwrap_or_default() as usize..end as usize;
        self.rows.lines.get(range).unwrap_or_default()
    }

    /// What else is known of the line: names and values.
    pub fn metadata(self) -> impl ExactSizeIterator<Item = (&'a str, &'a str)> + Clone {
        let rows = self.rows;
        let count = |place: Option<usize>| place.and_then(|place| rows.pair_counts.get(place)).copied();
        let first = count(self.place.checked_sub(1)).unwrap_or_default();
        let end = count(Some(self.place)).unwrap_or(first);
        (first as usize..end as usize).map(move |pair| {
            let ends = |pair: usize| rows.pair_ends.get(pair).copied().unwrap_or_default();
            let start = pair.checked_sub(1).map_or(0, |before| ends(before).1);
            let (name_end, value_end) = ends(pair);
            let text = |from: u32, to: u32| rows.metadata.get(from as usize..to as usize).unwrap_or_default();
            (text(start, name_end), text(name_end, value_end))
        })
    }
}

/// What became of a batch that was taken in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogAccepted {
    /// Lines that are durable and readable now. Of a batch whose key was seen before: what was stored the first time.
    pub stored: u64,
    /// Whether the key of the batch was seen before, so that nothing was stored this time.
    pub is_repeated: bool,
    /// How many lines were refused, by reason.
    pub refused: Vec<(LogRefusal, u64)>,
}

impl LogAccepted {
    /// Counts lines that were refused.
    pub fn refuse(&mut self, reason: LogRefusal, count: u64) {
        match self.refused.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, refused)) => *refused += count,
            None => self.refused.push((reason, count)),
        }
    }
}

/// Why a line was refused although its batch was taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LogRefusal {
    /// Older than what is kept.
    TooOld,
    /// Further in the future than allowed.
    TooFarInFuture,
    /// The line is longer than allowed.
    LineTooLong,
    /// The line has more pairs of metadata, or longer ones, than allowed.
    TooMuchMetadata,
    /// The stream has no labels, or more than allowed.
    BadLabels,
    /// The tenant has as many active streams as it may.
    TooManyStreams,
}

impl LogRefusal {
    /// A short name for counters and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TooOld => "too_old",
            Self::TooFarInFuture => "too_far_in_future",
            Self::LineTooLong => "line_too_long",
            Self::TooMuchMetadata => "too_much_metadata",
            Self::BadLabels => "bad_labels",
            Self::TooManyStreams => "too_many_streams",
        }
    }
}

impl fmt::Display for LogRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_their_streams_and_their_metadata() {
        let mut rows = LogRows::new(TenantId::DEFAULT);
        assert!(!rows.push(0, "of no stream", []));
        let stream = |app: &str| Labels::from_pairs([("app", app)]);
        rows.begin_stream(stream("none"));
        rows.begin_stream(stream("a"));
        assert!(rows.push(1, "one", []));
        assert!(rows.push(2, "", [("level", "info"), ("empty", "")]));
        rows.begin_stream(stream("b"));
        assert!(rows.push(3, "three", []));
        assert!(rows.push(4, "four", [("level", "warn")]));
        rows.begin_stream(stream("a"));
        assert!(rows.push(5, "five", []));
        rows.begin_stream(stream("none"));
        let read: Vec<String> = rows
            .streams()
            .flat_map(|(labels, rows)| {
                rows.map(|row| {
                    let pairs: Vec<_> = row.metadata().collect();
                    format!("{labels} {} {} {pairs:?}", row.at_ns(), row.line())
                })
                .collect::<Vec<_>>()
            })
            .collect();
        assert_eq!(
            read,
            [
                r#"{app="a"} 1 one []"#,
                r#"{app="a"} 2  [("level", "info"), ("empty", "")]"#,
                r#"{app="b"} 3 three []"#,
                r#"{app="b"} 4 four [("level", "warn")]"#,
                r#"{app="a"} 5 five []"#,
            ]
        );
        assert_eq!((rows.line_count(), rows.line_bytes()), (5, 16));
    }
}
