//! When to scrape: spread over the interval, without drift, with evenly spaced time stamps.

use std::time::Duration;

use crate::limits::TIMESTAMP_TOLERANCE;

/// How long to wait before the first scrape, so that targets are spread over the interval by their hashes and each
/// keeps its place in time over restarts of the process. Source: prometheus/scrape, `Target.offset`.
pub(super) fn offset(now_ms: i64, interval: Duration, hash: u64) -> Duration {
    let interval_ms = (interval.as_millis() as u64).max(1);
    let into_interval = now_ms.rem_euclid(i64::try_from(interval_ms).unwrap_or(i64::MAX)) as u64;
    let place = hash % interval_ms;
    Duration::from_millis((place + interval_ms - into_interval) % interval_ms)
}

/// Makes time stamps of one target evenly spaced where the scrape began only just after its planned moment.
#[derive(Debug, Default)]
pub(super) struct Stamps {
    planned_ms: Option<i64>,
}

impl Stamps {
    /// The time stamp of a scrape that begins at `now_ms`.
    pub(super) fn next(&mut self, now_ms: i64, interval: Duration) -> i64 {
        let interval_ms = i64::try_from(interval.as_millis()).unwrap_or(i64::MAX).max(1);
        let tolerance_ms = (TIMESTAMP_TOLERANCE.as_millis() as i64).min(interval_ms / 100);
        let planned = self.planned_ms.map_or(now_ms, |last| {
            let late = now_ms.saturating_sub(last).max(0);
            last + late - late % interval_ms
        });
        // A planned moment that did not move was used already.
        let moved = self.planned_ms != Some(planned);
        if moved && (0..=tolerance_ms).contains(&(now_ms - planned)) {
            self.planned_ms = Some(planned);
            return planned;
        }
        self.planned_ms = Some(now_ms);
        now_ms
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn small_delays_do_not_show_and_large_ones_do() {
        let every = Duration::from_secs(15);
        let mut stamps = Stamps::default();
        assert_eq!(stamps.next(1_000, every), 1_000);
        assert_eq!(stamps.next(16_002, every), 16_000);
        assert_eq!(stamps.next(31_001, every), 31_000);
        assert_eq!(stamps.next(46_100, every), 46_100);
        assert_eq!(stamps.next(61_101, every), 61_100);
        assert_eq!(
            stamps.next(61_000, every),
            61_000,
            "the machine's clock was set back"
        );
    }

    proptest! {
        #[test]
        fn a_target_keeps_its_place_in_time(now_ms in 0..i64::MAX / 2, interval_ms in 1..100_000_u64, hash: u64) {
            let wait = offset(now_ms, Duration::from_millis(interval_ms), hash);
            prop_assert!(wait < Duration::from_millis(interval_ms));
            let begins = now_ms as u64 + wait.as_millis() as u64;
            prop_assert_eq!(begins % interval_ms, hash % interval_ms);
        }

        #[test]
        fn stamps_are_never_late_by_more_than_the_tolerance(steps in proptest::collection::vec(0..40_000_i64, 1..20)) {
            let mut stamps = Stamps::default();
            let mut now_ms = 0;
            for step in steps {
                now_ms += step;
                let stamp = stamps.next(now_ms, Duration::from_secs(15));
                prop_assert!((0..=2).contains(&(now_ms - stamp)));
            }
        }
    }
}
