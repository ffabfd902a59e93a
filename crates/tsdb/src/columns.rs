//! Samples gathered from several places, made into one column in order of time.

use model::{HistogramSample, Rollups, SampleColumns, TimeRange};

/// Brings `columns` from `start` on into order of time and into `range`. Of several samples at one time the one that
/// was gathered first stays: sources are read in the order in which they took their samples in.
pub(crate) fn settle(columns: &mut SampleColumns, start: usize, range: TimeRange) {
    let times = columns.at_ms.get(start..).unwrap_or_default();
    let ascending = times.windows(2).all(|pair| matches!(pair, [a, b] if a < b));
    let inside = |at_ms: Option<&i64>| at_ms.is_none_or(|&at_ms| range.contains(at_ms));
    if ascending && inside(times.first()) && inside(times.last()) {
        return;
    }
    let at_ms = |place: &usize| columns.at_ms.get(*place).copied();
    let mut order: Vec<usize> = (start..columns.len())
        .filter(|place| at_ms(place).is_some_and(|at_ms| range.contains(at_ms)))
        .collect();
    if !ascending {
        order.sort_by_key(at_ms);
        order.dedup_by_key(|place| at_ms(place));
    }
    pick_samples(columns, start, &order);
}

/// Leaves of samples from `start` on those at the `places`, in their order.
fn pick_samples(columns: &mut SampleColumns, start: usize, places: &[usize]) {
    pick(&mut columns.at_ms, start, places);
    pick(&mut columns.values, start, places);
    columns.starts.pick(start, places);
}

/// The same for histograms.
pub(crate) fn settle_histograms(histograms: &mut Vec<HistogramSample>, range: TimeRange) {
    histograms.retain(|sample| range.contains(sample.at_ms));
    // Stable: of those of one time the first gathered stays.
    histograms.sort_by_key(|sample| sample.at_ms);
    histograms.dedup_by_key(|sample| sample.at_ms);
}

/// The same for rollups.
pub(crate) fn settle_rollups(rollups: &mut Rollups, start: usize, range: TimeRange) {
    let times = rollups.at_ms.get(start..).unwrap_or_default();
    let ascending = times.windows(2).all(|pair| matches!(pair, [a, b] if a < b));
    if !ascending {
        let mut order: Vec<usize> = (start..rollups.len()).collect();
        let at_ms = |place: &usize| rollups.at_ms.get(*place).copied();
        // Stable: of those of one time the first gathered stays.
        order.sort_by_key(at_ms);
        order.dedup_by_key(|place| at_ms(place));
        pick_rollups(rollups, start, &order);
    }
    keep_rollups(rollups, start, |at_ms| range.contains(at_ms));
}

/// Keeps the rollups from `start` on whose ends are wanted.
pub(crate) fn keep_rollups(rollups: &mut Rollups, start: usize, wanted: impl Fn(i64) -> bool) {
    let ends = rollups.at_ms.get(start..).unwrap_or_default();
    if ends.iter().all(|&end_ms| wanted(end_ms)) {
        return;
    }
    let order: Vec<usize> = (start..)
        .zip(ends)
        .filter(|(_, end_ms)| wanted(**end_ms))
        .map(|(place, _)| place)
        .collect();
    pick_rollups(rollups, start, &order);
}

/// Leaves of rollups from `start` on those at the `places`, in their order.
fn pick_rollups(rollups: &mut Rollups, start: usize, places: &[usize]) {
    pick(&mut rollups.at_ms, start, places);
    for (_, column) in &mut rollups.columns {
        pick(column, start, places);
    }
}

/// Leaves of a column from `start` on the `places`, in their order.
fn pick<T: Copy>(column: &mut Vec<T>, start: usize, places: &[usize]) {
    let picked: Vec<T> = places
        .iter()
        .filter_map(|&place| column.get(place).copied())
        .collect();
    column.truncate(start);
    column.extend(picked);
}

/// Removes the samples from `start` on that lie in `range`.
pub(crate) fn remove(columns: &mut SampleColumns, start: usize, range: TimeRange) {
    let times = columns.at_ms.get(start..).unwrap_or_default();
    if !times.iter().any(|&at_ms| range.contains(at_ms)) {
        return;
    }
    let places: Vec<usize> = (start..)
        .zip(times)
        .filter(|(_, at_ms)| !range.contains(**at_ms))
        .map(|(place, _)| place)
        .collect();
    pick_samples(columns, start, &places);
}

#[cfg(test)]
mod tests {
    use model::Statistic;

    use super::*;

    #[test]
    fn the_first_gathered_of_one_time_stays() {
        let mut columns = SampleColumns::default();
        for (at_ms, value) in [(9, 0.0), (7, 1.0), (5, 2.0), (1, 3.0), (5, 4.0), (8, 5.0)] {
            columns.push_started(at_ms, value, if value > 1.0 { at_ms - 1 } else { 0 });
        }
        settle(&mut columns, 1, TimeRange::new(2, 7).unwrap());
        assert_eq!(
            (columns.at_ms, columns.values, columns.starts.slice(0..3)),
            (vec![9, 5, 7], vec![0.0, 2.0, 1.0], &[0, 4, 0][..])
        );
    }

    #[test]
    fn rollups_settle_with_all_their_columns() {
        let mut rollups = Rollups::of(&[Statistic::Last, Statistic::Count]);
        for (at_ms, last) in [(0, 9.0), (30, 1.0), (10, 2.0), (30, 3.0), (20, 4.0), (40, 5.0)] {
            rollups.at_ms.push(at_ms);
            for (_, column) in &mut rollups.columns {
                column.push(last);
            }
        }
        settle_rollups(&mut rollups, 1, TimeRange::new(10, 30).unwrap());
        assert_eq!(rollups.at_ms, [0, 10, 20, 30]);
        assert_eq!(rollups.column(Statistic::Last), [9.0, 2.0, 4.0, 1.0]);
        assert_eq!(rollups.column(Statistic::Count), [9.0, 2.0, 4.0, 1.0]);
    }

    #[test]
    fn samples_in_a_range_are_removed() {
        let mut columns = SampleColumns::default();
        (0..6).for_each(|at_ms| columns.push_started(at_ms, at_ms as f64, -at_ms));
        remove(&mut columns, 2, TimeRange::new(0, 3).unwrap());
        assert_eq!(columns.starts.slice(0..9), [0, -1, -4, -5]);
        assert_eq!(columns.at_ms, [0, 1, 4, 5]);
        assert_eq!(columns.values, [0.0, 1.0, 4.0, 5.0]);
    }
}
