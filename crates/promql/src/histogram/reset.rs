//! Whether a counter histogram started again (prometheus/model/histogram `DetectReset`).

use model::histogram::CUSTOM_BUCKETS;
use model::{Buckets, Histogram, ResetHint};

use super::FloatHistogram;
use super::add::{common_bounds, place_of};
use super::side::Side;

/// Whether any count fell from `before` to `now`, or what is known says so.
pub(crate) fn is_reset(now: &Histogram, before: &Histogram) -> bool {
    match now.reset_hint {
        ResetHint::Yes => true,
        ResetHint::No => false,
        ResetHint::Unknown | ResetHint::Gauge => has_fallen(now, before),
    }
}

/// Whether any count fell; the sum may.
pub(super) fn has_fallen(now: &Histogram, before: &Histogram) -> bool {
    if now.count < before.count {
        return true;
    }
    if now.schema == CUSTOM_BUCKETS {
        if before.schema != CUSTOM_BUCKETS {
            return true;
        }
        if now.custom_bounds != before.custom_bounds {
            return has_fallen_in_common(now, before);
        }
    }
    if now.schema > before.schema || now.zero_threshold < before.zero_threshold {
        // Resolution grows and the zero bucket shrinks only when counting starts again.
        return true;
    }
    if now.schema == before.schema && now.zero_threshold == before.zero_threshold {
        return now.zero_count < before.zero_count
            || buckets_fell(&now.positive, &before.positive)
            || buckets_fell(&now.negative, &before.negative);
    }
    let mut before = FloatHistogram::from(before);
    if before.zero_threshold < now.zero_threshold
        && before.reach_of_zero(now.zero_threshold) != now.zero_threshold
    {
        return true;
    }
    before.widen_zero_bucket(now.zero_threshold);
    if now.zero_count < before.zero_count {
        return true;
    }
    before.reduce_resolution(now.schema);
    let now = FloatHistogram::from(now);
    let outside = |index: i32| now.bounds_of(index).1 > now.zero_threshold;
    side_fell(&now.positive, &before.positive, outside) || side_fell(&now.negative, &before.negative, outside)
}

fn buckets_fell(now: &Buckets, before: &Buckets) -> bool {
    if now.spans == before.spans {
        return now
            .counts
            .iter()
            .zip(&before.counts)
            .any(|(now, before)| now < before);
    }
    side_fell(&Side::of(now), &Side::of(before), |_| true)
}

/// Whether a bucket's count fell, or a populated bucket is missing.
fn side_fell(now: &Side<f64>, before: &Side<f64>, counts: impl Fn(i32) -> bool) -> bool {
    let mut now = now.iter().peekable();
    for (index, before) in before.iter().filter(|(index, _)| counts(*index)) {
        while now.peek().is_some_and(|(known, _)| *known < index) {
            now.next();
        }
        let fell = match now.peek() {
            Some((known, count)) if *known == index => *count < before,
            _ => before != 0.0,
        };
        if fell {
            return true;
        }
    }
    false
}

/// The same for listed bounds that differ: what lies between common bounds is compared.
fn has_fallen_in_common(now: &Histogram, before: &Histogram) -> bool {
    let common = common_bounds(&now.custom_bounds, &before.custom_bounds);
    let between = |histogram: &Histogram| {
        let mut counts = vec![0.0; common.len() + 1];
        for (index, count) in histogram.positive.iter() {
            if let Some(sum) = counts.get_mut(place_of(&common, &histogram.custom_bounds, index)) {
                *sum += count;
            }
        }
        counts
    };
    let (now, before) = (between(now), between(before));
    now.iter().zip(&before).any(|(now, before)| now < before)
}
