//! Handing lines out.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use model::{
    Direction, Labels, LogBatch, LogFlow, LogRead, LogRow, LogSelection, MetadataColumn, ReadError, Searched,
    StreamExtent, StreamSelection, TenantId, TextColumn,
};

use super::hiding::Hiding;
use super::{Inner, Lake};
use crate::buffer::{Buffer, Piece, sorted_rows};
use crate::limits::{BATCH_BYTES, BATCH_ROWS};
use crate::segment::contents::StreamMeta;
use crate::segment::rows::Pairs;
use crate::segment::{Known, Segment};

impl LogRead for Lake {
    fn read(
        &self,
        selection: &LogSelection,
        take: &mut dyn FnMut(&LogBatch<'_>) -> LogFlow,
    ) -> Result<(), ReadError> {
        self.inner.read(selection, take).map(|_| ())
    }

    fn read_counted(
        &self,
        selection: &LogSelection,
        take: &mut dyn FnMut(&LogBatch<'_>) -> LogFlow,
    ) -> Result<Searched, ReadError> {
        self.inner.read(selection, take)
    }

    fn streams(&self, selection: &StreamSelection) -> Result<Vec<StreamExtent>, ReadError> {
        self.inner.streams(selection)
    }
}

/// A reading under way.
pub(super) struct Reading<'r> {
    pub(super) selection: &'r LogSelection,
    /// What is still wanted; becomes narrower as the reader learns that it has enough.
    pub(super) from_ns: i64,
    pub(super) to_ns: i64,
    pub(super) is_over: bool,
    /// What was looked through so far.
    pub(super) searched: Searched,
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
            searched: Searched::default(),
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

    /// Shows every row: time, line, pairs.
    pub(super) fn each_row(
        &self,
        stream: &Labels,
        mut see: impl FnMut(i64, &str, &[(&str, &str)]),
    ) -> Result<(), ReadError> {
        let mut show = |batch: &LogBatch<'_>| {
            for (place, at_ns) in batch.times_ns.iter().enumerate() {
                see(*at_ns, batch.lines.get(place), batch.metadata.get(place));
            }
            LogFlow::More
        };
        self.lend(stream, &mut show).map(|_| ())
    }

    /// Bytes of lines and pairs.
    pub(super) fn bytes(&self) -> usize {
        self.text.len() + self.pairs.bytes()
    }

    /// Bytes of memory for lines and pairs, whether they are in use or not.
    pub(super) fn heap_bytes(&self) -> usize {
        self.text.capacity() + self.pairs.heap_bytes()
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
    ) -> Result<Searched, ReadError> {
        // First: what is deleted for good before the segments are looked up is in none of them.
        let mut hiding = self.hiding((selection.tenant, selection.from_ns, selection.to_ns));
        let whole;
        let selection = if hiding.as_ref().is_some_and(Hiding::needs_lines) {
            whole = LogSelection {
                needs_lines: true,
                holds_decides: false,
                json_fields: None,
                metadata: None,
                ..selection.clone()
            };
            &whole
        } else {
            selection
        };
        let (mut segments, buffers) = {
            let held = self.held.read();
            let buffers: Vec<Arc<Buffer>> = held.buffers.of(selection.tenant).cloned().collect();
            (held.segments.to_vec(), buffers)
        };
        segments.retain(|known| known.tenant == selection.tenant);
        let mut lend = |stream: &Labels, columns: &mut Columns| {
            if let Some(hiding) = &mut hiding {
                hiding.filter(stream, columns)?;
                if columns.times_ns.is_empty() {
                    return Ok(LogFlow::More);
                }
            }
            columns.lend(stream, take)
        };
        let mut reading = Reading::new(selection, &mut lend);
        reading.searched.segments = segments.len() as u64;
        if reading.is_backward() {
            reading.buffers(&buffers)?;
            segments.reverse();
            self.read_segments(&segments, &mut reading)?;
        } else {
            segments.sort_by_key(|known| known.min_ns);
            segments.retain(|known| reading.may_want(known));
            if segments.len() > 1 {
                self.read_ahead(&segments, &mut reading)?;
            } else {
                self.read_segments(&segments, &mut reading)?;
            }
            reading.buffers(&buffers)?;
        }
        Ok(reading.searched)
    }

    /// What of the selection must not be seen.
    fn hiding(&self, about: (TenantId, i64, i64)) -> Option<Hiding> {
        let open = self.deletions.open();
        Hiding::of(
            open.iter(),
            &self.config,
            about,
            self.now_ms.load(Ordering::Relaxed),
        )
    }

    pub(super) fn read_segments(
        &self,
        segments: &[Arc<Known>],
        reading: &mut Reading<'_>,
    ) -> Result<(), ReadError> {
        for known in segments {
            if reading.is_over {
                break;
            }
            if reading.may_want(known) {
                let segment = self.open_for(known, reading)?;
                let read = reading.segment(&segment);
                if let Err(error @ ReadError::Damaged { .. }) = &read {
                    self.name_damage(error.to_string());
                    if self.files.drop_copy(known.id) {
                        // The next who asks reads the segment itself.
                        self.segments.forget(known.id);
                    }
                }
                read?;
            }
        }
        Ok(())
    }

    /// Opens a segment that is asked for; what cannot be opened for damage will be set aside.
    fn open_for(&self, known: &Arc<Known>, reading: &mut Reading<'_>) -> Result<Arc<Segment>, ReadError> {
        if let Some(segment) = self.segments.find(known.id) {
            return Ok(segment);
        }
        if let Some(budget) = &reading.selection.budget {
            budget.spend(known.contents.length.into())?;
        }
        reading.searched.opened += 1;
        let opened = self.segments.open(known);
        if let Err(error) = &opened {
            self.note_broken(known, error);
        }
        opened
    }

    fn note_broken(&self, known: &Arc<Known>, error: &ReadError) {
        if matches!(error, ReadError::Damaged { .. }) {
            let mut broken = self.broken.lock();
            if broken.iter().all(|other| other.id != known.id) {
                broken.push(Arc::clone(known));
            }
        }
    }

    fn streams(&self, selection: &StreamSelection) -> Result<Vec<StreamExtent>, ReadError> {
        let hiding = self.hiding((selection.tenant, selection.from_ns, selection.to_ns));
        let (segments, buffers) = {
            let held = self.held.read();
            let buffers: Vec<Arc<Buffer>> = held.buffers.of(selection.tenant).cloned().collect();
            (Arc::clone(&held.segments), buffers)
        };
        let mut extents = Extents {
            hiding,
            streams: BTreeMap::new(),
        };
        for known in segments.iter() {
            let may_meet = || {
                selection.any_of.is_empty() || selection.any_of.iter().any(|all| known.labels.may_meet(all))
            };
            if known.tenant != selection.tenant
                || !known.overlaps(selection.from_ns, selection.to_ns)
                || !may_meet()
            {
                continue;
            }
            if let Some(segment) = self.segments.find(known.id) {
                extents.add_segment(&segment.contents().streams, selection);
                continue;
            }
            if let Some(budget) = &selection.budget {
                budget.spend(known.contents.length.into())?;
            }
            // The rest of the contents would only push out what others need.
            let streams = Segment::streams(&*self.files, known, &self.telemetry.bytes_read);
            match streams {
                Ok(streams) => extents.add_segment(&streams, selection),
                Err(error) => {
                    self.note_broken(known, &error);
                    return Err(error);
                }
            }
        }
        for buffer in &buffers {
            for (labels, pieces) in &buffer.streams {
                if !selection.selects(labels) {
                    continue;
                }
                let rows = sorted_rows(pieces, selection.from_ns, selection.to_ns);
                let times = (rows.first(), rows.last());
                if let (Some((min_ns, ..)), Some((max_ns, ..))) = times
                    && !extents.is_hidden(labels, *min_ns, *max_ns)
                {
                    let bytes = rows
                        .iter()
                        .map(|(_, rows, place)| rows.row(*place).line().len() as u64);
                    extents.add(labels, rows.len() as u64, bytes.sum());
                }
            }
        }
        Ok(extents.into_list())
    }
}

/// How much there is of each stream.
struct Extents {
    /// What is not counted.
    hiding: Option<Hiding>,
    /// Lines, bytes of them, and pieces of files.
    streams: BTreeMap<Labels, (u64, u64, u64)>,
}

impl Extents {
    fn add(&mut self, labels: &Labels, lines: u64, bytes: u64) {
        let add = |extent: &mut (u64, u64, u64)| {
            extent.0 += lines;
            extent.1 += bytes;
            extent.2 += 1;
        };
        match self.streams.get_mut(labels) {
            Some(extent) => add(extent),
            None => add(self.streams.entry(labels.clone()).or_default()),
        }
    }

    fn add_segment(&mut self, streams: &[StreamMeta], selection: &StreamSelection) {
        let mut start = 0;
        for stream in streams {
            let rows = stream.rows_end - start;
            start = stream.rows_end;
            let overlaps = stream.max_ns >= selection.from_ns && stream.min_ns < selection.to_ns;
            if overlaps
                && selection.selects(&stream.labels)
                && !self.is_hidden(&stream.labels, stream.min_ns, stream.max_ns)
            {
                self.add(&stream.labels, rows as u64, stream.line_bytes);
            }
        }
    }

    fn is_hidden(&mut self, labels: &Labels, min_ns: i64, max_ns: i64) -> bool {
        let hiding = self.hiding.as_mut();
        hiding.is_some_and(|hiding| hiding.hides_all(labels, min_ns, max_ns))
    }

    fn into_list(self) -> Vec<StreamExtent> {
        let extents = self.streams.into_iter();
        let extents = extents.map(|(labels, (lines, bytes, pieces))| StreamExtent {
            labels,
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
