//! Small segments become larger ones.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::{Labels, ReadError};
use ulid::Ulid;

use super::{Inner, set_aside, sort_segments};
use crate::error::LakeError;
use crate::limits::{BATCH_MEMORY_MS, MERGED_BYTES_MAX, MERGED_SEGMENTS, PAGE_ROWS};
use crate::segment::rows::{Pairs, RowReader, TimeReader};
use crate::segment::{Segment, SegmentBuilder};
use crate::stream_order::Ordered;

impl Inner {
    /// Merges some segments that are small, once there are enough of them; tells whether there were.
    pub(super) fn merge(&self, now_ms: i64) -> Result<bool, LakeError> {
        let Some(small) = self.small_neighbours() else {
            return Ok(false);
        };
        let merged = merged(&small, now_ms).map_err(|source| LakeError::ReadSegment { source });
        let merged = match merged {
            Ok(builder) => self.publish(builder)?,
            Err(error) => {
                self.set_damaged_aside(&small);
                return Err(error);
            }
        };
        let mut held = self.held.write();
        let mut segments = held.segments.to_vec();
        let gone: BTreeSet<Ulid> = small.iter().map(|segment| segment.id()).collect();
        segments.retain(|segment| !gone.contains(&segment.id()));
        segments.push(Arc::new(merged));
        sort_segments(&mut segments);
        held.segments = Arc::new(segments);
        drop(held);
        for segment in small {
            segment.remove();
            self.telemetry.segments_merged.inc();
        }
        Ok(true)
    }

    /// The first run of segments of one tenant that are worth merging.
    fn small_neighbours(&self) -> Option<Vec<Arc<Segment>>> {
        let segments = Arc::clone(&self.held.read().segments);
        let tenants: BTreeSet<_> = segments.iter().map(|segment| segment.contents().tenant).collect();
        for tenant in tenants {
            // Of every size so many: each line is written again a few times in its life, whatever the flow.
            let mut by_size: Vec<Vec<Arc<Segment>>> = vec![Vec::new(); 64];
            for segment in segments
                .iter()
                .filter(|segment| segment.contents().tenant == tenant)
            {
                let bytes = weight(segment);
                if bytes.saturating_mul(MERGED_SEGMENTS as u64) > MERGED_BYTES_MAX {
                    continue;
                }
                let size = bytes.max(1).ilog(MERGED_SEGMENTS as u64) as usize;
                if let Some(same) = by_size.get_mut(size) {
                    same.push(Arc::clone(segment));
                    if same.len() == MERGED_SEGMENTS {
                        return Some(std::mem::take(same));
                    }
                }
            }
        }
        None
    }

    /// Sets aside those of some segments that cannot be read to their end.
    fn set_damaged_aside(&self, segments: &[Arc<Segment>]) {
        for segment in segments {
            if let Err(error @ ReadError::Damaged { .. }) = merged(&[Arc::clone(segment)], i64::MAX) {
                let aside = set_aside(&*self.storage, &self.config, segment.path());
                let mut held = self.held.write();
                let mut kept = held.segments.to_vec();
                kept.retain(|known| known.id() != segment.id());
                held.segments = Arc::new(kept);
                drop(held);
                self.name_damage(format!("{error}; {aside}; all other segments answer"));
            }
        }
    }
}

/// About how much memory a segment takes while it is merged, in bytes.
fn weight(segment: &Segment) -> u64 {
    const ROW_BYTES: u64 = 64;
    const STREAM_BYTES: u64 = 256;
    let contents = segment.contents();
    let (rows, streams) = (contents.rows as u64, contents.streams.len() as u64);
    contents.line_bytes + ROW_BYTES * rows + STREAM_BYTES * streams + segment.bytes()
}

/// The lines of some segments of one tenant together.
fn merged(segments: &[Arc<Segment>], now_ms: i64) -> Result<SegmentBuilder, ReadError> {
    let contents = || segments.iter().map(|segment| segment.contents());
    let tenant = contents()
        .next()
        .map(|contents| contents.tenant)
        .unwrap_or_default();
    let mut keys: Vec<(u128, i64)> = contents().flat_map(|contents| contents.keys.clone()).collect();
    keys.retain(|(_, came_ms)| *came_ms >= now_ms.saturating_sub(BATCH_MEMORY_MS));
    let mut builder = SegmentBuilder::new(tenant, keys);
    builder.log_before(
        contents()
            .map(|contents| contents.log_before)
            .max()
            .unwrap_or_default(),
    );
    // And all that these stand for: one of them may not have gone yet.
    let sources = segments.iter().flat_map(|segment| {
        let own = std::iter::once(segment.id());
        own.chain(segment.contents().sources.iter().copied())
    });
    builder.sources(sources.collect());
    let mut readers: Vec<Source<'_>> = segments.iter().map(|segment| Source::of(segment)).collect();
    let streams: BTreeSet<Ordered<'_>> = segments
        .iter()
        .flat_map(|segment| {
            segment
                .contents()
                .streams
                .iter()
                .map(|stream| Ordered(&stream.labels))
        })
        .collect();
    let (mut line, mut pairs) = (Vec::new(), Pairs::default());
    for Ordered(labels) in streams {
        builder.begin_stream(labels.clone());
        let mut rows: Vec<(i64, usize, usize)> = Vec::new();
        for (number, source) in readers.iter_mut().enumerate() {
            source.rows_of(labels, number, &mut rows)?;
        }
        // Segments stand in the order of making: of equal times the line that came first is first.
        rows.sort_by_key(|(at_ns, _, _)| *at_ns);
        for (at_ns, number, row) in rows {
            let Some(source) = readers.get_mut(number) else {
                continue;
            };
            line.clear();
            pairs.clear();
            source.read(row, &mut line, &mut pairs)?;
            let pairs = pairs.texts().map_err(|error| ReadError::Damaged {
                place: format!("segment {}", source.segment.path().display()),
                reason: format!("a pair is not UTF-8: {error}"),
            })?;
            builder.push(at_ns, &line, pairs.into_iter());
        }
    }
    Ok(builder)
}

/// A segment that is read row by row.
struct Source<'s> {
    segment: &'s Segment,
    times: TimeReader<'s>,
    lines: RowReader<'s>,
    pairs: Option<RowReader<'s>>,
}

impl<'s> Source<'s> {
    fn of(segment: &'s Segment) -> Self {
        let contents = segment.contents();
        Self {
            segment,
            times: TimeReader::new(segment),
            lines: RowReader::new(segment, &contents.lines),
            pairs: contents
                .pairs
                .as_ref()
                .map(|pairs| RowReader::new(segment, pairs)),
        }
    }

    /// Adds the times of a stream's rows, with the number of the source and of each row.
    fn rows_of(
        &mut self,
        labels: &Labels,
        number: usize,
        out: &mut Vec<(i64, usize, usize)>,
    ) -> Result<(), ReadError> {
        let contents = self.segment.contents();
        let stream = contents
            .streams
            .binary_search_by(|stream| Ordered(&stream.labels).cmp(&Ordered(labels)));
        if let Ok(stream) = stream {
            let rows = contents.rows_of(stream);
            let mut times = Vec::with_capacity(rows.len());
            self.times.read(rows.clone(), &mut times)?;
            out.extend(
                times
                    .into_iter()
                    .zip(rows)
                    .map(|(at_ns, row)| (at_ns, number, row)),
            );
        }
        Ok(())
    }

    /// Appends the line of a row and its pairs.
    fn read(&mut self, row: usize, line: &mut Vec<u8>, found: &mut Pairs) -> Result<(), ReadError> {
        let (page, place) = (row / PAGE_ROWS, row % PAGE_ROWS);
        let places = self.lines.places(page)?;
        if let (Some(table), Some(local)) = (places.tables.get(place), places.locals.get(place)) {
            self.lines.write_line(*table, *local as usize, line)?;
        }
        if let Some(pairs) = &mut self.pairs {
            let places = pairs.places(page)?;
            if let (Some(table), Some(local)) = (places.tables.get(place), places.locals.get(place)) {
                pairs.write_pairs(*table, *local as usize, found)?;
            }
        }
        Ok(())
    }
}
