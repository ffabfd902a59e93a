//! Addition and subtraction.

use std::sync::Arc;

use model::histogram::CUSTOM_BUCKETS;
use model::{Histogram, ResetHint};

use super::side::Side;
use super::{Count, FloatHistogram, Tally, zero};

/// Exponential and listed bounds have nothing in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MixedSchemas;

/// What had to be done to add.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Added {
    /// One was known to be reset and the other not to be.
    pub resets_collide: bool,
    /// Listed bounds differed: only common ones are left.
    pub bounds_reconciled: bool,
}

impl<N: Count> Tally<N> {
    /// Adds another histogram. The coarser schema and the wider zero bucket win.
    pub fn add(&mut self, other: &Histogram) -> Result<Added, MixedSchemas> {
        self.combine(other, |count| count)
    }

    /// Subtracts another histogram.
    pub fn subtract(&mut self, other: &Histogram) -> Result<Added, MixedSchemas> {
        self.combine(other, |count| -count)
    }

    fn combine(&mut self, other: &Histogram, signed: impl Fn(f64) -> f64) -> Result<Added, MixedSchemas> {
        if self.is_custom() != (other.schema == CUSTOM_BUCKETS) {
            return Err(MixedSchemas);
        }
        let mut added = Added {
            resets_collide: self.combine_hint(other.reset_hint),
            bounds_reconciled: false,
        };
        self.count.add(signed(other.count));
        self.sum.add(signed(other.sum));
        if self.is_custom() {
            added.bounds_reconciled = self.reconcile_bounds(other, signed);
            return Ok(added);
        }
        if self.schema == other.schema && self.zero_threshold == other.zero_threshold {
            self.zero_count.add(signed(other.zero_count));
            self.positive.add(other.positive.iter(), &signed);
            self.negative.add(other.negative.iter(), &signed);
            return Ok(added);
        }
        let mut other = FloatHistogram::from(other);
        zero::reconcile(self, &mut other);
        self.zero_count.add(signed(other.zero_count));
        other.reduce_resolution(self.schema);
        self.reduce_resolution(other.schema);
        self.positive.add(other.positive.iter(), &signed);
        self.negative.add(other.negative.iter(), &signed);
        Ok(added)
    }

    /// What is known of the resets of a sum; whether that contradicts itself.
    fn combine_hint(&mut self, other: ResetHint) -> bool {
        use ResetHint::{Gauge, Unknown};
        match (self.hint, other) {
            (mine, other) if mine == other => false,
            (Gauge | Unknown, _) if other != Gauge => false,
            (_, Gauge) => {
                self.hint = Gauge;
                false
            }
            (_, Unknown) => {
                self.hint = Unknown;
                false
            }
            _ => {
                self.hint = Unknown;
                true
            }
        }
    }

    /// Adds buckets with listed bounds; whether the bounds differed, so that only those are left that both have.
    fn reconcile_bounds(&mut self, other: &Histogram, signed: impl Fn(f64) -> f64) -> bool {
        if self.bounds == other.custom_bounds {
            self.positive.add(other.positive.iter(), &signed);
            return false;
        }
        let common = common_bounds(&self.bounds, &other.custom_bounds);
        let mut buckets: Vec<(i32, N)> = Vec::with_capacity(common.len() + 1);
        buckets.extend((0..).take(common.len() + 1).map(|index| (index, N::default())));
        for (index, count) in self.positive.iter() {
            let place = place_of(&common, &self.bounds, index);
            if let Some((_, sum)) = buckets.get_mut(place) {
                sum.merge(count);
            }
        }
        for (index, count) in other.positive.iter() {
            let place = place_of(&common, &other.custom_bounds, index);
            if let Some((_, sum)) = buckets.get_mut(place) {
                sum.add(signed(count));
            }
        }
        buckets.retain(|(_, count)| count.value() != 0.0);
        self.positive = Side::from_pairs(buckets);
        self.bounds = common;
        true
    }
}

/// The bounds that both lists have.
pub(super) fn common_bounds(left: &[f64], right: &[f64]) -> Arc<[f64]> {
    let in_right = |bound: &&f64| right.binary_search_by(|known| known.total_cmp(bound)).is_ok();
    left.iter().filter(in_right).copied().collect()
}

/// Which of the `common` buckets holds the bucket `index` of a histogram with these `bounds`.
pub(super) fn place_of(common: &[f64], bounds: &[f64], index: i32) -> usize {
    let upper = usize::try_from(index).ok().and_then(|place| bounds.get(place));
    upper.map_or(common.len(), |upper| {
        common.partition_point(|bound| bound < upper)
    })
}
