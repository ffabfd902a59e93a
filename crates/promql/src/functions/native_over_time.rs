//! Sums and means of the native histograms of a window.

use model::{Histogram, ResetHint};

use super::mixed::MixedWindow;
use crate::answer::Point;
use crate::eval::{Note, Notes};
use crate::histogram::{Mean, MixedSchemas, RunningHistogram};

/// What was seen of resets while histograms were added up.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SeenResets {
    yes: bool,
    no: bool,
}

impl SeenResets {
    pub(crate) fn see(&mut self, histogram: &Histogram) {
        self.yes |= histogram.reset_hint == ResetHint::Yes;
        self.no |= histogram.reset_hint == ResetHint::No;
    }

    pub(crate) fn collide(self) -> bool {
        self.yes && self.no
    }
}

pub(crate) fn sum(window: &MixedWindow<'_>, _: super::extended::Compute, notes: &mut Notes) -> Option<Point> {
    if window.is_mixed(notes) {
        return None;
    }
    let (first, rest) = window.histograms.split_first()?;
    let mut sum = RunningHistogram::from(&*first.value);
    let mut seen = SeenResets::default();
    let mut found = Notes::default();
    seen.see(&first.value);
    for sample in rest {
        seen.see(&sample.value);
        let Ok(added) = sum.add(&sample.value) else {
            notes.add(Note::ExponentialAndCustom);
            return None;
        };
        found.add_if(added.bounds_reconciled, Note::ReconciledInAggregation);
    }
    found.add_if(seen.collide(), Note::ResetsCollideInAggregation);
    notes.merge(found);
    Some(Point::Histogram(sum.settled().shared()))
}

pub(crate) fn avg(window: &MixedWindow<'_>, _: super::extended::Compute, notes: &mut Notes) -> Option<Point> {
    if window.is_mixed(notes) {
        return None;
    }
    let (first, rest) = window.histograms.split_first()?;
    let mut mean = Mean::new(&first.value);
    let mut seen = SeenResets::default();
    let mut found = Notes::default();
    seen.see(&first.value);
    for sample in rest {
        seen.see(&sample.value);
        match mean.add(&sample.value) {
            Ok(added) => found.add_if(added.bounds_reconciled, Note::ReconciledInAggregation),
            Err(MixedSchemas) => {
                notes.add(Note::ExponentialAndCustom);
                return None;
            }
        }
    }
    found.add_if(seen.collide(), Note::ResetsCollideInAggregation);
    notes.merge(found);
    Some(Point::Histogram(mean.value().shared()))
}
