//! How often a metric is collected, learnt from its own newest samples: so `$__interval` fits every source, whatever
//! collects it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use model::{Matcher, ReadError, SampleColumns, Selector, SeriesRead, TenantId, TimeRange};
use parking_lot::Mutex;

use crate::limits::{COLLECTION_INTERVALS_PER_WINDOW, INTERVAL_MEMORY, INTERVALS_REMEMBERED_MAX};

/// What an expression writes for the step.
const PLACEHOLDER: &str = "$__interval";
/// Samples are looked for this far before the end of the window; longer intervals are not seen.
const LOOKBACK_MS: i64 = 10 * 60 * 1000;
/// So many series of a metric are looked at; sources of one metric may differ.
const SERIES_LOOKED_AT: usize = 4;
/// So many of the newest samples are looked at.
const SAMPLES_LOOKED_AT: usize = 16;

/// The collection intervals of metrics, remembered for a while.
#[derive(Debug, Default)]
pub(crate) struct IntervalMemory {
    known: Mutex<HashMap<String, Known>>,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    interval_ms: i64,
    learnt_at: Duration,
}

impl IntervalMemory {
    /// The longest collection interval among metrics, in milliseconds; none where no metric has two samples yet.
    pub(crate) fn longest(
        &self,
        reader: &dyn SeriesRead,
        metrics: &[String],
        end_ms: i64,
        now: Duration,
    ) -> Result<Option<i64>, ReadError> {
        let mut longest = None;
        for metric in metrics {
            let interval_ms = match self.recall(metric, now) {
                Some(interval_ms) => Some(interval_ms),
                None => self.learn(reader, metric, end_ms, now)?,
            };
            longest = longest.max(interval_ms);
        }
        Ok(longest)
    }

    fn recall(&self, metric: &str, now: Duration) -> Option<i64> {
        let known = self.known.lock().get(metric).copied()?;
        (now.saturating_sub(known.learnt_at) < INTERVAL_MEMORY).then_some(known.interval_ms)
    }

    fn learn(
        &self,
        reader: &dyn SeriesRead,
        metric: &str,
        end_ms: i64,
        now: Duration,
    ) -> Result<Option<i64>, ReadError> {
        let interval_ms = measure(reader, metric, end_ms)?;
        if let Some(interval_ms) = interval_ms {
            let mut known = self.known.lock();
            if known.len() >= INTERVALS_REMEMBERED_MAX {
                known.clear();
            }
            let learnt_at = now;
            known.insert(
                metric.to_owned(),
                Known {
                    interval_ms,
                    learnt_at,
                },
            );
        }
        Ok(interval_ms)
    }
}

/// Puts a duration in the place of every `$__interval`: the step, but never less than four collection intervals.
pub(crate) fn fill_in(expr: &str, step_ms: i64, collection_interval_ms: i64) -> String {
    let window_ms = step_ms.max(collection_interval_ms.saturating_mul(COLLECTION_INTERVALS_PER_WINDOW));
    expr.replace(PLACEHOLDER, &format!("{window_ms}ms"))
}

/// Whether an expression asks for the interval.
pub(crate) fn is_asked_for(expr: &str) -> bool {
    expr.contains(PLACEHOLDER)
}

/// The median distance of the newest samples, the longest among a few series, in whole seconds.
fn measure(reader: &dyn SeriesRead, metric: &str, end_ms: i64) -> Result<Option<i64>, ReadError> {
    let Ok(range) = TimeRange::new(end_ms.saturating_sub(LOOKBACK_MS), end_ms) else {
        return Ok(None);
    };
    let selector = Selector {
        tenant: TenantId::DEFAULT,
        matchers: vec![Matcher::equal(model::labels::METRIC_NAME, metric)],
        range,
    };
    let mut longest = None;
    let mut samples = SampleColumns::default();
    for series in reader
        .select(&selector)?
        .iter()
        .map(Arc::as_ref)
        .take(SERIES_LOOKED_AT)
    {
        samples.clear();
        series.read(range, &mut samples)?;
        longest = longest.max(median_distance(&samples.at_ms));
    }
    Ok(longest)
}

fn median_distance(times: &[i64]) -> Option<i64> {
    let newest = times
        .get(times.len().saturating_sub(SAMPLES_LOOKED_AT)..)
        .unwrap_or(times);
    let mut distances: Vec<i64> = newest
        .iter()
        .zip(newest.iter().skip(1))
        .map(|(earlier, later)| later.saturating_sub(*earlier))
        .collect();
    distances.sort_unstable();
    let median = distances.get(distances.len() / 2)?;
    Some(((median + 500) / 1000).max(1) * 1000)
}

#[cfg(test)]
mod tests {
    use testkit::MemorySeries;

    use super::*;

    fn store(interval_ms: i64, jitter_ms: i64) -> Arc<MemorySeries> {
        let store = MemorySeries::new();
        let samples: Vec<_> = (0..20)
            .map(|i| (i * interval_ms + (i % 3) * jitter_ms, 1.0))
            .collect();
        store.add(&[("__name__", "m")], &samples);
        store
    }

    #[test]
    fn intervals_are_learnt_from_samples_whatever_collects_them() {
        let learnt = |interval_ms, jitter_ms| {
            let store = store(interval_ms, jitter_ms);
            let memory = IntervalMemory::default();
            memory
                .longest(
                    &*store,
                    &["m".to_owned(), "absent".to_owned()],
                    19 * interval_ms,
                    Duration::ZERO,
                )
                .unwrap()
        };
        assert_eq!(learnt(1_000, 7), Some(1_000));
        assert_eq!(learnt(15_000, 40), Some(15_000));
        assert_eq!(learnt(300, 0), Some(1_000));
        let memory = IntervalMemory::default();
        assert_eq!(
            memory
                .longest(&*MemorySeries::new(), &["m".to_owned()], 0, Duration::ZERO)
                .unwrap(),
            None
        );
    }

    #[test]
    fn what_was_learnt_is_remembered_for_a_while_only() {
        let memory = IntervalMemory::default();
        let ask = |store: &MemorySeries, now| memory.longest(store, &["m".to_owned()], 10_000, now).unwrap();
        assert_eq!(ask(&store(1_000, 0), Duration::ZERO), Some(1_000));
        assert_eq!(ask(&store(2_000, 0), INTERVAL_MEMORY / 2), Some(1_000));
        assert_eq!(ask(&store(2_000, 0), INTERVAL_MEMORY), Some(2_000));
    }

    #[test]
    fn the_window_is_the_step_or_four_intervals() {
        assert_eq!(fill_in("rate(m[$__interval])", 60_000, 1_000), "rate(m[60000ms])");
        assert_eq!(fill_in("rate(m[$__interval])", 1_000, 15_000), "rate(m[60000ms])");
        assert!(is_asked_for("a[$__interval]") && !is_asked_for("a[5m]"));
    }
}
