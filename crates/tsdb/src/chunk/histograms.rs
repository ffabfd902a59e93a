//! Native histograms of one series in few bytes: what rarely changes once for many, every bucket a column over time.

use std::sync::Arc;

use model::{BUCKETS_PER_SIDE_MAX, Buckets, Histogram, HistogramSample, NO_START, ResetHint, Span};

use super::{Effort, decode_values, encode_values};
use crate::limits::HISTOGRAMS_PER_CHUNK_MAX;
use crate::room::Room;
use pack::bytes::{Malformed, Reader, put_signed, put_varint};
use pack::integers;

#[cfg(test)]
mod tests;

/// The version of the form, its first byte.
pub const VERSION: u8 = 1;
/// The version where histograms have starts.
pub const VERSION_STARTED: u8 = 2;

/// Writes histograms, at most [`HISTOGRAMS_PER_CHUNK_MAX`], in order of time.
pub fn encode(samples: &[HistogramSample], effort: Effort) -> Vec<u8> {
    assert!(samples.len() <= HISTOGRAMS_PER_CHUNK_MAX, "histograms of a chunk");
    let started = samples.iter().any(|sample| sample.start_ms != NO_START);
    let mut out = vec![if started { VERSION_STARTED } else { VERSION }];
    put_varint(&mut out, samples.len() as u64);
    if samples.is_empty() {
        return out;
    }
    let mut times = |of: fn(&HistogramSample) -> i64| {
        integers::encode(samples.iter().map(of).collect(), effort, &mut out);
    };
    times(|sample| sample.at_ms);
    if started {
        times(|sample| sample.start_ms);
    }
    for run in samples.chunk_by(|a, b| have_one_layout(&a.value, &b.value)) {
        put_varint(&mut out, run.len() as u64);
        let Some(first) = run.first() else { continue };
        put_layout(&first.value, &mut out);
        let mut column = |of: &dyn Fn(&Histogram) -> f64| {
            let values: Vec<f64> = run.iter().map(|sample| of(&sample.value)).collect();
            encode_values(&values, effort, &mut out);
        };
        column(&|histogram| histogram.count);
        column(&|histogram| histogram.zero_count);
        column(&|histogram| histogram.sum);
        for place in 0..first.value.positive.counts.len() {
            column(&|histogram| histogram.positive.counts.get(place).copied().unwrap_or_default());
        }
        for place in 0..first.value.negative.counts.len() {
            column(&|histogram| histogram.negative.counts.get(place).copied().unwrap_or_default());
        }
    }
    out
}

/// A column of values takes at least so many bytes: how it is coded, how long it is, its bits.
const COLUMN_BYTES_MIN: usize = 3;

/// What a chunk takes in memory at most: every histogram with a run for every bucket.
const CHUNK_BYTES_MAX: usize = HISTOGRAMS_PER_CHUNK_MAX
    * (HISTOGRAM_BYTES + 2 * BUCKETS_PER_SIDE_MAX * (size_of::<f64>() + size_of::<Span>()));

/// What a histogram takes beside its buckets and runs, with the counts of those that share it.
const HISTOGRAM_BYTES: usize = size_of::<HistogramSample>() + size_of::<Histogram>() + 2 * size_of::<usize>();

/// The memory that a histogram takes once it is read, without listed bounds, which many share.
pub(crate) fn read_bytes(histogram: &Histogram) -> usize {
    let sides = [&histogram.positive, &histogram.negative];
    let sides = sides.map(|side| size_of_val(&*side.counts) + size_of_val(&*side.spans));
    HISTOGRAM_BYTES + sides.iter().sum::<usize>()
}

/// Reads what [`encode`] wrote and appends it to `out`.
pub fn decode(bytes: &[u8], out: &mut Vec<HistogramSample>) -> Result<(), Malformed> {
    decode_within(bytes, &mut Room::of(CHUNK_BYTES_MAX), out)
}

/// The same, as far as there is room for what is read.
pub(crate) fn decode_within(
    bytes: &[u8],
    room: &mut Room,
    out: &mut Vec<HistogramSample>,
) -> Result<(), Malformed> {
    let mut reader = Reader::new(bytes);
    let started = match reader.byte()? {
        VERSION => false,
        VERSION_STARTED => true,
        _ => return Err(Malformed("unknown version of histograms")),
    };
    let count = reader.count(HISTOGRAMS_PER_CHUNK_MAX)?;
    if count == 0 {
        return reader.end();
    }
    let mut times = Vec::new();
    integers::decode(&mut reader, count, &mut times)?;
    let mut starts = Vec::new();
    if started {
        integers::decode(&mut reader, count, &mut starts)?;
    }
    starts.resize(count, NO_START);
    let mut times = times.into_iter().zip(starts);
    while times.len() > 0 {
        let length = reader.count(times.len())?;
        if length == 0 {
            return Err(Malformed("empty run of histograms"));
        }
        for ((at_ms, start_ms), value) in
            times
                .by_ref()
                .take(length)
                .zip(take_run(&mut reader, length, room)?)
        {
            out.push(HistogramSample {
                at_ms,
                value: Arc::new(value),
                start_ms,
            });
        }
    }
    reader.end()
}

fn take_run(reader: &mut Reader<'_>, length: usize, room: &mut Room) -> Result<Vec<Histogram>, Malformed> {
    let layout = take_layout(reader, *room)?;
    let columns = layout.positive.counts.len() + layout.negative.counts.len();
    if columns * COLUMN_BYTES_MIN > reader.remaining() {
        return Err(Malformed("more buckets than bytes"));
    }
    room.take(length * read_bytes(&layout))?;
    let mut run = vec![layout; length];
    let mut column = |set: &dyn Fn(&mut Histogram, f64)| {
        let mut values = Vec::with_capacity(length);
        decode_values(reader, length, &mut values)?;
        for (histogram, value) in run.iter_mut().zip(values) {
            set(histogram, value);
        }
        Ok::<_, Malformed>(run.first().map_or((0, 0), |first| {
            (first.positive.counts.len(), first.negative.counts.len())
        }))
    };
    column(&|histogram, value| histogram.count = value)?;
    column(&|histogram, value| histogram.zero_count = value)?;
    let (positive, negative) = column(&|histogram, value| histogram.sum = value)?;
    for place in 0..positive {
        column(&|histogram, value| set_count(&mut histogram.positive, place, value))?;
    }
    for place in 0..negative {
        column(&|histogram, value| set_count(&mut histogram.negative, place, value))?;
    }
    Ok(run)
}

fn set_count(buckets: &mut Buckets, place: usize, value: f64) {
    if let Some(count) = buckets.counts.get_mut(place) {
        *count = value;
    }
}

fn have_one_layout(a: &Histogram, b: &Histogram) -> bool {
    let bits = |bounds: &[f64]| bounds.iter().map(|bound| bound.to_bits()).collect::<Vec<_>>();
    a.schema == b.schema
        && a.reset_hint == b.reset_hint
        && a.zero_threshold.to_bits() == b.zero_threshold.to_bits()
        && a.positive.spans == b.positive.spans
        && a.negative.spans == b.negative.spans
        && a.positive.counts.len() == b.positive.counts.len()
        && a.negative.counts.len() == b.negative.counts.len()
        && bits(&a.custom_bounds) == bits(&b.custom_bounds)
}

fn put_layout(histogram: &Histogram, out: &mut Vec<u8>) {
    put_signed(out, i64::from(histogram.schema));
    out.push(histogram.reset_hint as u8);
    out.extend_from_slice(&histogram.zero_threshold.to_bits().to_le_bytes());
    put_varint(out, histogram.custom_bounds.len() as u64);
    for bound in histogram.custom_bounds.iter() {
        out.extend_from_slice(&bound.to_bits().to_le_bytes());
    }
    for side in [&histogram.positive, &histogram.negative] {
        put_varint(out, side.spans.len() as u64);
        for span in &side.spans {
            put_signed(out, i64::from(span.offset));
            put_varint(out, u64::from(span.length));
        }
        put_varint(out, side.counts.len() as u64);
    }
}

fn take_layout(reader: &mut Reader<'_>, mut room: Room) -> Result<Histogram, Malformed> {
    let mut layout = Histogram {
        schema: i8::try_from(reader.signed()?).map_err(|_| Malformed("schema of a histogram"))?,
        reset_hint: ResetHint::from_wire(i32::from(reader.byte()?)),
        zero_threshold: f64::from_bits(reader.long()?),
        ..Histogram::default()
    };
    let mut bounds = Vec::new();
    for _ in 0..reader.count(reader.remaining() / 8)? {
        bounds.push(f64::from_bits(reader.long()?));
    }
    layout.custom_bounds = Arc::from(bounds);
    for side in [&mut layout.positive, &mut layout.negative] {
        let runs = reader.count(reader.remaining() / 2)?;
        room.take(runs * size_of::<Span>())?;
        for _ in 0..runs {
            side.spans.push(Span {
                offset: i32::try_from(reader.signed()?).map_err(|_| Malformed("span of a histogram"))?,
                length: u32::try_from(reader.varint()?).map_err(|_| Malformed("span of a histogram"))?,
            });
        }
        side.counts.resize(reader.count(BUCKETS_PER_SIDE_MAX)?, 0.0);
    }
    Ok(layout)
}
