//! The bytes that go out: requests of both versions of remote write, and the records of the queue.
//!
//! In: batches and metadata, or records of the queue.  Out: records, and the bodies of requests.
//! Owns: nothing.
//! Invariants: what is queued reads back, and what is sent reads back as the receiver reads it (`message::tests`).
//! Not here: the queue itself (`queue`), sending (`send`).
//! Start at: [`v1`].

pub(super) mod record;
#[cfg(test)]
mod tests;
pub(crate) mod v1;
pub(super) mod v2;
pub(crate) mod writer;

use model::{Exemplar, HistogramSample, Labels, MetricKind, MetricMetadata, Sample, SeriesId};
use rustc_hash::FxHashMap;

/// Samples of one series on their way out.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Row {
    pub(super) labels: Labels,
    pub(super) samples: Vec<Sample>,
    pub(super) histograms: Vec<HistogramSample>,
    pub(super) exemplars: Vec<Exemplar>,
}

impl Row {
    /// Samples and histograms.
    pub(super) fn sample_count(&self) -> usize {
        self.samples.len() + self.histograms.len()
    }

    /// Whether there is nothing to be sent of it.
    pub(super) fn is_empty(&self) -> bool {
        self.sample_count() == 0 && self.exemplars.is_empty()
    }
}

/// Rows with each series once, in the order in which series came, samples in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Rows {
    list: Vec<(SeriesId, Row)>,
    places: FxHashMap<SeriesId, usize>,
}

impl Rows {
    pub(super) fn add(&mut self, mut row: Row) {
        let id = row.labels.id();
        let place = *self.places.entry(id).or_insert(self.list.len());
        match self.list.get_mut(place) {
            Some((_, known)) => {
                known.samples.append(&mut row.samples);
                known.histograms.append(&mut row.histograms);
                known.exemplars.append(&mut row.exemplars);
            }
            None => self.list.push((id, row)),
        }
    }

    pub(super) fn list(&self) -> &[(SeriesId, Row)] {
        &self.list
    }
}

/// The numbers of kinds of metric, which both versions share.
fn kind_number(metadata: &MetricMetadata) -> u64 {
    match metadata.kind {
        MetricKind::Unknown => 0,
        MetricKind::Counter => 1,
        MetricKind::Gauge => 2,
        MetricKind::Histogram => 3,
        MetricKind::GaugeHistogram => 4,
        MetricKind::Summary => 5,
        MetricKind::Info => 6,
        MetricKind::StateSet => 7,
    }
}
