//! What is known of resets when histograms are read: the store says it of few, for the others they are compared.

use std::sync::Arc;

use model::{HistogramSample, ResetHint};

use super::reset::has_fallen;
use crate::limits::HISTOGRAM_REACH_MS;

/// How much of what is found is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Hints {
    /// That there was no reset. What there was between histograms of different layouts stays unknown, as in Prometheus, where
    /// layouts begin new chunks and beginnings of chunks tell nothing.
    #[default]
    NoReset,
    /// Both, as where only counts and sums are looked at.
    All,
}

/// Fills in what is unknown of resets. `before` is the histogram before the first; `is_broken` whether something else than a
/// histogram lies right before one at a time.
pub(crate) fn tell_resets(
    before: Option<&HistogramSample>,
    samples: &mut [HistogramSample],
    hints: Hints,
    is_broken: impl Fn(i64, i64) -> bool,
) {
    let mut before = before.cloned();
    for sample in samples {
        let known = sample.value.reset_hint;
        let found = match &before {
            Some(before)
                if known == ResetHint::Unknown
                    && !sample.value.is_stale()
                    && sample.at_ms - before.at_ms <= HISTOGRAM_REACH_MS =>
            {
                compare(before, sample, hints, &is_broken)
            }
            _ => known,
        };
        let plain = HistogramSample {
            at_ms: sample.at_ms,
            value: Arc::clone(&sample.value),
        };
        if found != known {
            Arc::make_mut(&mut sample.value).reset_hint = found;
        }
        before = Some(plain);
    }
}

fn compare(
    before: &HistogramSample,
    sample: &HistogramSample,
    hints: Hints,
    is_broken: &impl Fn(i64, i64) -> bool,
) -> ResetHint {
    let (old, new) = (&*before.value, &*sample.value);
    let same_layout = old.schema == new.schema
        && old.zero_threshold == new.zero_threshold
        && old.custom_bounds == new.custom_bounds
        && old.reset_hint != ResetHint::Gauge
        && !old.is_stale()
        && !is_broken(before.at_ms, sample.at_ms);
    match hints {
        Hints::NoReset if same_layout && !has_fallen(new, old) => ResetHint::No,
        Hints::NoReset => ResetHint::Unknown,
        Hints::All if old.is_stale() => ResetHint::Unknown,
        Hints::All if has_fallen(new, old) => ResetHint::Yes,
        Hints::All => ResetHint::No,
    }
}
