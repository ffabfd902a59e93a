//! Native histograms: buckets whose bounds follow from a schema, as Prometheus keeps them
//! (prometheus.io/docs/specs/native_histograms).

use std::sync::Arc;

use crate::start::{Counted, NO_START};

/// The schema whose bounds are listed one by one (`NHCB`).
pub const CUSTOM_BUCKETS: i8 = -53;
/// The coarsest and the finest exponential schema: bounds grow by `2^(2^-schema)`.
pub const EXPONENTIAL_SCHEMAS: std::ops::RangeInclusive<i8> = -4..=8;

/// One native histogram. Counts are floats, as they are after any arithmetic; counts of integer histograms are exact up to 2^53.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Histogram {
    /// What is known about counts having started again since the histogram before.
    pub reset_hint: ResetHint,
    /// -4 to 8 for exponential bounds, [`CUSTOM_BUCKETS`] for listed ones.
    pub schema: i8,
    /// Observations with an absolute value up to this one are in the zero bucket.
    pub zero_threshold: f64,
    /// Observations in the zero bucket.
    pub zero_count: f64,
    /// All observations.
    pub count: f64,
    /// The sum of all observations; the stale marker ends a series of histograms.
    pub sum: f64,
    /// Buckets of positive observations, or all buckets where bounds are listed.
    pub positive: Buckets,
    /// Buckets of negative observations.
    pub negative: Buckets,
    /// Upper bounds, ascending, without `+Inf`; only with [`CUSTOM_BUCKETS`].
    pub custom_bounds: Arc<[f64]>,
}

/// What is known about counts having started again. Numbers as on the wire (`prompb`, `ResetHint`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ResetHint {
    /// Nothing; compare the counts.
    #[default]
    Unknown = 0,
    /// They did.
    Yes = 1,
    /// They did not.
    No = 2,
    /// The histogram is a gauge: counts may fall.
    Gauge = 3,
}

/// Runs of consecutive buckets and their counts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Buckets {
    /// The runs.
    pub spans: Vec<Span>,
    /// One count for each bucket of the runs, not cumulative.
    pub counts: Vec<f64>,
}

/// A run of consecutive buckets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Span {
    /// For the first run the index of its first bucket; for others the gap to the run before.
    pub offset: i32,
    /// How many buckets.
    pub length: u32,
}

/// A native histogram at one time.
#[derive(Debug, Clone, PartialEq)]
pub struct HistogramSample {
    /// Milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// The histogram. Shared, because histograms are large and pass many hands.
    pub value: Arc<Histogram>,
    /// Since when it counts, in milliseconds since the Unix epoch, or [`NO_START`].
    pub start_ms: i64,
}

/// A histogram that is stored has at most so many buckets on each side.
pub const BUCKETS_PER_SIDE_MAX: usize = 1 << 16;

/// Why a histogram is none.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum HistogramError {
    /// The schema is not known.
    #[error("histogram schema {0} is unknown: known are -4 to 8 and -53")]
    Schema(i32),
    /// Runs and counts do not agree.
    #[error("histogram spans describe {described} {side} buckets, {given} counts are given")]
    Spans {
        /// `positive` or `negative`.
        side: &'static str,
        /// Buckets of all runs.
        described: u64,
        /// Counts.
        given: usize,
    },
    /// More buckets than can be stored.
    #[error("histogram has {got} {side} buckets, at most {BUCKETS_PER_SIDE_MAX} can be stored")]
    TooMany {
        /// `positive` or `negative`.
        side: &'static str,
        /// Buckets, or runs where these are more.
        got: usize,
    },
    /// A later run starts before the one before ends.
    #[error("histogram span {place} on the {side} side has the negative offset {offset}")]
    Overlap {
        /// `positive` or `negative`.
        side: &'static str,
        /// Which run, from 0.
        place: usize,
        /// Its offset.
        offset: i32,
    },
    /// A run ends where no index reaches.
    #[error(
        "histogram span {place} on the {side} side ends behind {}, the last index of a bucket",
        i32::MAX
    )]
    Beyond {
        /// `positive` or `negative`.
        side: &'static str,
        /// Which run, from 0.
        place: usize,
    },
    /// A count is below zero or no number.
    #[error("histogram has a negative or undefined bucket count on the {side} side")]
    Count {
        /// `positive` or `negative`.
        side: &'static str,
    },
    /// Listed bounds do not grow, are not finite, or stand beside an exponential schema.
    #[error(
        "histogram has unusable custom bounds: they must be finite and ascending, and come with schema -53 only"
    )]
    Bounds,
}

impl HistogramSample {
    /// A histogram whose start nobody told.
    pub fn new(at_ms: i64, value: Arc<Histogram>) -> Self {
        Self {
            at_ms,
            value,
            start_ms: NO_START,
        }
    }

    /// When it was taken, and since when it counts.
    pub fn counted(&self) -> Counted {
        Counted {
            at_ms: self.at_ms,
            start_ms: self.start_ms,
        }
    }
}

impl Histogram {
    /// Refuses what no histogram can be.
    pub fn validate(&self) -> Result<(), HistogramError> {
        let custom = self.schema == CUSTOM_BUCKETS;
        if !custom && !EXPONENTIAL_SCHEMAS.contains(&self.schema) {
            return Err(HistogramError::Schema(i32::from(self.schema)));
        }
        let ascending = self.custom_bounds.windows(2).all(|pair| pair[0] < pair[1]);
        let finite = self.custom_bounds.iter().all(|bound| bound.is_finite());
        if !ascending || !finite || (!custom && !self.custom_bounds.is_empty()) {
            return Err(HistogramError::Bounds);
        }
        self.positive.validate("positive")?;
        self.negative.validate("negative")
    }

    /// Whether this is the marker that ends a series of histograms.
    pub fn is_stale(&self) -> bool {
        crate::sample::is_stale(self.sum)
    }
}

impl Buckets {
    /// The buckets with their indices, in order.
    pub fn iter(&self) -> impl Iterator<Item = (i32, f64)> + '_ {
        // Behind the last index there is one more.
        let mut next = 0_i64;
        let indices = self.spans.iter().flat_map(move |span| {
            let start = next.saturating_add(i64::from(span.offset));
            next = start.saturating_add(i64::from(span.length));
            start..next
        });
        let indices = indices.map(|index| index.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32);
        indices.zip(self.counts.iter().copied())
    }

    /// Builds runs from buckets in ascending order of index; gaps of up to two empty buckets are filled.
    pub fn from_sorted(buckets: impl IntoIterator<Item = (i32, f64)>) -> Self {
        Self::from_sorted_with_gaps(buckets, 2)
    }

    /// The same with a run for every gap, for those to whom an empty bucket is not the same as none.
    pub fn from_sorted_exactly(buckets: impl IntoIterator<Item = (i32, f64)>) -> Self {
        Self::from_sorted_with_gaps(buckets, 0)
    }

    fn from_sorted_with_gaps(buckets: impl IntoIterator<Item = (i32, f64)>, gap_max: i64) -> Self {
        let mut built = Self::default();
        let mut next = 0_i64;
        for (index, count) in buckets {
            let index = i64::from(index);
            let gap = index - next;
            match built.spans.last_mut() {
                Some(span) if (0..=gap_max).contains(&gap) => {
                    span.length = span.length.saturating_add(gap as u32 + 1);
                    built.counts.extend((0..gap).map(|_| 0.0));
                }
                _ => built.open_run(gap),
            }
            built.counts.push(count);
            next = index + 1;
        }
        built
    }

    /// Begins a run of one bucket; a gap wider than one offset tells is told by an empty run before it.
    fn open_run(&mut self, gap: i64) {
        let offset = gap.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32;
        let rest = gap - i64::from(offset);
        let length = u32::from(rest == 0);
        self.spans.push(Span { offset, length });
        if rest != 0 {
            self.open_run(rest);
        }
    }

    /// Whether there are no more than can be stored.
    pub fn can_be_stored(&self) -> bool {
        self.stored_count() <= BUCKETS_PER_SIDE_MAX
    }

    fn stored_count(&self) -> usize {
        self.counts.len().max(self.spans.len())
    }

    fn validate(&self, side: &'static str) -> Result<(), HistogramError> {
        if !self.can_be_stored() {
            let got = self.stored_count();
            return Err(HistogramError::TooMany { side, got });
        }
        let described: u64 = self.spans.iter().map(|span| u64::from(span.length)).sum();
        if described != self.counts.len() as u64 {
            return Err(HistogramError::Spans {
                side,
                described,
                given: self.counts.len(),
            });
        }
        self.validate_runs(side)?;
        if self.counts.iter().any(|count| count.is_nan() || *count < 0.0) {
            return Err(HistogramError::Count { side });
        }
        Ok(())
    }

    fn validate_runs(&self, side: &'static str) -> Result<(), HistogramError> {
        let mut next = 0_i64;
        for (place, span) in self.spans.iter().enumerate() {
            let offset = span.offset;
            if place > 0 && offset < 0 {
                return Err(HistogramError::Overlap { side, place, offset });
            }
            next = next.saturating_add(i64::from(offset) + i64::from(span.length));
            if span.length > 0 && next - 1 > i64::from(i32::MAX) {
                return Err(HistogramError::Beyond { side, place });
            }
        }
        Ok(())
    }
}

impl ResetHint {
    /// The hint of a number on the wire; unknown numbers say nothing.
    pub fn from_wire(number: i32) -> Self {
        match number {
            1 => Self::Yes,
            2 => Self::No,
            3 => Self::Gauge,
            _ => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_built_and_walked() {
        let buckets = Buckets::from_sorted([(-3, 1.0), (-2, 2.0), (1, 3.0), (9, 4.0)]);
        let spans: Vec<(i32, u32)> = buckets
            .spans
            .iter()
            .map(|span| (span.offset, span.length))
            .collect();
        assert_eq!(spans, [(-3, 5), (7, 1)]);
        let walked: Vec<(i32, f64)> = buckets.iter().filter(|(_, count)| *count > 0.0).collect();
        assert_eq!(walked, [(-3, 1.0), (-2, 2.0), (1, 3.0), (9, 4.0)]);
    }

    #[test]
    fn buckets_as_far_apart_as_indices_can_be_keep_their_places() {
        let far = [
            (i32::MIN, 1.0),
            (i32::MIN + 1, 2.0),
            (i32::MAX - 1, 3.0),
            (i32::MAX, 4.0),
        ];
        for buckets in [Buckets::from_sorted(far), Buckets::from_sorted_exactly(far)] {
            assert_eq!(buckets.iter().collect::<Vec<_>>(), far);
            assert_eq!(buckets.validate("positive"), Ok(()));
        }
    }

    #[test]
    fn what_is_no_histogram_is_refused() {
        let good = Histogram {
            schema: 3,
            positive: Buckets::from_sorted([(0, 1.0)]),
            ..Histogram::default()
        };
        assert_eq!(good.validate(), Ok(()));
        let bad = |change: fn(&mut Histogram)| {
            let mut changed = good.clone();
            change(&mut changed);
            changed.validate().unwrap_err()
        };
        assert_eq!(bad(|h| h.schema = 9), HistogramError::Schema(9));
        assert!(matches!(
            bad(|h| h.positive.counts.clear()),
            HistogramError::Spans { .. }
        ));
        assert!(matches!(
            bad(|h| h.positive.counts = vec![-1.0]),
            HistogramError::Count { .. }
        ));
        let far = |last: u32| Buckets {
            spans: [(0, 1), (i32::MAX - 2, last)]
                .map(|(offset, length)| Span { offset, length })
                .to_vec(),
            counts: vec![1.0; 1 + last as usize],
        };
        // The second run begins at the last index but one.
        assert_eq!(far(2).validate("positive"), Ok(()));
        let beyond = far(3).validate("negative").unwrap_err();
        assert_eq!(
            beyond.to_string(),
            "histogram span 1 on the negative side ends behind 2147483647, the last index of a bucket"
        );
        assert_eq!(
            bad(|h| h.custom_bounds = Arc::from([1.0])),
            HistogramError::Bounds
        );
        let overlap = bad(|h| {
            h.negative.spans = vec![
                Span { offset: 0, length: 1 },
                Span {
                    offset: -1,
                    length: 1,
                },
            ];
            h.negative.counts = vec![1.0, 1.0];
        });
        assert!(matches!(
            overlap,
            HistogramError::Overlap {
                side: "negative",
                place: 1,
                offset: -1
            }
        ));
    }
}
