//! Sums and means of the native histograms of a window.

use model::Histogram;

use super::mixed::MixedWindow;
use crate::answer::Point;
use crate::eval::{Note, Notes};
use crate::histogram::{MixedSchemas, Total};

pub(crate) fn sum(window: &MixedWindow<'_>, notes: &mut Notes) -> Option<Point> {
    total(window, Total::sum, notes)
}

pub(crate) fn avg(window: &MixedWindow<'_>, notes: &mut Notes) -> Option<Point> {
    total(window, Total::mean, notes)
}

fn total(window: &MixedWindow<'_>, begin: fn(&Histogram) -> Total, notes: &mut Notes) -> Option<Point> {
    if window.is_mixed(notes) {
        return None;
    }
    let (first, rest) = window.histograms.split_first()?;
    let mut total = begin(&first.value);
    match rest.iter().try_for_each(|sample| total.add(&sample.value)) {
        Ok(()) => {
            notes.add_aggregated(total.added());
            Some(Point::Histogram(total.value().shared()))
        }
        Err(MixedSchemas) => {
            notes.add(Note::ExponentialAndCustom);
            None
        }
    }
}
