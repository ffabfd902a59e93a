//! Functions of one number: rounding, roots, logarithms, trigonometry.

/// Declares a function of the sample alone.
macro_rules! of_value {
    ($($name:ident => $compute:expr;)*) => {
        $(pub(crate) fn $name(value: f64, _params: &[f64]) -> Option<f64> {
            let compute: fn(f64) -> f64 = $compute;
            Some(compute(value))
        })*
    };
}

of_value! {
    abs => f64::abs;
    ceil => f64::ceil;
    floor => f64::floor;
    exp => f64::exp;
    ln => f64::ln;
    log2 => f64::log2;
    log10 => f64::log10;
    sqrt => f64::sqrt;
    sin => f64::sin;
    cos => f64::cos;
    tan => f64::tan;
    asin => f64::asin;
    acos => f64::acos;
    atan => f64::atan;
    sinh => f64::sinh;
    cosh => f64::cosh;
    tanh => f64::tanh;
    asinh => f64::asinh;
    acosh => f64::acosh;
    atanh => f64::atanh;
    deg => |value| value * 180.0 / std::f64::consts::PI;
    rad => |value| value * std::f64::consts::PI / 180.0;
    sgn => |value| {
        if value < 0.0 {
            -1.0
        } else if value > 0.0 {
            1.0
        } else {
            value
        }
    };
}

fn param(params: &[f64], place: usize) -> f64 {
    params.get(place).copied().unwrap_or(f64::NAN)
}

/// Like Go's `math.Max`: NaN where either is, but nothing is above infinity.
pub(crate) fn max(left: f64, right: f64) -> f64 {
    if left == f64::INFINITY || right == f64::INFINITY {
        f64::INFINITY
    } else if left.is_nan() || right.is_nan() {
        f64::NAN
    } else {
        left.max(right)
    }
}

/// Like Go's `math.Min`: NaN where either is, but nothing is below negative infinity.
pub(crate) fn min(left: f64, right: f64) -> f64 {
    if left == f64::NEG_INFINITY || right == f64::NEG_INFINITY {
        f64::NEG_INFINITY
    } else if left.is_nan() || right.is_nan() {
        f64::NAN
    } else {
        left.min(right)
    }
}

/// Nothing at all where the bounds are the wrong way round.
pub(crate) fn clamp(value: f64, params: &[f64]) -> Option<f64> {
    let (low, high) = (param(params, 0), param(params, 1));
    let crossed = high < low;
    (!crossed).then(|| max(low, min(high, value)))
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "the table of functions holds one type of function"
)]
pub(crate) fn clamp_min(value: f64, params: &[f64]) -> Option<f64> {
    Some(max(param(params, 0), value))
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "the table of functions holds one type of function"
)]
pub(crate) fn clamp_max(value: f64, params: &[f64]) -> Option<f64> {
    Some(min(param(params, 0), value))
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "the table of functions holds one type of function"
)]
pub(crate) fn round(value: f64, params: &[f64]) -> Option<f64> {
    let nearest = params.first().copied().unwrap_or(1.0);
    // Divided by the inverse, as upstream does, so that 0.1 and its like give the numbers one expects.
    let inverse = 1.0 / nearest;
    Some((value * inverse + 0.5).floor() / inverse)
}
