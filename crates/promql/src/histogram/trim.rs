//! Leaving out what was observed above or below a value: the operators `</` and `>/` (prometheus/model/histogram
//! `TrimBuckets`).
//!
//! The bucket that the value lies in keeps a share, the sum is estimated anew from the middles of what is left. Of buckets
//! without an end no share can be told; they are left out unless all of them stays.

use super::bounds::Bucket;
use super::quantile::share_below;
use super::{FloatHistogram, Side};

/// Which observations stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    /// Those below the value: `</`.
    Below,
    /// Those above the value: `>/`.
    Above,
}

/// What stays of a bucket: how many observations, and what they are taken to be.
type Kept = (f64, f64);

impl FloatHistogram {
    /// Leaves only what was observed below or above a value.
    pub(crate) fn trim(&mut self, value: f64, keep: Keep) {
        let mut left = Left::default();
        let positive = self.trimmed_side(&self.positive, false, value, keep, &mut left);
        let negative = self.trimmed_side(&self.negative, true, value, keep, &mut left);
        let populated = |side: &Side<f64>| side.iter().any(|(_, count)| count != 0.0);
        let sides = (populated(&self.negative), populated(&self.positive));
        let mut zero_count = self.zero_count;
        if self.zero_count > 0.0 {
            let (count, middle) = zero_trimmed(self.zero_bucket(), sides, value, keep);
            left.add(self.zero_count, (count, middle));
            zero_count = count;
        }
        if !left.is_less {
            return;
        }
        self.positive = positive;
        self.negative = negative;
        self.zero_count = zero_count;
        self.count = left.count;
        self.sum = left.sum;
        self.compact();
    }

    fn trimmed_side(
        &self,
        side: &Side<f64>,
        is_negative: bool,
        value: f64,
        keep: Keep,
        left: &mut Left,
    ) -> Side<f64> {
        let is_custom = self.is_custom();
        let mut trimmed = side.clone();
        let buckets = self.side_buckets(side, is_negative);
        for (count, bucket) in trimmed.counts_mut().zip(buckets) {
            if bucket.count == 0.0 {
                continue;
            }
            let kept = kept_of(&bucket, value, keep, (is_negative, is_custom));
            left.add(bucket.count, kept);
            *count = kept.0;
        }
        trimmed
    }
}

/// What is left in all.
#[derive(Debug, Default)]
struct Left {
    count: f64,
    sum: f64,
    is_less: bool,
}

impl Left {
    fn add(&mut self, before: f64, (count, middle): Kept) {
        self.count += count;
        self.sum += count * middle;
        self.is_less |= count != before;
    }
}

fn kept_of(bucket: &Bucket, value: f64, keep: Keep, (is_negative, is_custom): (bool, bool)) -> Kept {
    let (lower, upper) = (bucket.lower, bucket.upper);
    let stays = match keep {
        Keep::Below => upper <= value,
        Keep::Above => lower >= value,
    };
    if stays {
        return (bucket.count, middle(lower, upper, is_negative, is_custom));
    }
    let goes = match keep {
        Keep::Below => lower >= value,
        Keep::Above => upper <= value,
    };
    if goes {
        return (0.0, 0.0);
    }
    if lower == f64::NEG_INFINITY || upper == f64::INFINITY {
        return endless_trimmed(bucket, value, keep);
    }
    let below = bucket.count * share_below(bucket, value, is_custom);
    match keep {
        Keep::Below => (below, middle(lower, value, is_negative, is_custom)),
        Keep::Above => (bucket.count - below, middle(value, upper, is_negative, is_custom)),
    }
}

/// What stays of a bucket without a beginning or an end, that the value lies in.
fn endless_trimmed(bucket: &Bucket, value: f64, keep: Keep) -> Kept {
    let (count, upper) = (bucket.count, bucket.upper);
    // Observations above zero: the bucket is taken to begin there.
    let begins_at_zero = bucket.lower == f64::NEG_INFINITY && upper > 0.0 && upper != f64::INFINITY;
    match keep {
        Keep::Below if begins_at_zero && value > 0.0 => (count * value / upper, value / 2.0),
        Keep::Above if begins_at_zero && value >= 0.0 => {
            (count * (1.0 - value / upper), f64::midpoint(value, upper))
        }
        Keep::Below if bucket.lower == f64::NEG_INFINITY && upper <= 0.0 => (count, value),
        Keep::Above if bucket.lower != f64::NEG_INFINITY && value >= bucket.lower => (count, value),
        _ => (0.0, 0.0),
    }
}

fn zero_trimmed(zero: Bucket, (has_negative, has_positive): (bool, bool), value: f64, keep: Keep) -> Kept {
    let lower = if has_positive && !has_negative {
        0.0
    } else {
        zero.lower
    };
    let upper = if has_negative && !has_positive {
        0.0
    } else {
        zero.upper
    };
    let all = (zero.count, f64::midpoint(lower, upper));
    match keep {
        Keep::Below if value <= lower => (0.0, 0.0),
        Keep::Below if value >= upper => all,
        Keep::Below => (
            zero.count * ((value - lower) / (upper - lower)),
            f64::midpoint(lower, value),
        ),
        Keep::Above if value <= lower => all,
        Keep::Above if value >= upper => (0.0, 0.0),
        Keep::Above => (
            zero.count * ((upper - value) / (upper - lower)),
            f64::midpoint(value, upper),
        ),
    }
}

/// What observations between two bounds are taken to be.
fn middle(lower: f64, upper: f64, is_negative: bool, is_linear: bool) -> f64 {
    match (lower.is_infinite(), upper.is_infinite()) {
        (true, true) => 0.0,
        (true, false) if upper > 0.0 => upper / 2.0,
        (true, false) => upper,
        (false, true) => lower,
        (false, false) if is_linear => f64::midpoint(lower, upper),
        (false, false) => {
            let middle = (lower * upper).abs().sqrt();
            if is_negative { -middle } else { middle }
        }
    }
}
