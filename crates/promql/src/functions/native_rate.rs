//! How native histograms change within a window (prometheus/promql `extrapolatedRate` and `histogramRate`).

use model::histogram::CUSTOM_BUCKETS;
use model::{Histogram, HistogramSample, ResetHint};

use super::mixed::MixedWindow;
use super::rate::Stretch;
use crate::answer::Point;
use crate::eval::{Note, Notes};
use crate::histogram::{FloatHistogram, MixedSchemas, is_reset};

pub(crate) fn rate(window: &MixedWindow<'_>, notes: &mut Notes) -> Option<Point> {
    extrapolated(window, true, 1.0 / window.numbers.seconds(), notes)
}

pub(crate) fn increase(window: &MixedWindow<'_>, notes: &mut Notes) -> Option<Point> {
    extrapolated(window, true, 1.0, notes)
}

pub(crate) fn delta(window: &MixedWindow<'_>, notes: &mut Notes) -> Option<Point> {
    extrapolated(window, false, 1.0, notes)
}

/// The change over the window, extended to its ends where the samples reach close enough to them.
fn extrapolated(window: &MixedWindow<'_>, is_counter: bool, scale: f64, notes: &mut Notes) -> Option<Point> {
    if window.is_mixed(notes) {
        return None;
    }
    let (first, last) = (window.histograms.first()?, window.histograms.last()?);
    let stretch = Stretch::of(&window.numbers, is_counter, first.counted(), last.at_ms)?;
    let mut found = Notes::default();
    let mut change = match change(window.histograms, is_counter, stretch.from_start, &mut found) {
        Ok(change) => {
            notes.merge(found);
            change?
        }
        // Of histograms that have nothing in common nothing else is told.
        Err(MixedSchemas) => {
            notes.add(Note::ExponentialAndCustom);
            return None;
        }
    };
    // The count does not fall below zero.
    let zero = (is_counter && change.count > 0.0 && first.value.count >= 0.0)
        .then(|| first.value.count / change.count);
    change.multiply(stretch.factor(window.histograms.len() - 1, zero) * scale);
    Some(Point::Histogram(change.shared()))
}

/// The change from the first sample to the last, or from the first one's own start, what was lost by resets added.
fn change(
    samples: &[HistogramSample],
    is_counter: bool,
    from_start: bool,
    notes: &mut Notes,
) -> Result<Option<FloatHistogram>, MixedSchemas> {
    let [oldest, rest @ ..] = samples else {
        return Ok(None);
    };
    let (Some(second), Some(last)) = (rest.first(), rest.last()) else {
        notes.add_if(oldest.value.reset_hint == ResetHint::Gauge, Note::NotCounter);
        return Ok(from_start.then(|| counted_from_start(oldest)));
    };
    let is_gauge = |sample: &HistogramSample| sample.value.reset_hint == ResetHint::Gauge;
    notes.add_if(is_counter && samples.iter().any(is_gauge), Note::NotCounter);
    let both_gauges = is_gauge(oldest) && is_gauge(last);
    // A first sample before a reset is not looked at: its layout may be any.
    let nothing;
    let first = if is_counter && was_reset(oldest, second) {
        nothing = Histogram {
            schema: second.value.schema,
            custom_bounds: std::sync::Arc::clone(&second.value.custom_bounds),
            ..Histogram::default()
        };
        &nothing
    } else {
        &*oldest.value
    };
    let is_custom = first.schema == CUSTOM_BUCKETS;
    let differs = |histogram: &Histogram| (histogram.schema == CUSTOM_BUCKETS) != is_custom;
    let between = rest.split_last().map_or(&[][..], |(_, between)| between);
    if differs(&last.value) || (is_counter && between.iter().any(|sample| differs(&sample.value))) {
        return Err(MixedSchemas);
    }
    let mut change = FloatHistogram::from(&*last.value);
    change.reduce_resolution(first.schema);
    if is_counter {
        for sample in between {
            change.reduce_resolution(sample.value.schema);
        }
    }
    // What contradicts itself about resets is settled below.
    let subtracted = change.subtract(first)?;
    notes.add_if(subtracted.bounds_reconciled, Note::ReconciledInSubtraction);
    if is_counter {
        let mut add = |lost: &Histogram| -> Result<(), MixedSchemas> {
            let added = change.add(lost)?;
            notes.add_if(added.bounds_reconciled, Note::ReconciledInAddition);
            Ok(())
        };
        // What the first one had counted is in the change already if counting started again behind it.
        for pair in rest.windows(2) {
            if let [before, sample] = pair
                && was_reset(before, sample)
            {
                add(&before.value)?;
            }
        }
        if from_start {
            add(&oldest.value)?;
        }
    } else {
        notes.add_if(!both_gauges, Note::NotGauge);
    }
    change.hint = ResetHint::Gauge;
    change.compact();
    Ok(Some(change))
}

/// What a single sample counted since its start.
fn counted_from_start(sample: &HistogramSample) -> FloatHistogram {
    let mut counted = FloatHistogram::from(&*sample.value);
    counted.hint = ResetHint::Gauge;
    counted.compact();
    counted
}

/// Whether a counter started again between a sample and the next one: a count fell, or what is told says so.
pub(super) fn was_reset(before: &HistogramSample, now: &HistogramSample) -> bool {
    now.counted().starts_again(before.counted()) || is_reset(&now.value, &before.value)
}

/// The change from one sample to the next.
pub(super) fn between_two(
    older: &HistogramSample,
    newer: &HistogramSample,
    is_counter: bool,
    notes: &mut Notes,
) -> Option<FloatHistogram> {
    let gauges = [older, newer].map(|sample| sample.value.reset_hint == ResetHint::Gauge);
    notes.add_if(is_counter && gauges.contains(&true), Note::NotCounter);
    notes.add_if(!is_counter && gauges.contains(&false), Note::NotGauge);
    let mut change = FloatHistogram::from(&*newer.value);
    if !is_counter || !was_reset(older, newer) {
        let Ok(subtracted) = change.subtract(&older.value) else {
            notes.add(Note::ExponentialAndCustom);
            return None;
        };
        notes.add_if(subtracted.bounds_reconciled, Note::ReconciledInSubtraction);
    }
    change.hint = ResetHint::Gauge;
    change.compact();
    Some(change)
}
