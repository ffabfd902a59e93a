//! Where buckets begin and end, and all buckets of a histogram from the lowest to the highest.

use model::Histogram;
use model::histogram::CUSTOM_BUCKETS;

use super::{FloatHistogram, Side, Tally};

/// One bucket of a histogram with its bounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    /// Where it begins.
    pub lower: f64,
    /// Where it ends.
    pub upper: f64,
    /// Whether observations exactly at its beginning are in it.
    pub holds_lower: bool,
    /// Whether observations exactly at its end are in it.
    pub holds_upper: bool,
    /// How many observations.
    pub count: f64,
}

/// All buckets in order of their bounds; the zero bucket among them where it has observations. A bucket that the zero bucket
/// reaches into begins where that ends.
pub fn buckets(histogram: &Histogram) -> Vec<Bucket> {
    FloatHistogram::from(histogram).all_buckets()
}

impl FloatHistogram {
    /// See [`buckets`].
    pub(super) fn all_buckets(&self) -> Vec<Bucket> {
        let mut all = Vec::with_capacity(self.positive.iter().len() + self.negative.iter().len() + 1);
        all.extend(self.side_buckets(&self.negative, true).rev());
        if self.zero_count > 0.0 {
            all.push(self.zero_bucket());
        }
        all.extend(self.side_buckets(&self.positive, false));
        let threshold = self.zero_threshold;
        for bucket in &mut all {
            if bucket.upper < 0.0 && bucket.upper > -threshold {
                bucket.upper = -threshold;
            } else if bucket.lower > 0.0 && bucket.lower < threshold {
                bucket.lower = threshold;
            }
        }
        all
    }

    /// The buckets of one side, from the one next to zero on.
    pub(super) fn side_buckets<'a>(
        &'a self,
        side: &'a Side<f64>,
        is_negative: bool,
    ) -> impl DoubleEndedIterator<Item = Bucket> + 'a {
        side.iter().map(move |(index, count)| {
            let (inner, outer) = self.bounds_of(index);
            let (lower, upper) = if is_negative {
                (-outer, -inner)
            } else {
                (inner, outer)
            };
            let custom = self.is_custom();
            Bucket {
                lower,
                upper,
                holds_lower: if custom { index == 0 } else { lower < 0.0 },
                holds_upper: custom || upper > 0.0,
                count,
            }
        })
    }

    pub(super) fn zero_bucket(&self) -> Bucket {
        Bucket {
            lower: -self.zero_threshold,
            upper: self.zero_threshold,
            holds_lower: true,
            holds_upper: true,
            count: self.zero_count,
        }
    }
}

impl<N: super::Count> Tally<N> {
    /// Where a bucket begins and ends, on the positive side.
    pub(super) fn bounds_of(&self, index: i32) -> (f64, f64) {
        (
            bound(self.schema, &self.bounds, index.saturating_sub(1)),
            bound(self.schema, &self.bounds, index),
        )
    }
}

/// The upper bound of a bucket on the positive side.
fn bound(schema: i8, bounds: &[f64], index: i32) -> f64 {
    if schema == CUSTOM_BUCKETS {
        return match usize::try_from(index) {
            Ok(place) => bounds.get(place).copied().unwrap_or(f64::INFINITY),
            Err(_) => f64::NEG_INFINITY,
        };
    }
    exponential_bound(schema, index)
}

/// `2^(index * 2^-schema)`, exact where that is a power of two; the bucket of the greatest float ends with it.
fn exponential_bound(schema: i8, index: i32) -> f64 {
    let index = i64::from(index);
    let (whole, rest) = if schema < 0 {
        (index << u32::from(schema.unsigned_abs()).min(16), 0.0)
    } else {
        let parts = 1_i64 << u32::from(schema.unsigned_abs()).min(16);
        let rest = index.rem_euclid(parts) as f64 / parts as f64;
        (index.div_euclid(parts), rest)
    };
    match whole {
        1024 if rest == 0.0 => f64::MAX,
        1024.. => f64::INFINITY,
        ..-1080 => 0.0,
        _ => rest.exp2() * (whole as f64).exp2(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_grow_by_the_schema() {
        assert_eq!(exponential_bound(0, 0), 1.0);
        assert_eq!(exponential_bound(0, -3), 0.125);
        assert_eq!(exponential_bound(-2, 2), 256.0);
        assert_eq!(exponential_bound(1, 1), std::f64::consts::SQRT_2);
        assert_eq!(exponential_bound(1, -1), std::f64::consts::FRAC_1_SQRT_2);
        assert_eq!(exponential_bound(0, 1024), f64::MAX);
        assert_eq!(exponential_bound(0, 1025), f64::INFINITY);
        assert_eq!(exponential_bound(8, i32::MIN), 0.0);
        assert_eq!(exponential_bound(-4, i32::MAX), f64::INFINITY);
    }

    #[test]
    fn listed_bounds_begin_and_end_at_infinity() {
        let of = |index| bound(CUSTOM_BUCKETS, &[2.0, 5.0], index);
        assert_eq!([of(-1), of(0), of(1)], [f64::NEG_INFINITY, 2.0, 5.0]);
        assert_eq!([of(2), of(9)], [f64::INFINITY; 2]);
    }
}
