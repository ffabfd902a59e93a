//! Floats that were written as decimals: one power of ten for the column, integers, and exceptions for the rest.
//!
//! A float `v` is a decimal of exponent `e` where `round(v * 10^e) / 10^e` has the very bits of `v`; the quotient of two
//! exact floats is rounded correctly, as a parser of decimals would (IEEE 754, section 4.3).

use super::integers;
use crate::bytes::{Malformed, Reader, put_varint};

/// 10^22 is the largest power of ten that a float holds exactly.
const EXPONENT_MAX: usize = 17;
const POWERS: [f64; EXPONENT_MAX + 1] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17,
];
/// Integers up to here are exact floats.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// Appends `mode` and the column; appends nothing and says no where too few of the values are decimals.
pub(super) fn encode(values: &[f64], out: &mut Vec<u8>, mode: u8) -> bool {
    let exceptions_max = values.len() / 8 + 1;
    let Some(exponent) = common_exponent(values, exceptions_max) else {
        return false;
    };
    let mut integers = Vec::with_capacity(values.len());
    let mut exceptions = Vec::new();
    let mut stand_in = values
        .iter()
        .find_map(|&value| to_integer(value, exponent))
        .unwrap_or_default();
    for (place, &value) in values.iter().enumerate() {
        match to_integer(value, exponent) {
            Some(integer) => stand_in = integer,
            None => exceptions.push((place, value.to_bits())),
        }
        integers.push(stand_in);
    }
    if exceptions.len() > exceptions_max {
        return false;
    }
    out.push(mode);
    out.push(exponent as u8);
    put_varint(out, exceptions.len() as u64);
    let mut last = 0;
    for (place, bits) in exceptions {
        put_varint(out, (place - last) as u64);
        out.extend_from_slice(&bits.to_le_bytes());
        last = place;
    }
    integers::encode(&integers, out);
    true
}

/// Appends `count` values to `out`.
pub(super) fn decode(reader: &mut Reader<'_>, count: usize, out: &mut Vec<f64>) -> Result<(), Malformed> {
    let power = *POWERS
        .get(usize::from(reader.byte()?))
        .ok_or(Malformed("exponent of decimals"))?;
    let exception_count = reader.count(count)?;
    let mut exceptions = Vec::with_capacity(exception_count);
    let mut place = 0_usize;
    for _ in 0..exception_count {
        place = place.saturating_add(reader.count(count)?);
        exceptions.push((place, reader.long()?));
    }
    let mut integers = Vec::new();
    integers::decode(reader, count, &mut integers)?;
    let start = out.len();
    out.extend(integers.iter().map(|&integer| integer as f64 / power));
    for (place, bits) in exceptions {
        let value = out
            .get_mut(start + place)
            .ok_or(Malformed("exception out of place"))?;
        *value = f64::from_bits(bits);
    }
    Ok(())
}

/// The smallest exponent that all but a few values agree on.
fn common_exponent(values: &[f64], exceptions_max: usize) -> Option<usize> {
    let mut exponent = 0;
    let mut exceptions = 0;
    for &value in values {
        if to_integer(value, exponent).is_some() {
            continue;
        }
        match (exponent + 1..=EXPONENT_MAX).find(|&candidate| to_integer(value, candidate).is_some()) {
            Some(larger) => exponent = larger,
            None => exceptions += 1,
        }
        if exceptions > exceptions_max {
            return None;
        }
    }
    Some(exponent)
}

/// The integer that stands for `value`, if dividing it again gives the same bits.
fn to_integer(value: f64, exponent: usize) -> Option<i64> {
    let power = *POWERS.get(exponent)?;
    let scaled = (value * power).round();
    let exact = scaled.abs() <= EXACT_MAX || (exponent == 0 && scaled.abs() < 9.2e18);
    if !exact {
        return None;
    }
    let integer = scaled as i64;
    (((integer as f64) / power).to_bits() == value.to_bits()).then_some(integer)
}
