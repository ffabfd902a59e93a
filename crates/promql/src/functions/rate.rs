//! How values change within a window: `rate` and its kin.

use model::{Counted, SampleColumns};

use super::Window;

pub(crate) fn rate(window: &Window<'_>) -> Option<f64> {
    extrapolated(window, true).map(|increase| increase / window.seconds())
}

pub(crate) fn increase(window: &Window<'_>) -> Option<f64> {
    extrapolated(window, true)
}

pub(crate) fn delta(window: &Window<'_>) -> Option<f64> {
    extrapolated(window, false)
}

/// The change over the window, extended to its ends where the samples reach close enough to them
/// (prometheus/promql `extrapolatedRate`).
fn extrapolated(window: &Window<'_>, is_counter: bool) -> Option<f64> {
    let (&first, &last) = (window.values.first()?, window.values.last()?);
    let stretch = Stretch::of(window, is_counter, window.counted(0)?, *window.at_ms.last()?)?;
    let mut change = last - first;
    if is_counter && window.starts_again {
        change += lost_by_resets(window);
    }
    if stretch.from_start {
        change += first;
    }
    // A counter does not fall below zero: extend no further back than to where it would have been zero.
    let zero = (is_counter && change > 0.0 && first >= 0.0).then(|| first / change);
    Some(change * stretch.factor(window.values.len() - 1, zero))
}

/// The time that the samples of a window tell about, and how far it lies from the window's ends; all in seconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stretch {
    sampled: f64,
    between_samples: f64,
    to_start: f64,
    to_end: f64,
    /// Whether it begins with the first sample's own start, when that had counted nothing yet.
    pub(super) from_start: bool,
}

impl Stretch {
    /// That of samples from the first to the last; nothing where it takes no time, as that of a single one without a start.
    pub(super) fn of(window: &Window<'_>, is_counter: bool, first: Counted, last_ms: i64) -> Option<Self> {
        let seconds = |from_ms: i64, to_ms: i64| to_ms.saturating_sub(from_ms) as f64 / 1000.0;
        let from_start = is_counter && first.has_start() && first.start_ms > window.start_ms;
        let from_ms = if from_start { first.start_ms } else { first.at_ms };
        let stretch = Self {
            sampled: seconds(from_ms, last_ms),
            between_samples: seconds(first.at_ms, last_ms),
            to_start: if from_start {
                0.0
            } else {
                seconds(window.start_ms, first.at_ms)
            },
            to_end: seconds(last_ms, window.end_ms),
            from_start,
        };
        (from_start || last_ms > first.at_ms).then_some(stretch)
    }

    /// By how much a change over so many gaps between samples grows when it is extended to the window's ends. A counter was zero
    /// at `zero` of its change before the first sample.
    pub(super) fn factor(mut self, gaps: usize, zero: Option<f64>) -> f64 {
        let average = self.between_samples / gaps.max(1) as f64;
        // A gap this long means that the series begins or ends within the window: extend by half a gap only.
        let threshold = average * 1.1;
        if self.to_start >= threshold {
            self.to_start = average / 2.0;
        }
        if let Some(zero) = zero {
            self.to_start = self.to_start.min(self.sampled * zero);
        }
        if self.from_start {
            // What the counter was before its start is known.
            self.to_start = 0.0;
        }
        if self.to_end >= threshold {
            self.to_end = average / 2.0;
        }
        (self.sampled + self.to_start + self.to_end) / self.sampled
    }
}

/// Whether a counter started again between the sample at `place` and the one behind it.
fn is_reset(window: &Window<'_>, place: usize) -> bool {
    let values = (window.values.get(place), window.values.get(place + 1));
    matches!(values, (Some(before), Some(after)) if after < before)
        || (!window.starts.is_empty() && is_told(window.counted(place), window.counted(place + 1)))
}

/// Whether the second sample's start says that counting started again since the first.
fn is_told(before: Option<Counted>, now: Option<Counted>) -> bool {
    matches!((before, now), (Some(before), Some(now)) if now.starts_again(before))
}

/// What a counter had counted before each of its resets.
fn lost_by_resets(window: &Window<'_>) -> f64 {
    let mut lost = 0.0;
    if window.starts.is_empty() {
        for pair in window.values.windows(2) {
            if let [before, after] = pair
                && after < before
            {
                lost += before;
            }
        }
        return lost;
    }
    for (place, before) in window.values.iter().enumerate() {
        if is_reset(window, place) {
            lost += before;
        }
    }
    lost
}

pub(crate) fn irate(window: &Window<'_>) -> Option<f64> {
    let ([.., before, after], [.., before_ms, after_ms]) = (window.values, window.at_ms) else {
        return None;
    };
    // A reset counts from zero.
    let change = if is_reset(window, window.values.len() - 2) {
        *after
    } else {
        after - before
    };
    let seconds = (after_ms - before_ms) as f64 / 1000.0;
    (seconds > 0.0).then(|| change / seconds)
}

pub(crate) fn idelta(window: &Window<'_>) -> Option<f64> {
    match window.values {
        [.., before, after] => Some(after - before),
        _ => None,
    }
}

/// Whether a counter started again anywhere: a value is below the one before, or a start says so.
pub(crate) fn starts_again(samples: &SampleColumns) -> bool {
    let behind = samples.values.get(1..).unwrap_or_default();
    samples
        .values
        .iter()
        .zip(behind)
        .any(|(before, after)| after < before)
        || told_places(samples, is_told).next().is_some()
}

/// The places of samples whose start contradicts the sample before them. As a rule there is none.
pub(crate) fn overlaps(samples: &SampleColumns) -> Vec<usize> {
    let contradict = |before: Option<Counted>, now: Option<Counted>| matches!((before, now), (Some(before), Some(now)) if now.overlaps(before));
    told_places(samples, contradict).collect()
}

/// The places of samples with a start for which something holds of the sample before and them.
fn told_places(
    samples: &SampleColumns,
    holds: impl Fn(Option<Counted>, Option<Counted>) -> bool,
) -> impl Iterator<Item = usize> {
    let told = 1..samples.starts.as_slice().len().max(1);
    told.filter(move |&place| holds(samples.counted(place - 1), samples.counted(place)))
}

pub(crate) fn resets(window: &Window<'_>) -> Option<f64> {
    count_pairs(window, |place| is_reset(window, place))
}

pub(crate) fn changes(window: &Window<'_>) -> Option<f64> {
    count_pairs(window, |place| {
        let pair = window.values.get(place).zip(window.values.get(place + 1));
        pair.is_some_and(|(before, after)| after != before && !(after.is_nan() && before.is_nan()))
    })
}

/// For how many samples something holds of them and the sample behind.
fn count_pairs(window: &Window<'_>, holds: impl Fn(usize) -> bool) -> Option<f64> {
    let places = window.values.len().checked_sub(1)?;
    Some((0..places).filter(|&place| holds(place)).count() as f64)
}
