//! Instant selectors of series with native histograms among their samples.

use std::sync::Arc;

use model::{HistogramSample, SampleColumns};

use super::select::{Looked, newest, smoothed_value};
use super::{Note, Notes};
use crate::answer::Point;
use crate::histogram::{Added, interpolate};

/// What is wanted of the samples around a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pick {
    /// The newest.
    Value,
    /// The one on the line between the two around the step.
    Smoothed,
    /// The time of the newest, in seconds since the Unix epoch.
    Time,
    /// The same, but the newest itself where it is a histogram.
    TimeOfNumber,
    /// The start of the newest, in seconds since the Unix epoch; 0 where it is not known.
    Start,
}

/// The samples of a series that has histograms among them, and how many of each kind lie at or before a step.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mixed<'a> {
    pub(super) samples: &'a SampleColumns,
    pub(super) count: usize,
    pub(super) histograms: &'a [HistogramSample],
    pub(super) histogram_count: usize,
}

impl Mixed<'_> {
    pub(super) fn pick(&self, looked: Looked, pick: Pick, notes: &mut Notes) -> Option<Point> {
        if pick == Pick::Smoothed {
            return self.smoothed(looked, notes);
        }
        let number = self.count.checked_sub(1).and_then(|place| {
            let at_ms = *self.samples.at_ms.get(place)?;
            Some((at_ms, *self.samples.values.get(place)?))
        });
        let histogram = self.histogram_before();
        let is_histogram = match (number, histogram) {
            (Some((at_ms, _)), Some(histogram)) => histogram.at_ms > at_ms,
            (None, histogram) => histogram.is_some(),
            (Some(_), None) => false,
        };
        let (times, point) = if is_histogram {
            let histogram = histogram.filter(|histogram| fits(looked, histogram))?;
            (
                histogram.counted(),
                Point::Histogram(Arc::clone(&histogram.value)),
            )
        } else {
            let (times, value) = newest(looked, self.samples, self.count)?;
            (times, Point::Float(value))
        };
        Some(match pick {
            Pick::TimeOfNumber if is_histogram => point,
            Pick::Time | Pick::TimeOfNumber => Point::Float(times.at_ms as f64 / 1000.0),
            Pick::Start => Point::Float(times.start_ms as f64 / 1000.0),
            Pick::Value | Pick::Smoothed => point,
        })
    }

    fn histogram_before(&self) -> Option<&HistogramSample> {
        let place = self.histogram_count.checked_sub(1)?;
        self.histograms.get(place)
    }

    /// The histogram on the line between those before and behind; nothing where numbers lie among them.
    fn smoothed(&self, looked: Looked, notes: &mut Notes) -> Option<Point> {
        let reached = |at_ms: i64| (looked.oldest_ms..=looked.newest_ms).contains(&at_ms);
        let has_numbers = self.samples.iter().any(|sample| reached(sample.at_ms));
        let has_histograms = self.histograms.iter().any(|sample| reached(sample.at_ms));
        if has_numbers && has_histograms {
            notes.add(Note::FloatsAndHistograms);
            return None;
        }
        if !has_histograms {
            return smoothed_value(looked, self.samples, self.count).map(Point::Float);
        }
        let before = self.histogram_before().filter(|before| fits(looked, before))?;
        let behind = self.histograms.get(self.histogram_count);
        let behind = behind.filter(|behind| behind.at_ms <= looked.newest_ms && !behind.value.is_stale());
        let Some(behind) = behind.filter(|_| before.at_ms < looked.at_ms) else {
            return Some(Point::Histogram(Arc::clone(&before.value)));
        };
        match interpolate(before, behind, looked.at_ms, false) {
            Ok((histogram, subtracted, added)) => {
                note_reconciled(notes, subtracted, added);
                Some(Point::Histogram(histogram.shared()))
            }
            Err(_) => {
                notes.add(Note::ExponentialAndCustom);
                None
            }
        }
    }
}

/// Notes that bounds were reconciled on the way.
fn note_reconciled(notes: &mut Notes, subtracted: Added, added: Added) {
    notes.add_if(subtracted.bounds_reconciled, Note::ReconciledInSubtraction);
    notes.add_if(added.bounds_reconciled, Note::ReconciledInAddition);
}

/// Whether a histogram is neither too old nor the end of its series.
fn fits(looked: Looked, histogram: &HistogramSample) -> bool {
    histogram.at_ms >= looked.oldest_ms && !histogram.value.is_stale()
}
