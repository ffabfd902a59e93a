//! What writers hand to a store, and what they are told about it.

use std::fmt;

use crate::histogram::HistogramSample;
use crate::labels::Series;
use crate::sample::{Exemplar, Sample};
use crate::start::Starts;

/// Whose data it is. One installation without tenants uses [`TenantId::DEFAULT`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct TenantId(pub u32);

impl TenantId {
    /// The tenant of everything where none is named.
    pub const DEFAULT: Self = Self(0);
}

/// Samples of many series, taken in together: one acknowledgement, one log record.
#[derive(Debug, Clone, Default)]
pub struct SeriesBatch {
    /// Whose samples these are.
    pub tenant: TenantId,
    /// The producer's key for this batch. A store that sees a key again within its memory answers as the first time
    /// and stores nothing.
    pub key: Option<u128>,
    rows: Vec<Row>,
    samples: Vec<Sample>,
    /// Beside `samples`.
    sample_starts: Starts,
    numbered: Vec<NumberedSample>,
    numbered_starts: Starts,
    histograms: Vec<(Series, Vec<HistogramSample>)>,
    exemplars: Vec<(Series, Exemplar)>,
}

/// The number by which a store knows a series while it is in memory. It saves naming the series with every sample; a
/// number that was forgotten is told as such ([`WriteError::Forgotten`](crate::WriteError::Forgotten)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SeriesNumber {
    /// The place.
    pub slot: u32,
    /// Counts the series that had this place, so that a number is never mistaken for another's.
    pub generation: u32,
}

/// A sample of a series that the store knows by number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NumberedSample {
    /// Whose sample.
    pub series: SeriesNumber,
    /// Milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// The value.
    pub value: f64,
}

#[derive(Debug, Clone)]
struct Row {
    series: Series,
    /// Where this row's samples end; they start where the row before ends.
    samples_end: usize,
}

impl SeriesBatch {
    /// An empty batch for a tenant.
    pub fn new(tenant: TenantId) -> Self {
        Self {
            tenant,
            ..Self::default()
        }
    }

    /// Adds the samples of one series.
    pub fn push(&mut self, series: Series, samples: &[Sample]) {
        self.samples.extend_from_slice(samples);
        self.rows.push(Row {
            series,
            samples_end: self.samples.len(),
        });
    }

    /// Adds the samples of one series with their starts, in milliseconds since the Unix epoch or
    /// [`NO_START`](crate::NO_START): as many as there are samples, or none.
    pub fn push_started(&mut self, series: Series, samples: &[Sample], starts: &[i64]) {
        self.sample_starts
            .extend(self.samples.len(), starts, samples.len());
        self.push(series, samples);
    }

    /// Adds one sample of one series.
    pub fn push_one(&mut self, series: Series, at_ms: i64, value: f64) {
        self.push(series, &[Sample { at_ms, value }]);
    }

    /// Adds one sample of a series that the store knows by number.
    pub fn push_numbered(&mut self, series: SeriesNumber, at_ms: i64, value: f64) {
        self.numbered.push(NumberedSample { series, at_ms, value });
    }

    /// The same with the sample's start, in milliseconds since the Unix epoch, or [`NO_START`](crate::NO_START).
    pub fn push_numbered_started(&mut self, series: SeriesNumber, at_ms: i64, value: f64, start_ms: i64) {
        self.numbered_starts.push(self.numbered.len(), start_ms);
        self.push_numbered(series, at_ms, value);
    }

    /// Makes room for so many more numbered samples.
    pub fn reserve_numbered(&mut self, more: usize) {
        self.numbered.reserve(more);
    }

    /// Adds native histograms of one series.
    pub fn push_histograms(&mut self, series: Series, histograms: Vec<HistogramSample>) {
        self.histograms.push((series, histograms));
    }

    /// Adds an exemplar of one series.
    pub fn push_exemplar(&mut self, series: Series, exemplar: Exemplar) {
        self.exemplars.push((series, exemplar));
    }

    /// Samples of series that the store knows by number.
    pub fn numbered(&self) -> &[NumberedSample] {
        &self.numbered
    }

    /// The starts of the numbered samples.
    pub fn numbered_starts(&self) -> &Starts {
        &self.numbered_starts
    }

    /// Native histograms by series.
    pub fn histograms(&self) -> &[(Series, Vec<HistogramSample>)] {
        &self.histograms
    }

    /// Exemplars with their series.
    pub fn exemplars(&self) -> &[(Series, Exemplar)] {
        &self.exemplars
    }

    /// The rows: a series and its samples.
    pub fn iter(&self) -> impl Iterator<Item = (&Series, &[Sample])> {
        let mut start = 0;
        self.rows.iter().map(move |row| {
            let samples = self.samples.get(start..row.samples_end).unwrap_or_default();
            start = row.samples_end;
            (&row.series, samples)
        })
    }

    /// The starts of each row's samples, in the order of [`iter`](Self::iter); nothing for a row of which none is told.
    pub fn row_starts(&self) -> impl Iterator<Item = &[i64]> {
        let mut start = 0;
        self.rows.iter().map(move |row| {
            let starts = self.sample_starts.slice(start..row.samples_end);
            start = row.samples_end;
            starts
        })
    }

    /// How many samples the batch holds, histograms among them.
    pub fn sample_count(&self) -> usize {
        let histograms: usize = self.histograms.iter().map(|(_, samples)| samples.len()).sum();
        self.samples.len() + self.numbered.len() + histograms
    }

    /// How many rows with a named series the batch holds.
    pub fn series_count(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
            && self.numbered.is_empty()
            && self.histograms.is_empty()
            && self.exemplars.is_empty()
    }
}

/// What became of a batch. Everything `stored` is durable.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Accepted {
    /// Samples that are durable and readable now, histograms among them.
    pub stored: u64,
    /// How many of those are native histograms.
    pub histograms_stored: u64,
    /// Exemplars that are durable and readable now.
    pub exemplars_stored: u64,
    /// Samples that were refused, by reason; never the whole story of a write error.
    pub refused: Vec<(Refusal, u64)>,
}

impl Accepted {
    /// Counts `count` samples as refused.
    pub fn refuse(&mut self, reason: Refusal, count: u64) {
        match self.refused.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, total)) => *total += count,
            None => self.refused.push((reason, count)),
        }
    }

    /// How many samples were refused.
    pub fn refused_count(&self) -> u64 {
        self.refused.iter().map(|(_, count)| count).sum()
    }
}

/// Why a sample was refused although its batch was taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Refusal {
    /// Older than the out-of-order window allows.
    TooOld,
    /// Further in the future than the store allows.
    TooFarInFuture,
    /// The series already has another value at this time.
    DuplicateTimestamp,
    /// The store has as many active series as it may.
    TooManySeries,
    /// The metric has as many active series as it may.
    TooManySeriesOfMetric,
    /// The tenant has as many active series as it may.
    TooManySeriesOfTenant,
    /// The series has more labels than it may.
    TooManyLabels,
    /// The series' labels have more bytes than they may.
    LabelsTooLong,
    /// The native histogram has more buckets on a side than it may.
    TooManyBuckets,
}

impl Refusal {
    /// A short name for counters and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TooOld => "too_old",
            Self::TooFarInFuture => "too_far_in_future",
            Self::DuplicateTimestamp => "duplicate_timestamp",
            Self::TooManySeries => "too_many_series",
            Self::TooManySeriesOfMetric => "too_many_series_of_metric",
            Self::TooManySeriesOfTenant => "too_many_series_of_tenant",
            Self::TooManyLabels => "too_many_labels",
            Self::LabelsTooLong => "labels_too_long",
            Self::TooManyBuckets => "too_many_buckets",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::Labels;

    #[test]
    fn rows_keep_their_own_samples() {
        let series = |name: &str| Series::new(Labels::from_pairs([("__name__", name)]));
        let mut batch = SeriesBatch::new(TenantId::DEFAULT);
        batch.push(
            series("a"),
            &[Sample { at_ms: 1, value: 1.0 }, Sample { at_ms: 2, value: 2.0 }],
        );
        batch.push(series("b"), &[]);
        batch.push_one(series("c"), 3, 3.0);
        let counts: Vec<_> = batch
            .iter()
            .map(|(s, samples)| (s.labels().to_string(), samples.len()))
            .collect();
        assert_eq!(counts, [("a{}".into(), 2), ("b{}".into(), 0), ("c{}".into(), 1)]);
        assert_eq!((batch.series_count(), batch.sample_count()), (3, 3));
    }
}
