//! Between which times there may be samples in memory: asked before any series is, as most questions about the past and all of them
//! after a flush find nothing there.

use model::TimeRange;
use parking_lot::Mutex;

/// A span of time that is never narrower than what all series together hold.
#[derive(Debug, Default)]
pub(super) struct HeldSpan(Mutex<Held>);

#[derive(Debug, Default)]
struct Held {
    range: Option<TimeRange>,
    /// What was taken in since it was begun to narrow the range.
    meanwhile: Option<TimeRange>,
}

impl HeldSpan {
    /// Notes that samples between these times were taken in; before whoever sent them is told so.
    pub(super) fn widen(&self, taken: TimeRange) {
        let mut held = self.0.lock();
        held.range = union(held.range, Some(taken));
        held.meanwhile = union(held.meanwhile, Some(taken));
    }

    pub(super) fn overlaps(&self, range: TimeRange) -> bool {
        self.0.lock().range.is_some_and(|held| held.overlaps(&range))
    }

    /// Narrows it to what `measure` finds in all series and what is taken in meanwhile.
    pub(super) fn narrow(&self, measure: impl FnOnce() -> Option<TimeRange>) {
        self.0.lock().meanwhile = None;
        let measured = measure();
        let mut held = self.0.lock();
        held.range = union(measured, held.meanwhile);
    }
}

pub(super) fn union(a: Option<TimeRange>, b: Option<TimeRange>) -> Option<TimeRange> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.union(&b)),
        (a, b) => a.or(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_while_it_is_narrowed_stays_within() {
        let span = HeldSpan::default();
        assert!(!span.overlaps(TimeRange::at(5)));
        span.widen(TimeRange::at(5));
        span.widen(TimeRange::at(9));
        assert!(span.overlaps(TimeRange::at(7)) && !span.overlaps(TimeRange::at(10)));
        span.narrow(|| {
            span.widen(TimeRange::at(12));
            None
        });
        assert!(!span.overlaps(TimeRange::at(9)) && span.overlaps(TimeRange::at(12)));
        span.narrow(|| None);
        assert!(!span.overlaps(TimeRange::at(12)));
    }
}
