//! Integers held for reading: their distances from a straight line, in as few whole bytes each as all of them fit.
//!
//! Any of them is read at once, and a stretch of them as fast as memory gives it. Arithmetic wraps at 64 bits, so that every
//! column comes back.

use std::ops::Range;

/// A column of integers.
#[derive(Debug, Clone)]
pub(super) struct Narrow {
    /// The line: the least distance at the first place, and what it rises by from place to place.
    base: i64,
    slope: i64,
    offsets: Offsets,
}

/// How far each lies above the line.
#[derive(Debug, Clone)]
enum Offsets {
    /// So many, all on the line.
    None(usize),
    One(Box<[u8]>),
    Two(Box<[u16]>),
    Four(Box<[u32]>),
    Eight(Box<[u64]>),
}

impl Narrow {
    pub(super) fn of(column: &[i64]) -> Self {
        let (Some(&first), Some(&last)) = (column.first(), column.last()) else {
            return Self {
                base: 0,
                slope: 0,
                offsets: Offsets::None(0),
            };
        };
        let places = i64::try_from(column.len() - 1).unwrap_or(i64::MAX).max(1);
        let slope = last.wrapping_sub(first).wrapping_div(places);
        let distance = |(place, &number): (usize, &i64)| line(number, slope.wrapping_neg(), place);
        let (least, most) = column
            .iter()
            .enumerate()
            .map(distance)
            .fold((i64::MAX, i64::MIN), |(least, most), distance| {
                (least.min(distance), most.max(distance))
            });
        let offsets = || {
            let distances = column.iter().enumerate().map(distance);
            distances.map(|distance| distance.wrapping_sub(least) as u64)
        };
        let offsets = match most.wrapping_sub(least) as u64 {
            0 => Offsets::None(column.len()),
            1..=0xff => Offsets::One(offsets().map(|offset| offset as u8).collect()),
            0x100..=0xffff => Offsets::Two(offsets().map(|offset| offset as u16).collect()),
            0x1_0000..=0xffff_ffff => Offsets::Four(offsets().map(|offset| offset as u32).collect()),
            _ => Offsets::Eight(offsets().collect()),
        };
        Self {
            base: least,
            slope,
            offsets,
        }
    }

    pub(super) fn len(&self) -> usize {
        match &self.offsets {
            Offsets::None(count) => *count,
            Offsets::One(offsets) => offsets.len(),
            Offsets::Two(offsets) => offsets.len(),
            Offsets::Four(offsets) => offsets.len(),
            Offsets::Eight(offsets) => offsets.len(),
        }
    }

    /// Bytes of heap memory.
    pub(super) fn heap_bytes(&self) -> usize {
        match &self.offsets {
            Offsets::None(_) => 0,
            Offsets::One(offsets) => size_of_val(&**offsets),
            Offsets::Two(offsets) => size_of_val(&**offsets),
            Offsets::Four(offsets) => size_of_val(&**offsets),
            Offsets::Eight(offsets) => size_of_val(&**offsets),
        }
    }

    fn get(&self, place: usize) -> Option<i64> {
        let offset = match &self.offsets {
            Offsets::None(count) => (place < *count).then_some(0),
            Offsets::One(offsets) => offsets.get(place).map(|&offset| offset.into()),
            Offsets::Two(offsets) => offsets.get(place).map(|&offset| offset.into()),
            Offsets::Four(offsets) => offsets.get(place).map(|&offset| offset.into()),
            Offsets::Eight(offsets) => offsets.get(place).copied(),
        };
        Some(line(self.base, self.slope, place).wrapping_add(offset? as i64))
    }

    /// How many there are before the first that is not below `bound`; the column ascends.
    pub(super) fn count_below(&self, bound: i64) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            if self.get(middle).is_some_and(|number| number < bound) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// Appends those at `places` to `out`, each as `make` makes it.
    pub(super) fn extend<T>(&self, places: Range<usize>, make: impl Fn(i64) -> T, out: &mut Vec<T>) {
        match &self.offsets {
            Offsets::None(count) => {
                let places = places.start..places.end.min(*count);
                out.extend(places.map(|place| make(line(self.base, self.slope, place))));
            }
            Offsets::One(offsets) => self.extend_from(offsets, places, make, out),
            Offsets::Two(offsets) => self.extend_from(offsets, places, make, out),
            Offsets::Four(offsets) => self.extend_from(offsets, places, make, out),
            Offsets::Eight(offsets) => self.extend_from(offsets, places, make, out),
        }
    }

    fn extend_from<T, W: Copy + Into<u64>>(
        &self,
        offsets: &[W],
        places: Range<usize>,
        make: impl Fn(i64) -> T,
        out: &mut Vec<T>,
    ) {
        let start = line(self.base, self.slope, places.start);
        let offsets = offsets.get(places).unwrap_or_default();
        out.extend(offsets.iter().enumerate().map(|(place, &offset)| {
            let offset: u64 = offset.into();
            make(line(start, self.slope, place).wrapping_add(offset as i64))
        }));
    }
}

/// Where a line that begins at `base` is at `place`.
#[inline]
fn line(base: i64, slope: i64, place: usize) -> i64 {
    base.wrapping_add(slope.wrapping_mul(place as i64))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_stretch_reads_back(
            column in proptest::collection::vec(any::<i64>(), 0..50),
            width in 0_u32..64,
            slope in any::<i64>(),
            cut in any::<(u8, u8)>(),
        ) {
            let column: Vec<i64> = (0_i64..)
                .zip(&column)
                .map(|(place, &number)| (number >> width).wrapping_add(slope.wrapping_mul(place)))
                .collect();
            let narrow = Narrow::of(&column);
            let from = usize::from(cut.0) % (column.len() + 1);
            let to = from + usize::from(cut.1) % (column.len() + 1 - from);
            let mut read = vec![7];
            narrow.extend(from..to, |number| number, &mut read);
            prop_assert_eq!(&read[1..], &column[from..to]);
            prop_assert_eq!(narrow.len(), column.len());
            prop_assert_eq!(narrow.get(from), column.get(from).copied());
        }

        #[test]
        fn places_are_found(mut column in proptest::collection::vec(-1000_i64..1000, 0..50), bound in -1100_i64..1100) {
            column.sort_unstable();
            let below = column.iter().filter(|number| **number < bound).count();
            prop_assert_eq!(Narrow::of(&column).count_below(bound), below);
        }
    }

    #[test]
    fn what_grows_evenly_takes_nothing() {
        let times: Vec<i64> = (0..4320)
            .map(|place| 1_700_000_000_000 + 10_000 * place)
            .collect();
        assert_eq!(Narrow::of(&times).heap_bytes(), 0);
        let uneven: Vec<i64> = times.iter().map(|at_ms| at_ms + at_ms % 7).collect();
        assert_eq!(Narrow::of(&uneven).heap_bytes(), 4320);
    }
}
