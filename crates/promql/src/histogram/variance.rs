//! The variance of observations, estimated from buckets (prometheus/promql `histogramVariance`).

use model::Histogram;

use super::bounds::Bucket;
use super::{Count, FloatHistogram};
use crate::functions::sum::Sum;

/// The variance, every observation taken to lie in its bucket's middle.
pub(crate) fn variance(histogram: &Histogram) -> f64 {
    let tally = FloatHistogram::from(histogram);
    let mean = tally.sum / tally.count;
    let mut squares = Sum::default();
    for bucket in tally.all_buckets().iter().filter(|bucket| bucket.count != 0.0) {
        let distance = middle(bucket, tally.is_custom()) - mean;
        squares.add(bucket.count * distance * distance);
    }
    Count::value(&squares) / tally.count
}

fn middle(bucket: &Bucket, is_custom: bool) -> f64 {
    if is_custom {
        f64::midpoint(bucket.lower, bucket.upper)
    } else if bucket.lower <= 0.0 && bucket.upper >= 0.0 {
        0.0
    } else {
        let middle = (bucket.lower * bucket.upper).sqrt();
        if bucket.upper < 0.0 { -middle } else { middle }
    }
}
