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
pub(crate) fn tell_resets<'a>(
    before: Option<&'a HistogramSample>,
    samples: &'a mut [HistogramSample],
    hints: Hints,
    is_broken: impl Fn(i64, i64) -> bool,
) {
    let mut before = before;
    for sample in samples {
        let known = sample.value.reset_hint;
        let is_near = |before: &HistogramSample| sample.at_ms - before.at_ms <= HISTOGRAM_REACH_MS;
        if known == ResetHint::Unknown
            && !sample.value.is_stale()
            && let Some(before) = before.filter(|before| is_near(before))
        {
            let found = compare(before, sample, hints, &is_broken);
            if found != known {
                Arc::make_mut(&mut sample.value).reset_hint = found;
            }
        }
        before = Some(sample);
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

#[cfg(test)]
mod tests {
    use model::{Buckets, Histogram};

    use super::*;

    fn sample(at_ms: i64, count: f64, schema: i8) -> HistogramSample {
        HistogramSample::new(
            at_ms,
            Arc::new(Histogram {
                schema,
                count,
                positive: Buckets::from_sorted([(0, count)]),
                ..Histogram::default()
            }),
        )
    }

    fn told(samples: &[HistogramSample], hints: Hints, is_broken: fn(i64, i64) -> bool) -> Vec<ResetHint> {
        let mut samples = samples.to_vec();
        tell_resets(None, &mut samples, hints, is_broken);
        samples.iter().map(|sample| sample.value.reset_hint).collect()
    }

    #[test]
    fn growth_within_one_layout_is_no_reset() {
        use ResetHint::{No, Unknown, Yes};
        let samples = [
            sample(0, 1.0, 0),
            sample(1, 2.0, 0),
            sample(2, 1.0, 0),
            sample(3, 2.0, 0),
            sample(4, 3.0, -1),
            sample(5 + HISTOGRAM_REACH_MS, 4.0, -1),
        ];
        let never = |_, _| false;
        assert_eq!(
            told(&samples, Hints::NoReset, never),
            [Unknown, No, Unknown, No, Unknown, Unknown]
        );
        assert_eq!(
            told(&samples, Hints::All, never),
            [Unknown, No, Yes, No, No, Unknown]
        );
        assert_eq!(
            told(&samples[..2], Hints::NoReset, |_, _| true),
            [Unknown, Unknown]
        );
    }

    #[test]
    fn what_is_known_stays() {
        let mut known = sample(1, 2.0, 0);
        Arc::make_mut(&mut known.value).reset_hint = ResetHint::Gauge;
        let samples = [sample(0, 1.0, 0), known, sample(2, 3.0, 0)];
        let hints = told(&samples, Hints::NoReset, |_, _| false);
        assert_eq!(hints[1..], [ResetHint::Gauge, ResetHint::Unknown]);
    }
}
