//! How long to wait before the next try: exponential growth with a ceiling and deterministic jitter.

use std::time::Duration;

/// Exponential backoff. Attempt 0 waits about `first`, each further attempt twice as long, never more than `ceiling`.
///
/// Half of each wait is jitter, drawn from a hash of the seed and the attempt, so that the same key always waits
/// the same time and different keys spread out ("equal jitter", AWS Architecture Blog 2015).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The wait before the first retry, before jitter.
    pub first: Duration,
    /// No wait is longer than this.
    pub ceiling: Duration,
}

impl Backoff {
    /// The wait before retry number `attempt` (counted from 0) of the work named by `seed`.
    pub fn wait(&self, attempt: u32, seed: u64) -> Duration {
        let doubled = self.first.saturating_mul(2u32.saturating_pow(attempt.min(30)));
        let full = doubled.min(self.ceiling);
        let half = full / 2;
        let share = (mix(seed ^ u64::from(attempt).wrapping_mul(0x9e37_79b9_7f4a_7c15)) >> 11) as f64
            / (1u64 << 53) as f64;
        half + half.mul_f64(share)
    }
}

/// SplitMix64's finaliser: spreads neighbouring inputs over all bits.
fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_stay_below_the_ceiling() {
        let backoff = Backoff {
            first: Duration::from_secs(1),
            ceiling: Duration::from_mins(1),
        };
        let mut lower_bound = Duration::from_millis(500);
        for attempt in 0..64 {
            let wait = backoff.wait(attempt, 7);
            assert!(wait <= backoff.ceiling, "attempt {attempt} waits {wait:?}");
            assert!(
                wait >= lower_bound.min(backoff.ceiling / 2),
                "attempt {attempt} waits {wait:?}"
            );
            lower_bound = lower_bound.saturating_mul(2);
        }
    }

    #[test]
    fn the_same_key_waits_the_same_and_other_keys_spread() {
        let backoff = Backoff {
            first: Duration::from_secs(1),
            ceiling: Duration::from_mins(1),
        };
        assert_eq!(backoff.wait(3, 42), backoff.wait(3, 42));
        let distinct: std::collections::HashSet<_> = (0..100).map(|seed| backoff.wait(3, seed)).collect();
        assert!(distinct.len() > 90);
    }
}
