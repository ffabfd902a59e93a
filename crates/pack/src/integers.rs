//! A column of integers: zero to two rounds of differences, then a frame of reference with packed bits and exceptions, or
//! an entropy coder.
//!
//! Frame of reference with patched exceptions follows "Super-Scalar RAM-CPU Cache Compression" (ICDE 2006), with one
//! frame a chunk, since chunks are short.

use crate::bits::{mask, pack, unpack};
use crate::bytes::{Malformed, Reader, put_signed, put_varint, unzigzag, zigzag};
use crate::{Effort, entropy};

/// Head byte: bits 0-1 rounds of differences, bit 2 a common divisor follows, bit 3 sign folded into the low bit
/// instead of a base, bit 4 entropy-coded instead of packed.
const DIVIDED: u8 = 4;
const FOLDED: u8 = 8;
const ENTROPY: u8 = 16;
const KNOWN: u8 = 31;

/// The number of rounds is chosen by looking at so many places of the column, and a typical number at fewer.
const PLACES_LOOKED_AT: usize = 64;
const TYPICAL_OF: usize = 15;

/// One way to pack residuals, and what it costs.
#[derive(Debug, Clone, Copy)]
struct Plan {
    folded: bool,
    base: i64,
    width: u32,
    cost_bits: usize,
}

/// Appends a column that is not empty.
pub fn encode(column: Vec<i64>, effort: Effort, out: &mut Vec<u8>) {
    let (low, divisor) = common_divisor(&column);
    let mut residuals = column;
    if divisor > 1 {
        for value in &mut residuals {
            *value = (value.wrapping_sub(low) as u64 / divisor) as i64;
        }
    }
    let order = best_order(&residuals);
    let mut heads = [0_i64; 2];
    for head in heads.iter_mut().take(order) {
        *head = residuals.first().copied().unwrap_or_default();
        difference(&mut residuals);
    }
    let plan = best_plan(&residuals);
    let coded = match effort {
        Effort::Small => entropy::encode(&residuals, plan.cost_bits),
        Effort::Fast => None,
    };
    let mut head = order as u8;
    head |= if divisor > 1 { DIVIDED } else { 0 };
    head |= match (&coded, plan.folded) {
        (Some(_), _) => ENTROPY,
        (None, true) => FOLDED,
        (None, false) => 0,
    };
    out.push(head);
    if divisor > 1 {
        put_signed(out, low);
        put_varint(out, divisor);
    }
    for &head in heads.iter().take(order) {
        put_signed(out, head);
    }
    match coded {
        Some(coded) => out.extend_from_slice(&coded),
        None => pack_residuals(&residuals, plan, out),
    }
}

/// Appends `count` integers to `out`.
pub fn decode(reader: &mut Reader<'_>, count: usize, out: &mut Vec<i64>) -> Result<(), Malformed> {
    let head = reader.byte()?;
    let order = usize::from(head & 3);
    if head & !KNOWN != 0 || order > 2 {
        return Err(Malformed("unknown coding of integers"));
    }
    let (low, divisor) = if head & DIVIDED == 0 {
        (0, 1)
    } else {
        (reader.signed()?, reader.varint()?)
    };
    let mut heads = [0_i64; 2];
    let used = order.min(count);
    for place in heads.iter_mut().take(used) {
        *place = reader.signed()?;
    }
    let start = out.len();
    // Residuals of the innermost round go behind the places of the heads.
    out.resize(start + used, 0);
    if head & ENTROPY == 0 {
        unpack_residuals(reader, count - used, head & FOLDED != 0, out)?;
    } else {
        entropy::decode(reader, count - used, out)?;
    }
    let column = out.get_mut(start..).unwrap_or_default();
    for round in (0..used).rev() {
        let Some(part) = column.get_mut(round..) else {
            continue;
        };
        let mut sum = heads.get(round).copied().unwrap_or_default();
        if let Some(first) = part.first_mut() {
            *first = sum;
        }
        for value in part.iter_mut().skip(1) {
            sum = sum.wrapping_add(*value);
            *value = sum;
        }
    }
    if divisor != 1 || low != 0 {
        for value in column {
            *value = low.wrapping_add((*value as u64).wrapping_mul(divisor) as i64);
        }
    }
    Ok(())
}

/// Makes a column into its differences, one shorter.
fn difference(column: &mut Vec<i64>) {
    let mut last = column.first().copied().unwrap_or_default();
    for value in column.iter_mut().skip(1) {
        let now = *value;
        *value = now.wrapping_sub(last);
        last = now;
    }
    if !column.is_empty() {
        column.remove(0);
    }
}

/// The least value, and the largest number that divides all distances from it.
fn common_divisor(column: &[i64]) -> (i64, u64) {
    let low = column.iter().copied().min().unwrap_or_default();
    let mut divisor = 0_u64;
    for &value in column {
        let mut rest = value.wrapping_sub(low) as u64;
        if divisor != 0 && rest.is_multiple_of(divisor) {
            continue;
        }
        while rest != 0 {
            (divisor, rest) = (rest, divisor % rest);
        }
        if divisor == 1 {
            break;
        }
    }
    (low, divisor)
}

/// The rounds of differences after which numbers are shortest, judged by their distance from a typical one.
fn best_order(column: &[i64]) -> usize {
    let places = column.len().saturating_sub(2);
    if places < 1 {
        return 0;
    }
    let stride = places.div_ceil(PLACES_LOOKED_AT);
    let mut looked = [[0_i64; PLACES_LOOKED_AT]; 3];
    let mut count = 0;
    for window in column.windows(3).step_by(stride) {
        let &[a, b, c] = window else { continue };
        let (first, second) = (b.wrapping_sub(a), c.wrapping_sub(b));
        for (values, value) in looked.iter_mut().zip([c, second, second.wrapping_sub(first)]) {
            if let Some(place) = values.get_mut(count) {
                *place = value;
            }
        }
        count += 1;
    }
    let costs = looked
        .each_ref()
        .map(|values| distance_bits(values.get(..count).unwrap_or_default()));
    // Of equals the lowest: fewer heads, and a constant stays a constant.
    (0..3)
        .min_by_key(|&order| costs.get(order).copied())
        .unwrap_or_default()
}

/// Bits that the distances from a typical value take.
fn distance_bits(values: &[i64]) -> u64 {
    let mut some: Vec<i64> = values
        .iter()
        .copied()
        .step_by(values.len().div_ceil(TYPICAL_OF).max(1))
        .collect();
    some.sort_unstable();
    let typical = some.get(some.len() / 2).copied().unwrap_or_default();
    let bits = |&value: &i64| u64::from(64 - value.wrapping_sub(typical).unsigned_abs().leading_zeros());
    values.iter().map(bits).sum()
}

/// The cheaper of packing against the least residual and packing with the sign folded in.
fn best_plan(residuals: &[i64]) -> Plan {
    let base = residuals.iter().copied().min().unwrap_or_default();
    let based = plan(
        residuals
            .iter()
            .map(|residual| residual.wrapping_sub(base) as u64),
    );
    let based = Plan {
        base,
        cost_bits: based.cost_bits + 8 * signed_bytes(base),
        ..based
    };
    if base >= 0 {
        return based;
    }
    let folded = plan(residuals.iter().map(|&residual| zigzag(residual)));
    if folded.cost_bits < based.cost_bits {
        Plan {
            folded: true,
            ..folded
        }
    } else {
        based
    }
}

/// The cheapest width for these numbers.
fn plan(numbers: impl Iterator<Item = u64>) -> Plan {
    let mut by_length = [0_u32; 65];
    let mut count = 0_usize;
    for number in numbers {
        let length = (64 - number.leading_zeros()) as usize;
        if let Some(place) = by_length.get_mut(length) {
            *place += 1;
        }
        count += 1;
    }
    let highest = by_length.iter().rposition(|&count| count > 0).unwrap_or(0);
    let mut best = Plan {
        folded: false,
        base: 0,
        width: 0,
        cost_bits: usize::MAX,
    };
    let mut exceptions = count;
    for (width, &fitting) in by_length.iter().enumerate().take(highest + 1) {
        exceptions -= fitting as usize;
        // An exception takes about two bytes of place and its high bits.
        let cost = count * width + exceptions * (12 + highest.saturating_sub(width) * 8 / 7);
        if cost < best.cost_bits {
            best.cost_bits = cost;
            best.width = width as u32;
        }
    }
    best
}

fn signed_bytes(value: i64) -> usize {
    (64 - zigzag(value).leading_zeros()).div_ceil(7).max(1) as usize
}

/// Base, width, low bits of all, then for each number that needs more: distance to its place and its high bits.
fn pack_residuals(residuals: &[i64], plan: Plan, out: &mut Vec<u8>) {
    let number = |&residual: &i64| {
        if plan.folded {
            zigzag(residual)
        } else {
            residual.wrapping_sub(plan.base) as u64
        }
    };
    if !plan.folded {
        put_signed(out, plan.base);
    }
    out.push(plan.width as u8);
    pack(residuals.iter().map(number), plan.width, out);
    let high = !mask(plan.width);
    let exceptions = || {
        let numbers = residuals.iter().map(number).enumerate();
        numbers.filter(|(_, number)| plan.width < 64 && number & high != 0)
    };
    put_varint(out, exceptions().count() as u64);
    let mut last = 0;
    for (place, number) in exceptions() {
        put_varint(out, (place - last) as u64);
        put_varint(out, number >> plan.width);
        last = place;
    }
}

/// Appends `count` residuals that [`pack_residuals`] wrote.
fn unpack_residuals(
    reader: &mut Reader<'_>,
    count: usize,
    folded: bool,
    out: &mut Vec<i64>,
) -> Result<(), Malformed> {
    let base = if folded { 0 } else { reader.signed()? };
    let width = u32::from(reader.byte()?);
    if width > 64 {
        return Err(Malformed("numbers above 64 bits"));
    }
    let mut numbers = Vec::new();
    unpack(reader, count, width, &mut numbers)?;
    let mut place = 0_usize;
    for _ in 0..reader.count(count)? {
        place = place.saturating_add(reader.count(count)?);
        let high = reader.varint()?;
        let number = numbers
            .get_mut(place)
            .ok_or(Malformed("exception out of place"))?;
        // An exception needs bits above the width, so the width is below 64.
        *number |= high.checked_shl(width).unwrap_or_default();
    }
    if folded {
        out.extend(numbers.iter().map(|&number| unzigzag(number)));
    } else {
        out.extend(numbers.iter().map(|&number| base.wrapping_add(number as i64)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn columns_read_back(
            values in proptest::collection::vec(prop_oneof![any::<i64>(), -9_i64..9, Just(1 << 40)], 1..300),
            is_small: bool,
        ) {
            let effort = if is_small { Effort::Small } else { Effort::Fast };
            let mut bytes = Vec::new();
            encode(values.clone(), effort, &mut bytes);
            let mut reader = Reader::new(&bytes);
            let mut read = Vec::new();
            decode(&mut reader, values.len(), &mut read).unwrap();
            prop_assert_eq!(read, values);
            prop_assert_eq!(reader.end(), Ok(()));
        }

        #[test]
        fn any_bytes_decode_or_fail(bytes: Vec<u8>, count in 0_usize..500) {
            let mut read = Vec::new();
            if decode(&mut Reader::new(&bytes), count, &mut read).is_ok() {
                prop_assert_eq!(read.len(), count);
            }
        }
    }
}
