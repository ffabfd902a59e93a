//! Sums that keep the small digits (Neumaier's variant of Kahan's summation, as prometheus/promql `kahansum`).

/// A sum and what its rounding has lost so far.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Sum {
    pub(crate) total: f64,
    pub(crate) lost: f64,
}

impl Sum {
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
