//! Numbers that know how far rounding may have carried them, and what an evaluation can end with besides a value.

use std::cmp::Ordering;

/// What came of an evaluation.
pub(crate) type Outcome<T> = Result<T, Stop>;

/// Why there is no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The documentation wants an error.
    Error(&'static str),
    /// The documentation leaves it open, or it hangs on the last bit of a rounded number.
    Undecided(&'static str),
}

/// A value, and how far from it the value of another honest evaluation may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Number {
    pub(crate) value: f64,
    /// 0 where every order of the same operations gives the same bits.
    pub(crate) slack: f64,
}

/// Sums of multiples of this are exact while they stay small.
const QUANTUM: f64 = 1.0 / (1 << 20) as f64;
const SMALL: f64 = (1_u64 << 32) as f64;

impl Number {
    pub(crate) fn exact(value: f64) -> Self {
        Self { value, slack: 0.0 }
    }

    /// A value with slack; one that is not finite has none.
    pub(crate) fn within(value: f64, slack: f64) -> Outcome<Self> {
        if !value.is_finite() {
            return Ok(Self::exact(value));
        }
        if !slack.is_finite() {
            return Err(Stop::Undecided("rounding reaches infinity"));
        }
        Ok(Self { value, slack })
    }

    /// A value with slack of a few last bits on top.
    pub(crate) fn rounded(value: f64, slack: f64) -> Outcome<Self> {
        Self::within(value, slack + 8.0 * f64::EPSILON * value.abs())
    }

    /// The number that `f` makes of this one.
    pub(crate) fn map(self, f: impl Fn(f64) -> f64) -> Outcome<Self> {
        self.with(Self::exact(0.0), |value, _| f(value))
    }

    /// The number that `f` makes of two: what has slack is tried at both of its ends.
    pub(crate) fn with(self, other: Self, f: impl Fn(f64, f64) -> f64) -> Outcome<Self> {
        let value = f(self.value, other.value);
        if self.slack == 0.0 && other.slack == 0.0 {
            return Ok(Self::exact(value));
        }
        let mut slack = 0.0_f64;
        for left in [-self.slack, self.slack] {
            for right in [-other.slack, other.slack] {
                let corner = f(self.value + left, other.value + right);
                if value.is_finite() {
                    if !corner.is_finite() {
                        return Err(Stop::Undecided("rounding decides about infinity or NaN"));
                    }
                    slack = slack.max((corner - value).abs());
                } else if corner != value && !(corner.is_nan() && value.is_nan()) {
                    return Err(Stop::Undecided("rounding decides about infinity or NaN"));
                }
            }
        }
        Self::within(value, slack + 2.0 * f64::EPSILON * value.abs())
    }

    /// How two numbers compare; `None` where one is NaN.
    pub(crate) fn compare(self, other: Self) -> Outcome<Option<Ordering>> {
        let slack = self.slack + other.slack;
        let is_close = (self.value - other.value).abs() <= slack;
        if slack > 0.0 && self.value.is_finite() && other.value.is_finite() && is_close {
            return Err(Stop::Undecided("rounding decides a comparison"));
        }
        Ok(self.value.partial_cmp(&other.value))
    }

    /// Whether this one is less.
    pub(crate) fn is_below(self, other: Self) -> Outcome<bool> {
        Ok(self.compare(other)? == Some(Ordering::Less))
    }

    /// Whether both are the same; NaN is not.
    pub(crate) fn equals(self, other: Self) -> Outcome<bool> {
        Ok(self.compare(other)? == Some(Ordering::Equal))
    }
}

/// The sum, from first to last.
pub(crate) fn sum(numbers: &[Number]) -> Outcome<Number> {
    let (mut total, mut magnitude, mut slack) = (0.0, 0.0, 0.0);
    let mut is_whole = true;
    for number in numbers {
        total += number.value;
        magnitude += number.value.abs();
        slack += number.slack;
        is_whole &= number.slack == 0.0 && (number.value / QUANTUM).fract() == 0.0;
    }
    if numbers.len() > 1 && !(is_whole && magnitude < SMALL) {
        slack += numbers.len() as f64 * f64::EPSILON * magnitude;
    }
    if total.is_infinite() && numbers.iter().all(|number| number.value.is_finite()) {
        return Err(Stop::Undecided("a sum overflows"));
    }
    Number::within(total, slack)
}

/// The mean.
pub(crate) fn mean(numbers: &[Number]) -> Outcome<Number> {
    let count = numbers.len() as f64;
    sum(numbers)?.map(|total| total / count)
}

/// The population variance: the mean of the squares of the distances to the mean.
pub(crate) fn variance(numbers: &[Number]) -> Outcome<Number> {
    let count = numbers.len() as f64;
    let mean = mean(numbers)?.value;
    let mut squares = 0.0;
    let mut of_input = 0.0_f64;
    let mut largest = 0.0_f64;
    for number in numbers {
        squares += (number.value - mean) * (number.value - mean);
        of_input = of_input.max(number.slack);
        largest = largest.max(number.value.abs());
    }
    let variance = squares / count;
    let is_constant = numbers.iter().all(|number| number.value == mean);
    if is_constant && of_input == 0.0 {
        return Ok(Number::exact(variance));
    }
    // Each distance may be wrong by so much.
    let wrong = of_input + 4.0 * count * f64::EPSILON * largest;
    let slack = wrong * (2.0 * variance.sqrt() + wrong) + 4.0 * count * f64::EPSILON * variance;
    Number::within(variance, slack)
}

/// The root of a variance, which is never below zero.
pub(crate) fn root(variance: Number) -> Outcome<Number> {
    let root = variance.value.sqrt();
    let above = (variance.value + variance.slack).sqrt() - root;
    let below = root - (variance.value - variance.slack).max(0.0).sqrt();
    Number::within(root, above.max(below) + 2.0 * f64::EPSILON * root).map(|number| {
        if variance.slack == 0.0 {
            Number::exact(root)
        } else {
            number
        }
    })
}

/// The quantile `q` of some numbers, interpolated between the two that its rank lies between; NaN is the least of all.
pub(crate) fn quantile(q: Number, numbers: &[Number]) -> Outcome<Number> {
    if numbers.is_empty() || q.value.is_nan() {
        return Ok(Number::exact(f64::NAN));
    }
    if q.is_below(Number::exact(0.0))? {
        return Ok(Number::exact(f64::NEG_INFINITY));
    }
    if Number::exact(1.0).is_below(q)? {
        return Ok(Number::exact(f64::INFINITY));
    }
    let mut sorted: Vec<f64> = numbers.iter().map(|number| number.value).collect();
    sorted.sort_by(|left, right| {
        let by_size = left.partial_cmp(right);
        by_size.unwrap_or_else(|| right.is_nan().cmp(&left.is_nan()))
    });
    let last = sorted.len() - 1;
    let rank = q.map(|q| q * last as f64)?;
    let at = |rank: f64| {
        let lower = (rank.floor().max(0.0) as usize).min(last);
        let weight = rank - rank.floor();
        // An infinity that has no weight makes this NaN, as it does in Prometheus.
        sorted[lower] * (1.0 - weight) + sorted[(lower + 1).min(last)] * weight
    };
    let found = rank.map(at)?;
    let of_input = numbers
        .iter()
        .fold(0.0_f64, |slack, number| slack.max(number.slack));
    if of_input == 0.0 {
        return Ok(found);
    }
    Number::rounded(found.value, found.slack + of_input)
}
