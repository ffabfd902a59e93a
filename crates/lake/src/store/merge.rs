//! Small segments become larger ones.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use model::{Labels, ReadError, TenantId};

use super::hiding::Hiding;
use super::{Change, Inner};
use crate::error::LakeError;
use crate::limits::{MERGED_BYTES_MAX, MERGED_SEGMENTS, PAGE_ROWS, TRICKLE_WAIT_MS};
use crate::segment::rows::{Pairs, RowReader, TimeReader};
use crate::segment::{Known, PartReader, Segment, SegmentBuilder};
use crate::stream_order::Ordered;

/// How often segments are looked through although none came or went.
const LOOK_MS: i64 = 60_000;

impl Inner {
    /// Merges some segments that are small, once there are enough of them; tells whether there were.
    pub(super) fn merge(&self, now_ms: i64) -> Result<bool, LakeError> {
        let Some(small) = self.small_neighbours(now_ms) else {
            return Ok(false);
        };
        let Some(lease) = self.lease(now_ms)? else {
            return Ok(false);
        };
        let tenant = small.first().map(|known| known.tenant).unwrap_or_default();
        let min_ns = small.iter().map(|known| known.min_ns).min().unwrap_or_default();
        let merged = (small.iter())
            .map(|known| self.segments.open_once(known))
            .collect::<Result<Vec<_>, _>>()
            .and_then(|opened| {
                let keep_keys = |tenant, keys: &mut Vec<_>| self.keep_known_keys(tenant, keys, now_ms);
                // What is over goes; requests to delete are carried out on segments one by one.
                let of_all = (tenant, min_ns, i64::MAX);
                let mut hiding = Hiding::of(std::iter::empty(), &self.config, of_all, now_ms);
                merged(&opened, hiding.as_mut(), keep_keys)
            });
        let (builder, rows) = match merged {
            Ok(merged) => merged,
            Err(error) => {
                self.pass_over(&small, &error, now_ms)?;
                // There may be others; but not where it takes long to find out that nothing answers.
                return Ok(!matches!(error, ReadError::Io { .. }));
            }
        };
        let added = if rows > 0 {
            vec![self.announce_and_publish(builder, now_ms)?]
        } else {
            Vec::new()
        };
        let count = small.len() as u64;
        for known in &added {
            self.deletions.merged(&small, known.id);
        }
        self.commit(Change {
            added,
            gone: small,
            lease: Some(lease),
            ..Change::default()
        })?;
        self.telemetry.segments_merged.inc_by(count);
        Ok(true)
    }

    /// The first segments of one tenant that are worth merging.
    fn small_neighbours(&self, now_ms: i64) -> Option<Vec<Arc<Known>>> {
        let (segments, changes) = {
            let held = self.held.read();
            (Arc::clone(&held.segments), held.changes)
        };
        // Nothing changed since there was nothing: only time may make segments worth it.
        let mut looked = self.looked.lock();
        let is_known =
            |(at_ms, then): &(i64, u64)| *then == changes && now_ms.saturating_sub(*at_ms) < LOOK_MS;
        if looked.as_ref().is_some_and(is_known) {
            return None;
        }
        let passed_over = self.passed_over.now(now_ms);
        let small: Vec<&Arc<Known>> = (segments.iter())
            .filter(|known| is_small(known) && !passed_over.contains_key(&known.id))
            .collect();
        let found = self
            .enough_of_a_size(&small)
            .or_else(|| self.trickle(&small, now_ms));
        *looked = found.is_none().then_some((now_ms, changes));
        found
    }

    /// In which span of time the latest line of a segment lies.
    fn span_of(&self, known: &Known) -> i64 {
        known.max_ns.div_euclid(self.config.merged_span_ns())
    }

    /// So many segments of a tenant of about the same size and time: each line is written again a few times in its life, whatever the flow.
    fn enough_of_a_size(&self, small: &[&Arc<Known>]) -> Option<Vec<Arc<Known>>> {
        let mut by_size: HashMap<(TenantId, i64, u32), Vec<&Arc<Known>>> = HashMap::new();
        for known in small {
            let size = known.weight_bytes().max(1).ilog(MERGED_SEGMENTS as u64);
            let same = by_size
                .entry((known.tenant, self.span_of(known), size))
                .or_default();
            same.push(known);
            if same.len() == MERGED_SEGMENTS {
                return Some(same.iter().map(|known| Arc::clone(known)).collect());
            }
        }
        None
    }

    /// Segments of a tenant and a span of time that waited for others of their size in vain: those that are there, as long as a larger one is not written again for
    /// little more.
    fn trickle(&self, small: &[&Arc<Known>], now_ms: i64) -> Option<Vec<Arc<Known>>> {
        let since_ms = now_ms.saturating_sub(TRICKLE_WAIT_MS);
        let waits =
            |known: &Known| i64::try_from(known.id.timestamp_ms()).is_ok_and(|made_ms| made_ms <= since_ms);
        let mut by_span: BTreeMap<(TenantId, i64), Vec<&Arc<Known>>> = BTreeMap::new();
        for known in small.iter().filter(|known| waits(known)) {
            by_span
                .entry((known.tenant, self.span_of(known)))
                .or_default()
                .push(known);
        }
        for mut small in by_span.into_values() {
            small.sort_by_key(|known| known.weight_bytes());
            let mut weight = 0;
            let mut count = 0;
            for known in &small {
                let own = known.weight_bytes();
                let is_worth_it = count == 0 || own <= weight * MERGED_SEGMENTS as u64;
                if !is_worth_it || weight + own > MERGED_BYTES_MAX {
                    break;
                }
                weight += own;
                count += 1;
            }
            if count > 1 {
                small.truncate(count);
                // In the order in which they are held: of equal times the line that came first is first.
                small.sort_by_key(|known| (known.max_ns, known.id));
                return Some(small.into_iter().cloned().collect());
            }
        }
        None
    }
}

fn is_small(known: &Known) -> bool {
    known.weight_bytes().saturating_mul(MERGED_SEGMENTS as u64) <= MERGED_BYTES_MAX
}

/// The lines of some segments of one tenant together, without those that are hidden; and how many they are.
pub(super) fn merged(
    segments: &[Arc<Segment>],
    mut hiding: Option<&mut Hiding>,
    keep_keys: impl FnOnce(TenantId, &mut Vec<(u128, i64)>),
) -> Result<(SegmentBuilder, u64), ReadError> {
    let mut builder = begun(segments, keep_keys);
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
    let mut count = 0;
    for Ordered(labels) in streams {
        let mut is_begun = false;
        if let Some(hiding) = &mut hiding {
            hiding.start_stream(labels);
        }
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
            let damaged = |error: std::str::Utf8Error| ReadError::Damaged {
                place: source.segment.place().to_owned(),
                reason: format!("a line or a pair is not UTF-8: {error}"),
            };
            let pairs = pairs.texts().map_err(damaged)?;
            if let Some(hiding) = &mut hiding
                && hiding.hides(at_ns, std::str::from_utf8(&line).map_err(damaged)?, &pairs)
            {
                continue;
            }
            if !is_begun {
                builder.begin_stream(labels.clone());
                is_begun = true;
            }
            count += 1;
            builder.push(at_ns, &line, pairs.into_iter());
        }
    }
    Ok((builder, count))
}

/// A segment that stands for others, without a line yet.
fn begun(
    segments: &[Arc<Segment>],
    keep_keys: impl FnOnce(TenantId, &mut Vec<(u128, i64)>),
) -> SegmentBuilder {
    let contents = || segments.iter().map(|segment| segment.contents());
    let tenant = contents()
        .next()
        .map(|contents| contents.tenant)
        .unwrap_or_default();
    let mut keys: Vec<(u128, i64)> = contents().flat_map(|contents| contents.keys.clone()).collect();
    keep_keys(tenant, &mut keys);
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
    builder
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
        let reader = PartReader::unlimited(segment);
        Self {
            segment,
            times: TimeReader::new(reader),
            lines: RowReader::new(reader, &contents.lines),
            pairs: contents.pairs.as_ref().map(|pairs| RowReader::new(reader, pairs)),
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
