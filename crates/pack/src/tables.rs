//! How the scale of the entropy coder is shared among symbols: bell curves of many widths, and tables of their own.
//!
//! The bells are part of the file format: they are computed with nothing but additions, multiplications and divisions of
//! IEEE 754 floats, which are the same on every machine, and a test holds their checksum.

use std::sync::LazyLock;

use crate::bytes::{Malformed, Reader, put_signed, put_varint};

/// The scale has so many bits.
pub(crate) const SCALE_BITS: u32 = 12;
/// What all symbols share.
pub(crate) const SCALE: u32 = 1 << SCALE_BITS;

/// Bells of standard deviations from half a symbol to nearly sixteen, eight to an octave.
pub(crate) static BELLS: LazyLock<Vec<Bell>> = LazyLock::new(|| {
    let mut octave = 0.5;
    let mut bells = Vec::new();
    for _ in 0..5 {
        let mut deviation = octave;
        for _ in 0..STEPS_PER_OCTAVE {
            let table = Table::bell(deviation);
            let slots = table.slots();
            bells.push(Bell { table, slots });
            deviation *= EIGHTH_OF_AN_OCTAVE;
        }
        octave *= 2.0;
    }
    bells
});

const STEPS_PER_OCTAVE: usize = 8;
/// 2^(1/8), as a literal so that no library computes it.
const EIGHTH_OF_AN_OCTAVE: f64 = 1.090_507_732_665_257_7;
/// Bells end at so many deviations; what lies beyond is escaped.
const DEVIATIONS_MAX: f64 = 3.4;
/// The share of what is escaped.
const ESCAPE_SHARE: u16 = 4;

/// A bell, ready for decoding.
#[derive(Debug)]
pub(crate) struct Bell {
    pub(crate) table: Table,
    pub(crate) slots: Vec<Slot>,
}

/// A symbol's part of the scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Symbol {
    pub(crate) start: u16,
    pub(crate) share: u16,
}

/// One place of the scale, for decoding.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Slot {
    pub(crate) symbol: i16,
    pub(crate) share: u16,
    /// The place within the symbol's part.
    pub(crate) offset: u16,
}

/// Symbols that follow each other, their parts of the scale, and perhaps one that stands for all others.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    first: i16,
    symbols: Vec<Symbol>,
    escape: Option<Symbol>,
}

impl Table {
    /// What decoding gives for an escaped symbol.
    pub(crate) const ESCAPE: i16 = i16::MIN;

    /// A bell curve around the middle of symbol 0.
    fn bell(deviation: f64) -> Self {
        let reach = (DEVIATIONS_MAX * deviation) as i16 + 1;
        let decay = exp_minus(1.0 / (2.0 * deviation * deviation));
        let (mut weight, mut ratio) = (1.0, decay);
        let mut weights = vec![1.0];
        for _ in 0..reach {
            weight *= ratio;
            ratio *= decay * decay;
            weights.push(weight);
        }
        let total = 2.0 * weights.iter().sum::<f64>() - 1.0;
        let count = 2 * u32::from(reach.unsigned_abs()) + 1;
        let free = f64::from(SCALE - u32::from(ESCAPE_SHARE) - count);
        let shares: Vec<u16> = weights
            .iter()
            .map(|weight| 1 + (weight / total * free) as u16)
            .collect();
        let mirrored = shares.iter().skip(1).rev().chain(&shares).copied();
        let mut shares: Vec<u16> = mirrored.collect();
        let used: u32 = shares.iter().map(|&share| u32::from(share)).sum();
        if let Some(middle) = shares.get_mut(reach as usize) {
            *middle += (SCALE - u32::from(ESCAPE_SHARE) - used) as u16;
        }
        Self::new(-reach, &shares, ESCAPE_SHARE)
    }

    /// The number of the bell whose width comes next to `deviation`.
    pub(crate) fn nearest_bell(deviation: f64) -> usize {
        let step = (deviation / 0.5).log2() * STEPS_PER_OCTAVE as f64;
        (step.round().max(0.0) as usize).min(BELLS.len() - 1)
    }

    /// Shares after how often each symbol from 0 on comes; `None` where nothing is to be gained.
    pub(crate) fn of_counts(counts: &[u32]) -> Option<Self> {
        let total: u64 = counts.iter().map(|&count| u64::from(count)).sum();
        let used = counts.iter().filter(|count| **count > 0).count() as u64;
        if used < 2 {
            return None;
        }
        let free = u64::from(SCALE) - used;
        let mut shares: Vec<u16> = counts
            .iter()
            .map(|&count| u16::from(count > 0) + (u64::from(count) * free / total) as u16)
            .collect();
        let given: u32 = shares.iter().map(|&share| u32::from(share)).sum();
        let most = counts.iter().enumerate().max_by_key(|(_, count)| **count)?.0;
        *shares.get_mut(most)? += (SCALE - given) as u16;
        let last = shares.iter().rposition(|&share| share > 0)?;
        shares.truncate(last + 1);
        Some(Self::new(0, &shares, 0))
    }

    fn new(first: i16, shares: &[u16], escape_share: u16) -> Self {
        let mut start = 0;
        let mut part = |share: u16| {
            let part = Symbol { start, share };
            start += share;
            part
        };
        let symbols = shares.iter().map(|&share| part(share)).collect();
        let escape = (escape_share > 0).then(|| part(escape_share));
        Self {
            first,
            symbols,
            escape,
        }
    }

    /// Appends the table.
    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        put_signed(out, i64::from(self.first));
        put_varint(out, self.symbols.len() as u64);
        let mut rest = SCALE;
        // The last share is what is left.
        for symbol in self.symbols.iter().take(self.symbols.len().saturating_sub(1)) {
            put_varint(out, u64::from(symbol.share));
            rest -= u32::from(symbol.share);
        }
        debug_assert_eq!(
            self.symbols.last().map(|symbol| u32::from(symbol.share)),
            Some(rest),
            "shares fill the scale"
        );
    }

    /// Reads what [`put`](Self::put) wrote.
    pub(crate) fn take(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let first = i16::try_from(reader.signed()?).map_err(|_| Malformed("first symbol"))?;
        let count = reader.count(256)?;
        if count == 0 || i32::from(first) + count as i32 > i32::from(i16::MAX) || first == Self::ESCAPE {
            return Err(Malformed("number of symbols"));
        }
        let mut shares = Vec::with_capacity(count);
        let mut rest = SCALE as usize;
        for _ in 1..count {
            let share = reader.count(rest)?;
            rest -= share;
            shares.push(share as u16);
        }
        shares.push(rest as u16);
        Ok(Self::new(first, &shares, 0))
    }

    /// A symbol's part of the scale, if it has one.
    pub(crate) fn symbol(&self, symbol: i64) -> Option<Symbol> {
        let place = symbol.checked_sub(i64::from(self.first))?;
        let part = *self.symbols.get(usize::try_from(place).ok()?)?;
        (part.share > 0).then_some(part)
    }

    /// The part of symbols that have none; only bells have one, and tables of their own have a part for every symbol.
    pub(crate) fn escape(&self) -> Symbol {
        self.escape.unwrap_or(Symbol { start: 0, share: 1 })
    }

    /// The places of the scale.
    pub(crate) fn slots(&self) -> Vec<Slot> {
        let mut slots = Vec::with_capacity(SCALE as usize);
        let named = (self.first..=i16::MAX).zip(&self.symbols);
        for (symbol, part) in named.chain(self.escape.iter().map(|part| (Self::ESCAPE, part))) {
            let share = part.share;
            slots.extend((0..share).map(|offset| Slot {
                symbol,
                share,
                offset,
            }));
        }
        slots
    }

    /// What a symbol costs in bits; what is escaped costs its number as well.
    pub(crate) fn cost_bits(&self, symbol: i64) -> f64 {
        self.symbol(symbol)
            .map_or_else(|| self.escape_bits() + 16.0, |part| share_bits(part.share))
    }

    /// What the escape costs in bits.
    pub(crate) fn escape_bits(&self) -> f64 {
        self.escape.map_or(1e6, |part| share_bits(part.share))
    }
}

fn share_bits(share: u16) -> f64 {
    f64::from(SCALE_BITS) - f64::from(share).log2()
}

/// e to the power of minus `x` for `x` from 0 to 2, by its series.
fn exp_minus(x: f64) -> f64 {
    let (mut term, mut sum) = (1.0, 1.0);
    for n in 1..40 {
        term *= x / f64::from(n);
        sum += term;
    }
    1.0 / sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_fills_the_scale() {
        for bell in BELLS.iter() {
            assert_eq!(bell.slots.len(), SCALE as usize);
            assert!(bell.table.symbols.iter().all(|symbol| symbol.share > 0));
        }
        let own = Table::of_counts(&[5, 0, 1_000_000, 1]).unwrap();
        assert_eq!(own.slots().len(), SCALE as usize);
        let mut bytes = Vec::new();
        own.put(&mut bytes);
        let read = Table::take(&mut Reader::new(&bytes)).unwrap();
        assert_eq!(read.symbols, own.symbols);
        assert!(Table::of_counts(&[7]).is_none());
    }

    #[test]
    fn the_last_symbols_there_can_be_have_slots() {
        let mut bytes = Vec::new();
        Table::new(i16::MAX - 2, &[1, SCALE as u16 - 1], 0).put(&mut bytes);
        let table = Table::take(&mut Reader::new(&bytes)).unwrap();
        let slots = table.slots();
        assert_eq!((slots.len(), slots[0].symbol), (SCALE as usize, i16::MAX - 2));
        assert_eq!(slots[1].symbol, i16::MAX - 1);
    }

    #[test]
    fn the_bells_are_fixed_for_ever() {
        let mut bytes = Vec::new();
        for bell in BELLS.iter() {
            bell.table.put_shares(&mut bytes);
        }
        assert_eq!((BELLS.len(), crc32fast::hash(&bytes)), (40, FIXED_CRC));
    }

    /// Chunks in files are coded with these very tables: a change here makes them unreadable.
    const FIXED_CRC: u32 = 1_841_661_705;

    impl Table {
        fn put_shares(&self, out: &mut Vec<u8>) {
            for symbol in self.symbols.iter().chain(&self.escape) {
                out.extend_from_slice(&symbol.start.to_le_bytes());
                out.extend_from_slice(&symbol.share.to_le_bytes());
            }
        }
    }
}
