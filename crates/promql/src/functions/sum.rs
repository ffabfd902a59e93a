//! Sums that keep the small digits (Neumaier's variant of Kahan's summation, as prometheus/promql `kahansum`).

/// A sum and what its rounding has lost so far.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Sum {
    pub(crate) total: f64,
    pub(crate) lost: f64,
}

impl Sum {
    /// The sum of many values: in lanes that the processor adds side by side, each without loss (Knuth's two-sum); one after the
    /// other where something is not finite.
    pub(crate) fn of(values: &[f64]) -> Self {
        const LANES: usize = 4;
        let (mut totals, mut lost) = ([0.0; LANES], [0.0; LANES]);
        let (rows, rest) = values.as_chunks::<LANES>();
        for row in rows {
            for ((total, lost), value) in totals.iter_mut().zip(&mut lost).zip(row) {
                let sum = *total + value;
                let added = sum - *total;
                *lost += (*total - (sum - added)) + (value - added);
                *total = sum;
            }
        }
        let mut sum = Self::default();
        totals.iter().chain(rest).for_each(|value| sum.add(*value));
        sum.lost += lost.iter().sum::<f64>();
        if sum.total.is_finite() && sum.lost.is_finite() {
            return sum;
        }
        let mut sum = Self::default();
        for value in values {
            sum.add(*value);
        }
        sum
    }

    #[inline]
    pub(crate) fn add(&mut self, value: f64) {
        let total = self.total + value;
        if total.is_infinite() {
            self.lost = 0.0;
        } else if self.total.abs() >= value.abs() {
            self.lost += (self.total - total) + value;
        } else {
            self.lost += (value - total) + self.total;
        }
        self.total = total;
    }

    #[inline]
    pub(crate) fn value(&self) -> f64 {
        if self.total.is_infinite() {
            self.total
        } else {
            self.total + self.lost
        }
    }
}

/// A mean: by the sum while that is finite, and incrementally from where it would overflow.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Mean {
    sum: Sum,
    count: f64,
    incremental: bool,
}

impl Mean {
    /// The mean of many values.
    pub(crate) fn of(values: &[f64]) -> Self {
        let sum = Sum::of(values);
        if sum.value().is_finite() {
            return Self {
                sum,
                count: values.len() as f64,
                incremental: false,
            };
        }
        let mut mean = Self::default();
        for value in values {
            mean.add(*value);
        }
        mean
    }

    #[inline]
    pub(crate) fn add(&mut self, value: f64) {
        self.count += 1.0;
        if !self.incremental {
            let mut sum = self.sum;
            sum.add(value);
            if self.count == 1.0 || !sum.value().is_infinite() {
                self.sum = sum;
                return;
            }
            self.incremental = true;
            self.sum.total /= self.count - 1.0;
            self.sum.lost /= self.count - 1.0;
        }
        // The mean so far weighs (n-1)/n; the new value 1/n.
        let weight = (self.count - 1.0) / self.count;
        self.sum.total *= weight;
        self.sum.lost *= weight;
        self.sum.add(value / self.count);
    }

    #[inline]
    pub(crate) fn value(&self) -> f64 {
        if self.incremental {
            self.sum.value()
        } else if self.sum.total.is_infinite() {
            self.sum.total
        } else {
            self.sum.total / self.count + self.sum.lost / self.count
        }
    }
}

/// The variance of a population (Welford's method with compensated sums).
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Variance {
    count: f64,
    mean: Sum,
    squares: Sum,
}

impl Variance {
    #[inline]
    pub(crate) fn add(&mut self, value: f64) {
        self.count += 1.0;
        let delta = value - (self.mean.total + self.mean.lost);
        self.mean.add(delta / self.count);
        self.squares
            .add(delta * (value - (self.mean.total + self.mean.lost)));
    }

    #[inline]
    pub(crate) fn value(&self) -> f64 {
        (self.squares.total + self.squares.lost) / self.count
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn many_sum_up_as_one_by_one(
            values in proptest::collection::vec(prop_oneof![any::<f64>(), -1e3..1e3_f64], 0..50),
        ) {
            let (mut sum, mut mean) = (Sum::default(), Mean::default());
            for value in &values {
                sum.add(*value);
                mean.add(*value);
            }
            let same = |found: f64, wanted: f64| {
                let size: f64 = values.iter().map(|value| value.abs()).fold(0.0, f64::max);
                found == wanted || (found.is_nan() && wanted.is_nan()) || (found - wanted).abs() <= size * 1e-15
            };
            prop_assert!(same(Sum::of(&values).value(), sum.value()));
            prop_assert!(values.is_empty() || same(Mean::of(&values).value(), mean.value()));
        }
    }

    #[test]
    fn small_digits_stay() {
        let values = [1e100, 1.0, -1e100, 3.0, 1e17, 1.0, -1e17, 0.5];
        assert_eq!(Sum::of(&values).value(), 5.5);
        assert_eq!(Mean::of(&values).value(), 5.5 / 8.0);
    }
}
