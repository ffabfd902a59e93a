//! The values of series, put into panes as they come, and the windows that are made of them.

use super::column::ABSENT;
use super::grid::Grid;
use super::memory::through_growth;
use super::panes::Panes;
use super::state::{Samples, State};
use crate::error::EvalError;

/// Values that are looked at again and again before it is asked whether to go on.
const VALUES_UNCHECKED_MAX: usize = 1 << 16;

/// Takes in the values of series and makes one of each window.
pub(crate) trait Windows {
    /// Takes in a value; false where it lies in no window.
    fn add(&mut self, series: usize, at_ns: i64, value: f64) -> bool;
    /// Up to which time values lie in the same windows as one at this time.
    fn same_until(&mut self, at_ns: i64) -> i64;
    /// Whether a time lies in a window.
    fn covers(&mut self, at_ns: i64) -> bool;
    /// Bytes that are held.
    fn held_bytes(&self) -> usize;
    /// Bytes that [`Windows::finish`] takes beside.
    fn work_bytes(&self) -> usize {
        0
    }
    /// What the windows of a series give, at every step. Its values are not held any longer. `check` says now and then whether to go on.
    fn finish(
        &mut self,
        series: usize,
        check: &dyn Fn() -> Result<(), EvalError>,
    ) -> Result<Vec<f64>, EvalError>;
}

/// The panes of every series. What is full has another one of the same number beside it.
#[derive(Debug)]
struct PanesBySeries<S> {
    /// How times are cut.
    panes: Panes,
    /// By series, sorted by pane.
    series: Vec<Vec<(i64, S)>>,
    /// Bytes of the lists of panes and of what is in them.
    held: usize,
    /// The place in its list behind the pane that took the last value.
    near: usize,
}

impl<S: State> PanesBySeries<S> {
    fn new(panes: Panes) -> Self {
        Self {
            panes,
            series: Vec::new(),
            held: 0,
            near: 0,
        }
    }

    /// Takes in a value; false where it lies in no window.
    fn add(&mut self, series: usize, at_ns: i64, value: f64) -> bool {
        let Some(pane) = self.panes.find(at_ns) else {
            return false;
        };
        if series >= self.series.len() {
            self.series.resize_with(series + 1, Vec::new);
        }
        let Some(panes) = self.series.get_mut(series) else {
            return false;
        };
        if panes.is_empty() {
            // Of very many series most have one pane; room for four is the allocator's own beginning.
            panes.reserve_exact(1);
            self.held += size_of::<(i64, S)>();
        }
        let before = panes.capacity();
        self.held += put(panes, &mut self.near, (pane, at_ns, value));
        self.held += (panes.capacity() - before) * size_of::<(i64, S)>();
        true
    }

    /// The panes of the series that has most.
    fn longest(&self) -> usize {
        self.series.iter().map(Vec::len).max().unwrap_or_default()
    }

    /// The panes of a series, which are not held any longer.
    fn take(&mut self, series: usize) -> Vec<(i64, S)> {
        let panes = self.series.get_mut(series).map(std::mem::take);
        let panes = panes.unwrap_or_default();
        let inside: usize = panes.iter().map(|(_, state)| state.heap_bytes()).sum();
        self.held = self
            .held
            .saturating_sub(panes.capacity() * size_of::<(i64, S)>() + inside);
        panes
    }

    fn held_bytes(&self) -> usize {
        self.held + through_growth(self.series.capacity() * size_of::<Vec<(i64, S)>>())
    }
}

/// Windows of which a state is kept that panes can be merged to.
#[derive(Debug)]
pub(crate) struct Merged<S> {
    grid: Grid,
    series: PanesBySeries<S>,
    value: fn(&S, f64) -> f64,
    interval_seconds: f64,
}

impl<S: State> Merged<S> {
    /// `value` makes the value of a window of its state and its length in seconds.
    pub(crate) fn new(grid: Grid, interval_ns: i64, value: fn(&S, f64) -> f64) -> Self {
        Self {
            grid,
            series: PanesBySeries::new(Panes::new(grid, interval_ns)),
            value,
            interval_seconds: seconds(interval_ns),
        }
    }
}

/// So many nanoseconds in seconds.
pub(crate) fn seconds(ns: i64) -> f64 {
    ns as f64 / crate::units::SECOND_NS as f64
}

/// Puts a value with its time into a pane; by how many bytes what is in the panes has grown. `near` is the place behind the pane that
/// took the last value.
fn put<S: State>(
    panes: &mut Vec<(i64, S)>,
    near: &mut usize,
    (pane, at_ns, value): (i64, i64, f64),
) -> usize {
    *near = behind(panes, *near, pane);
    let known = near.checked_sub(1).and_then(|place| panes.get_mut(place));
    match known {
        Some((known, state)) if *known == pane && !state.is_full() => {
            let before = state.heap_bytes();
            state.add(at_ns, value);
            state.heap_bytes() - before
        }
        _ => {
            let state = S::new(at_ns, value);
            let made = state.heap_bytes();
            panes.insert(*near, (pane, state));
            *near += 1;
            made
        }
    }
}

/// The place behind all panes up to this number, which is mostly near, as the values of a stream come by time.
fn behind<S>(panes: &[(i64, S)], near: usize, pane: i64) -> usize {
    let is_at = |place: usize| panes.get(place).is_some_and(|(known, _)| *known == pane);
    let is_behind = |place: usize| place.checked_sub(1).is_some_and(is_at) && !is_at(place);
    let mut guesses = [near, near + 1].into_iter();
    guesses
        .find(|place| is_behind(*place))
        .unwrap_or_else(|| panes.partition_point(|(known, _)| *known <= pane))
}

impl<S: State> Windows for Merged<S> {
    fn add(&mut self, series: usize, at_ns: i64, value: f64) -> bool {
        self.series.add(series, at_ns, value)
    }

    fn same_until(&mut self, at_ns: i64) -> i64 {
        self.series.panes.end_of(at_ns)
    }

    fn covers(&mut self, at_ns: i64) -> bool {
        self.series.panes.find(at_ns).is_some()
    }

    fn held_bytes(&self) -> usize {
        self.series.held_bytes()
    }

    fn work_bytes(&self) -> usize {
        self.series.longest() * size_of::<S>()
    }

    fn finish(
        &mut self,
        series: usize,
        _: &dyn Fn() -> Result<(), EvalError>,
    ) -> Result<Vec<f64>, EvalError> {
        let panes = self.series.take(series);
        let mut sliding = Sliding::new(&panes);
        let steps = 0..self.grid.steps;
        let value_at = |step| {
            let (first, last) = self.series.panes.of_window(step);
            let state = sliding.window(first, last);
            state.map_or(ABSENT, |state| (self.value)(&state, self.interval_seconds))
        };
        Ok(steps.map(value_at).collect())
    }
}

/// Merges the panes of windows that move on, each pane twice at most: those that came with the last turn are merged from the
/// end of the turn backwards, so that the first of them can be left out; those that came since from there on.
struct Sliding<'a, S> {
    panes: &'a [(i64, S)],
    /// The first pane of the window and the first behind it.
    first: usize,
    end: usize,
    /// Merged from each pane to the end of the last turn, the first pane last.
    turned: Vec<S>,
    since: Option<S>,
}

impl<'a, S: State> Sliding<'a, S> {
    fn new(panes: &'a [(i64, S)]) -> Self {
        Self {
            panes,
            first: 0,
            end: 0,
            turned: Vec::new(),
            since: None,
        }
    }

    /// The panes with numbers from `first` to `last`, both not before those of the window before.
    fn window(&mut self, first: i64, last: i64) -> Option<S> {
        while let Some((_, state)) = self.panes.get(self.end).filter(|(pane, _)| *pane <= last) {
            match &mut self.since {
                Some(since) => since.merge(state),
                None => self.since = Some(state.clone()),
            }
            self.end += 1;
        }
        while self.first < self.end && self.panes.get(self.first).is_some_and(|(pane, _)| *pane < first) {
            if self.turned.is_empty() {
                self.turn();
            }
            self.turned.pop();
            self.first += 1;
        }
        match (self.turned.last(), &self.since) {
            (Some(turned), Some(since)) => {
                let mut all = turned.clone();
                all.merge(since);
                Some(all)
            }
            (turned, since) => turned.or(since.as_ref()).cloned(),
        }
    }

    fn turn(&mut self) {
        self.turned.reserve_exact(self.end - self.first);
        for (_, state) in self
            .panes
            .get(self.first..self.end)
            .unwrap_or_default()
            .iter()
            .rev()
        {
            let mut all = state.clone();
            if let Some(later) = self.turned.last() {
                all.merge(later);
            }
            self.turned.push(all);
        }
        self.since = None;
    }
}

/// Windows of which all values are kept.
pub(crate) struct Gathered<F> {
    grid: Grid,
    series: PanesBySeries<Samples>,
    value: F,
}

impl<F: Fn(&mut [(i64, f64)], i64) -> f64> Gathered<F> {
    /// `value` makes the value of a window of its values, in order of time, and its end.
    pub(crate) fn new(grid: Grid, interval_ns: i64, value: F) -> Self {
        Self {
            grid,
            series: PanesBySeries::new(Panes::new(grid, interval_ns)),
            value,
        }
    }
}

impl<F: Fn(&mut [(i64, f64)], i64) -> f64> Windows for Gathered<F> {
    fn add(&mut self, series: usize, at_ns: i64, value: f64) -> bool {
        self.series.add(series, at_ns, value)
    }

    fn same_until(&mut self, at_ns: i64) -> i64 {
        self.series.panes.end_of(at_ns)
    }

    fn covers(&mut self, at_ns: i64) -> bool {
        self.series.panes.find(at_ns).is_some()
    }

    fn held_bytes(&self) -> usize {
        self.series.held_bytes()
    }

    fn work_bytes(&self) -> usize {
        // The values of a window, and what sorting takes beside.
        let of_series =
            |panes: &Vec<(i64, Samples)>| panes.iter().map(|(_, samples)| samples.heap_bytes()).sum();
        2 * self.series.series.iter().map(of_series).max().unwrap_or(0_usize)
    }

    fn finish(
        &mut self,
        series: usize,
        check: &dyn Fn() -> Result<(), EvalError>,
    ) -> Result<Vec<f64>, EvalError> {
        let mut panes = self.series.take(series);
        for (_, samples) in &mut panes {
            // Stable: values of one time stay as they came.
            samples.0.sort_by_key(|(at_ns, _)| *at_ns);
        }
        let mut window: Vec<(i64, f64)> = Vec::new();
        let mut unchecked = 0;
        let value_at = |step| {
            let (first, last) = self.series.panes.of_window(step);
            let start = panes.partition_point(|(pane, _)| *pane < first);
            let inside = panes.iter().skip(start).take_while(|(pane, _)| *pane <= last);
            window.clear();
            window.reserve_exact(inside.clone().map(|(_, samples)| samples.0.len()).sum());
            for (_, samples) in inside {
                window.extend_from_slice(&samples.0);
            }
            if !window.is_sorted_by_key(|(at_ns, _)| *at_ns) {
                window.sort_by_key(|(at_ns, _)| *at_ns);
            }
            unchecked += window.len();
            if unchecked >= VALUES_UNCHECKED_MAX {
                unchecked = 0;
                check()?;
            }
            Ok(if window.is_empty() {
                ABSENT
            } else {
                (self.value)(&mut window, self.grid.at(step))
            })
        };
        (0..self.grid.steps).map(value_at).collect()
    }
}
