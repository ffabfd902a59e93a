//! Many histograms on their way to a sum or a mean.

use model::{Histogram, ResetHint};

use super::{Added, FloatHistogram, Mean, MixedSchemas, RunningHistogram};

/// What histograms add up to so far, and what was met on the way.
#[derive(Debug, Clone)]
pub(crate) struct Total {
    kind: Kind,
    has_reset: bool,
    has_no_reset: bool,
    bounds_reconciled: bool,
}

#[derive(Debug, Clone)]
enum Kind {
    Sum(RunningHistogram),
    Mean(Mean),
}

impl Total {
    pub(crate) fn sum(first: &Histogram) -> Self {
        Self::new(Kind::Sum(RunningHistogram::from(first)), first)
    }

    pub(crate) fn mean(first: &Histogram) -> Self {
        Self::new(Kind::Mean(Mean::new(first)), first)
    }

    fn new(kind: Kind, first: &Histogram) -> Self {
        let mut total = Self {
            kind,
            has_reset: false,
            has_no_reset: false,
            bounds_reconciled: false,
        };
        total.see(first);
        total
    }

    fn see(&mut self, histogram: &Histogram) {
        self.has_reset |= histogram.reset_hint == ResetHint::Yes;
        self.has_no_reset |= histogram.reset_hint == ResetHint::No;
    }

    pub(crate) fn add(&mut self, histogram: &Histogram) -> Result<(), MixedSchemas> {
        self.see(histogram);
        let added = match &mut self.kind {
            Kind::Sum(sum) => sum.add(histogram),
            Kind::Mean(mean) => mean.add(histogram),
        }?;
        self.bounds_reconciled |= added.bounds_reconciled;
        Ok(())
    }

    /// What had to be done so far.
    pub(crate) fn added(&self) -> Added {
        Added {
            resets_collide: self.has_reset && self.has_no_reset,
            bounds_reconciled: self.bounds_reconciled,
        }
    }

    pub(crate) fn value(&self) -> FloatHistogram {
        match &self.kind {
            Kind::Sum(sum) => sum.settled(),
            Kind::Mean(mean) => mean.value(),
        }
    }
}
