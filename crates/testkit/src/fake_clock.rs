//! A clock that stands still until a test moves it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use stdx::Clock;

/// A clock whose time is set by the test.
#[derive(Debug)]
pub struct FakeClock {
    start_ms: i64,
    now_ms: AtomicI64,
}

impl FakeClock {
    /// A clock that says `now_ms`.
    pub fn new(now_ms: i64) -> Arc<Self> {
        Arc::new(Self {
            start_ms: now_ms,
            now_ms: AtomicI64::new(now_ms),
        })
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        self.now_ms.fetch_add(by.as_millis() as i64, Ordering::SeqCst);
    }

    /// Sets the clock; wall-clock time may go back, as on a real machine.
    pub fn set(&self, now_ms: i64) {
        self.now_ms.store(now_ms, Ordering::SeqCst);
    }
}

impl Clock for FakeClock {
    fn now_ms(&self) -> i64 {
        self.now_ms.load(Ordering::SeqCst)
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis((self.now_ms() - self.start_ms).max(0) as u64)
    }
}
