//! One measurement of a series, many of them in columns, and examples.

use crate::labels::Labels;
use crate::start::{Counted, Starts};

/// One measurement.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// Milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// The value; may be any float, [`STALE_NAN`] included.
    pub value: f64,
}

/// The value that ends a series: a NaN with Prometheus' own bits (model/value, `StaleNaN`).
pub const STALE_NAN: f64 = f64::from_bits(0x7ff0_0000_0000_0002);

/// Whether a value is the marker that ends a series.
pub fn is_stale(value: f64) -> bool {
    value.to_bits() == STALE_NAN.to_bits()
}

/// An example of what was measured: one observation with labels of its own, a trace's id above all (OpenMetrics, Exemplars).
#[derive(Debug, Clone, PartialEq)]
pub struct Exemplar {
    /// The example's own labels.
    pub labels: Labels,
    /// The observation.
    pub value: f64,
    /// Milliseconds since the Unix epoch.
    pub at_ms: i64,
}

/// Samples of one series in columns of equal length, in order of time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SampleColumns {
    /// Milliseconds since the Unix epoch, strictly ascending.
    pub at_ms: Vec<i64>,
    /// The value at each time.
    pub values: Vec<f64>,
    /// The start of each sample, where any is known.
    pub starts: Starts,
}

impl SampleColumns {
    /// Appends one sample.
    pub fn push(&mut self, at_ms: i64, value: f64) {
        self.at_ms.push(at_ms);
        self.values.push(value);
    }

    /// Appends one sample with its start, in milliseconds since the Unix epoch, or [`NO_START`](crate::NO_START).
    pub fn push_started(&mut self, at_ms: i64, value: f64, start_ms: i64) {
        self.starts.push(self.at_ms.len(), start_ms);
        self.push(at_ms, value);
    }

    /// Moves all samples of `other` behind these.
    pub fn append(&mut self, other: &mut Self) {
        self.starts
            .extend(self.at_ms.len(), other.starts.as_slice(), other.at_ms.len());
        self.at_ms.append(&mut other.at_ms);
        self.values.append(&mut other.values);
        other.starts.clear();
    }

    /// When the sample at `place` was taken, and since when it counts.
    pub fn counted(&self, place: usize) -> Option<Counted> {
        Some(Counted {
            at_ms: *self.at_ms.get(place)?,
            start_ms: self.starts.get(place),
        })
    }

    /// Forgets the samples behind the first `count`.
    pub fn truncate(&mut self, count: usize) {
        self.at_ms.truncate(count);
        self.values.truncate(count);
        self.starts.truncate(count);
    }

    /// How many samples there are.
    pub fn len(&self) -> usize {
        self.at_ms.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.at_ms.is_empty()
    }

    /// Removes all samples and keeps the memory.
    pub fn clear(&mut self) {
        self.at_ms.clear();
        self.values.clear();
        self.starts.clear();
    }

    /// The samples one by one.
    pub fn iter(&self) -> impl Iterator<Item = Sample> + '_ {
        self.at_ms
            .iter()
            .zip(&self.values)
            .map(|(&at_ms, &value)| Sample { at_ms, value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_marker_is_stale() {
        assert!(is_stale(STALE_NAN));
        assert!(STALE_NAN.is_nan());
        assert!(!is_stale(f64::NAN));
        assert!(!is_stale(0.0));
    }
}
