//! The pace of a growing total over the last seconds.

use std::collections::VecDeque;
use std::time::Duration;

/// Readings older than this do not count.
const WINDOW: Duration = Duration::from_secs(30);
/// Readings kept at most; one comes each second.
const READINGS_MAX: usize = 64;

/// Readings of a total, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Rate {
    readings: VecDeque<(Duration, u64)>,
}

impl Rate {
    /// Adds a reading.
    pub(crate) fn add(&mut self, now: Duration, total: u64) {
        while self.readings.len() >= READINGS_MAX
            || self
                .readings
                .front()
                .is_some_and(|(at, _)| now.saturating_sub(*at) > WINDOW)
        {
            self.readings.pop_front();
        }
        self.readings.push_back((now, total));
    }

    /// Growth per second between the oldest and the newest reading.
    pub(crate) fn per_second(&self) -> Option<f64> {
        let (first_at, first) = self.readings.front()?;
        let (last_at, last) = self.readings.back()?;
        let span = last_at.saturating_sub(*first_at);
        (!span.is_zero()).then(|| last.saturating_sub(*first) as f64 / span.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pace_is_that_of_the_last_seconds() {
        let mut rate = Rate::default();
        assert_eq!(rate.per_second(), None);
        rate.add(Duration::ZERO, 0);
        assert_eq!(rate.per_second(), None);
        for second in 1..=100 {
            let total = if second <= 50 {
                second * 1_000
            } else {
                50_000 + (second - 50) * 10
            };
            rate.add(Duration::from_secs(second), total);
        }
        assert_eq!(rate.per_second(), Some(10.0));
    }
}
