//! Handing lines out.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use model::{
    Direction, Labels, LogBatch, LogFlow, LogRead, LogRow, LogSelection, MetadataColumn, ReadError,
    StreamExtent, StreamSelection, TextColumn,
};

use super::{Inner, Lake};
use crate::buffer::{Buffer, Piece, sorted_rows};
use crate::limits::{BATCH_BYTES, BATCH_ROWS};
use crate::segment::Segment;
use crate::segment::rows::Pairs;

impl LogRead for Lake {
    fn read(
        &self,
        selection: &LogSelection,
        take: &mut dyn FnMut(&LogBatch<'_>) -> LogFlow,
    ) -> Result<(), ReadError> {
        self.inner.read(selection, take)
    }

    fn streams(&self, selection: &StreamSelection) -> Result<Vec<StreamExtent>, ReadError> {
        Ok(self.inner.streams(selection))
    }
}

/// A reading under way.
pub(super) struct Reading<'r> {
    pub(super) selection: &'r LogSelection,
    /// What is still wanted; becomes narrower as the reader learns that it has enough.
    pub(super) from_ns: i64,
    pub(super) to_ns: i64,
    pub(super) is_over: bool,
    /// Takes rows of a stream; what it takes out of the columns is gone.
    take: &'r mut dyn FnMut(&Labels, &mut Columns) -> Result<LogFlow, ReadError>,
    /// Streams that were judged before.
    judged: HashMap<Labels, bool>,
}

/// Rows of a stream on their way out, in columns.
#[derive(Debug, Default)]
pub(super) struct Columns {
    pub(super) times_ns: Vec<i64>,
    pub(super) text: Vec<u8>,
    pub(super) ends: Vec<i32>,
    pub(super) pairs: Pairs,
    pub(super) pair_ends: Vec<i32>,
    /// Whether all lines hold what is asked for.
    pub(super) is_decided: bool,
    /// Whether lines may be less than whole.
    pub(super) is_reduced: bool,
}

impl<'r> Reading<'r> {
    pub(super) fn new(
        selection: &'r LogSelection,
        take: &'r mut dyn FnMut(&Labels, &mut Columns) -> Result<LogFlow, ReadError>,
    ) -> Self {
        Self {
            selection,
            from_ns: selection.from_ns,
            to_ns: selection.to_ns,
            is_over: selection.from_ns >= selection.to_ns,
            take,
            judged: HashMap::new(),
        }
    }

    /// Whether a stream is wanted.
    pub(super) fn selects(&mut self, labels: &Labels) -> bool {
        if let Some(known) = self.judged.get(labels) {
            return *known;
        }
        let matchers = &self.selection.matchers;
        let selects = matchers.iter().all(|matcher| matcher.matches_labels(labels));
        self.judged.insert(labels.clone(), selects);
        selects
    }

    pub(super) fn is_backward(&self) -> bool {
        self.selection.direction == Direction::Backward
    }

    /// Hands over rows of a stream, and heeds the answer.
    pub(super) fn hand_over(&mut self, stream: &Labels, columns: &mut Columns) -> Result<(), ReadError> {
        match (self.take)(stream, columns)? {
            LogFlow::More => {}
            LogFlow::Stop => self.is_over = true,
            LogFlow::MoreBefore(at_ns) if self.is_backward() => {
                self.from_ns = self.from_ns.max(at_ns.saturating_add(1));
            }
            LogFlow::MoreBefore(at_ns) => self.to_ns = self.to_ns.min(at_ns),
        }
        self.is_over |= self.from_ns >= self.to_ns;
        Ok(())
    }
}

impl Columns {
    pub(super) fn clear(&mut self) {
        self.times_ns.clear();
        self.text.clear();
        self.pairs.clear();
        self.ends.clear();
        self.ends.push(0);
        self.pair_ends.clear();
        self.pair_ends.push(0);
        self.is_decided = false;
        self.is_reduced = false;
    }

    /// Lends the rows of a stream to `take`.
    pub(super) fn lend(
        &self,
        stream: &Labels,
        take: &mut dyn FnMut(&LogBatch<'_>) -> LogFlow,
    ) -> Result<LogFlow, ReadError> {
        let damaged = |error: std::str::Utf8Error| ReadError::Damaged {
            place: format!("lines of {stream}"),
            reason: format!("a line is not UTF-8: {error}"),
        };
        let text = std::str::from_utf8(&self.text).map_err(damaged)?;
        let pairs = self.pairs.texts().map_err(damaged)?;
        Ok(take(&LogBatch {
            stream,
            times_ns: &self.times_ns,
            lines: TextColumn {
                text,
                offsets: &self.ends,
            },
            metadata: MetadataColumn {
                pairs: &pairs,
                offsets: if pairs.is_empty() { &[] } else { &self.pair_ends },
            },
            is_decided: self.is_decided,
            is_reduced: self.is_reduced,
        }))
    }

    /// Bytes of lines and pairs.
    pub(super) fn bytes(&self) -> usize {
        self.text.len() + self.pairs.bytes()
    }

    /// The row that was appended last is whole.
    pub(super) fn end_row(&mut self, at_ns: i64) {
        self.times_ns.push(at_ns);
        self.ends.push(self.text.len() as i32);
        self.pair_ends.push(self.pairs.len() as i32);
    }
}

impl Inner {
    fn read(
        &self,
        selection: &LogSelection,
        take: &mut dyn FnMut(&LogBatch<'_>) -> LogFlow,
    ) -> Result<(), ReadError> {
        let (mut segments, buffers) = {
            let held = self.held.read();
            let buffers: Vec<Arc<Buffer>> = held.buffers.of(selection.tenant).cloned().collect();
            (held.segments.to_vec(), buffers)
        };
        segments.retain(|segment| segment.contents().tenant == selection.tenant);
        let mut lend = |stream: &Labels, columns: &mut Columns| columns.lend(stream, take);
        let mut reading = Reading::new(selection, &mut lend);
        if reading.is_backward() {
            reading.buffers(&buffers)?;
            segments.reverse();
            self.read_segments(&segments, &mut reading)
        } else {
            segments.sort_by_key(|segment| segment.contents().min_ns);
            segments.retain(|segment| reading.may_want(segment));
            if segments.len() > 1 {
                self.read_ahead(&segments, &mut reading)?;
            } else {
                self.read_segments(&segments, &mut reading)?;
            }
            reading.buffers(&buffers)
        }
    }

    pub(super) fn read_segments(
        &self,
        segments: &[Arc<Segment>],
        reading: &mut Reading<'_>,
    ) -> Result<(), ReadError> {
        for segment in segments {
            if reading.is_over {
                break;
            }
            let read = reading.segment(segment);
            if let Err(error @ ReadError::Damaged { .. }) = &read {
                self.name_damage(error.to_string());
            }
            read?;
        }
        Ok(())
    }

    fn streams(&self, selection: &StreamSelection) -> Vec<StreamExtent> {
        let (segments, buffers) = {
            let held = self.held.read();
            let buffers: Vec<Arc<Buffer>> = held.buffers.of(selection.tenant).cloned().collect();
            (Arc::clone(&held.segments), buffers)
        };
        let mut extents: BTreeMap<&Labels, (u64, u64, u64)> = BTreeMap::new();
        let overlaps = |min_ns: i64, max_ns: i64| max_ns >= selection.from_ns && min_ns < selection.to_ns;
        for segment in segments.iter() {
            let contents = segment.contents();
            if contents.tenant != selection.tenant || !overlaps(contents.min_ns, contents.max_ns) {
                continue;
            }
            for (number, stream) in contents.streams.iter().enumerate() {
                if overlaps(stream.min_ns, stream.max_ns) && selection.selects(&stream.labels) {
                    let extent = extents.entry(&stream.labels).or_default();
                    extent.0 += contents.rows_of(number).len() as u64;
                    extent.1 += stream.line_bytes;
                    extent.2 += 1;
                }
            }
        }
        for buffer in &buffers {
            for (labels, pieces) in &buffer.streams {
                if !selection.selects(labels) {
                    continue;
                }
                let rows = sorted_rows(pieces, selection.from_ns, selection.to_ns);
                if !rows.is_empty() {
                    let extent = extents.entry(labels).or_default();
                    extent.0 += rows.len() as u64;
                    let bytes = rows
                        .iter()
                        .map(|(_, rows, place)| rows.row(*place).line().len() as u64);
                    extent.1 += bytes.sum::<u64>();
                    extent.2 += 1;
                }
            }
        }
        let extents = extents
            .into_iter()
            .map(|(labels, (lines, bytes, pieces))| StreamExtent {
                labels: labels.clone(),
                lines,
                bytes,
                pieces,
            });
        extents.collect()
    }
}

impl Reading<'_> {
    /// Hands over what lies in memory.
    fn buffers(&mut self, buffers: &[Arc<Buffer>]) -> Result<(), ReadError> {
        let mut streams: BTreeMap<&Labels, Vec<Piece>> = BTreeMap::new();
        for buffer in buffers {
            for (labels, pieces) in &buffer.streams {
                if self.selects(labels) {
                    streams.entry(labels).or_default().extend(pieces.iter().cloned());
                }
            }
        }
        let mut columns = Columns::default();
        for (labels, pieces) in streams {
            let mut rows = sorted_rows(&pieces, self.from_ns, self.to_ns);
            if self.is_backward() {
                rows.reverse();
            }
            columns.clear();
            for (at_ns, batch, place) in rows {
                self.buffered_row(at_ns, batch.row(place), &mut columns);
                if columns.times_ns.len() == BATCH_ROWS || columns.bytes() >= BATCH_BYTES {
                    self.hand_over(labels, &mut columns)?;
                    columns.clear();
                    if self.is_over {
                        return Ok(());
                    }
                }
            }
            if !columns.times_ns.is_empty() {
                self.hand_over(labels, &mut columns)?;
            }
            if self.is_over {
                return Ok(());
            }
        }
        Ok(())
    }

    fn buffered_row(&self, at_ns: i64, row: LogRow<'_>, columns: &mut Columns) {
        if self.selection.needs_lines {
            columns.text.extend_from_slice(row.line().as_bytes());
        }
        let names = self.selection.metadata.as_deref();
        let is_needed = |name: &str| names.is_none_or(|names| names.iter().any(|known| known == name));
        columns
            .pairs
            .extend(row.metadata().filter(|(name, _)| is_needed(name)));
        columns.end_row(at_ns);
    }
}
