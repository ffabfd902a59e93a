//! The histogram message, which both versions share: counts as integers with differences, or as floats.

use std::sync::Arc;

use model::{Buckets, Histogram, HistogramSample, ResetHint, Span};

use super::super::protobuf::{Fields, Malformed, packed_doubles, packed_varints, unzigzag};

/// One side of the histogram as it comes.
#[derive(Debug, Default)]
struct Side {
    spans: Vec<Span>,
    /// Integer counts, each as the difference to the one before.
    deltas: Vec<i64>,
    counts: Vec<f64>,
}

/// Reads a `Histogram` message. Whether it is a sound one is not judged here.
pub(crate) fn decode(message: &[u8]) -> Result<HistogramSample, Malformed> {
    let mut histogram = Histogram::default();
    let (mut positive, mut negative) = (Side::default(), Side::default());
    let mut custom_bounds = Vec::new();
    let mut at_ms = 0;
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next_field()? {
        match number {
            1 => histogram.count = value.varint()? as f64,
            2 => histogram.count = value.double()?,
            3 => histogram.sum = value.double()?,
            // A schema out of range is refused later; it must not become a good one by losing bits.
            4 => histogram.schema = i8::try_from(value.zigzag()?).unwrap_or(i8::MAX),
            5 => histogram.zero_threshold = value.double()?,
            6 => histogram.zero_count = value.varint()? as f64,
            7 => histogram.zero_count = value.double()?,
            8 => negative.spans.push(span(value.bytes()?)?),
            9 => packed_varints(value, |delta| negative.deltas.push(unzigzag(delta)))?,
            10 => packed_doubles(value, |count| negative.counts.push(count))?,
            11 => positive.spans.push(span(value.bytes()?)?),
            12 => packed_varints(value, |delta| positive.deltas.push(unzigzag(delta)))?,
            13 => packed_doubles(value, |count| positive.counts.push(count))?,
            14 => histogram.reset_hint = ResetHint::from_wire(value.varint()? as i32),
            15 => at_ms = value.varint()? as i64,
            16 => packed_doubles(value, |bound| custom_bounds.push(bound))?,
            _ => {}
        }
    }
    histogram.positive = positive.into_buckets();
    histogram.negative = negative.into_buckets();
    histogram.custom_bounds = Arc::from(custom_bounds);
    Ok(HistogramSample::new(at_ms, Arc::new(histogram)))
}

impl Side {
    fn into_buckets(self) -> Buckets {
        let mut counts = self.counts;
        let mut count = 0_i64;
        counts.extend(self.deltas.into_iter().map(|delta| {
            count = count.wrapping_add(delta);
            count as f64
        }));
        Buckets {
            spans: self.spans,
            counts,
        }
    }
}

fn span(message: &[u8]) -> Result<Span, Malformed> {
    let mut span = Span::default();
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next_field()? {
        match number {
            1 => span.offset = i32::try_from(value.zigzag()?).map_err(|_| Malformed)?,
            2 => span.length = u32::try_from(value.varint()?).map_err(|_| Malformed)?,
            _ => {}
        }
    }
    Ok(span)
}
