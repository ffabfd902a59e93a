//! Handing out the lines of a segment.

use std::ops::Range;

use model::ReadError;

use super::read::{Columns, Reading};
use crate::limits::{BATCH_BYTES, BATCH_ROWS, FIRST_BATCH_ROWS, PAGE_ROWS};
use crate::segment::find::{Found, find};
use crate::segment::needle::Needle;
use crate::segment::rows::{RowReader, TimeReader};
use crate::segment::{Known, PartReader, Segment};

/// A segment that is being read.
struct Opened<'s> {
    segment: PartReader<'s>,
    times: TimeReader<'s>,
    lines: RowReader<'s>,
    pairs: Option<RowReader<'s>>,
    columns: Columns,
}

impl Reading<'_> {
    /// Whether a segment may have something of the time and of the streams that are wanted; counts those that have not.
    pub(super) fn may_want(&mut self, known: &Known) -> bool {
        if !known.overlaps(self.from_ns, self.to_ns) {
            self.searched.ruled_out_by_time += 1;
            return false;
        }
        if !known.labels.may_meet(&self.selection.matchers) {
            self.searched.ruled_out_by_stream += 1;
            return false;
        }
        true
    }

    /// Hands over what a segment has of what is wanted.
    pub(super) fn segment(&mut self, segment: &Segment) -> Result<(), ReadError> {
        let segment = PartReader::within(segment, self.selection.budget.as_deref());
        let contents = segment.contents();
        let mut streams = Vec::new();
        for (number, stream) in contents.streams.iter().enumerate() {
            let overlaps = stream.max_ns >= self.from_ns && stream.min_ns < self.to_ns;
            if overlaps && self.selects(&stream.labels) {
                streams.push(number);
            }
        }
        if streams.is_empty() {
            self.searched.ruled_out_by_stream += 1;
            return Ok(());
        }
        let mut opened = Opened {
            segment,
            times: TimeReader::new(segment),
            lines: RowReader::new(segment, &contents.lines),
            pairs: self.pairs_of(segment),
            columns: Columns::default(),
        };
        opened.lines.keep_fields(self.selection.json_fields.as_deref());
        let groups: Vec<Vec<Needle<'_>>> = (self.selection.holds.iter())
            .map(|group| group.iter().map(|text| Needle::new(text)).collect())
            .collect();
        let found = find(segment, &mut opened.lines, &groups)?;
        if matches!(&found, Found::Rows(rows) if rows.is_empty()) {
            self.searched.ruled_out_by_text += 1;
            return Ok(());
        }
        self.searched.read += 1;
        for stream in streams {
            self.stream(&mut opened, stream, &found)?;
            if self.is_over {
                break;
            }
        }
        Ok(())
    }

    /// A reader of those pairs that are looked at, where the segment has any.
    fn pairs_of<'s>(&self, segment: PartReader<'s>) -> Option<RowReader<'s>> {
        let mut pairs = RowReader::new(segment, segment.contents().pairs.as_ref()?);
        let has_some = pairs.keep_names(self.selection.metadata.as_deref());
        has_some.then_some(pairs)
    }

    fn stream(&mut self, opened: &mut Opened<'_>, number: usize, found: &Found) -> Result<(), ReadError> {
        let contents = opened.segment.contents();
        let Some(stream) = contents.streams.get(number) else {
            return Ok(());
        };
        let mut rows = contents.rows_of(number);
        let chosen = match found {
            Found::All => None,
            Found::Rows(all) => {
                let start = all.partition_point(|row| (*row as usize) < rows.start);
                let end = all.partition_point(|row| (*row as usize) < rows.end);
                let chosen = all.get(start..end).unwrap_or_default();
                if chosen.is_empty() {
                    return Ok(());
                }
                Some(chosen)
            }
        };
        let mut batch_rows = if self.selection.needs_lines {
            FIRST_BATCH_ROWS
        } else {
            BATCH_ROWS
        };
        while !self.is_over {
            // What is wanted may have become less since the last batch.
            if stream.min_ns < self.from_ns {
                rows.start = opened.times.first_at(rows.clone(), self.from_ns)?;
            }
            if stream.max_ns >= self.to_ns {
                rows.end = opened.times.first_at(rows.clone(), self.to_ns)?;
            }
            let batch = self.next_batch(&mut rows, chosen, batch_rows);
            if batch.is_empty() {
                break;
            }
            // What was found holds the texts for sure.
            let is_decided = self.selection.holds_decides;
            let read = opened.read(&batch, self.selection.needs_lines && !is_decided)?;
            // What did not fit comes next.
            if let Some(last) = batch.get(read.saturating_sub(1)).filter(|_| read < batch.len()) {
                if self.is_backward() {
                    rows.end = *last;
                } else {
                    rows.start = last + 1;
                }
            }
            opened.columns.is_decided = is_decided;
            opened.columns.is_reduced = self.selection.json_fields.is_some();
            self.hand_over(&stream.labels, &mut opened.columns)?;
            batch_rows = (batch_rows * 4).min(BATCH_ROWS);
        }
        Ok(())
    }

    /// The rows to be handed over next, in the order that is wanted; `rows` is what comes after them.
    fn next_batch(&self, rows: &mut Range<usize>, chosen: Option<&[u32]>, count: usize) -> Vec<usize> {
        let mut batch: Vec<usize> = match chosen {
            Some(chosen) => {
                let start = chosen.partition_point(|row| (*row as usize) < rows.start);
                let end = chosen.partition_point(|row| (*row as usize) < rows.end);
                let chosen = chosen.get(start..end).unwrap_or_default();
                let part = if self.is_backward() {
                    chosen.get(chosen.len().saturating_sub(count)..)
                } else {
                    chosen.get(..count.min(chosen.len()))
                };
                part.unwrap_or_default().iter().map(|row| *row as usize).collect()
            }
            None if self.is_backward() => {
                (rows.start.max(rows.end.saturating_sub(count))..rows.end).collect()
            }
            None => (rows.start..rows.end.min(rows.start + count)).collect(),
        };
        if let (Some(first), Some(last)) = (batch.first(), batch.last()) {
            if self.is_backward() {
                rows.end = *first;
            } else {
                rows.start = last + 1;
            }
        }
        if self.is_backward() {
            batch.reverse();
        }
        batch
    }
}

impl Opened<'_> {
    /// Reads rows into the columns, the first one at least and not many more bytes than a batch has; tells how many.
    fn read(&mut self, rows: &[usize], needs_lines: bool) -> Result<usize, ReadError> {
        self.columns.clear();
        for of_page in rows.chunk_by(|left, right| left / PAGE_ROWS == right / PAGE_ROWS) {
            let page = of_page.first().copied().unwrap_or_default() / PAGE_ROWS;
            let times = self.times.page(page)?;
            let places = if needs_lines {
                Some(self.lines.places(page)?)
            } else {
                None
            };
            let pair_places = self.pairs.as_mut().map(|pairs| pairs.places(page)).transpose()?;
            for row in of_page {
                let place = row % PAGE_ROWS;
                if let Some(places) = &places
                    && let (Some(table), Some(local)) = (places.tables.get(place), places.locals.get(place))
                {
                    self.lines
                        .write_line(*table, *local as usize, &mut self.columns.text)?;
                }
                if let (Some(pairs), Some(places)) = (&mut self.pairs, &pair_places)
                    && let (Some(table), Some(local)) = (places.tables.get(place), places.locals.get(place))
                {
                    pairs.write_pairs(*table, *local as usize, &mut self.columns.pairs)?;
                }
                self.columns
                    .end_row(times.get(place).copied().unwrap_or_default());
                if self.columns.bytes() >= BATCH_BYTES {
                    return Ok(self.columns.times_ns.len());
                }
            }
        }
        Ok(rows.len())
    }
}
