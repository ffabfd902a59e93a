//! OpenTelemetry's histograms as native ones: exponential buckets, and listed ones as custom buckets.
//!
//! Source: prometheus.io/docs/specs/native_histograms, "OpenTelemetry interoperability".

use std::sync::Arc;

use model::histogram::{CUSTOM_BUCKETS, EXPONENTIAL_SCHEMAS};
use model::{Buckets, Histogram, STALE_NAN};

use super::message::{ExponentialPoint, HistogramPoint, Side};

/// The zero bucket's width where a point names none, as Prometheus assumes it.
const ZERO_THRESHOLD_DEFAULT: f64 = 1e-128;

/// An exponential histogram by buckets that hold something, indexed as native histograms are: bucket `i` ends at `base^i`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sparse {
    schema: i32,
    zero_threshold: f64,
    zero_count: u64,
    count: u64,
    sum: Option<f64>,
    positive: Vec<(i32, u64)>,
    negative: Vec<(i32, u64)>,
}

impl Sparse {
    /// Reads a point. Scales finer than the finest schema are made coarser; coarser ones than the coarsest cannot be kept.
    pub(super) fn of_point(point: &ExponentialPoint<'_>) -> Result<Self, String> {
        let (coarsest, finest) = (
            i32::from(*EXPONENTIAL_SCHEMAS.start()),
            i32::from(*EXPONENTIAL_SCHEMAS.end()),
        );
        if point.scale < coarsest {
            return Err(format!(
                "the scale {} is coarser than {coarsest}, the coarsest that native histograms have",
                point.scale
            ));
        }
        let shift = point.scale.saturating_sub(finest).max(0) as u32;
        if !(0.0..f64::INFINITY).contains(&point.zero_threshold) {
            return Err(format!("the zero threshold {} is none", point.zero_threshold));
        }
        let sparse = Self {
            schema: point.scale.min(finest),
            zero_threshold: if point.zero_threshold > 0.0 {
                point.zero_threshold
            } else {
                ZERO_THRESHOLD_DEFAULT
            },
            zero_count: point.zero_count,
            count: point.count,
            sum: point.sum,
            positive: native_buckets(&point.positive, shift)?,
            negative: native_buckets(&point.negative, shift)?,
        };
        let sides = sparse.positive.iter().chain(&sparse.negative);
        let counted =
            sides.map(|(_, count)| u128::from(*count)).sum::<u128>() + u128::from(sparse.zero_count);
        check_count(counted, sparse.count, sparse.sum)?;
        Ok(sparse)
    }

    /// Adds the observations of another histogram; the coarser of both resolutions stays.
    pub(super) fn add(&mut self, mut other: Self) {
        let schema = self.schema.min(other.schema);
        self.coarsen_to(schema);
        other.coarsen_to(schema);
        let threshold = self.zero_threshold.max(other.zero_threshold);
        self.widen_zero_to(threshold);
        other.widen_zero_to(threshold);
        self.zero_count = self.zero_count.saturating_add(other.zero_count);
        self.count = self.count.saturating_add(other.count);
        self.sum = self.sum.zip(other.sum).map(|(a, b)| a + b);
        merge(&mut self.positive, &other.positive);
        merge(&mut self.negative, &other.negative);
    }

    /// How many numbers it takes to keep it.
    pub(super) fn cells(&self) -> usize {
        8 + 2 * (self.positive.len() + self.negative.len())
    }

    /// The native histogram.
    pub(super) fn to_histogram(&self) -> Histogram {
        let side = |buckets: &[(i32, u64)]| {
            Buckets::from_sorted(buckets.iter().map(|(index, count)| (*index, *count as f64)))
        };
        Histogram {
            // Schemas were checked to lie between -4 and 8.
            schema: self.schema as i8,
            zero_threshold: self.zero_threshold,
            zero_count: self.zero_count as f64,
            count: self.count as f64,
            sum: self.sum.unwrap_or_default(),
            positive: side(&self.positive),
            negative: side(&self.negative),
            ..Histogram::default()
        }
    }

    fn coarsen_to(&mut self, schema: i32) {
        let shift = self.schema.saturating_sub(schema).max(0) as u32;
        if shift > 0 {
            for side in [&mut self.positive, &mut self.negative] {
                let mut coarse = Vec::with_capacity(side.len());
                for (index, count) in side.drain(..) {
                    push_bucket(&mut coarse, coarser(i64::from(index) - 1, shift) as i32, count);
                }
                *side = coarse;
            }
            self.schema = schema;
        }
    }

    /// Buckets that end within the wider zero bucket go into it.
    fn widen_zero_to(&mut self, threshold: f64) {
        if threshold <= self.zero_threshold {
            return;
        }
        let growth = (-f64::from(self.schema)).exp2();
        for side in [&mut self.positive, &mut self.negative] {
            side.retain(|(index, count)| {
                let within = (f64::from(*index) * growth).exp2() <= threshold;
                if within {
                    self.zero_count = self.zero_count.saturating_add(*count);
                }
                !within
            });
        }
        self.zero_threshold = threshold;
    }
}

/// OpenTelemetry's bucket `i` begins at `base^i`, the native one with the same bounds is `i + 1`.
fn native_buckets(side: &Side, shift: u32) -> Result<Vec<(i32, u64)>, String> {
    let mut buckets = Vec::new();
    for (place, count) in (0_i64..).zip(&side.counts).filter(|(_, count)| **count > 0) {
        let index = coarser(i64::from(side.offset) + place, shift);
        let index =
            i32::try_from(index).map_err(|_| format!("the bucket offset {} is out of range", side.offset))?;
        push_bucket(&mut buckets, index, *count);
    }
    Ok(buckets)
}

/// The native index of the bucket that holds OpenTelemetry's bucket `index` after `shift` halvings of the resolution.
fn coarser(index: i64, shift: u32) -> i64 {
    (index >> shift.min(63)) + 1
}

fn push_bucket(buckets: &mut Vec<(i32, u64)>, index: i32, count: u64) {
    match buckets.last_mut() {
        Some((last, total)) if *last == index => *total = total.saturating_add(count),
        _ => buckets.push((index, count)),
    }
}

fn merge(into: &mut Vec<(i32, u64)>, from: &[(i32, u64)]) {
    let known = std::mem::take(into);
    let (mut left, mut right) = (known.iter().copied().peekable(), from.iter().copied().peekable());
    loop {
        let next = match (left.peek(), right.peek()) {
            (Some(a), Some(b)) if a.0 <= b.0 => left.next(),
            (_, Some(_)) => right.next(),
            (Some(_), None) => left.next(),
            (None, None) => break,
        };
        if let Some((index, count)) = next {
            push_bucket(into, index, count);
        }
    }
}

/// A histogram with listed buckets as a native one with custom buckets.
pub(super) fn custom_histogram(point: &HistogramPoint<'_>) -> Result<Histogram, String> {
    let mut bounds = point.bounds.as_slice();
    // The last bucket ends at infinity whether that is said or not.
    if let [listed @ .., last] = bounds
        && *last == f64::INFINITY
    {
        bounds = listed;
    }
    let counts = if point.counts.is_empty() {
        std::slice::from_ref(&point.count)
    } else {
        point.counts.as_slice()
    };
    if !point.counts.is_empty() && counts.len() != bounds.len() + 1 {
        return Err(format!(
            "{} bucket counts do not fit {} bounds; there must be one more",
            counts.len(),
            bounds.len()
        ));
    }
    check_count(
        counts.iter().copied().map(u128::from).sum(),
        point.count,
        point.sum,
    )?;
    let filled = (0_i32..).zip(counts).filter(|(_, count)| **count > 0);
    let histogram = Histogram {
        schema: CUSTOM_BUCKETS,
        count: point.count as f64,
        sum: point.sum.unwrap_or_default(),
        positive: Buckets::from_sorted(filled.map(|(index, count)| (index, *count as f64))),
        custom_bounds: Arc::from(bounds),
        ..Histogram::default()
    };
    histogram.validate().map_err(|error| error.to_string())?;
    Ok(histogram)
}

/// The marker that ends a series of histograms.
pub(super) fn end_of_histograms() -> Histogram {
    Histogram {
        sum: STALE_NAN,
        ..Histogram::default()
    }
}

/// Observations of NaN are in no bucket, and make the sum NaN.
fn check_count(counted: u128, count: u64, sum: Option<f64>) -> Result<(), String> {
    let count = u128::from(count);
    let agrees = if sum.is_some_and(f64::is_nan) {
        counted <= count
    } else {
        counted == count
    };
    if agrees {
        return Ok(());
    }
    Err(format!(
        "its buckets hold {counted} observations, its count is {count}"
    ))
}

#[cfg(test)]
mod tests;
