//! The mean of many histograms: by their sum while that is finite, and incrementally from where it would overflow.

use model::Histogram;

use super::{Added, FloatHistogram, MixedSchemas, RunningHistogram, Tally};

/// Numbers beyond this may overflow when they are added.
const GREAT: f64 = 1e307;

/// A mean of histograms; the same method as [`crate::functions::sum::Mean`].
#[derive(Debug, Clone)]
pub(crate) struct Mean {
    running: RunningHistogram,
    count: f64,
    is_incremental: bool,
}

impl Mean {
    pub(crate) fn new(first: &Histogram) -> Self {
        Self {
            running: Tally::from(first),
            count: 1.0,
            is_incremental: false,
        }
    }

    pub(crate) fn add(&mut self, histogram: &Histogram) -> Result<Added, MixedSchemas> {
        self.count += 1.0;
        if !self.is_incremental {
            let is_great = |greatest: f64| greatest.is_nan() || greatest > GREAT;
            let tally = FloatHistogram::from(histogram);
            if !is_great(self.running.greatest()) && !is_great(tally.greatest()) {
                return self.running.add(histogram);
            }
            let mut sum = self.running.clone();
            let added = sum.add(histogram)?;
            if !sum.has_overflow() {
                self.running = sum;
                return Ok(added);
            }
            self.is_incremental = true;
            self.running.divide(self.count - 1.0);
        }
        // The mean so far weighs (n-1)/n; the new value 1/n.
        self.running.multiply((self.count - 1.0) / self.count);
        let mut share = FloatHistogram::from(histogram);
        share.divide(self.count);
        self.running.add(&share.into())
    }

    pub(crate) fn value(&self) -> FloatHistogram {
        let mut mean = self.running.clone();
        if !self.is_incremental {
            mean.divide(self.count);
        }
        mean.settled()
    }
}
