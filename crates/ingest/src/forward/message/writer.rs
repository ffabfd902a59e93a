//! Writes protobuf messages field by field (protobuf.dev/programming-guides/encoding).

use model::{Buckets, Histogram, HistogramSample};

/// Counts up to here are exact as floats, and can be sent as integers.
const INTEGER_MAX: f64 = 9_007_199_254_740_992.0;

/// Bytes of a message so far.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    pub(crate) bytes: Vec<u8>,
}

impl Writer {
    pub(crate) fn varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.bytes.push(number as u8);
    }

    fn key(&mut self, field: u32, wire_type: u32) {
        self.varint(u64::from(field << 3 | wire_type));
    }

    pub(crate) fn uint(&mut self, field: u32, number: u64) {
        self.key(field, 0);
        self.varint(number);
    }

    pub(crate) fn int(&mut self, field: u32, number: i64) {
        self.uint(field, number as u64);
    }

    fn sint(&mut self, field: u32, number: i64) {
        self.uint(field, zigzag(number));
    }

    pub(crate) fn double(&mut self, field: u32, number: f64) {
        self.key(field, 1);
        self.bytes.extend_from_slice(&number.to_le_bytes());
    }

    pub(crate) fn text(&mut self, field: u32, text: &str) {
        self.data(field, text.as_bytes());
    }

    pub(crate) fn data(&mut self, field: u32, data: &[u8]) {
        self.key(field, 2);
        self.varint(data.len() as u64);
        self.bytes.extend_from_slice(data);
    }

    /// A message, or packed numbers, of a length that is known afterwards.
    pub(crate) fn nested(&mut self, field: u32, write: impl FnOnce(&mut Self)) {
        self.key(field, 2);
        let start = self.bytes.len();
        write(self);
        let length = self.bytes.len() - start;
        self.varint(length as u64);
        let length_bytes = self.bytes.len() - start - length;
        if let Some(tail) = self.bytes.get_mut(start..) {
            tail.rotate_right(length_bytes);
        }
    }

    pub(crate) fn sample(&mut self, field: u32, sample: &model::Sample) {
        self.nested(field, |message| {
            message.double(1, sample.value);
            message.int(2, sample.at_ms);
        });
    }

    /// A histogram, whose message both versions share; with integers where all its counts are whole.
    pub(crate) fn histogram(&mut self, field: u32, sample: &HistogramSample) {
        let histogram = &*sample.value;
        let whole = is_whole(histogram);
        self.nested(field, |message| {
            if whole {
                message.uint(1, histogram.count as u64);
            } else {
                message.double(2, histogram.count);
            }
            message.double(3, histogram.sum);
            message.sint(4, i64::from(histogram.schema));
            message.double(5, histogram.zero_threshold);
            if whole {
                message.uint(6, histogram.zero_count as u64);
            } else {
                message.double(7, histogram.zero_count);
            }
            message.side(8, &histogram.negative, whole);
            message.side(11, &histogram.positive, whole);
            message.uint(14, histogram.reset_hint as u64);
            message.int(15, sample.at_ms);
            if !histogram.custom_bounds.is_empty() {
                message.packed_doubles(16, &histogram.custom_bounds);
            }
        });
    }

    /// Runs in `field`, whole counts as differences in the one after it, others in the second after it.
    fn side(&mut self, field: u32, buckets: &Buckets, whole: bool) {
        for span in &buckets.spans {
            self.nested(field, |message| {
                message.sint(1, i64::from(span.offset));
                message.uint(2, u64::from(span.length));
            });
        }
        if buckets.counts.is_empty() {
            return;
        }
        if !whole {
            self.packed_doubles(field + 2, &buckets.counts);
            return;
        }
        self.nested(field + 1, |packed| {
            let mut before = 0;
            for count in &buckets.counts {
                let count = *count as i64;
                packed.varint(zigzag(count - before));
                before = count;
            }
        });
    }

    fn packed_doubles(&mut self, field: u32, numbers: &[f64]) {
        self.nested(field, |packed| {
            for number in numbers {
                packed.bytes.extend_from_slice(&number.to_le_bytes());
            }
        });
    }
}

fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

fn is_whole(histogram: &Histogram) -> bool {
    let counts = [histogram.count, histogram.zero_count];
    let buckets = histogram.positive.counts.iter().chain(&histogram.negative.counts);
    counts
        .iter()
        .chain(buckets)
        .all(|count| (0.0..=INTEGER_MAX).contains(count) && count.fract() == 0.0)
}
