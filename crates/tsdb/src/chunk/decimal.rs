//! Floats that were written as decimals: one power of ten for the column, integers, and exceptions for the rest.
//!
//! A float `v` is a decimal of exponent `e` where `round(v * 10^e) / 10^e` has the very bits of `v`; the quotient of two
//! exact floats is rounded correctly, as a parser of decimals would (IEEE 754, section 4.3).

use pack::bytes::{Malformed, Reader, put_varint};
use pack::{Effort, integers};

/// 10^22 is the largest power of ten that a float holds exactly.
const EXPONENT_MAX: usize = 17;
const POWERS: [f64; EXPONENT_MAX + 1] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17,
];
/// Adding and taking away 1.5 * 2^52 rounds what is smaller than 2^51 to an integer.
const ROUNDER: f64 = 6_755_399_441_055_744.0;
const ROUNDED_MAX: f64 = 2_251_799_813_685_248.0;
/// The exponent is guessed from so many values.
const VALUES_GUESSED_FROM: usize = 12;

/// What an exception takes, about, and what a decimal digit does.
const EXCEPTION_BITS: usize = 80;
const DIGIT_BITS: usize = 3;

/// Appends `mode` and the column; appends nothing and says no where too few of the values are decimals.
pub(super) fn encode(values: &[f64], effort: Effort, out: &mut Vec<u8>, mode: u8) -> bool {
    let exceptions_max = values.len() / 8 + 1;
    let stride = (values.len() / VALUES_GUESSED_FROM).max(1);
    let looked: Vec<f64> = values.iter().copied().step_by(stride).collect();
    let guessed = common_exponent(&looked, exceptions_max).map(|exponent| convert(values, exponent));
    let column = match guessed {
        // Each digit more makes all values longer: a few exceptions cost less.
        Some(column) if column.exceptions.len() * EXCEPTION_BITS <= values.len() * DIGIT_BITS => column,
        // Values that were not looked at may need a larger exponent.
        _ => match common_exponent(values, exceptions_max) {
            Some(exponent) => convert(values, exponent),
            None => return false,
        },
    };
    if column.exceptions.len() > exceptions_max {
        return false;
    }
    out.push(mode);
    out.push(column.exponent as u8);
    put_varint(out, column.exceptions.len() as u64);
    let mut last = 0;
    for (place, bits) in column.exceptions {
        put_varint(out, (place - last) as u64);
        out.extend_from_slice(&bits.to_le_bytes());
        last = place;
    }
    integers::encode(column.integers, effort, out);
    true
}

/// A column as integers of one exponent.
pub(super) struct Column {
    exponent: usize,
    /// Where there is none, the one before stands in.
    pub(super) integers: Vec<i64>,
    /// Places and bits of the floats that are no such decimals, in order of place.
    pub(super) exceptions: Vec<(usize, u64)>,
}

impl Column {
    /// Reads a column of `count` values.
    pub(super) fn take(reader: &mut Reader<'_>, count: usize) -> Result<Self, Malformed> {
        let exponent = usize::from(reader.byte()?);
        let exception_count = reader.count(count)?;
        let mut exceptions = Vec::with_capacity(exception_count);
        let mut place = 0_usize;
        for _ in 0..exception_count {
            place = place.saturating_add(reader.count(count)?);
            exceptions.push((place, reader.long()?));
        }
        if place >= count && exception_count > 0 {
            return Err(Malformed("exception out of place"));
        }
        let mut integers = Vec::new();
        integers::decode(reader, count, &mut integers)?;
        Ok(Self {
            exponent,
            integers,
            exceptions,
        })
    }

    /// What the integers are to be divided by.
    pub(super) fn power(&self) -> Result<f64, Malformed> {
        let power = POWERS.get(self.exponent).copied();
        power.ok_or(Malformed("exponent of decimals"))
    }
}

fn convert(values: &[f64], exponent: usize) -> Column {
    let mut column = Column {
        exponent,
        integers: Vec::with_capacity(values.len()),
        exceptions: Vec::new(),
    };
    let mut stand_in = values
        .iter()
        .find_map(|&value| to_integer(value, exponent))
        .unwrap_or_default();
    for (place, &value) in values.iter().enumerate() {
        match to_integer(value, exponent) {
            Some(integer) => stand_in = integer,
            None => column.exceptions.push((place, value.to_bits())),
        }
        column.integers.push(stand_in);
    }
    column
}

/// Appends `count` values to `out`.
pub(super) fn decode(reader: &mut Reader<'_>, count: usize, out: &mut Vec<f64>) -> Result<(), Malformed> {
    let column = Column::take(reader, count)?;
    let power = column.power()?;
    let start = out.len();
    out.extend(column.integers.iter().map(|&integer| integer as f64 / power));
    for (place, bits) in column.exceptions {
        if let Some(value) = out.get_mut(start + place) {
            *value = f64::from_bits(bits);
        }
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
#[inline]
pub(super) fn to_integer(value: f64, exponent: usize) -> Option<i64> {
    if exponent == 0 {
        // Saturates: what is no integer or too large does not come back.
        let integer = value as i64;
        return ((integer as f64).to_bits() == value.to_bits() && integer != i64::MAX).then_some(integer);
    }
    let power = *POWERS.get(exponent)?;
    let scaled = value * power;
    if scaled.abs() >= ROUNDED_MAX || scaled.is_nan() {
        return None;
    }
    let integer = ((scaled + ROUNDER) - ROUNDER) as i64;
    ((integer as f64 / power).to_bits() == value.to_bits()).then_some(integer)
}
