//! How a query is to be evaluated, and what it may cost.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use model::{ReadBudget, TenantId};

use crate::limits;

/// How to evaluate a query.
#[derive(Debug, Clone)]
pub struct Options {
    /// Whose lines.
    pub tenant: TenantId,
    /// The most series that an answer may have.
    pub series_max: usize,
    /// The most bytes that may be held in memory at one time.
    pub memory_max: usize,
    /// The most bytes of files that may be read; `None`: no limit.
    pub read_bytes_max: Option<u64>,
    /// When to give up.
    pub deadline: Option<Instant>,
    /// Set to true by the asker to stop the evaluation.
    pub cancel: Option<Arc<AtomicBool>>,
    /// What `now` gives in templates, in nanoseconds since the Unix epoch; the end of the query where it is not said.
    pub now_ns: Option<i64>,
}

impl Options {
    /// What all readings of a query together may cost.
    pub fn read_budget(&self) -> Arc<ReadBudget> {
        ReadBudget::new(self.deadline, self.cancel.clone(), self.read_bytes_max)
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            tenant: TenantId::DEFAULT,
            series_max: limits::SERIES_MAX,
            memory_max: limits::MEMORY_MAX,
            read_bytes_max: None,
            deadline: None,
            cancel: None,
            now_ns: None,
        }
    }
}
