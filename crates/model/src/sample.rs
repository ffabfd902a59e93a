//! One measurement of a series, many of them in columns, and examples.

use crate::labels::Labels;

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

/// Samples of one series in two columns of equal length, in order of time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SampleColumns {
    /// Milliseconds since the Unix epoch, strictly ascending.
    pub at_ms: Vec<i64>,
    /// The value at each time.
    pub values: Vec<f64>,
}

impl SampleColumns {
    /// Appends one sample.
    pub fn push(&mut self, at_ms: i64, value: f64) {
        self.at_ms.push(at_ms);
        self.values.push(value);
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
