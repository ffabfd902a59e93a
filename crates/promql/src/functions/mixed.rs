//! Functions over windows with native histograms among their samples.

use std::sync::Arc;

use model::{Counted, Histogram, HistogramSample};

use super::{Function, Window, native_extended, native_rate};
use crate::answer::Point;
use crate::ast::Extended;
use crate::eval::{Note, Notes};
use crate::histogram::{is_reset, is_same};

/// Computes a window's value.
pub(crate) type Compute = fn(&MixedWindow<'_>, &mut Notes) -> Option<Point>;

/// The samples of one series at one step of a query, at least one histogram among them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MixedWindow<'a> {
    /// The numbers, and everything else about the window.
    pub(crate) numbers: Window<'a>,
    pub(crate) histograms: &'a [HistogramSample],
    /// What computes the value of a window of numbers alone.
    pub(crate) of_numbers: super::extended::Compute,
}

/// A sample of either kind.
#[derive(Debug, Clone, Copy)]
enum Sampled<'a> {
    Float(f64),
    Histogram(&'a Arc<Histogram>),
}

impl Sampled<'_> {
    fn to_point(self) -> Point {
        match self {
            Self::Float(value) => Point::Float(value),
            Self::Histogram(histogram) => Point::Histogram(Arc::clone(histogram)),
        }
    }
}

/// A sample and its times.
type Timed<'a> = (Counted, Sampled<'a>);

impl<'a> MixedWindow<'a> {
    fn numbers(&self) -> impl DoubleEndedIterator<Item = Timed<'a>> + use<'a> {
        let window = self.numbers;
        let numbers = window.values.iter().enumerate();
        numbers.filter_map(move |(place, value)| Some((window.counted(place)?, Sampled::Float(*value))))
    }

    fn histograms(&self) -> impl DoubleEndedIterator<Item = Timed<'a>> + use<'a> {
        let histograms = self.histograms.iter();
        histograms.map(|sample| (sample.counted(), Sampled::Histogram(&sample.value)))
    }

    fn first(&self) -> Option<Timed<'a>> {
        let firsts = self.numbers().next().into_iter().chain(self.histograms().next());
        firsts.min_by_key(|(times, _)| times.at_ms)
    }

    fn last(&self) -> Option<Timed<'a>> {
        self.newest(1).pop()
    }

    /// The last `count` samples in order of time, and perhaps some before them.
    fn newest(&self, count: usize) -> Vec<Timed<'a>> {
        let numbers = self.numbers().rev().take(count);
        let histograms = self.histograms().rev().take(count);
        let mut newest: Vec<_> = numbers.chain(histograms).collect();
        newest.sort_by_key(|(times, _)| times.at_ms);
        newest
    }

    /// All samples in order of time.
    fn samples(&self) -> Vec<Timed<'a>> {
        self.newest(usize::MAX)
    }

    /// Refuses to compute one thing from numbers and histograms.
    pub(super) fn is_mixed(&self, notes: &mut Notes) -> bool {
        let mixed = !self.numbers.values.is_empty() && !self.histograms.is_empty();
        notes.add_if(mixed, Note::FloatsAndHistograms);
        mixed
    }
}

/// What computes a function over an extended window that has histograms.
pub(crate) fn extended(function: &Function, extended: Extended) -> Compute {
    match (function.name, extended) {
        ("changes", _) => anchored_changes,
        ("resets", _) => anchored_resets,
        ("delta", Extended::Anchored) => native_extended::anchored_delta,
        ("delta", Extended::Smoothed) => native_extended::smoothed_delta,
        ("increase", Extended::Anchored) => native_extended::anchored_increase,
        ("increase", Extended::Smoothed) => native_extended::smoothed_increase,
        ("rate", Extended::Anchored) => native_extended::anchored_rate,
        ("rate", Extended::Smoothed) => native_extended::smoothed_rate,
        // No other function takes an extended window.
        _ => ignores,
    }
}

/// Of numbers only: histograms are passed over, and said to be where there are numbers at all.
pub(crate) fn ignores(window: &MixedWindow<'_>, notes: &mut Notes) -> Option<Point> {
    if window.numbers.values.is_empty() {
        return None;
    }
    notes.add(Note::HistogramsIgnored);
    (window.of_numbers)(&window.numbers).map(Point::Float)
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "the table of functions holds one type of function"
)]
pub(crate) fn count(window: &MixedWindow<'_>, _: &mut Notes) -> Option<Point> {
    let count = window.numbers.values.len() + window.histograms.len();
    Some(Point::Float(count as f64))
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "the table of functions holds one type of function"
)]
pub(crate) fn present(_: &MixedWindow<'_>, _: &mut Notes) -> Option<Point> {
    Some(Point::Float(1.0))
}

pub(crate) fn first(window: &MixedWindow<'_>, _: &mut Notes) -> Option<Point> {
    window.first().map(|(_, sample)| sample.to_point())
}

pub(crate) fn last(window: &MixedWindow<'_>, _: &mut Notes) -> Option<Point> {
    window.last().map(|(_, sample)| sample.to_point())
}

pub(crate) fn ts_of_first(window: &MixedWindow<'_>, _: &mut Notes) -> Option<Point> {
    let at_ms = window.first()?.0.at_ms;
    Some(Point::Float(at_ms as f64 / 1000.0))
}

pub(crate) fn ts_of_last(window: &MixedWindow<'_>, _: &mut Notes) -> Option<Point> {
    let at_ms = window.last()?.0.at_ms;
    Some(Point::Float(at_ms as f64 / 1000.0))
}

pub(crate) fn changes(window: &MixedWindow<'_>, _: &mut Notes) -> Option<Point> {
    count_pairs(&window.samples(), has_changed)
}

pub(crate) fn resets(window: &MixedWindow<'_>, _: &mut Notes) -> Option<Point> {
    count_pairs(&window.samples(), was_reset)
}

fn anchored_changes(window: &MixedWindow<'_>, _: &mut Notes) -> Option<Point> {
    let samples = window.samples();
    count_pairs(anchored(window, &samples)?, has_changed)
}

fn anchored_resets(window: &MixedWindow<'_>, _: &mut Notes) -> Option<Point> {
    let samples = window.samples();
    count_pairs(anchored(window, &samples)?, was_reset)
}

/// The samples from the last one at or before the window's start; nothing where none lies within.
fn anchored<'a, 'b>(window: &MixedWindow<'_>, samples: &'b [Timed<'a>]) -> Option<&'b [Timed<'a>]> {
    let start_ms = window.numbers.start_ms;
    if samples.last()?.0.at_ms <= start_ms {
        return None;
    }
    let first = samples.partition_point(|(times, _)| times.at_ms <= start_ms);
    samples.get(first.saturating_sub(1)..)
}

/// How many neighbours differ; numbers differ from histograms.
fn count_pairs(samples: &[Timed<'_>], differ: fn(Timed<'_>, Timed<'_>) -> bool) -> Option<Point> {
    if samples.is_empty() {
        return None;
    }
    let pairs = samples.windows(2);
    let count = pairs.filter(|pair| matches!(pair, [before, after] if differ(*before, *after)));
    Some(Point::Float(count.count() as f64))
}

fn has_changed((_, before): Timed<'_>, (_, after): Timed<'_>) -> bool {
    match (before, after) {
        (Sampled::Float(before), Sampled::Float(after)) => {
            after != before && !(after.is_nan() && before.is_nan())
        }
        (Sampled::Histogram(before), Sampled::Histogram(after)) => !is_same(before, after),
        _ => true,
    }
}

fn was_reset((before_times, before): Timed<'_>, (times, after): Timed<'_>) -> bool {
    if times.starts_again(before_times) {
        return true;
    }
    match (before, after) {
        (Sampled::Float(before), Sampled::Float(after)) => after < before,
        (Sampled::Histogram(before), Sampled::Histogram(after)) => is_reset(after, before),
        _ => true,
    }
}

/// The difference of the last two samples.
pub(crate) fn idelta(window: &MixedWindow<'_>, notes: &mut Notes) -> Option<Point> {
    of_last_two(window, notes, false)
}

/// The difference of the last two samples of a counter, per second.
pub(crate) fn irate(window: &MixedWindow<'_>, notes: &mut Notes) -> Option<Point> {
    of_last_two(window, notes, true)
}

fn of_last_two(window: &MixedWindow<'_>, notes: &mut Notes, is_counter: bool) -> Option<Point> {
    let samples = window.newest(2);
    let [.., before, after] = samples.as_slice() else {
        return None;
    };
    match (before.1, after.1) {
        (Sampled::Float(_), Sampled::Float(_)) => (window.of_numbers)(&window.numbers).map(Point::Float),
        (Sampled::Histogram(_), Sampled::Histogram(_)) => {
            let [.., older, newer] = window.histograms else {
                return None;
            };
            let mut change = native_rate::between_two(older, newer, is_counter, notes)?;
            if is_counter {
                change.divide((newer.at_ms - older.at_ms) as f64 / 1000.0);
            }
            Some(Point::Histogram(change.shared()))
        }
        _ => {
            notes.add(Note::FloatsAndHistograms);
            None
        }
    }
}
