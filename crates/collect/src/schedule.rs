//! When the next reading is due: evenly spaced, never two in a row to catch up.

use std::time::Duration;

use crate::limits;

/// Readings at whole multiples of the interval after the first, on the monotonic clock.
#[derive(Debug)]
pub(crate) struct Schedule {
    interval: Duration,
    due: Duration,
    /// The wall-clock time that belongs to `due`, in milliseconds since the Unix epoch.
    due_ms: i64,
}

/// A reading that is due now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Due {
    /// The time its samples carry.
    pub(crate) at_ms: i64,
    /// Readings that should have come before it and are left out.
    pub(crate) missed: u64,
}

impl Schedule {
    /// The first reading is due at once.
    pub(crate) fn new(interval: Duration, monotonic: Duration, now_ms: i64) -> Self {
        Self {
            interval,
            due: monotonic,
            due_ms: now_ms,
        }
    }

    /// How long to wait for the next reading.
    pub(crate) fn wait(&self, monotonic: Duration) -> Duration {
        self.due.saturating_sub(monotonic)
    }

    /// Takes the reading that is due and moves on. Its time is the time it was due where it is hardly late, so that
    /// samples are evenly spaced; otherwise the time it is. A wall clock that was set is followed.
    pub(crate) fn take(&mut self, monotonic: Duration, now_ms: i64) -> Due {
        let late = monotonic.saturating_sub(self.due);
        let missed = (late.as_nanos() / self.interval.as_nanos().max(1)).min(u128::from(u32::MAX)) as u32;
        self.advance(missed);
        let late = monotonic.saturating_sub(self.due);
        // What the wall clock said when the reading was due. Between two looks at the clocks some time may pass, which
        // makes it seem later, but never earlier: a sample must not lie in the future.
        let said_ms = now_ms.saturating_sub(late.as_millis() as i64);
        let forgiven_ms = limits::LATENESS_FORGIVEN.as_millis() as i64;
        let is_followed = (-1..=forgiven_ms).contains(&said_ms.saturating_sub(self.due_ms));
        if !is_followed {
            self.due_ms = said_ms;
        }
        let is_hardly_late = late <= limits::LATENESS_FORGIVEN;
        let at_ms = if is_hardly_late { self.due_ms } else { now_ms };
        self.advance(1);
        Due {
            at_ms,
            missed: u64::from(missed),
        }
    }

    fn advance(&mut self, intervals: u32) {
        let interval_ms = self.interval.as_millis() as i64;
        self.due = self.due.saturating_add(self.interval.saturating_mul(intervals));
        self.due_ms = self
            .due_ms
            .saturating_add(interval_ms.saturating_mul(i64::from(intervals)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn readings_are_evenly_spaced_while_hardly_late() {
        let mut schedule = Schedule::new(ms(1000), ms(50), 10_000);
        assert_eq!(schedule.wait(ms(50)), ms(0));
        for number in 0..100u64 {
            let jitter = number * 7 % 40;
            let due = schedule.take(
                ms(50 + number * 1000 + jitter),
                10_000 + (number * 1000 + jitter) as i64,
            );
            assert_eq!(
                due,
                Due {
                    at_ms: 10_000 + number as i64 * 1000,
                    missed: 0
                }
            );
        }
        assert_eq!(schedule.wait(ms(99_100)), ms(950));
    }

    #[test]
    fn a_reading_that_took_too_long_costs_the_next_and_they_do_not_bunch_up() {
        let mut schedule = Schedule::new(ms(1000), ms(0), 0);
        schedule.take(ms(0), 0);
        assert_eq!(
            schedule.take(ms(3300), 3300),
            Due {
                at_ms: 3300,
                missed: 2
            }
        );
        assert_eq!(schedule.wait(ms(3310)), ms(690));
    }

    #[test]
    fn a_clock_that_was_set_is_followed() {
        let mut schedule = Schedule::new(ms(1000), ms(0), 1_000_000);
        schedule.take(ms(0), 1_000_000);
        assert_eq!(schedule.take(ms(1000), 500_000).at_ms, 500_000);
        assert_eq!(schedule.take(ms(2001), 501_001).at_ms, 501_000);
        assert_eq!(schedule.take(ms(3000), 9_000_000).at_ms, 9_000_000);
    }

    #[test]
    fn no_reading_lies_in_the_future_after_one_that_was_late() {
        let mut schedule = Schedule::new(ms(1000), ms(0), 0);
        schedule.take(ms(0), 0);
        assert_eq!(schedule.take(ms(1060), 1060).at_ms, 1060);
        assert_eq!(schedule.take(ms(2000), 2000).at_ms, 2000);
        // The wall clock is set back a little: the samples follow at once.
        assert_eq!(schedule.take(ms(3000), 2970).at_ms, 2970);
        assert_eq!(schedule.take(ms(4010), 3980).at_ms, 3970);
    }
}
