//! The arithmetic of native histograms: what PromQL does to them besides looking at them.
//!
//! In: `model::Histogram` as the store holds it.  Out: the same, computed anew; numbers that are estimated from buckets.
//! Owns: nothing.
//! Invariants: addition commutes, and reducing the resolution before or after adding gives the same
//! (`tests::addition_commutes`, `tests::reduced_before_or_after_adding`); no histogram makes anything here panic
//! (`tests::nothing_panics`).
//! Not here: which samples meet (`eval`, `functions`), and what is said about them (`eval::notes`).
//! Start at: [`FloatHistogram::add`].
//!
//! The rules are those of prometheus.io/docs/specs/native_histograms and of Prometheus' `model/histogram` and
//! `promql/quantile.go`; the form is our own: buckets are pairs of index and count in order of index, not runs.

mod add;
mod bounds;
mod hints;
mod interpolate;
mod mean;
mod quantile;
mod reset;
mod side;
pub(crate) mod text;
mod total;
mod trim;
mod variance;
mod zero;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use model::histogram::CUSTOM_BUCKETS;
use model::{Histogram, ResetHint};

pub use bounds::{Bucket, buckets};

pub(crate) use add::{Added, MixedSchemas};
pub(crate) use hints::{Hints, tell_resets};
pub(crate) use interpolate::interpolate;
pub(crate) use quantile::{NanObservations, fraction, quantile};
pub(crate) use reset::is_reset;
pub(crate) use text::text;
pub(crate) use total::Total;
pub(crate) use trim::Keep;
pub(crate) use variance::variance;

use crate::functions::sum::Sum;
use mean::Mean;
use side::Side;

/// A number that observations are counted in: plain, or with what rounding took from it.
pub trait Count: Copy + Default + std::fmt::Debug + PartialEq {
    /// Adds a number.
    fn add(&mut self, value: f64);
    /// Adds another count.
    fn merge(&mut self, other: Self);
    /// Computes anew.
    fn scale(&mut self, scale: impl Fn(f64) -> f64);
    /// The number.
    fn value(&self) -> f64;
}

/// A native histogram that can be computed with.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tally<N: Count> {
    pub(crate) hint: ResetHint,
    pub(crate) schema: i8,
    pub(crate) zero_threshold: f64,
    pub(crate) zero_count: N,
    pub(crate) count: N,
    pub(crate) sum: N,
    pub(crate) positive: Side<N>,
    pub(crate) negative: Side<N>,
    pub(crate) bounds: Arc<[f64]>,
}

/// A histogram in plain numbers.
pub type FloatHistogram = Tally<f64>;
/// A histogram that many others are added to: every number keeps its small digits.
type RunningHistogram = Tally<Sum>;

impl Count for f64 {
    fn add(&mut self, value: f64) {
        *self += value;
    }

    fn merge(&mut self, other: Self) {
        *self += other;
    }

    fn scale(&mut self, scale: impl Fn(f64) -> f64) {
        *self = scale(*self);
    }

    fn value(&self) -> f64 {
        *self
    }
}

impl Count for Sum {
    fn add(&mut self, value: f64) {
        Self::add(self, value);
    }

    fn merge(&mut self, other: Self) {
        Self::add(self, other.total);
        if other.lost != 0.0 {
            Self::add(self, other.lost);
        }
    }

    fn scale(&mut self, scale: impl Fn(f64) -> f64) {
        self.total = scale(self.total);
        self.lost = scale(self.lost);
    }

    fn value(&self) -> f64 {
        Self::value(self)
    }
}

impl<N: Count> Tally<N> {
    /// Whether its bounds are listed one by one.
    pub(crate) fn is_custom(&self) -> bool {
        self.schema == CUSTOM_BUCKETS
    }

    fn counts_mut(&mut self) -> impl Iterator<Item = &mut N> {
        let scalars = [&mut self.zero_count, &mut self.count, &mut self.sum];
        let sides = [&mut self.positive, &mut self.negative];
        let buckets = sides.into_iter().flat_map(Side::counts_mut);
        scalars.into_iter().chain(buckets)
    }

    fn counts(&self) -> impl Iterator<Item = f64> + '_ {
        let scalars = [self.zero_count, self.count, self.sum];
        let sides = [&self.positive, &self.negative];
        let buckets = sides
            .into_iter()
            .flat_map(|side| side.iter().map(|(_, count)| count));
        scalars.into_iter().chain(buckets).map(|count| count.value())
    }

    /// Multiplies all counts and the sum. What is turned round is a gauge.
    pub fn multiply(&mut self, factor: f64) {
        self.counts_mut()
            .for_each(|count| count.scale(|count| count * factor));
        if factor < 0.0 {
            self.hint = ResetHint::Gauge;
        }
    }

    /// Divides all counts and the sum. Nothing is left of the buckets when it is by zero.
    pub fn divide(&mut self, divisor: f64) {
        if divisor == 0.0 {
            self.positive = Side::default();
            self.negative = Side::default();
        }
        self.counts_mut()
            .for_each(|count| count.scale(|count| count / divisor));
        if divisor < 0.0 {
            self.hint = ResetHint::Gauge;
        }
    }

    /// Whether any number is infinite.
    pub(crate) fn has_overflow(&self) -> bool {
        self.counts().any(f64::is_infinite)
    }

    /// The greatest of all numbers, signs aside.
    pub(crate) fn greatest(&self) -> f64 {
        self.counts()
            .fold(0.0, |greatest, count| greatest.max(count.abs()))
    }

    /// Leaves out empty buckets.
    pub fn compact(&mut self) {
        self.positive.compact();
        self.negative.compact();
    }

    /// Merges buckets so that they fit a coarser schema; nothing where the schema is not coarser, or bounds are listed.
    pub fn reduce_resolution(&mut self, schema: i8) {
        if self.is_custom() || schema == CUSTOM_BUCKETS || schema >= self.schema {
            return;
        }
        let steps = i32::from(self.schema) - i32::from(schema);
        self.positive.reduce(steps);
        self.negative.reduce(steps);
        self.schema = schema;
    }

    /// The same in plain numbers.
    pub(crate) fn settled(&self) -> FloatHistogram {
        Tally {
            hint: self.hint,
            schema: self.schema,
            zero_threshold: self.zero_threshold,
            zero_count: self.zero_count.value(),
            count: self.count.value(),
            sum: self.sum.value(),
            positive: self.positive.settled(),
            negative: self.negative.settled(),
            bounds: Arc::clone(&self.bounds),
        }
    }
}

impl<N: Count> From<&Histogram> for Tally<N> {
    fn from(histogram: &Histogram) -> Self {
        let of = |value: f64| {
            let mut count = N::default();
            count.add(value);
            count
        };
        Self {
            hint: histogram.reset_hint,
            schema: histogram.schema,
            zero_threshold: histogram.zero_threshold,
            zero_count: of(histogram.zero_count),
            count: of(histogram.count),
            sum: of(histogram.sum),
            positive: Side::of(&histogram.positive),
            negative: Side::of(&histogram.negative),
            bounds: Arc::clone(&histogram.custom_bounds),
        }
    }
}

impl From<FloatHistogram> for Histogram {
    fn from(tally: FloatHistogram) -> Self {
        Self {
            reset_hint: tally.hint,
            schema: tally.schema,
            zero_threshold: tally.zero_threshold,
            zero_count: tally.zero_count,
            count: tally.count,
            sum: tally.sum,
            positive: tally.positive.into_buckets(),
            negative: tally.negative.into_buckets(),
            custom_bounds: tally.bounds,
        }
    }
}

impl FloatHistogram {
    /// As the store and answers hold it.
    pub(crate) fn shared(self) -> Arc<Histogram> {
        Arc::new(self.into())
    }
}

/// Whether two histograms hold the same: layout and numbers, bit by bit. What is known of resets does not matter.
pub(crate) fn is_same(left: &Histogram, right: &Histogram) -> bool {
    let same = |left: f64, right: f64| left.to_bits() == right.to_bits();
    let same_buckets = |left: &model::Buckets, right: &model::Buckets| {
        left.counts.len() == right.counts.len()
            && left
                .iter()
                .zip(right.iter())
                .all(|(left, right)| left.0 == right.0 && same(left.1, right.1))
    };
    left.schema == right.schema
        && same(left.count, right.count)
        && same(left.sum, right.sum)
        && left.zero_threshold == right.zero_threshold
        && same(left.zero_count, right.zero_count)
        && left.custom_bounds == right.custom_bounds
        && same_buckets(&left.positive, &right.positive)
        && same_buckets(&left.negative, &right.negative)
}

/// What a histogram weighs when samples are counted: as many samples as would fit in its place.
pub(crate) fn weight(histogram: &Histogram) -> usize {
    const FIXED: usize = 10;
    let buckets = histogram.positive.counts.len() + histogram.negative.counts.len();
    FIXED + buckets / 2 + histogram.custom_bounds.len() / 2
}
