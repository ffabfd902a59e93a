//! The door for what was measured long ago: bulk, by series, of any age that is still kept.

use std::fmt::Debug;

use crate::batch::{Accepted, Refusal};
use crate::doors::WriteError;
use crate::histogram::HistogramSample;
use crate::labels::Labels;
use crate::sample::SampleColumns;

/// One bulk of old samples on its way into a store. Dropped without [`finish`](Self::finish), what was not written yet is
/// forgotten; what was written stays, and giving it again changes nothing.
///
/// Calls block on CPU and disk: async callers go through a blocking task.
pub trait Backfill: Send + Debug {
    /// Takes samples of one series, in order of time or not. A series may be given any number of times; least work is a day at a
    /// time, all series of it.
    fn add(&mut self, labels: &Labels, samples: &SampleColumns) -> Result<(), WriteError>;

    /// Takes native histograms of one series.
    fn add_histograms(&mut self, labels: &Labels, samples: &[HistogramSample]) -> Result<(), WriteError>;

    /// Returns when everything is durable and readable.
    fn finish(self: Box<Self>) -> Result<Backfilled, WriteError>;
}

/// What became of a bulk of old samples.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Backfilled {
    /// Samples that are durable and readable now, those that were known among them; and those that were refused.
    pub accepted: Accepted,
    /// Samples that the store had already, with the same value.
    pub known: u64,
    /// Files that were written.
    pub blocks_written: u64,
}

impl Backfilled {
    /// How many samples were refused for `reason`.
    pub fn refused(&self, reason: Refusal) -> u64 {
        let refused = &self.accepted.refused;
        refused
            .iter()
            .filter(|(known, _)| *known == reason)
            .map(|(_, count)| count)
            .sum()
    }
}
