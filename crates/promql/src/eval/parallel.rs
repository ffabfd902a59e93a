//! Work on many series, shared out among the processor's cores.

use rayon::iter::{IndexedParallelIterator, IntoParallelRefIterator, ParallelIterator};

use crate::error::EvalError;
use crate::limits::{ITEMS_PER_TASK_MIN, PARALLEL_FROM};

/// What `work` makes of each item, in their order, without what it makes nothing of. Every thread has a scratch of its own.
pub(super) fn each<I: Sync, S: Default, T: Send>(
    items: &[I],
    work: impl Fn(&mut S, &I) -> Result<Option<T>, EvalError> + Send + Sync,
) -> Result<Vec<T>, EvalError> {
    if items.len() < PARALLEL_FROM {
        let mut scratch = S::default();
        let made = items.iter().map(|item| work(&mut scratch, item));
        return made.filter_map(Result::transpose).collect();
    }
    items
        .par_iter()
        .with_min_len(ITEMS_PER_TASK_MIN)
        .map_init(S::default, work)
        .filter_map(Result::transpose)
        .collect()
}

/// The same in batches of so many items, handed to `sink` one after the other: what it does happens in the order of the items,
/// however many threads made them.
pub(super) fn in_batches<I: Sync, S: Default, T: Send>(
    items: &[I],
    batch: usize,
    work: impl Fn(&mut S, &I) -> Result<Option<T>, EvalError> + Send + Sync,
    sink: &mut dyn FnMut(Vec<T>) -> Result<(), EvalError>,
) -> Result<(), EvalError> {
    for items in items.chunks(batch.max(1)) {
        sink(each(items, &work)?)?;
    }
    Ok(())
}
