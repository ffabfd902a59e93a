//! The buckets of one side of a histogram: pairs of index and count, in order of index.

use model::Buckets;

use super::Count;

/// Buckets in ascending order of index; those further from zero have the greater index on either side.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Side<N: Count> {
    buckets: Vec<(i32, N)>,
}

impl<N: Count> Side<N> {
    pub(super) fn of(buckets: &Buckets) -> Self {
        let one = |(index, value): (i32, f64)| {
            let mut count = N::default();
            count.add(value);
            (index, count)
        };
        Self {
            buckets: buckets.iter().map(one).collect(),
        }
    }

    pub(super) fn from_pairs(buckets: Vec<(i32, N)>) -> Self {
        Self { buckets }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = (i32, N)> + ExactSizeIterator + '_ {
        self.buckets.iter().copied()
    }

    pub(super) fn counts_mut(&mut self) -> impl Iterator<Item = &mut N> {
        self.buckets.iter_mut().map(|(_, count)| count)
    }

    /// Adds the buckets of another side, each computed by `signed` first.
    pub(super) fn add(&mut self, other: impl Iterator<Item = (i32, f64)>, signed: impl Fn(f64) -> f64) {
        let mut place = 0;
        let mut missing = Vec::new();
        for (index, value) in other {
            while self.buckets.get(place).is_some_and(|(known, _)| *known < index) {
                place += 1;
            }
            match self.buckets.get_mut(place) {
                Some((known, count)) if *known == index => count.add(signed(value)),
                _ => {
                    let mut count = N::default();
                    count.add(signed(value));
                    missing.push((index, count));
                }
            }
        }
        if !missing.is_empty() {
            self.buckets.append(&mut missing);
            // Two runs in order: merged in linear time.
            self.buckets.sort_by_key(|(index, _)| *index);
        }
    }

    /// Merges buckets so that `2^steps` become one.
    pub(super) fn reduce(&mut self, steps: i32) {
        let mut reduced: Vec<(i32, N)> = Vec::with_capacity(self.buckets.len());
        for &(index, count) in &self.buckets {
            let index = coarser(index, steps);
            match reduced.last_mut() {
                Some((last, known)) if *last == index => known.merge(count),
                _ => reduced.push((index, count)),
            }
        }
        self.buckets = reduced;
    }

    pub(super) fn retain(&mut self, keep: impl Fn(i32) -> bool) {
        self.buckets.retain(|(index, _)| keep(*index));
    }

    pub(super) fn compact(&mut self) {
        self.buckets.retain(|(_, count)| count.value() != 0.0);
    }

    pub(super) fn settled(&self) -> Side<f64> {
        Side {
            buckets: self.iter().map(|(index, count)| (index, count.value())).collect(),
        }
    }
}

impl Side<f64> {
    pub(super) fn into_buckets(self) -> Buckets {
        Buckets::from_sorted_exactly(self.buckets)
    }
}

/// The index of the bucket that a bucket is part of when `2^steps` buckets become one.
pub(super) fn coarser(index: i32, steps: i32) -> i32 {
    let below = i64::from(index) - 1;
    let coarser = below >> steps.clamp(0, 62);
    (coarser + 1).clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32
}
