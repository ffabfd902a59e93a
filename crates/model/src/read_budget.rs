//! What a reading may cost: time, bytes, and that somebody still waits for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use crate::doors::ReadError;

/// What a reading may cost, shared by who asks and by the store, which asks before every piece that it reads.
#[derive(Debug, Default)]
pub struct ReadBudget {
    deadline: Option<Instant>,
    cancel: Option<Arc<AtomicBool>>,
    bytes_max: Option<u64>,
    bytes: AtomicU64,
}

impl ReadBudget {
    /// Until when, until which flag is set, and how many bytes of files at most; where nothing is said there is no limit.
    pub fn new(
        deadline: Option<Instant>,
        cancel: Option<Arc<AtomicBool>>,
        bytes_max: Option<u64>,
    ) -> Arc<Self> {
        Arc::new(Self {
            deadline,
            cancel,
            bytes_max,
            bytes: AtomicU64::new(0),
        })
    }

    /// Asks for so many bytes more. [`ReadError::Interrupted`] once the time is up or nobody waits any more,
    /// [`ReadError::TooMuch`] where they are more than may be read.
    pub fn spend(&self, bytes: u64) -> Result<(), ReadError> {
        let is_cancelled = self
            .cancel
            .as_ref()
            .is_some_and(|flag| flag.load(Ordering::Relaxed));
        if is_cancelled || self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Err(ReadError::Interrupted);
        }
        let spent = self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        match self.bytes_max {
            Some(bytes_max) if spent > bytes_max => Err(ReadError::TooMuch { bytes_max }),
            _ => Ok(()),
        }
    }

    /// Bytes that were asked for so far.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_limited_together() {
        let budget = ReadBudget::new(None, None, Some(10));
        assert!(budget.spend(6).is_ok());
        assert!(budget.spend(4).is_ok());
        assert!(matches!(
            budget.spend(1),
            Err(ReadError::TooMuch { bytes_max: 10 })
        ));
        assert_eq!(budget.bytes(), 11);
    }

    #[test]
    fn who_leaves_and_who_is_late_is_told_the_same() {
        let flag = Arc::new(AtomicBool::new(false));
        let budget = ReadBudget::new(None, Some(Arc::clone(&flag)), None);
        assert!(budget.spend(u64::MAX).is_ok());
        flag.store(true, Ordering::Relaxed);
        assert!(matches!(budget.spend(0), Err(ReadError::Interrupted)));
        let late = ReadBudget::new(Some(Instant::now()), None, None);
        assert!(matches!(late.spend(0), Err(ReadError::Interrupted)));
    }
}
