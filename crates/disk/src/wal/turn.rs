//! Tickets are served one at a time and in order, whatever order their holders arrive in.

use parking_lot::{Condvar, Mutex};

/// Serves ticket 0 first, then 1, and so on; every ticket given out must pass.
#[derive(Debug, Default)]
pub(super) struct Turnstile {
    now_serving: Mutex<u64>,
    moved: Condvar,
}

/// Moves the turnstile on even where the work panics, so that the others do not wait for ever.
struct MoveOn<'a>(&'a Turnstile, parking_lot::MutexGuard<'a, u64>);

impl Drop for MoveOn<'_> {
    fn drop(&mut self) {
        *self.1 += 1;
        self.0.moved.notify_all();
    }
}

impl Turnstile {
    /// Waits for the turn of `ticket` and does `work`.
    pub(super) fn pass<R>(&self, ticket: u64, work: impl FnOnce() -> R) -> R {
        let mut now_serving = self.now_serving.lock();
        while *now_serving != ticket {
            self.moved.wait(&mut now_serving);
        }
        let _move_on = MoveOn(self, now_serving);
        work()
    }
}
