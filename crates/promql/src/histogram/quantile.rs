//! Quantiles of a histogram, and the share of observations between two bounds (prometheus/promql `HistogramQuantile` and
//! `HistogramFraction`).
//!
//! Observations are taken to be spread evenly in buckets with listed bounds and in the zero bucket, and evenly on a
//! logarithmic scale in exponential buckets.

use model::Histogram;

use super::FloatHistogram;
use super::bounds::Bucket;

/// What is to be said about an estimate: observations that are no numbers are in no bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NanObservations {
    /// There are none.
    None,
    /// The result lies among them.
    AreTheResult,
    /// They count as the greatest of all.
    SkewTheResult,
    /// They are in no share.
    AreExcluded,
}

/// The value that a share `q` of all observations lies at or below.
pub(crate) fn quantile(q: f64, histogram: &Histogram) -> (f64, NanObservations) {
    let silent = |value: f64| (value, NanObservations::None);
    if q < 0.0 {
        return silent(f64::NEG_INFINITY);
    }
    if q > 1.0 {
        return silent(f64::INFINITY);
    }
    if histogram.count == 0.0 || q.is_nan() {
        return silent(f64::NAN);
    }
    let tally = FloatHistogram::from(histogram);
    let all = tally.all_buckets();
    // Observations that are no numbers lie above all buckets: then ranks are counted from below.
    let from_below = tally.sum.is_nan() || q < 0.5;
    let rank = if from_below { q } else { 1.0 - q } * tally.count;
    let found = if from_below {
        climb(all.iter(), rank)
    } else {
        climb(all.iter().rev(), rank)
    };
    let (mut bucket, count) = found.unwrap_or((
        Bucket {
            lower: 0.0,
            upper: 0.0,
            holds_lower: false,
            holds_upper: false,
            count: 0.0,
        },
        0.0,
    ));
    if tally.is_custom() {
        if bucket.lower == f64::NEG_INFINITY {
            if bucket.upper <= 0.0 {
                return silent(bucket.upper);
            }
            bucket.lower = 0.0;
        } else if bucket.upper == f64::INFINITY {
            return silent(bucket.lower);
        }
    } else if bucket.lower < 0.0 && bucket.upper > 0.0 {
        tally.lean(&mut bucket);
    }
    // Rounding may make the buckets hold more than there is.
    let count = count.min(tally.count);
    if count < rank {
        return if tally.sum.is_nan() {
            (f64::NAN, NanObservations::AreTheResult)
        } else {
            silent(bucket.upper)
        };
    }
    let within = if from_below {
        rank - (count - bucket.count)
    } else {
        count - rank
    };
    let value = position(&bucket, within / bucket.count, tally.is_custom());
    let in_buckets: f64 = all.iter().map(|bucket| bucket.count).sum();
    if tally.sum.is_nan() && in_buckets < tally.count {
        return (value, NanObservations::SkewTheResult);
    }
    silent(value)
}

/// The bucket in which the count reaches `rank`, or the last, and the count up to its end.
fn climb<'a>(buckets: impl Iterator<Item = &'a Bucket>, rank: f64) -> Option<(Bucket, f64)> {
    let mut reached = None;
    let mut count = 0.0;
    for bucket in buckets {
        count += bucket.count;
        reached = Some((*bucket, count));
        if bucket.count != 0.0 && count >= rank {
            break;
        }
    }
    reached
}

/// The value that lies at a share of the way through a bucket.
fn position(bucket: &Bucket, share: f64, is_custom: bool) -> f64 {
    let (lower, upper) = (bucket.lower, bucket.upper);
    if is_custom || (lower <= 0.0 && upper >= 0.0) {
        return lower + (upper - lower) * share;
    }
    let (log_lower, log_upper) = (lower.abs().log2(), upper.abs().log2());
    if lower > 0.0 {
        (log_lower + (log_upper - log_lower) * share).exp2()
    } else {
        -(log_upper + (log_lower - log_upper) * (1.0 - share)).exp2()
    }
}

impl FloatHistogram {
    /// Takes the zero bucket for one side only where the histogram has buckets on that side only.
    fn lean(&self, zero: &mut Bucket) {
        match (self.negative.is_empty(), self.positive.is_empty()) {
            (true, false) => zero.lower = 0.0,
            (false, true) => zero.upper = 0.0,
            _ => {}
        }
    }
}

/// The share of all observations that lie above `lower` and at or below `upper`.
pub(crate) fn fraction(lower: f64, upper: f64, histogram: &Histogram) -> (f64, NanObservations) {
    if histogram.count == 0.0 || lower.is_nan() || upper.is_nan() {
        return (f64::NAN, NanObservations::None);
    }
    if lower >= upper {
        return (0.0, NanObservations::None);
    }
    let tally = FloatHistogram::from(histogram);
    let all = tally.all_buckets();
    let mut total = tally.count;
    let mut nans = NanObservations::None;
    if tally.sum.is_nan() {
        total = all.iter().map(|bucket| bucket.count).sum();
        if total < tally.count {
            nans = NanObservations::AreExcluded;
        }
    }
    let rank = |value: f64| tally.rank_of(value, &all).unwrap_or(total).min(total);
    ((rank(upper) - rank(lower)) / tally.count, nans)
}

impl FloatHistogram {
    /// How many observations lie at or below `value`; none where it lies behind all buckets.
    fn rank_of(&self, value: f64, all: &[Bucket]) -> Option<f64> {
        let mut rank = 0.0;
        for bucket in all {
            let mut bucket = *bucket;
            let is_zero = bucket.lower <= 0.0 && bucket.upper >= 0.0;
            if is_zero {
                self.lean(&mut bucket);
            }
            if bucket.lower >= value {
                return Some(rank);
            }
            if bucket.upper > value {
                // No share of a bucket without a lower end can be told.
                return Some(
                    if bucket.lower == f64::NEG_INFINITY && (self.is_custom() || is_zero) {
                        bucket.count
                    } else {
                        rank + bucket.count * share_below(&bucket, value, self.is_custom() || is_zero)
                    },
                );
            }
            rank += bucket.count;
        }
        None
    }
}

/// The share of a bucket's observations that lie at or below a value within it.
pub(super) fn share_below(bucket: &Bucket, value: f64, is_linear: bool) -> f64 {
    if is_linear {
        return (value - bucket.lower) / (bucket.upper - bucket.lower);
    }
    let (log_lower, log_upper) = (bucket.lower.abs().log2(), bucket.upper.abs().log2());
    let log_value = value.abs().log2();
    if value > 0.0 {
        (log_value - log_lower) / (log_upper - log_lower)
    } else {
        1.0 - (log_value - log_upper) / (log_lower - log_upper)
    }
}
