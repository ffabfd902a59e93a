//! Decoding chunks: floats, native histograms with integer counts, native histograms with float counts
//! (tsdb/docs/format/chunks.md).
//!
//! Fuzz: prometheus_chunk

use std::sync::Arc;

use model::histogram::CUSTOM_BUCKETS;
use model::{
    BUCKETS_PER_SIDE_MAX, Buckets, Histogram, HistogramSample, ResetHint, SampleColumns, Span, is_stale,
};

use super::bits::{Bits, Malformed, XorFloat};

/// How a chunk is written, the byte before its data.
pub const XOR: u8 = 1;
/// Histograms whose counts are integers.
pub const HISTOGRAM: u8 = 2;
/// Histograms whose counts are floats.
pub const FLOAT_HISTOGRAM: u8 = 3;

/// What a chunk holds.
#[derive(Debug, Default)]
pub struct Decoded {
    /// Floats, in order of time.
    pub floats: SampleColumns,
    /// Native histograms, in order of time.
    pub histograms: Vec<HistogramSample>,
}

/// Reads a chunk's data and appends what it holds to `out`.
pub fn decode(encoding: u8, data: &[u8], out: &mut Decoded) -> Result<(), Malformed> {
    match encoding {
        XOR => floats(data, &mut out.floats),
        HISTOGRAM | FLOAT_HISTOGRAM => histograms(encoding, data, &mut out.histograms),
        4 => Err(Malformed(
            "the chunk is coded as XOR2, an experiment of Prometheus that is not read; write the block anew without the \
             feature flag xor2-encoding",
        )),
        0xff => Err(Malformed(
            "the chunk is one of Thanos' downsampled ones; import the raw blocks",
        )),
        _ => Err(Malformed("the chunk has an unknown coding")),
    }
}

fn floats(data: &[u8], out: &mut SampleColumns) -> Result<(), Malformed> {
    let mut bits = Bits::new(data);
    let count = bits.take(16)?;
    if count == 0 {
        return Ok(());
    }
    let mut at_ms = bits.varint()?;
    let mut value = XorFloat::new(bits.float()?);
    out.push(at_ms, value.value);
    let mut delta = 0_i64;
    for place in 1..count {
        delta = match place {
            1 => bits.uvarint()? as i64,
            _ => delta.wrapping_add(delta_of_delta(&mut bits)?),
        };
        at_ms = at_ms.wrapping_add(delta);
        value.advance(&mut bits)?;
        out.push(at_ms, value.value);
    }
    Ok(())
}

/// `<varbit_ts>`.
fn delta_of_delta(bits: &mut Bits<'_>) -> Result<i64, Malformed> {
    const WIDTHS: [u32; 5] = [0, 14, 17, 20, 64];
    let ones = bits.ones(4)?;
    bits.signed(WIDTHS.get(ones).copied().unwrap_or(64))
}

// === histograms ===

/// What all histograms of a chunk share.
struct Layout {
    schema: i8,
    zero_threshold: f64,
    positive: Vec<Span>,
    negative: Vec<Span>,
    bounds: Arc<[f64]>,
}

/// A number that is written as the difference of differences.
#[derive(Debug, Clone, Copy, Default)]
struct Step {
    value: i64,
    delta: i64,
}

/// What changes from histogram to histogram: integers as differences, or floats by exclusive-or.
enum Counts {
    Integers {
        count: Step,
        zero: Step,
        buckets: Vec<Step>,
    },
    Floats {
        count: XorFloat,
        zero: XorFloat,
        buckets: Vec<XorFloat>,
    },
}

fn histograms(encoding: u8, data: &[u8], out: &mut Vec<HistogramSample>) -> Result<(), Malformed> {
    let mut bits = Bits::new(data);
    let count = bits.take(16)?;
    // Two bits of flags, six unused ones.
    let is_gauge = bits.take(8)? >> 6 == 0b11;
    if count == 0 {
        return Ok(());
    }
    let layout = Layout::read(&mut bits)?;
    let bucket_count = buckets_of(&layout.positive) + buckets_of(&layout.negative);
    let mut at = Step {
        value: bits.varbit_int()?,
        delta: 0,
    };
    let (mut counts, mut sum) = Counts::first(encoding, bucket_count, &mut bits)?;
    for place in 0..count {
        if place > 0 {
            at.advance(&mut bits)?;
            counts.advance_totals(&mut bits)?;
            sum.advance(&mut bits)?;
            // The marker that ends a series has no buckets.
            if !is_stale(sum.value) {
                counts.advance_buckets(&mut bits)?;
            }
        }
        let reset_hint = match (is_gauge, place) {
            (true, _) => ResetHint::Gauge,
            // Whether the first starts again depends on the chunk before, which may be missing or be another by now.
            (false, 0) => ResetHint::Unknown,
            (false, _) => ResetHint::No,
        };
        let histogram = if is_stale(sum.value) {
            Histogram {
                sum: sum.value,
                ..Histogram::default()
            }
        } else {
            counts.histogram(&layout, sum.value, reset_hint)
        };
        out.push(HistogramSample::new(at.value, Arc::new(histogram)));
    }
    Ok(())
}

impl Layout {
    fn read(bits: &mut Bits<'_>) -> Result<Self, Malformed> {
        let zero_threshold = match bits.take(8)? {
            0 => 0.0,
            0xff => bits.float()?,
            // 0.5 times a power of two.
            exponent => 2_f64.powi(exponent as i32 - 244),
        };
        let schema = bits.varbit_int()?;
        let schema = i8::try_from(schema).map_err(|_| Malformed("the histogram's schema is unknown"))?;
        let (positive, negative) = (spans(bits)?, spans(bits)?);
        let mut bounds = Vec::new();
        if schema == CUSTOM_BUCKETS {
            let count = bits.varbit_uint()?;
            if count > BUCKETS_PER_SIDE_MAX as u64 {
                return Err(TOO_MANY);
            }
            for _ in 0..count {
                bounds.push(match bits.varbit_uint()? {
                    0 => bits.float()?,
                    thousandths => (thousandths - 1) as f64 / 1000.0,
                });
            }
        }
        Ok(Self {
            schema,
            zero_threshold,
            positive,
            negative,
            bounds: Arc::from(bounds),
        })
    }
}

const TOO_MANY: Malformed = Malformed("the histogram has too many buckets");

/// The runs of one side. Every histogram of the chunk gets a copy of them, so runs without buckets, which take no room in a
/// histogram, are left out; their gap belongs to the run behind them.
fn spans(bits: &mut Bits<'_>) -> Result<Vec<Span>, Malformed> {
    let count = bits.varbit_uint()?;
    let mut spans = Vec::new();
    let mut buckets = 0_u64;
    let mut gap = 0_i32;
    for _ in 0..count {
        let length = bits.varbit_uint()?;
        let offset = bits.varbit_int()?;
        buckets = buckets.saturating_add(length);
        if buckets > BUCKETS_PER_SIDE_MAX as u64 {
            return Err(TOO_MANY);
        }
        let offset = i32::try_from(offset)
            .ok()
            .and_then(|offset| gap.checked_add(offset));
        gap = offset.ok_or(Malformed("a span lies too far"))?;
        if length > 0 {
            spans.push(Span {
                offset: std::mem::take(&mut gap),
                length: length as u32,
            });
        }
    }
    Ok(spans)
}

fn buckets_of(spans: &[Span]) -> usize {
    spans.iter().map(|span| span.length as usize).sum()
}

impl Step {
    fn advance(&mut self, bits: &mut Bits<'_>) -> Result<(), Malformed> {
        self.delta = self.delta.wrapping_add(bits.varbit_int()?);
        self.value = self.value.wrapping_add(self.delta);
        Ok(())
    }
}

impl Counts {
    /// Counts and sum of the first histogram.
    fn first(encoding: u8, bucket_count: usize, bits: &mut Bits<'_>) -> Result<(Self, XorFloat), Malformed> {
        if encoding == FLOAT_HISTOGRAM {
            let count = XorFloat::new(bits.float()?);
            let zero = XorFloat::new(bits.float()?);
            let sum = XorFloat::new(bits.float()?);
            let mut buckets = Vec::new();
            for _ in 0..bucket_count {
                buckets.push(XorFloat::new(bits.float()?));
            }
            let counts = Self::Floats { count, zero, buckets };
            return Ok((counts, sum));
        }
        let step = |value: i64| Step { value, delta: 0 };
        let count = step(bits.varbit_uint()? as i64);
        let zero = step(bits.varbit_uint()? as i64);
        let sum = XorFloat::new(bits.float()?);
        let mut buckets = Vec::new();
        for _ in 0..bucket_count {
            buckets.push(step(bits.varbit_int()?));
        }
        let counts = Self::Integers { count, zero, buckets };
        Ok((counts, sum))
    }

    fn advance_totals(&mut self, bits: &mut Bits<'_>) -> Result<(), Malformed> {
        match self {
            Self::Integers { count, zero, .. } => {
                count.advance(bits)?;
                zero.advance(bits)
            }
            Self::Floats { count, zero, .. } => {
                count.advance(bits)?;
                zero.advance(bits)
            }
        }
    }

    fn advance_buckets(&mut self, bits: &mut Bits<'_>) -> Result<(), Malformed> {
        match self {
            Self::Integers { buckets, .. } => buckets.iter_mut().try_for_each(|step| step.advance(bits)),
            Self::Floats { buckets, .. } => buckets.iter_mut().try_for_each(|value| value.advance(bits)),
        }
    }

    fn histogram(&self, layout: &Layout, sum: f64, reset_hint: ResetHint) -> Histogram {
        let (count, zero_count, positive, negative) = match self {
            Self::Integers { count, zero, buckets } => {
                let (positive, negative) = buckets.split_at(buckets_of(&layout.positive).min(buckets.len()));
                (
                    count.value as u64 as f64,
                    zero.value as u64 as f64,
                    running(positive),
                    running(negative),
                )
            }
            Self::Floats { count, zero, buckets } => {
                let (positive, negative) = buckets.split_at(buckets_of(&layout.positive).min(buckets.len()));
                let values = |side: &[XorFloat]| side.iter().map(|float| float.value).collect();
                (count.value, zero.value, values(positive), values(negative))
            }
        };
        let side = |spans: &[Span], counts: Vec<f64>| Buckets {
            spans: spans.to_vec(),
            counts,
        };
        Histogram {
            reset_hint,
            schema: layout.schema,
            zero_threshold: layout.zero_threshold,
            zero_count,
            count,
            sum,
            positive: side(&layout.positive, positive),
            negative: side(&layout.negative, negative),
            custom_bounds: Arc::clone(&layout.bounds),
        }
    }
}

/// Buckets are the differences to the ones before.
fn running(buckets: &[Step]) -> Vec<f64> {
    let mut count = 0_i64;
    let counts = buckets.iter().map(|step| {
        count = count.wrapping_add(step.value);
        count as f64
    });
    counts.collect()
}
