//! Samples gathered from several places, made into one column in order of time.

use model::{HistogramSample, SampleColumns, TimeRange};

/// Brings `columns` from `start` on into order of time and into `range`. Of several samples at one time the one that
/// was gathered first stays: sources are read in the order in which they took their samples in.
pub(crate) fn settle(columns: &mut SampleColumns, start: usize, range: TimeRange) {
    let times = columns.at_ms.get(start..).unwrap_or_default();
    let ascending = times.windows(2).all(|pair| matches!(pair, [a, b] if a < b));
    let inside = |at_ms: Option<&i64>| at_ms.is_none_or(|&at_ms| range.contains(at_ms));
    if ascending && inside(times.first()) && inside(times.last()) {
        return;
    }
    let times = columns.at_ms.split_off(start);
    let values = columns.values.split_off(start);
    let mut samples: Vec<(i64, f64)> = times
        .into_iter()
        .zip(values)
        .filter(|(at_ms, _)| range.contains(*at_ms))
        .collect();
    if !ascending {
        samples.sort_by_key(|(at_ms, _)| *at_ms);
        samples.dedup_by_key(|(at_ms, _)| *at_ms);
    }
    for (at_ms, value) in samples {
        columns.push(at_ms, value);
    }
}

/// The same for histograms.
pub(crate) fn settle_histograms(histograms: &mut Vec<HistogramSample>, range: TimeRange) {
    histograms.retain(|sample| range.contains(sample.at_ms));
    // Stable: of those of one time the first gathered stays.
    histograms.sort_by_key(|sample| sample.at_ms);
    histograms.dedup_by_key(|sample| sample.at_ms);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_gathered_of_one_time_stays() {
        let mut columns = SampleColumns::default();
        for (at_ms, value) in [(9, 0.0), (5, 1.0), (7, 2.0), (1, 3.0), (5, 4.0), (8, 5.0)] {
            columns.push(at_ms, value);
        }
        settle(&mut columns, 1, TimeRange::new(2, 7).unwrap());
        assert_eq!(
            (columns.at_ms, columns.values),
            (vec![9, 5, 7], vec![0.0, 1.0, 2.0])
        );
    }
}
