//! Quantiles of many observations in little memory: counts in buckets whose bounds grow by about 2.2 %, so that a quantile is
//! right within 1.1 % of its value (the exponential buckets of native histograms, schema 5; compare DDSketch, VLDB 2019).

use std::collections::BTreeMap;

/// Buckets for each doubling.
const BUCKETS_PER_DOUBLING: f64 = 32.0;

/// Buckets of one sketch; beyond, the two smallest are counted together.
const BUCKETS_MAX: usize = 512;

/// Counts of observations by size.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Sketch {
    /// Negative observations by the bucket of their amount, then zeros, then positive ones.
    buckets: BTreeMap<Place, f64>,
    count: f64,
}

/// Orders buckets as the observations in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// The exponent, negated, of a negative observation.
    Below(i32),
    Zero,
    Above(i32),
}

impl Sketch {
    /// How many buckets there are.
    pub(super) fn len(&self) -> usize {
        self.buckets.len()
    }

    pub(super) fn observe(&mut self, value: f64, weight: f64) {
        let exponent = || (value.abs().log2() * BUCKETS_PER_DOUBLING).ceil() as i32;
        let place = if value == 0.0 {
            Place::Zero
        } else if value > 0.0 {
            Place::Above(exponent())
        } else {
            Place::Below(-exponent())
        };
        *self.buckets.entry(place).or_default() += weight;
        self.count += weight;
        if self.buckets.len() > BUCKETS_MAX
            && let Some((_, smallest)) = self.buckets.pop_first()
            && let Some(mut next) = self.buckets.first_entry()
        {
            *next.get_mut() += smallest;
        }
    }

    /// The value below which a share of all observations of both sketches lies; NaN where there are none.
    pub(super) fn quantile(&self, other: &Self, share: f64) -> f64 {
        let total = self.count + other.count;
        if total <= 0.0 {
            return f64::NAN;
        }
        let mut places: Vec<(Place, f64)> = self
            .buckets
            .iter()
            .chain(&other.buckets)
            .map(|(p, c)| (*p, *c))
            .collect();
        places.sort_by_key(|(place, _)| *place);
        let wanted = share * total;
        let mut seen = 0.0;
        let mut last = f64::NAN;
        for (place, count) in places {
            seen += count;
            last = place.middle();
            if seen >= wanted {
                break;
            }
        }
        last
    }
}

impl Place {
    /// The value in the middle of a bucket, in the sense of ratios.
    fn middle(self) -> f64 {
        let of = |exponent: i32| ((f64::from(exponent) - 0.5) / BUCKETS_PER_DOUBLING).exp2();
        match self {
            Self::Below(negated) => -of(-negated),
            Self::Zero => 0.0,
            Self::Above(exponent) => of(exponent),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_has_no_quantiles_and_zeros_are_zeros() {
        let mut sketch = Sketch::default();
        assert!(sketch.quantile(&Sketch::default(), 0.5).is_nan());
        sketch.observe(0.0, 3.0);
        assert_eq!(sketch.quantile(&Sketch::default(), 0.5), 0.0);
    }

    #[test]
    fn a_sketch_stays_small() {
        let mut sketch = Sketch::default();
        for exponent in -1000..1000 {
            sketch.observe(f64::from(exponent).exp2(), 1.0);
        }
        assert_eq!((sketch.buckets.len(), sketch.count), (BUCKETS_MAX, 2000.0));
        let largest = sketch.quantile(&Sketch::default(), 1.0);
        assert!((largest / 999_f64.exp2() - 1.0).abs() < 0.011);
    }

    proptest! {
        #[test]
        fn quantiles_are_right_within_their_bound(
            values in proptest::collection::vec(-1e6..1e6_f64, 1..200),
            share in 0.01..1.0_f64,
            split in any::<prop::sample::Index>(),
        ) {
            let (mut one, mut other) = (Sketch::default(), Sketch::default());
            let place = split.index(values.len());
            for (index, value) in values.iter().enumerate() {
                let sketch = if index < place { &mut one } else { &mut other };
                sketch.observe(*value, 1.0);
            }
            let mut sorted = values.clone();
            sorted.sort_by(f64::total_cmp);
            let rank = ((share * values.len() as f64).ceil() as usize).clamp(1, values.len());
            let exact = sorted[rank - 1];
            let found = one.quantile(&other, share);
            prop_assert!((found - exact).abs() <= exact.abs() * 0.0111 + f64::MIN_POSITIVE, "{found} for {exact}");
        }
    }
}
