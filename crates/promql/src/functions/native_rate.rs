//! How native histograms change within a window (prometheus/promql `extrapolatedRate` and `histogramRate`).

use model::histogram::CUSTOM_BUCKETS;
use model::{Histogram, HistogramSample, ResetHint};

use super::mixed::MixedWindow;
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
    let gaps = window.histograms.len().checked_sub(1).filter(|gaps| *gaps > 0)?;
    let mut found = Notes::default();
    let mut change = match change(window.histograms, is_counter, &mut found) {
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
    let mut to_start = (first.at_ms - window.numbers.start_ms) as f64 / 1000.0;
    let mut to_end = (window.numbers.end_ms - last.at_ms) as f64 / 1000.0;
    let sampled = (last.at_ms - first.at_ms) as f64 / 1000.0;
    let average = sampled / gaps as f64;
    let threshold = average * 1.1;
    if to_start >= threshold {
        to_start = average / 2.0;
    }
    if is_counter && change.count > 0.0 && first.value.count >= 0.0 {
        // The count does not fall below zero.
        to_start = to_start.min(sampled * (first.value.count / change.count));
    }
    if to_end >= threshold {
        to_end = average / 2.0;
    }
    change.multiply((sampled + to_start + to_end) / sampled * scale);
    Some(Point::Histogram(change.shared()))
}

/// The change from the first sample to the last, what was lost by resets added.
fn change(
    samples: &[HistogramSample],
    is_counter: bool,
    notes: &mut Notes,
) -> Result<Option<FloatHistogram>, MixedSchemas> {
    let [first, rest @ ..] = samples else {
        return Ok(None);
    };
    let (Some(second), Some(last)) = (rest.first(), rest.last()) else {
        return Ok(None);
    };
    let is_gauge = |sample: &HistogramSample| sample.value.reset_hint == ResetHint::Gauge;
    notes.add_if(is_counter && samples.iter().any(is_gauge), Note::NotCounter);
    let both_gauges = is_gauge(first) && is_gauge(last);
    // A first sample before a reset is not looked at: its layout may be any.
    let nothing;
    let first = if is_counter && is_reset(&second.value, &first.value) {
        nothing = Histogram {
            schema: second.value.schema,
            custom_bounds: std::sync::Arc::clone(&second.value.custom_bounds),
            ..Histogram::default()
        };
        &nothing
    } else {
        &*first.value
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
        let mut before = first;
        for sample in rest {
            if is_reset(&sample.value, before) {
                let added = change.add(before)?;
                notes.add_if(added.bounds_reconciled, Note::ReconciledInAddition);
            }
            before = &sample.value;
        }
    } else {
        notes.add_if(!both_gauges, Note::NotGauge);
    }
    change.hint = ResetHint::Gauge;
    change.compact();
    Ok(Some(change))
}

/// The change from one sample to the next.
pub(super) fn between_two(
    older: &Histogram,
    newer: &Histogram,
    is_counter: bool,
    notes: &mut Notes,
) -> Option<FloatHistogram> {
    let gauges = [older, newer].map(|histogram| histogram.reset_hint == ResetHint::Gauge);
    notes.add_if(is_counter && gauges.contains(&true), Note::NotCounter);
    notes.add_if(!is_counter && gauges.contains(&false), Note::NotGauge);
    let mut change = FloatHistogram::from(newer);
    if !is_counter || !is_reset(newer, older) {
        let Ok(subtracted) = change.subtract(older) else {
            notes.add(Note::ExponentialAndCustom);
            return None;
        };
        notes.add_if(subtracted.bounds_reconciled, Note::ReconciledInSubtraction);
    }
    change.hint = ResetHint::Gauge;
    change.compact();
    Some(change)
}
