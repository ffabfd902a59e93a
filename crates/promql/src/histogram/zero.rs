//! The zero bucket: two histograms can be added only when theirs is equally wide.

use super::{Count, FloatHistogram, Tally};

impl<N: Count> Tally<N> {
    /// Makes the zero bucket at least as wide as `threshold`, and so wide that it ends at no populated bucket's inside. Buckets
    /// that it swallows are gone.
    pub(super) fn widen_zero_bucket(&mut self, threshold: f64) {
        if threshold.is_nan() || threshold <= self.zero_threshold {
            return;
        }
        let threshold = self.reach_of_zero(threshold);
        let (positive, negative) = (self.positive.clone(), self.negative.clone());
        for side in [&positive, &negative] {
            for (index, count) in side.iter() {
                if self.bounds_of(index).0 < threshold {
                    self.zero_count.merge(count);
                }
            }
        }
        self.zero_threshold = threshold;
        let (schema, bounds) = (self.schema, std::sync::Arc::clone(&self.bounds));
        let probe = FloatHistogram {
            schema,
            bounds,
            ..FloatHistogram::default()
        };
        self.positive
            .retain(|index| probe.bounds_of(index).0 >= threshold);
        self.negative
            .retain(|index| probe.bounds_of(index).0 >= threshold);
    }

    /// The end of the last populated bucket that `threshold` lies in, on either side; `threshold` itself where there is none.
    pub(super) fn reach_of_zero(&self, mut threshold: f64) -> f64 {
        // A wider zero bucket may reach into a bucket of the other side.
        loop {
            let buckets = self.positive.iter().chain(self.negative.iter());
            let reached = buckets
                .filter(|(_, count)| count.value() != 0.0)
                .map(|(index, _)| self.bounds_of(index))
                .find(|(lower, upper)| *lower < threshold && *upper > threshold);
            match reached {
                Some((_, upper)) => threshold = upper,
                None => return threshold,
            }
        }
    }
}

/// Makes the zero buckets of both equally wide.
pub(super) fn reconcile<N: Count>(left: &mut Tally<N>, right: &mut FloatHistogram) {
    // Each turn widens one of them to the end of a bucket, of which there are so many.
    let turns_max = left.positive.iter().len()
        + left.negative.iter().len()
        + right.positive.iter().len()
        + right.negative.iter().len()
        + 2;
    for _ in 0..turns_max {
        if left.zero_threshold > right.zero_threshold {
            right.widen_zero_bucket(left.zero_threshold);
        } else if right.zero_threshold > left.zero_threshold {
            left.widen_zero_bucket(right.zero_threshold);
        } else {
            return;
        }
    }
}
