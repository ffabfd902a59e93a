//! A column of integers: the best of zero to two rounds of differences, a frame of reference, packed bits, exceptions.
//!
//! Frame of reference with patched exceptions follows "Super-Scalar RAM-CPU Cache Compression" (ICDE 2006), with one
//! frame a chunk, since chunks are short.

use super::bits::{BitWriter, mask, packed_bytes, unpack};
use crate::bytes::{Malformed, Reader, put_signed, put_varint, unzigzag, zigzag};

/// Head byte: bits 0-1 rounds of differences, bit 2 a common divisor follows, bit 3 sign folded into the low bit
/// instead of a base.
const DIVIDED: u8 = 4;
const FOLDED: u8 = 8;
const KNOWN: u8 = 15;

/// One way to write the column, and what it costs.
#[derive(Debug, Clone)]
struct Plan {
    order: usize,
    folded: bool,
    base: i64,
    width: u32,
    cost_bits: usize,
}

/// Appends a column that is not empty.
pub(super) fn encode(column: &[i64], out: &mut Vec<u8>) {
    let (low, divisor) = common_divisor(column);
    let reduced: Vec<i64> = if divisor > 1 {
        column
            .iter()
            .map(|&value| (value.wrapping_sub(low) as u64 / divisor) as i64)
            .collect()
    } else {
        column.to_vec()
    };
    let mut residuals = reduced;
    let mut heads = Vec::new();
    let mut best: Option<(Plan, Vec<i64>)> = None;
    for order in 0..=2 {
        if order > 0 {
            let Some((&head, _)) = residuals.split_first() else {
                break;
            };
            heads.push(head);
            residuals = residuals
                .windows(2)
                .map(|pair| pair[1].wrapping_sub(pair[0]))
                .collect();
        }
        for plan in [plan(order, &residuals, false), plan(order, &residuals, true)] {
            if best
                .as_ref()
                .is_none_or(|(known, _)| plan.cost_bits < known.cost_bits)
            {
                best = Some((plan, residuals.clone()));
            }
        }
    }
    let Some((plan, residuals)) = best else { return };
    let divided = if divisor > 1 { DIVIDED } else { 0 };
    let folded = if plan.folded { FOLDED } else { 0 };
    out.push(plan.order as u8 | divided | folded);
    if divisor > 1 {
        put_signed(out, low);
        put_varint(out, divisor);
    }
    for &head in heads.iter().take(plan.order) {
        put_signed(out, head);
    }
    if !plan.folded {
        put_signed(out, plan.base);
    }
    pack(&offsets(&residuals, &plan), plan.width, out);
}

/// Appends `count` integers to `out`.
pub(super) fn decode(reader: &mut Reader<'_>, count: usize, out: &mut Vec<i64>) -> Result<(), Malformed> {
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
    let base = if head & FOLDED == 0 {
        Some(reader.signed()?)
    } else {
        None
    };
    let start = out.len();
    let (first, second) = (heads[0], heads[1]);
    out.extend(heads.iter().take(used.min(1)));
    let mut value = first;
    let mut difference = second;
    if used == 2 {
        value = value.wrapping_add(second);
        out.push(value);
    }
    unpack_offsets(reader, count - used, |offset| {
        let residual = base.map_or_else(|| unzigzag(offset), |base| base.wrapping_add(offset as i64));
        match order {
            0 => value = residual,
            1 => value = value.wrapping_add(residual),
            _ => {
                difference = difference.wrapping_add(residual);
                value = value.wrapping_add(difference);
            }
        }
        out.push(value);
    })?;
    if divisor != 1 || low != 0 {
        for value in out.iter_mut().skip(start) {
            *value = low.wrapping_add((*value as u64).wrapping_mul(divisor) as i64);
        }
    }
    Ok(())
}

/// The least value, and the largest number that divides all distances from it.
fn common_divisor(column: &[i64]) -> (i64, u64) {
    let low = column.iter().copied().min().unwrap_or_default();
    let mut divisor = 0_u64;
    for &value in column {
        let mut rest = value.wrapping_sub(low) as u64;
        while rest != 0 {
            (divisor, rest) = (rest, divisor % rest);
        }
        if divisor == 1 {
            break;
        }
    }
    (low, divisor)
}

/// The cheapest width for these residuals, with base or folded.
fn plan(order: usize, residuals: &[i64], folded: bool) -> Plan {
    let base = residuals.iter().copied().min().unwrap_or_default();
    let mut plan = Plan {
        order,
        folded,
        base,
        width: 0,
        cost_bits: usize::MAX,
    };
    let mut by_length = [0_usize; 65];
    for &residual in residuals {
        let length = 64 - offset(residual, &plan).leading_zeros();
        if let Some(count) = by_length.get_mut(length as usize) {
            *count += 1;
        }
    }
    let fixed = order * 24 + if folded { 0 } else { 8 * signed_bytes(base) };
    let mut exceptions = residuals.len();
    let highest = by_length.iter().rposition(|&count| count > 0).unwrap_or(0);
    for (width, &fitting) in by_length.iter().enumerate().take(highest + 1) {
        exceptions -= fitting;
        // An exception takes about two bytes of place and its high bits.
        let cost =
            fixed + residuals.len() * width + exceptions * (12 + highest.saturating_sub(width) * 8 / 7);
        if cost < plan.cost_bits {
            plan.cost_bits = cost;
            plan.width = width as u32;
        }
    }
    plan
}

fn signed_bytes(value: i64) -> usize {
    (64 - zigzag(value).leading_zeros()).div_ceil(7).max(1) as usize
}

fn offset(residual: i64, plan: &Plan) -> u64 {
    if plan.folded {
        zigzag(residual)
    } else {
        residual.wrapping_sub(plan.base) as u64
    }
}

fn offsets(residuals: &[i64], plan: &Plan) -> Vec<u64> {
    residuals.iter().map(|&residual| offset(residual, plan)).collect()
}

/// Width, low bits of all, then for each number that needs more: distance to its place and its high bits.
fn pack(offsets: &[u64], width: u32, out: &mut Vec<u8>) {
    out.push(width as u8);
    out.reserve(packed_bytes(offsets.len(), width));
    let mut writer = BitWriter::new(out);
    for &offset in offsets {
        writer.put(offset, width);
    }
    writer.finish();
    let exceptions: Vec<(usize, u64)> = offsets
        .iter()
        .enumerate()
        .filter(|(_, offset)| **offset & !mask(width) != 0)
        .map(|(place, offset)| (place, offset >> width))
        .collect();
    put_varint(out, exceptions.len() as u64);
    let mut last = 0;
    for (place, high) in exceptions {
        put_varint(out, (place - last) as u64);
        put_varint(out, high);
        last = place;
    }
}

fn unpack_offsets(reader: &mut Reader<'_>, count: usize, mut each: impl FnMut(u64)) -> Result<(), Malformed> {
    let width = u32::from(reader.byte()?);
    if width > 64 {
        return Err(Malformed("numbers above 64 bits"));
    }
    let mut packed = unpack(reader, count, width)?;
    let exceptions = reader.count(count)?;
    let mut done = 0;
    let mut last = 0_usize;
    for _ in 0..exceptions {
        let place = last
            .checked_add(reader.count(count)?)
            .filter(|&place| place < count && place >= done);
        let place = place.ok_or(Malformed("exception out of place"))?;
        let high = reader.varint()?;
        while done < place {
            each(packed.get(width)?);
            done += 1;
        }
        // An exception needs bits above the width, so the width is below 64.
        each(packed.get(width)? | high.checked_shl(width).unwrap_or_default());
        done += 1;
        last = place;
    }
    while done < count {
        each(packed.get(width)?);
        done += 1;
    }
    Ok(())
}
