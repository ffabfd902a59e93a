//! Residuals by their probability: asymmetric numeral systems over a few bits of each, the low bits as they are.
//!
//! The coder is range ANS (J. Duda, "Asymmetric numeral systems", arXiv:1311.2540, section 3.3) with two interleaved states
//! and words of 16 bits. What a random walk adds from sample to sample is a bell curve whatever is measured, and a bell
//! curve needs no table in the file: its width is enough. Other shapes bring their own table.

use crate::bits::{pack, unpack};
use crate::bytes::{Malformed, Reader, put_signed, put_varint, unzigzag, zigzag};
use crate::tables::{BELLS, SCALE, SCALE_BITS, Slot, Symbol, Table};

/// Fewer residuals are not worth a coder's fixed cost.
const RESIDUALS_MIN: usize = 48;
/// Symbols of a table of its own.
const OWN_SYMBOLS_MAX: usize = 64;
/// Stands for a table of its own where the number of a bell is expected.
const OWN_TABLE: u8 = 255;
/// States stay at or above this between symbols.
const STATE_MIN: u32 = 1 << 16;
/// The bell's symbols are as wide as lets its standard deviation span this many of them, or up to twice as many.
const SYMBOLS_PER_DEVIATION: f64 = 8.0;

/// How residuals become symbols.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Grid {
    /// The residual where symbol 0 begins.
    start: i64,
    /// Low bits that are not coded.
    low_bits: u32,
}

impl Grid {
    fn symbol(self, residual: i64) -> i64 {
        residual.wrapping_sub(self.start) >> self.low_bits
    }

    fn low(self, residual: i64) -> u64 {
        residual.wrapping_sub(self.start) as u64
    }

    fn residual(self, symbol: i64, low: u64) -> i64 {
        let high = (symbol as u64).wrapping_shl(self.low_bits);
        self.start.wrapping_add((high | low) as i64)
    }
}

/// The coded residuals, if they take fewer than `bits_max` bits.
pub(crate) fn encode(residuals: &[i64], bits_max: usize) -> Option<Vec<u8>> {
    if residuals.len() < RESIDUALS_MIN || bits_max < residuals.len() / 4 {
        return None;
    }
    let bell = fit_bell(residuals);
    let own = fit_own(residuals);
    let own_is_best = match (&bell, &own) {
        (Some((_, _, bell_bits)), Some((_, _, own_bits))) => own_bits < bell_bits,
        (None, own) => own.is_some(),
        (Some(_), None) => false,
    };
    let (grid, number, table, bits) = match (&bell, &own) {
        (_, Some((grid, table, bits))) if own_is_best => (*grid, OWN_TABLE, table, *bits),
        (Some((grid, number, bits)), _) => (*grid, *number as u8, &BELLS.get(*number)?.table, *bits),
        _ => return None,
    };
    // What the fixed fields take.
    if bits + 120.0 >= bits_max as f64 {
        return None;
    }
    let mut out = Vec::with_capacity(residuals.len() + 32);
    put_signed(&mut out, grid.start);
    out.push(grid.low_bits as u8);
    out.push(number);
    if number == OWN_TABLE {
        table.put(&mut out);
    }
    put_symbols(residuals, grid, table, &mut out);
    pack(
        residuals.iter().map(|&residual| grid.low(residual)),
        grid.low_bits,
        &mut out,
    );
    (out.len() * 8 < bits_max).then_some(out)
}

/// Appends `count` residuals to `out`.
pub(crate) fn decode(reader: &mut Reader<'_>, count: usize, out: &mut Vec<i64>) -> Result<(), Malformed> {
    let grid = Grid {
        start: reader.signed()?,
        low_bits: u32::from(reader.byte()?),
    };
    if grid.low_bits > 63 {
        return Err(Malformed("low bits of residuals"));
    }
    let own;
    let number = reader.byte()?;
    let slots = if number == OWN_TABLE {
        own = Table::take(reader)?.slots();
        &own
    } else {
        &BELLS
            .get(usize::from(number))
            .ok_or(Malformed("unknown bell"))?
            .slots
    };
    let start = out.len();
    take_symbols(reader, count, slots, out)?;
    let mut low = Vec::new();
    unpack(reader, count, grid.low_bits, &mut low)?;
    for (value, low) in out.iter_mut().skip(start).zip(low) {
        *value = grid.residual(*value, low);
    }
    Ok(())
}

/// The best bell for these residuals: its grid, its number, and what it costs in bits.
fn fit_bell(residuals: &[i64]) -> Option<(Grid, usize, f64)> {
    let count = residuals.len() as f64;
    let mean = residuals.iter().map(|&residual| residual as f64).sum::<f64>() / count;
    let distance = residuals
        .iter()
        .map(|&residual| (residual as f64 - mean).abs())
        .sum::<f64>()
        / count;
    // Of a bell curve the mean distance is sqrt(2 / pi) deviations; it is moved less by outliers than the variance.
    let deviation = distance * 1.2533;
    if !(0.5..1e15).contains(&deviation) || mean.abs() > 1e15 {
        return None;
    }
    let low_bits = (deviation / SYMBOLS_PER_DEVIATION).log2().floor().max(0.0) as u32;
    let grid = Grid {
        start: mean.round() as i64 - ((1_i64 << low_bits) >> 1),
        low_bits,
    };
    let histogram = Histogram::of(residuals, grid);
    let width = deviation / (1_u64 << low_bits) as f64;
    let near = Table::nearest_bell(width);
    let candidates = near.saturating_sub(2)..=(near + 2).min(BELLS.len() - 1);
    let costs =
        candidates.filter_map(|number| Some((number, histogram.cost_bits(&BELLS.get(number)?.table))));
    let (number, bits) = costs.min_by(|a, b| a.1.total_cmp(&b.1))?;
    let bits = bits + count * f64::from(low_bits);
    Some((grid, number, bits))
}

/// A table of its own, where the residuals are few different ones.
fn fit_own(residuals: &[i64]) -> Option<(Grid, Table, f64)> {
    let (least, most) = residuals
        .iter()
        .fold((i64::MAX, i64::MIN), |(least, most), &residual| {
            (least.min(residual), most.max(residual))
        });
    let span = most.checked_sub(least)? as u64;
    let width = 64 - span.leading_zeros();
    let low_bits = width.saturating_sub(OWN_SYMBOLS_MAX.ilog2());
    if low_bits > 40 {
        return None;
    }
    let grid = Grid {
        start: least,
        low_bits,
    };
    let mut counts = vec![0_u32; OWN_SYMBOLS_MAX];
    for &residual in residuals {
        *counts.get_mut(grid.symbol(residual) as usize)? += 1;
    }
    let table = Table::of_counts(&counts)?;
    let mut file = Vec::new();
    table.put(&mut file);
    let bits: f64 = counts
        .iter()
        .enumerate()
        .map(|(symbol, &count)| f64::from(count) * table.cost_bits(symbol as i64))
        .sum();
    let bits = bits + (file.len() * 8) as f64 + residuals.len() as f64 * f64::from(low_bits);
    Some((grid, table, bits))
}

/// How often each symbol near zero comes, and how often others do.
struct Histogram {
    near: [u32; 256],
    others: u32,
}

impl Histogram {
    fn of(residuals: &[i64], grid: Grid) -> Self {
        let mut histogram = Self {
            near: [0; 256],
            others: 0,
        };
        for &residual in residuals {
            let place = usize::try_from(grid.symbol(residual).saturating_add(128));
            match place.ok().and_then(|place| histogram.near.get_mut(place)) {
                Some(count) => *count += 1,
                None => histogram.others += 1,
            }
        }
        histogram
    }

    fn cost_bits(&self, table: &Table) -> f64 {
        let near = self.near.iter().enumerate().filter(|(_, count)| **count > 0);
        let near: f64 = near
            .map(|(place, &count)| f64::from(count) * table.cost_bits(place as i64 - 128))
            .sum();
        near + f64::from(self.others) * (table.escape_bits() + 24.0)
    }
}

/// Escaped symbols, words, states.
fn put_symbols(residuals: &[i64], grid: Grid, table: &Table, out: &mut Vec<u8>) {
    let mut escaped = Vec::new();
    let mut symbols: Vec<Symbol> = Vec::with_capacity(residuals.len());
    for &residual in residuals {
        let symbol = grid.symbol(residual);
        symbols.push(table.symbol(symbol).unwrap_or_else(|| {
            escaped.push(symbol);
            table.escape()
        }));
    }
    let mut states = [STATE_MIN; 2];
    let mut words: Vec<u16> = Vec::with_capacity(residuals.len());
    // The last symbol first, so that the first comes out first.
    for (place, symbol) in symbols.iter().enumerate().rev() {
        let [state, _] = if place % 2 == 0 { [0, 1] } else { [1, 0] };
        let Some(state) = states.get_mut(state) else {
            continue;
        };
        let share = u32::from(symbol.share);
        // In 64 bits: a symbol that takes the whole scale would overflow.
        if u64::from(*state) >= u64::from(share) << (32 - SCALE_BITS) {
            words.push(*state as u16);
            *state >>= 16;
        }
        *state = ((*state / share) << SCALE_BITS) + (*state % share) + u32::from(symbol.start);
    }
    put_varint(out, escaped.len() as u64);
    for symbol in escaped {
        put_varint(out, zigzag(symbol));
    }
    put_varint(out, words.len() as u64);
    out.extend(words.iter().rev().flat_map(|word| word.to_le_bytes()));
    out.extend(states.iter().flat_map(|state| state.to_le_bytes()));
}

fn take_symbols(
    reader: &mut Reader<'_>,
    count: usize,
    slots: &[Slot],
    out: &mut Vec<i64>,
) -> Result<(), Malformed> {
    let mut escaped = Vec::new();
    for _ in 0..reader.count(count)? {
        escaped.push(unzigzag(reader.varint()?));
    }
    let word_count = reader.count(count)?;
    let words = reader.take(word_count * 2)?;
    let mut states = [reader.word()?, reader.word()?];
    let mut words = words
        .chunks_exact(2)
        .map(|word| u16::from_le_bytes([word[0], word[1]]));
    out.reserve(count);
    let start = out.len();
    let mut step = |state: &mut u32| {
        let slot = slots
            .get((*state & (SCALE - 1)) as usize)
            .copied()
            .unwrap_or_default();
        *state = u32::from(slot.share)
            .wrapping_mul(*state >> SCALE_BITS)
            .wrapping_add(u32::from(slot.offset));
        if *state < STATE_MIN
            && let Some(word) = words.next()
        {
            *state = *state << 16 | u32::from(word);
        }
        i64::from(slot.symbol)
    };
    let [first, second] = &mut states;
    for _ in 0..count / 2 {
        let pair = [step(first), step(second)];
        out.extend_from_slice(&pair);
    }
    if count % 2 == 1 {
        out.push(step(first));
    }
    if states != [STATE_MIN; 2] || words.next().is_some() {
        return Err(Malformed("entropy-coded residuals"));
    }
    if !escaped.is_empty() {
        put_escaped_back(out.get_mut(start..).unwrap_or_default(), &escaped)?;
    }
    Ok(())
}

fn put_escaped_back(symbols: &mut [i64], escaped: &[i64]) -> Result<(), Malformed> {
    let mut escaped = escaped.iter();
    let marker = i64::from(Table::ESCAPE);
    for symbol in symbols.iter_mut().filter(|symbol| **symbol == marker) {
        *symbol = *escaped.next().ok_or(Malformed("escaped residuals"))?;
    }
    if escaped.next().is_some() {
        return Err(Malformed("escaped residuals"));
    }
    Ok(())
}
