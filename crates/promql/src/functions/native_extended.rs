//! How native histograms change over `anchored` and `smoothed` windows (prometheus/promql `extendedHistogramRate`).

use model::histogram::CUSTOM_BUCKETS;
use model::{Histogram, HistogramSample, ResetHint};

use super::mixed::MixedWindow;
use crate::answer::Point;
use crate::eval::{Note, Notes};
use crate::histogram::{FloatHistogram, MixedSchemas, interpolate, is_reset};

/// Declares functions that differ in what they read and how they scale it.
macro_rules! of_window {
    ($($name:ident => $is_counter:expr, $is_smoothed:expr, $is_rate:expr;)*) => {
        $(pub(super) fn $name(
            window: &MixedWindow<'_>,
            notes: &mut Notes,
        ) -> Option<Point> {
            if window.is_mixed(notes) {
                return None;
            }
            let mut change = match change(window, $is_counter, $is_smoothed, notes) {
                Ok(change) => change?,
                Err(MixedSchemas) => {
                    notes.add(Note::ExponentialAndCustom);
                    return None;
                }
            };
            if $is_rate {
                change.divide(window.numbers.seconds());
            }
            change.hint = ResetHint::Gauge;
            change.compact();
            Some(Point::Histogram(change.shared()))
        })*
    };
}

of_window! {
    anchored_delta => false, false, false;
    anchored_increase => true, false, false;
    anchored_rate => true, false, true;
    smoothed_delta => false, true, false;
    smoothed_increase => true, true, false;
    smoothed_rate => true, true, true;
}

/// The change between the values at the window's ends.
fn change(
    window: &MixedWindow<'_>,
    is_counter: bool,
    is_smoothed: bool,
    notes: &mut Notes,
) -> Result<Option<FloatHistogram>, MixedSchemas> {
    let (start_ms, end_ms) = (window.numbers.start_ms, window.numbers.end_ms);
    let samples = window.histograms;
    let Some(newest) = samples.len().checked_sub(1) else {
        return Ok(None);
    };
    let first = samples
        .partition_point(|sample| sample.at_ms <= start_ms)
        .saturating_sub(1);
    let last = if is_smoothed {
        let at_end = samples.partition_point(|sample| sample.at_ms < end_ms);
        at_end.min(newest)
    } else {
        newest
    };
    let Some(samples) = samples.get(first..=last) else {
        return Ok(None);
    };
    let (Some(oldest), Some(newest)) = (samples.first(), samples.last()) else {
        return Ok(None);
    };
    if newest.at_ms <= start_ms || oldest.at_ms > end_ms {
        return Ok(None);
    }
    let is_custom = oldest.value.schema == CUSTOM_BUCKETS;
    if samples
        .iter()
        .any(|sample| (sample.value.schema == CUSTOM_BUCKETS) != is_custom)
    {
        return Err(MixedSchemas);
    }
    let is_gauge = |sample: &HistogramSample| sample.value.reset_hint == ResetHint::Gauge;
    notes.add_if(is_counter && samples.iter().any(is_gauge), Note::NotCounter);
    let ends = Ends {
        start_ms,
        end_ms,
        is_counter,
        is_smoothed,
    };
    let left = ends.left(samples, notes)?;
    let right = ends.right(samples, notes)?;
    let both_gauges = left.reset_hint == ResetHint::Gauge && right.reset_hint == ResetHint::Gauge;
    notes.add_if(!is_counter && !both_gauges, Note::NotGauge);
    let mut change = FloatHistogram::from(&right);
    let subtracted = change.subtract(&left)?;
    notes.add_if(subtracted.bounds_reconciled, Note::ReconciledInSubtraction);
    if is_counter {
        add_lost(&mut change, samples, (&left, &right), ends, notes)?;
    }
    Ok(Some(change))
}

/// The ends of a window, and how values at them are found.
#[derive(Debug, Clone, Copy)]
struct Ends {
    start_ms: i64,
    end_ms: i64,
    is_counter: bool,
    is_smoothed: bool,
}

impl Ends {
    /// The value at the start.
    fn left(self, samples: &[HistogramSample], notes: &mut Notes) -> Result<Histogram, MixedSchemas> {
        match samples {
            [first, second, ..] if self.is_smoothed && first.at_ms < self.start_ms => {
                self.between(first, second, self.start_ms, notes)
            }
            [first, ..] => Ok((*first.value).clone()),
            [] => Ok(Histogram::default()),
        }
    }

    /// The value at the end.
    fn right(self, samples: &[HistogramSample], notes: &mut Notes) -> Result<Histogram, MixedSchemas> {
        match samples {
            [.., before, last] if self.is_smoothed && last.at_ms > self.end_ms => {
                self.between(before, last, self.end_ms, notes)
            }
            [.., last] => Ok((*last.value).clone()),
            [] => Ok(Histogram::default()),
        }
    }

    fn between(
        self,
        from: &HistogramSample,
        to: &HistogramSample,
        at_ms: i64,
        notes: &mut Notes,
    ) -> Result<Histogram, MixedSchemas> {
        let (histogram, subtracted, added) = interpolate(from, to, at_ms, self.is_counter)?;
        notes.add_if(subtracted.bounds_reconciled, Note::ReconciledInSubtraction);
        notes.add_if(added.bounds_reconciled, Note::ReconciledInAddition);
        Ok(histogram.into())
    }
}

/// Adds what a counter had counted before each of its resets within the window.
fn add_lost(
    change: &mut FloatHistogram,
    samples: &[HistogramSample],
    (left, right): (&Histogram, &Histogram),
    ends: Ends,
    notes: &mut Notes,
) -> Result<(), MixedSchemas> {
    let [first, rest @ ..] = samples else {
        return Ok(());
    };
    // The first sample is `left`, the last is `right`.
    let [between @ .., _] = rest else { return Ok(()) };
    let mut before = left;
    let mut between = between.iter();
    let spans_reset = ends.is_smoothed
        && first.at_ms < ends.start_ms
        && rest
            .first()
            .is_some_and(|second| is_reset(&second.value, &first.value));
    if spans_reset {
        // The value at the start rose across this reset already.
        match between.next() {
            Some(second) => before = &second.value,
            None => return Ok(()),
        }
    }
    let mut add = |lost: &Histogram| -> Result<(), MixedSchemas> {
        let added = change.add(lost)?;
        notes.add_if(added.bounds_reconciled, Note::ReconciledInAddition);
        Ok(())
    };
    for sample in between {
        if is_reset(&sample.value, before) {
            add(before)?;
        }
        before = &sample.value;
    }
    if is_reset(right, before) {
        add(before)?;
    }
    Ok(())
}
