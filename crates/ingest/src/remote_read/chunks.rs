//! Chunks of samples as Prometheus stores and streams them (tsdb/docs/format/chunks.md): numbers by exclusive-or, native
//! histograms with float counts.

use std::iter::Peekable;

use model::histogram::CUSTOM_BUCKETS;
use model::{Histogram, HistogramSample, ResetHint, Sample, Span, is_stale};

use crate::forward::message::writer::Writer;
use crate::import::prometheus::chunk::{FLOAT_HISTOGRAM, XOR};
use crate::limits::REMOTE_READ_CHUNK_SAMPLES;

/// Bits of a chunk, most significant first.
#[derive(Debug, Default)]
struct Bits {
    bytes: Vec<u8>,
    /// Bits that are free in the last byte.
    free: u32,
}

/// A float whose exclusive-or with the one before is written (Gorilla, VLDB 2015, section 4.1.2).
#[derive(Debug, Clone, Copy)]
struct XorFloat {
    value: f64,
    /// Zeroes around the bits of the last window; none yet at the start.
    window: Option<(u32, u32)>,
}

/// A whole number that is written as the difference of differences.
#[derive(Debug, Clone, Copy)]
struct Step {
    value: i64,
    delta: i64,
}

/// A chunk, and the times of its first and last sample.
#[derive(Debug)]
pub(super) struct Chunk {
    first_ms: i64,
    last_ms: i64,
    encoding: u8,
    data: Vec<u8>,
}

/// The chunks of a series in order of time: readers go through them by their times. Of one kind each.
pub(super) struct Chunks<'a, I: Iterator<Item = Sample>> {
    numbers: Peekable<I>,
    histograms: &'a [HistogramSample],
}

impl<'a, I: Iterator<Item = Sample>> Chunks<'a, I> {
    pub(super) fn of(numbers: I, histograms: &'a [HistogramSample]) -> Self {
        Self {
            numbers: numbers.peekable(),
            histograms,
        }
    }

    /// The numbers that come before the next histogram.
    fn next_numbers(&mut self, first_ms: i64) -> Chunk {
        let until_ms = self.histograms.first().map_or(i64::MAX, |next| next.at_ms);
        let mut part = Vec::new();
        while part.len() < REMOTE_READ_CHUNK_SAMPLES
            && let Some(sample) = self.numbers.next_if(|sample| sample.at_ms <= until_ms)
        {
            part.push((sample.at_ms, sample.value));
        }
        Chunk {
            first_ms,
            last_ms: part.last().map_or(first_ms, |(last_ms, _)| *last_ms),
            encoding: XOR,
            data: floats(&part),
        }
    }

    /// The histograms that come before the next number and fit into one chunk.
    fn next_histograms(&mut self, first_ms: i64) -> Chunk {
        let until_ms = self.numbers.peek().map_or(i64::MAX, |next| next.at_ms);
        let before = self.histograms.partition_point(|sample| sample.at_ms < until_ms);
        let count = run_length(self.histograms).min(before.max(1));
        let (part, rest) = self.histograms.split_at(count);
        self.histograms = rest;
        Chunk {
            first_ms,
            last_ms: part.last().map_or(first_ms, |last| last.at_ms),
            encoding: FLOAT_HISTOGRAM,
            data: histogram_chunk(part),
        }
    }
}

impl<I: Iterator<Item = Sample>> Iterator for Chunks<'_, I> {
    type Item = Chunk;

    fn next(&mut self) -> Option<Chunk> {
        let number = self.numbers.peek().map(|sample| sample.at_ms);
        let histogram = self.histograms.first().map(|sample| sample.at_ms);
        match (number, histogram) {
            (Some(number), histogram) if histogram.is_none_or(|at_ms| number <= at_ms) => {
                Some(self.next_numbers(number))
            }
            (_, Some(histogram)) => Some(self.next_histograms(histogram)),
            (_, None) => None,
        }
    }
}

impl Chunk {
    /// Writes it as a message in `field`.
    pub(super) fn write(&self, field: u32, out: &mut Writer) {
        out.nested(field, |chunk| {
            chunk.int(1, self.first_ms);
            chunk.int(2, self.last_ms);
            chunk.uint(3, u64::from(self.encoding));
            chunk.data(4, &self.data);
        });
    }
}

fn floats(samples: &[(i64, f64)]) -> Vec<u8> {
    let mut bits = Bits::default();
    bits.put(samples.len() as u64, 16);
    let mut time: Option<Step> = None;
    let mut number: Option<XorFloat> = None;
    for (place, (at_ms, value)) in samples.iter().enumerate() {
        match (&mut time, &mut number) {
            (Some(time), Some(number)) => {
                let delta = at_ms.wrapping_sub(time.value);
                if place == 1 {
                    bits.uvarint(delta as u64);
                } else {
                    bits.delta_of_delta(delta.wrapping_sub(time.delta));
                }
                *time = Step { value: *at_ms, delta };
                number.advance(*value, &mut bits);
            }
            _ => {
                bits.varint(*at_ms);
                bits.put(value.to_bits(), 64);
                time = Some(Step {
                    value: *at_ms,
                    delta: 0,
                });
                number = Some(XorFloat::new(*value));
            }
        }
    }
    bits.bytes
}

/// How many histograms from the first on go into one chunk: those of one layout in which no count falls.
fn run_length(histograms: &[HistogramSample]) -> usize {
    let pairs = histograms.iter().zip(histograms.iter().skip(1));
    let joined = pairs
        .take(REMOTE_READ_CHUNK_SAMPLES - 1)
        .take_while(|(before, next)| goes_on(&before.value, &next.value))
        .count();
    joined + 1
}

fn goes_on(before: &Histogram, next: &Histogram) -> bool {
    // A stale marker has no layout; it stands alone.
    if is_stale(before.sum) || is_stale(next.sum) {
        return false;
    }
    let is_gauge = |histogram: &Histogram| histogram.reset_hint == ResetHint::Gauge;
    let same_layout = before.schema == next.schema
        && before.zero_threshold.to_bits() == next.zero_threshold.to_bits()
        && before.positive.spans == next.positive.spans
        && before.negative.spans == next.negative.spans
        && before.custom_bounds == next.custom_bounds
        && is_gauge(before) == is_gauge(next);
    let grows = || {
        let counts = |histogram: &Histogram| -> Vec<f64> {
            let buckets = histogram.positive.counts.iter().chain(&histogram.negative.counts);
            [histogram.count, histogram.zero_count]
                .iter()
                .chain(buckets)
                .copied()
                .collect()
        };
        let (before, next) = (counts(before), counts(next));
        before.iter().zip(&next).all(|(before, next)| before <= next)
    };
    same_layout && (is_gauge(next) || (next.reset_hint != ResetHint::Yes && grows()))
}

fn histogram_chunk(samples: &[HistogramSample]) -> Vec<u8> {
    let mut bits = Bits::default();
    let Some((first, rest)) = samples.split_first() else {
        return bits.bytes;
    };
    let histogram = &*first.value;
    bits.put(samples.len() as u64, 16);
    // Two bits of flags, six unused ones.
    let flags = match histogram.reset_hint {
        ResetHint::Unknown => 0b00,
        ResetHint::No => 0b01,
        ResetHint::Yes => 0b10,
        ResetHint::Gauge => 0b11,
    };
    bits.put(flags << 6, 8);
    layout(histogram, &mut bits);
    bits.varbit_int(first.at_ms);
    for value in [histogram.count, histogram.zero_count, histogram.sum]
        .into_iter()
        .chain(bucket_counts(histogram))
    {
        bits.put(value.to_bits(), 64);
    }
    let mut time = Step {
        value: first.at_ms,
        delta: 0,
    };
    let mut totals = [histogram.count, histogram.zero_count, histogram.sum].map(XorFloat::new);
    let mut buckets: Vec<XorFloat> = bucket_counts(histogram).map(XorFloat::new).collect();
    for sample in rest {
        let next = &*sample.value;
        let delta = sample.at_ms.wrapping_sub(time.value);
        bits.varbit_int(delta.wrapping_sub(time.delta));
        time = Step {
            value: sample.at_ms,
            delta,
        };
        for (float, value) in totals.iter_mut().zip([next.count, next.zero_count, next.sum]) {
            float.advance(value, &mut bits);
        }
        for (float, value) in buckets.iter_mut().zip(bucket_counts(next)) {
            float.advance(value, &mut bits);
        }
    }
    bits.bytes
}

fn bucket_counts(histogram: &Histogram) -> impl Iterator<Item = f64> {
    histogram
        .positive
        .counts
        .iter()
        .chain(&histogram.negative.counts)
        .copied()
}

fn layout(histogram: &Histogram, bits: &mut Bits) {
    if histogram.zero_threshold == 0.0 {
        bits.put(0, 8);
    } else {
        bits.put(0xff, 8);
        bits.put(histogram.zero_threshold.to_bits(), 64);
    }
    bits.varbit_int(i64::from(histogram.schema));
    for spans in [&histogram.positive.spans, &histogram.negative.spans] {
        bits.varbit_uint(spans.len() as u64);
        for Span { offset, length } in spans {
            bits.varbit_uint(u64::from(*length));
            bits.varbit_int(i64::from(*offset));
        }
    }
    if histogram.schema == CUSTOM_BUCKETS {
        bits.varbit_uint(histogram.custom_bounds.len() as u64);
        for bound in histogram.custom_bounds.iter() {
            // Zero says that a float follows.
            bits.varbit_uint(0);
            bits.put(bound.to_bits(), 64);
        }
    }
}

// === impl Bits ===

impl Bits {
    /// The low `count` bits of `value`.
    fn put(&mut self, value: u64, count: u32) {
        let mut left = count;
        while left > 0 {
            if self.free == 0 {
                self.bytes.push(0);
                self.free = 8;
            }
            let taken = left.min(self.free);
            let part = (value >> (left - taken)) & ((1 << taken) - 1);
            if let Some(last) = self.bytes.last_mut() {
                *last |= (part << (self.free - taken)) as u8;
            }
            self.free -= taken;
            left -= taken;
        }
    }

    /// Go's `binary.Uvarint`, wherever in a byte it starts.
    fn uvarint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.put(value & 0x7f | 0x80, 8);
            value >>= 7;
        }
        self.put(value, 8);
    }

    /// Go's `binary.Varint`.
    fn varint(&mut self, value: i64) {
        self.uvarint(((value << 1) ^ (value >> 63)) as u64);
    }

    /// `<varbit_ts>`.
    fn delta_of_delta(&mut self, value: i64) {
        match value {
            0 => self.put(0, 1),
            _ if fits(value, 14) => self.prefixed(0b10, 2, value, 14),
            _ if fits(value, 17) => self.prefixed(0b110, 3, value, 17),
            _ if fits(value, 20) => self.prefixed(0b1110, 4, value, 20),
            _ => self.prefixed(0b1111, 4, value, 64),
        }
    }

    fn prefixed(&mut self, prefix: u64, prefix_bits: u32, value: i64, width: u32) {
        self.put(prefix, prefix_bits);
        self.put(value as u64, width);
    }

    /// `<varbit_int>`.
    fn varbit_int(&mut self, value: i64) {
        let ones = VARBIT_WIDTHS.iter().position(|width| fits(value, *width));
        self.varbit(value as u64, if value == 0 { Some(0) } else { ones });
    }

    /// `<varbit_uint>`.
    fn varbit_uint(&mut self, value: u64) {
        let ones = VARBIT_WIDTHS.iter().position(|width| value < 1 << *width);
        self.varbit(value, ones);
    }

    /// As many ones as the width has a place in the list, a zero where more could follow, the number.
    fn varbit(&mut self, value: u64, ones: Option<usize>) {
        let ones = ones.unwrap_or(VARBIT_WIDTHS.len());
        let width = VARBIT_WIDTHS.get(ones).copied().unwrap_or(64);
        for _ in 0..ones {
            self.put(1, 1);
        }
        if ones < VARBIT_WIDTHS.len() {
            self.put(0, 1);
        }
        self.put(value, width);
    }
}

/// Widths of variable-length numbers; the widest of all is 64.
const VARBIT_WIDTHS: [u32; 8] = [0, 3, 6, 9, 12, 18, 25, 56];

/// Whether a number is one of so many bits, of which the upper half stands for negative ones.
fn fits(value: i64, width: u32) -> bool {
    let Some(half) = width.checked_sub(1) else {
        return value == 0;
    };
    (-(1_i64 << half) < value) && value <= 1 << half
}

// === impl XorFloat ===

impl XorFloat {
    fn new(value: f64) -> Self {
        Self { value, window: None }
    }

    /// Writes the next value, `<varbit_xor>`.
    fn advance(&mut self, value: f64, bits: &mut Bits) {
        let changed = self.value.to_bits() ^ value.to_bits();
        self.value = value;
        if changed == 0 {
            bits.put(0, 1);
            return;
        }
        bits.put(1, 1);
        // Five bits tell the leading zeroes.
        let (leading, trailing) = (changed.leading_zeros().min(31), changed.trailing_zeros());
        if let Some((before, behind)) = self.window
            && leading >= before
            && trailing >= behind
        {
            bits.put(0, 1);
            bits.put(changed >> behind, 64 - before - behind);
            return;
        }
        self.window = Some((leading, trailing));
        let meaningful = 64 - leading - trailing;
        bits.put(1, 1);
        bits.put(u64::from(leading), 5);
        // Six bits tell 1 to 63; zero stands for 64.
        bits.put(u64::from(meaningful % 64), 6);
        bits.put(changed >> trailing, meaningful);
    }
}
