//! The values of series, put into panes as they come, and the windows that are made of them.

use super::column::ABSENT;
use super::grid::Grid;
use super::panes::Panes;
use super::state::State;

/// Takes in the values of series and makes one of each window.
pub(crate) trait Windows {
    /// Takes in a value; false where it lies in no window.
    fn add(&mut self, series: usize, at_ns: i64, value: f64) -> bool;
    /// Whether a time lies in a window.
    fn covers(&mut self, at_ns: i64) -> bool;
    /// Bytes that are held, roughly.
    fn held_bytes(&self) -> usize;
    /// What the windows of a series give, at every step.
    fn finish(&mut self, series: usize) -> Vec<f64>;
}

/// Windows of which a state is kept that panes can be merged to.
#[derive(Debug)]
pub(crate) struct Merged<S> {
    grid: Grid,
    panes: Panes,
    /// By series, sorted by pane.
    series: Vec<Vec<(i64, S)>>,
    held: usize,
    value: fn(&S, f64) -> f64,
    interval_seconds: f64,
}

impl<S: State> Merged<S> {
    /// `value` makes the value of a window of its state and its length in seconds.
    pub(crate) fn new(grid: Grid, interval_ns: i64, value: fn(&S, f64) -> f64) -> Self {
        Self {
            grid,
            panes: Panes::new(grid, interval_ns),
            series: Vec::new(),
            held: 0,
            value,
            interval_seconds: seconds(interval_ns),
        }
    }
}

/// So many nanoseconds in seconds.
pub(crate) fn seconds(ns: i64) -> f64 {
    ns as f64 / crate::units::SECOND_NS as f64
}

/// Puts a value into the pane of a series; how many panes that made.
fn put<S: State>(panes: &mut Vec<(i64, S)>, pane: i64, at_ns: i64, value: f64) -> usize {
    match panes.last_mut() {
        Some((last, state)) if *last == pane => {
            state.add(at_ns, value);
            return 0;
        }
        Some((last, _)) if *last < pane => {}
        None => {}
        Some(_) => match panes.binary_search_by_key(&pane, |(known, _)| *known) {
            Ok(place) => {
                if let Some((_, state)) = panes.get_mut(place) {
                    state.add(at_ns, value);
                }
                return 0;
            }
            Err(place) => {
                panes.insert(place, (pane, S::new(at_ns, value)));
                return 1;
            }
        },
    }
    panes.push((pane, S::new(at_ns, value)));
    1
}

impl<S: State> Windows for Merged<S> {
    fn add(&mut self, series: usize, at_ns: i64, value: f64) -> bool {
        let Some(pane) = self.panes.find(at_ns) else {
            return false;
        };
        if series >= self.series.len() {
            let before = self.series.capacity();
            self.series.resize_with(series + 1, Vec::new);
            self.held += (self.series.capacity() - before) * size_of::<Vec<(i64, S)>>();
        }
        if let Some(panes) = self.series.get_mut(series) {
            // What is allocated, not what is filled: most series have a pane or two, and room for four.
            let before = panes.capacity();
            put(panes, pane, at_ns, value);
            self.held += (panes.capacity() - before) * size_of::<(i64, S)>();
        }
        true
    }

    fn covers(&mut self, at_ns: i64) -> bool {
        self.panes.find(at_ns).is_some()
    }

    fn held_bytes(&self) -> usize {
        self.held
    }

    fn finish(&mut self, series: usize) -> Vec<f64> {
        let panes = self
            .series
            .get_mut(series)
            .map(std::mem::take)
            .unwrap_or_default();
        let mut sliding = Sliding::new(&panes);
        let steps = 0..self.grid.steps;
        let value_at = |step| {
            let (first, last) = self.panes.of_window(step);
            let state = sliding.window(first, last);
            state.map_or(ABSENT, |state| (self.value)(&state, self.interval_seconds))
        };
        steps.map(value_at).collect()
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
    panes: Panes,
    /// By series, sorted by pane.
    series: Vec<Vec<(i64, super::state::Samples)>>,
    held: usize,
    value: F,
}

impl<F: Fn(&mut [(i64, f64)], i64) -> f64> Gathered<F> {
    /// `value` makes the value of a window of its values, in order of time, and its end.
    pub(crate) fn new(grid: Grid, interval_ns: i64, value: F) -> Self {
        Self {
            grid,
            panes: Panes::new(grid, interval_ns),
            series: Vec::new(),
            held: 0,
            value,
        }
    }
}

impl<F: Fn(&mut [(i64, f64)], i64) -> f64> Windows for Gathered<F> {
    fn add(&mut self, series: usize, at_ns: i64, value: f64) -> bool {
        let Some(pane) = self.panes.find(at_ns) else {
            return false;
        };
        if series >= self.series.len() {
            self.series.resize_with(series + 1, Vec::new);
        }
        if let Some(panes) = self.series.get_mut(series) {
            let made = put(panes, pane, at_ns, value);
            self.held += made * 64 + size_of::<(i64, f64)>();
        }
        true
    }

    fn covers(&mut self, at_ns: i64) -> bool {
        self.panes.find(at_ns).is_some()
    }

    fn held_bytes(&self) -> usize {
        self.held
    }

    fn finish(&mut self, series: usize) -> Vec<f64> {
        let mut panes = self
            .series
            .get_mut(series)
            .map(std::mem::take)
            .unwrap_or_default();
        for (_, samples) in &mut panes {
            // Stable: values of one time stay as they came.
            samples.0.sort_by_key(|(at_ns, _)| *at_ns);
        }
        let mut window: Vec<(i64, f64)> = Vec::new();
        let value_at = |step| {
            let (first, last) = self.panes.of_window(step);
            let start = panes.partition_point(|(pane, _)| *pane < first);
            let inside = panes.iter().skip(start).take_while(|(pane, _)| *pane <= last);
            window.clear();
            window.extend(inside.flat_map(|(_, samples)| samples.0.iter().copied()));
            if window.is_empty() {
                ABSENT
            } else {
                (self.value)(&mut window, self.grid.at(step))
            }
        };
        (0..self.grid.steps).map(value_at).collect()
    }
}
